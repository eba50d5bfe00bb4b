-- SPDX-License-Identifier: BSD-2-Clause
-- second_chance.lua - loses the first SYNs of each connection, as a firewall does that asks
-- somebody before it lets a new connection pass.
return {
	help = "drops the first SYNs of each connection, and lets those sent again pass",
	params = {
		count = { default = 1, min = 0, max = 10, help = "SYNs that are dropped" },
	},

	packet = function(self, packet, dir)
		if packet["tcp.flags"] & (SYN | ACK | RST) ~= SYN then
			return UNCHANGED
		end
		local flow = self:flow(packet, dir)
		flow.syns = (flow.syns or 0) + 1
		if flow.syns > self.count then
			return UNCHANGED
		end
		return self:refuse("SYN " .. flow.syns .. ": not yet")
	end,
}
