-- SPDX-License-Identifier: BSD-2-Clause
-- mirror.lua - a SYN/ACK comes back with the SYN's own options copied in: a server that knows
-- nothing of them behind a box that echoes what it does not know.
return {
	help = "puts the SYN's own options of a kind into the SYN/ACK that answers it",
	params = {
		kind = { default = 30, min = 2, max = 255,
			help = "option kind to copy (30: MPTCP)" },
	},

	init = function(self)
		self.seen = {}
	end,

	packet = function(self, packet, dir)
		local flags = packet["tcp.flags"]

		if flags & SYN == 0 or flags & RST ~= 0 then
			return UNCHANGED
		end
		if flags & ACK == 0 then
			self.seen[packet["tcp.sport"]] = packet:option(self.kind)
			return UNCHANGED
		end
		local bytes = self.seen[packet["tcp.dport"]]
		if bytes == nil then
			return UNCHANGED
		end
		packet:remove(self.kind)
		return packet:append(bytes) and PASS or UNCHANGED
	end,
}
