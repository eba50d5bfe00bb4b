-- SPDX-License-Identifier: BSD-2-Clause
-- ecn.lua HOST: are the ECN bits of the IP header kept?
-- Exit status 0: untouched as far as can be seen; 1: changed; 2: nobody answered.

local last, asked

function hop(ttl, address, mods)
	if not address then
		return
	end
	asked = true
	if tostring(mods):find("IP::ExpCongestionNot", 1, true) then
		print(string.format("the ECN bits are changed between %s and hop %d (%s)",
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

local syn = ip { ecn = 2 } / tcp { dst = 80, flags = TCP.SYN + TCP.ECE + TCP.CWR } / MSS
tracebox(syn, { callback = watch })
if changed then
	return 1
end
print(asked and "the ECN bits arrive as they were sent" or "nobody answered")
return asked and 0 or 2
