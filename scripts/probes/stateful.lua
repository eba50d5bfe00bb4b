-- SPDX-License-Identifier: BSD-2-Clause
-- stateful.lua HOST [PORT]: does something on the way follow connections? A SYN shows who answers
-- on the path, and opens a connection for whoever follows it. Then come segments that nobody minds
-- who does not: SYNs of the same connection with lower numbers, and an ACK of no connection.
-- Exit status 0: all went as far as the first SYN; 1: one did not; 2: nobody answered.

local port = tonumber(argv[2] or 80)
local source, number = 1024 + random(60000), 1000 + random(1 << 31)

-- Who answers, by TTL.
local function answers(probe)
	local list = {}

	tracebox(probe, { callback = function(ttl, address) list[ttl] = address end })
	return list
end

local open = ip {} / tcp { src = source, dst = port, seq = number }
local guard = filter(open)
local path, last = answers(open), 0

for ttl, address in pairs(path) do
	last = address ~= open:destination() and math.max(last, ttl) or last
end
if last == 0 then
	guard:close()
	print("nobody answered on the way")
	return 2
end

-- How far a segment goes that is to reach no host.
set_ttl_range { max_ttl = last }
local found = false

local function try(what, layer)
	local list, kept = answers(ip {} / layer), 0

	for ttl = 1, last do
		kept = path[ttl] and list[ttl] == path[ttl] and ttl or kept
	end
	for ttl = kept + 1, last do
		if path[ttl] then
			found = true
			print(string.format("%s is refused between %s and hop %d (%s)", what,
				kept == 0 and "this host" or "hop " .. kept .. " (" .. path[kept] ..
					")", ttl, path[ttl]))
			return
		end
	end
	print(what .. " goes as far as the first SYN")
end

for _, below in ipairs { 10, 20 } do
	try("a SYN of a number lower by " .. below,
		tcp { src = source, dst = port, seq = number - below })
end
try("an ACK of no connection", tcp { src = source + 1, dst = port, flags = TCP.ACK, ack = number,
	seq = number })
set_ttl_range { max_ttl = 64 }
local close = ip {} / tcp { src = source, dst = port, flags = TCP.RST, seq = number + 1 }
close:send()
guard:close()
return found and 1 or 0
