-- SPDX-License-Identifier: BSD-2-Clause
-- NAME.lua - a middlebox of one's own. It knows packets and nothing else; it runs in a simulated
-- path, in a live one and over a capture:
--
--   paths = { path { box_file "NAME.lua" { kind = 30, direction = "to-server" } } }   (a suite)
--   return path { box_file "NAME.lua" {} }                                  (a path file)
--
-- Each box has a Lua of its own, without clocks and files, so that a run is the same every time.
-- An error in it, or more than a million instructions or 16 MiB, ends the run and says why.
return {
	-- One sentence for mbtest list and for messages.
	help = "removes every TCP option of a kind, but not more than so many of a connection",

	-- What it can be told; self has the values. A parameter without default must be given. The
	-- kind follows from the default, or is said: int, bool, ratio, text, addr, time, point.
	-- Of what is no choice, examples = { ... } tells mbtest explore what makes sense.
	params = {
		kind = { default = 30, min = 2, max = 255, help = "the kind of option" },
		most = { default = 1000, min = 1, help = "packets of one connection" },
		how = { default = "gap", choices = { "gap", "nop", "eol" }, help = "what is left" },
	},
	-- Further fields, all false when absent:
	-- alters_payload = true,   it changes payload: use packet:overwrite or packet.payload = ...
	-- any_form = true,         it is shown more than whole TCP packets: UDP, ICMP, fragments
	-- sees_all = true,         it is shown packets that direction, on, from ... do not mean;
	--                          self:matched() says which are meant
	-- translates = true,       names or numbers differ on its two sides: it must miss no packet

	-- Called once, before any packet.
	init = function(self)
		self.kept = {}
	end,

	-- Called for each packet that is meant. dir is "to-server" or "to-client". It returns
	--   PASS       send it on; lengths and checksums are made right
	--   UNCHANGED  the same, but nothing was done: it does not count as a hit
	--   DROP       or return self:refuse("why"), which the log shows
	--   TAKEN      self:take(packet) took it; it is sent later by self:emit(dir, packet)
	packet = function(self, packet, dir)
		-- Fields by name, as tracebox prints them; nil where the packet has none.
		if packet["tcp.flags"] & RST ~= 0 then
			return UNCHANGED
		end
		-- A table of this connection's own, empty at first.
		local flow = self:flow(packet, dir)
		flow.count = flow.count or 0
		if flow.count == self.most then
			return UNCHANGED
		end
		-- Options: packet:options() is the list of them ({ kind, length, bytes, subtype }),
		-- packet.options = list writes them anew; for single ones there are option, remove,
		-- replace, append and prepend.
		if packet:remove(self.kind, nil, self.how) == 0 then
			return UNCHANGED
		end
		flow.count = flow.count + 1
		return PASS
		-- Time: self:now() is in milliseconds; self:wake_at(self:now() + 10) asks for wake.
		-- Packets: self:clone(packet) is a copy of one's own to change and emit.
	end,

	-- Called at the time that self:wake_at asked for.
	wake = function(self)
	end,
}
