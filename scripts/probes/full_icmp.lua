-- SPDX-License-Identifier: BSD-2-Clause
-- full_icmp.lua HOST: how much of a packet does each hop quote?

function hop(ttl, address, mods)
	local seen = mods:received()

	if not address then
		print(string.format("%2d  silent", ttl))
	elseif seen and seen:destination() ~= mods:original():destination() then
		print(string.format("%2d  %s  answered itself", ttl, address))
	elseif mods:partial() == 1 then
		print(string.format("%2d  %s  a part", ttl, address))
	else
		print(string.format("%2d  %s  all TCP options", ttl, address))
	end
end

tracebox(IP / TCP / MSS / SACKP / TS / WSCALE, { callback = "hop" })
