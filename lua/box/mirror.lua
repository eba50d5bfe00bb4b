-- SPDX-License-Identifier: BSD-2-Clause
-- mirror.lua - a SYN/ACK comes back with the SYN's own options copied in: a server that knows
-- nothing of them behind a box that echoes what it does not know.
return {
	help = "puts the SYN's own options of some kinds into the SYN/ACK that answers it",
	sees_all = true, -- the SYN, whatever is meant; what is meant chooses among the SYN/ACKs
	params = {
		kinds = { default = "30", examples = { "30", "2,3,4,30", "8" },
			help = "kinds of options that are copied (30: MPTCP)" },
	},

	init = function(self)
		self.copied = {}
		for word in (self.kinds .. ","):gmatch("([^,]*),") do
			local kind = word:find("^%d+$") and tonumber(word)
			if not kind or kind < 2 or kind > 255 then
				error("kinds must be numbers from 2 to 255, joined by commas", 0)
			end
			self.copied[kind] = true
		end
	end,

	packet = function(self, packet, dir)
		local flags = packet["tcp.flags"]

		if flags & SYN == 0 or flags & RST ~= 0 then
			return UNCHANGED
		end
		local flow = self:flow(packet, dir)
		if flags & ACK == 0 then
			flow.options = packet:options()
			return UNCHANGED
		end
		if flow.options == nil or not self:matched() then
			return UNCHANGED
		end
		local verdict = UNCHANGED
		for kind in pairs(self.copied) do
			packet:remove(kind)
		end
		for _, option in ipairs(flow.options) do
			if self.copied[option.kind] and packet:append(option.bytes) then
				verdict = PASS
			end
		end
		return verdict
	end,
}
