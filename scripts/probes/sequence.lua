-- SPDX-License-Identifier: BSD-2-Clause
-- sequence.lua HOST: are initial sequence numbers kept?
-- Exit status 0: untouched as far as can be seen; 1: changed; 2: nobody answered.

local last, asked

function hop(ttl, address, mods)
	if not address then
		return
	end
	asked = true
	if tostring(mods):find("TCP::SeqNumber", 1, true) then
		print(string.format("sequence numbers are changed between %s and hop %d (%s)",
			last or "this host", ttl, address))
		return 1
	end
	if mods:received():ip() and mods:partial() == 0 then
		last = string.format("hop %d (%s)", ttl, address)
	end
end

local changed = false
local function watch(...)
	local stop = hop(...)
	changed = changed or stop == 1
	return stop
end

tracebox(IP / TCP / MSS, { callback = watch })
if changed then
	return 1
end
print(asked and "sequence numbers arrive as they were sent" or "nobody answered")
return asked and 0 or 2
