-- SPDX-License-Identifier: BSD-2-Clause
-- changes.lua HOST [PROBE]: a line for each hop with all that differs from what was sent, in the
-- names and the order of the first tracebox; what routers must change is there as well.

local probe = load("return " .. (argv[2] or "IP / TCP / MSS"))()

function line(ttl, address, mods)
	if ttl == 1 then
		print("towards " .. mods:original():destination())
	end
	print(ttl .. ": " .. (address and address .. " " .. mods:__tostring() or "*"))
end

tracebox(probe, { callback = "line" })
