-- SPDX-License-Identifier: BSD-2-Clause
-- ftp_gateway.lua HOST: is there an application gateway for FTP on the way, one that translates the
-- address in a PORT command? Opens a connection and sends such a command towards every hop.
-- Exit status 0: none seen; 1: one was; 2: no FTP server.

local FTP = 21
local open = IP / tcp { dst = FTP }
local guard = filter(open)
local welcome = tracebox(open)

if not welcome or not welcome:tcp() or welcome:tcp():getflags() ~= TCP.SYN + TCP.ACK then
	guard:close()
	print("no FTP server")
	return 2
end

-- The connection goes on where the handshake has left it.
local command = "PORT " .. open:source():gsub("%.", ",") .. ",189,68\r\n"
local data = IP / tcp { src = open:tcp():getsource(), dst = FTP, flags = TCP.ACK,
	seq = open:tcp():getseq() + 1, ack = welcome:tcp():getseq() + 1 } / raw(command)
local found

function watch(_, address, mods)
	if address and mods:__tostring():find("RawLayer") then
		found = address
		return 1
	end
end

tracebox(data, { callback = "watch" })
guard:close()
print(found and "a gateway for FTP before " .. found or "no gateway for FTP seen")
return found and 1 or 0
