-- SPDX-License-Identifier: BSD-2-Clause
-- kept.lua HOST WHAT: is it kept on the way? WHAT is ecn, ipid, options, sequence or window.
-- Exit status 0: untouched as far as can be seen; 1: changed; 2: nobody answered.

-- The change's name as the original's change list has it, the words for it, and the probe.
local kinds = {
	ecn = { change = "IP::ExpCongestionNot", name = "the ECN bits",
		probe = ip { ecn = 2 } /
			tcp { dst = 80, flags = TCP.SYN + TCP.ECE + TCP.CWR } / MSS },
	ipid = { change = "IP::Identification", name = "the IP identification",
		probe = IP / TCP / MSS },
	options = { change = "TCPOption", name = "the TCP options",
		probe = IP / TCP / MSS / SACKP / TS / WSCALE / MPCAPABLE },
	sequence = { change = "TCP::SeqNumber", name = "the sequence number",
		probe = IP / TCP / MSS },
	window = { change = "TCP::WindowsSize", name = "the TCP window",
		probe = IP / TCP / MSS },
}
local kind = kinds[argv[2]]
if not kind then
	error("WHAT is ecn, ipid, options, sequence or window", 0)
end

local last, answered, changed = "this host", false, false

local function watch(ttl, address, mods)
	if not address then
		return
	end
	answered = true
	if tostring(mods):find(kind.change, 1, true) then
		print(string.format("%s: changed between %s and hop %d (%s)", kind.name, last, ttl,
			address))
		changed = true
		return 1
	end
	if mods:received():ip() and mods:partial() == 0 then
		last = string.format("hop %d (%s)", ttl, address)
	end
end

tracebox(kind.probe, { callback = watch })
if changed then
	return 1
end
print(answered and kind.name .. ": kept" or "nobody answered")
return answered and 0 or 2
