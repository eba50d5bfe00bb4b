-- SPDX-License-Identifier: BSD-2-Clause
-- strip_twin.lua - the box strip once more, in Lua: both must do the same, byte for byte.
return {
	help = "removes every TCP option of a kind and closes the gap",
	params = {
		kind = { default = 30, min = 2, max = 255, help = "option kind (30: MPTCP)" },
		subtype = { default = "any", help = "only this MPTCP subtype",
			choices = { "any", "mp_capable", "mp_join", "dss", "add_addr", "remove_addr",
				"mp_prio", "mp_fail", "mp_fastclose", "mp_tcprst" } },
	},

	packet = function(self, packet)
		local subtype = self.subtype ~= "any" and self.subtype or nil

		return packet:remove(self.kind, subtype) > 0 and PASS or UNCHANGED
	end,
}
