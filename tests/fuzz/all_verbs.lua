-- SPDX-License-Identifier: BSD-2-Clause
-- all_verbs.lua: does to packets whatever a box can do, each time something else, as their own
-- bytes say. What it does is right, so that it never fails.

local fields = { "tcp.window", "tcp.urgent", "tcp.seq", "tcp.ack", "ip.dscp", "ip.id", "ip6.dscp",
	"ip6.flow-label", "ip.ttl", "udp.sport", "payload", "length" }

local function set_options(packet)
	local list = packet:options()
	table.insert(list, 1, "\1")
	if #list > 2 then
		list[2], list[#list] = list[#list], list[2]
	end
	local used = 0
	for index, option in ipairs(list) do
		used = used + #(option.bytes or option)
		if used > 36 then
			for last = #list, index, -1 do
				list[last] = nil
			end
			break
		end
	end
	packet.options = list
end

local deeds = {
	function(_, packet) packet:remove(packet["tcp.window"] % 254 + 2) end,
	function(_, packet) packet:remove(30, "dss", "nop") end,
	function(_, packet) packet:remove(8, nil, "eol") end,
	function(_, packet) packet:append("\30\4\160\1") end,
	function(_, packet) packet:prepend("\2\4\1\1") end,
	function(_, packet) packet:replace(30, nil, "\30\3\16") end,
	function(_, packet) return packet:option(30, 2) end,
	function(_, packet) set_options(packet) end,
	function(_, packet)
		if #packet.payload > 2 then
			packet:overwrite(1, "xy")
		end
	end,
	function(_, packet) packet.payload = packet.payload:sub(3) end,
	function(_, packet)
		if #packet.payload < 1000 then
			packet.payload = packet.payload .. "more"
		end
	end,
	function(_, packet) packet["tcp.window"] = packet["tcp.seq"] & 0xffff end,
	function(self, packet, dir)
		local flow = self:flow(packet, dir)
		flow.count = (flow.count or 0) + 1
	end,
	function(self, packet, dir) self:emit(dir, self:clone(packet)) end,
	function(self, packet, dir) return self:stream_offset(packet, dir) end,
}

return {
	help = "does whatever can be done",
	any_form = true,
	sees_all = true,

	init = function(self)
		self.kept, self.count = {}, 0
	end,

	packet = function(self, packet, dir)
		self.count = self.count + 1
		for _, name in ipairs(fields) do
			self.last = packet[name]
		end
		if not pcall(packet.options, packet) then -- no TCP, or a piece of it
			return self.count % 2 == 0 and DROP or UNCHANGED
		end
		deeds[(self.count + packet["tcp.seq"]) % #deeds + 1](self, packet, dir)
		if self.count % 7 == 0 then
			self.kept[#self.kept + 1] = { dir, self:take(packet) }
			self:wake_at(self:now() + self.count % 5)
			return TAKEN
		end
		if self.count % 11 == 0 then
			return self:refuse("the eleventh")
		end
		return self:matched() and PASS or UNCHANGED
	end,

	wake = function(self)
		for _, one in ipairs(self.kept) do
			self:emit(one[1], one[2])
		end
		self.kept = {}
	end,
}
