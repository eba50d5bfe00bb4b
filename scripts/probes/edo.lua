-- SPDX-License-Identifier: BSD-2-Clause
-- edo.lua HOST [PORT]: does the host take up an extended data offset (draft-ietf-tcpm-tcp-edo)?
-- Exit status 0: its SYN/ACK has the option; 1: it has not; 2: no SYN/ACK.

local probe = IP / tcp { dst = tonumber(argv[2] or 80) } / MSS / EDOREQUEST / NOP / NOP
local guard = filter(probe)
local answer = probe:sendrecv { timeout = 2 }

guard:close()
if not answer or not answer:tcp() or answer:tcp():hasflags(TCP.SYN) == 0 then
	print("no SYN/ACK")
	return 2
end
print(answer:source() .. " answers " .. answer:destination())
print(answer)
if answer:__tostring():find("EDO") then
	print("extended data offset: supported")
	return 0
end
print("extended data offset: not supported")
return 1
