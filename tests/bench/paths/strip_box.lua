-- SPDX-License-Identifier: BSD-2-Clause
-- strip_box.lua: the box strip, in Lua.
return {
	help = "removes every TCP option of a kind and closes the gap",
	params = { kind = { default = 30, min = 2, max = 255, help = "option kind" } },
	packet = function(self, packet)
		return packet:remove(self.kind) and PASS or UNCHANGED
	end,
}
