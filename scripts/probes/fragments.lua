-- SPDX-License-Identifier: BSD-2-Clause
-- fragments.lua HOST [PORT]: what becomes of IPv4 fragments? Are large packets cut on the way; how
-- far does a first fragment go whose rest never comes; is a SYN in two fragments answered?
-- Exit status 0: nothing is cut or held, and the host answers; 1: otherwise; 2: nobody answered.

local port = tonumber(argv[2] or 80)
local FIRST = 24 -- bytes in the first fragment: the TCP header, which filters want to see whole
local TCP_NUMBER, MORE = 6, 1
local DATA = raw("fragment")
local found = false

-- Who answers by TTL, and the first one who saw what a pattern says.
local function answers(probe, pattern)
	local list, where = {}, nil

	tracebox(probe, { callback = function(ttl, address, mods)
		list[ttl] = address
		if address and not where and pattern and tostring(mods):find(pattern) then
			where = ttl
		end
	end })
	return list, where
end

local function say(what, path, kept, ttl)
	found = true
	print(string.format("%s between %s and hop %d (%s)", what,
		kept == 0 and "this host" or string.format("hop %d (%s)", kept, path[kept]), ttl,
			path[ttl]))
end

local function before(path, ttl)
	repeat
		ttl = ttl - 1
	until ttl == 0 or path[ttl]
	return ttl
end

local whole = ip {} / tcp { dst = port } / MSS / DATA
local path, last, reached = answers(whole), 0, false

for ttl, address in pairs(path) do
	reached = reached or address == whole:destination()
	last = address ~= whole:destination() and math.max(last, ttl) or last
end
if last == 0 then
	print("nobody answered on the way")
	return 2
end

-- The bytes of TCP in a SYN to the host, in two parts.
local function halves(packet)
	packet:ip():source(whole:source())
	packet:ip():dest(whole:destination())
	local bytes = packet:bytes()
	return { table.unpack(bytes, 21, 20 + FIRST) }, { table.unpack(bytes, 21 + FIRST) }
end

set_ttl_range { max_ttl = last }
local large, cut = answers(ip { flags = 0 } / udp { dst = 33434 } / raw(("x"):rep(1200)),
	"IP::Flags")
if cut then
	say("packets of 1228 bytes are cut into fragments", large, before(large, cut), cut)
else
	print("packets of 1228 bytes are not cut")
end

local lone = answers(ip { flags = MORE, proto = TCP_NUMBER } / raw(halves(whole)))
local kept = 0
for ttl = 1, last do
	kept = path[ttl] and lone[ttl] == path[ttl] and ttl or kept
end
if before(path, last + 1) > kept then
	local next_hop = kept + 1
	while not path[next_hop] do
		next_hop = next_hop + 1
	end
	say("a fragment without its rest does not get", path, kept, next_hop)
else
	print("fragments go as far as whole packets")
end

local syn = ip {} / tcp { src = 1024 + random(60000), dst = port } / MSS / DATA
local first, rest = halves(syn)
local sniffer = TbxSniffer.new { "-p", "tcp", "--sport", port, "--dport", syn:tcp():getsource() }
local id = 1 + random(65535)
sniffer:start()
for _, fragment in ipairs {
	ip { id = id, flags = MORE, proto = TCP_NUMBER } / raw(first),
	ip { id = id, flags = 0, offset = FIRST // 8, proto = TCP_NUMBER } / raw(rest),
} do
	fragment:send()
end
local answer = sniffer:recv(2)
sniffer:stop()
print("a SYN in two fragments is " .. (answer and "answered" or reached and "not answered" or
	"not answered, nor is one in a whole packet"))
return (found or reached and not answer) and 1 or 0
