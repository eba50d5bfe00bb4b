-- SPDX-License-Identifier: BSD-2-Clause
-- forge.lua - sends packets of its own in the name of an end: a reset, or an ACK with an option. It
-- makes them from what went by, so that numbers and timestamps are those that would be right.

local subtypes = { "any", "mp_capable", "mp_join", "dss", "add_addr", "remove_addr", "mp_prio",
	"mp_fail", "mp_fastclose", "mp_tcprst" }
local bits = { ack = ACK, rst = RST | ACK }

-- The packets of one connection that had no payload, the last of each direction.
local function remember(self, flow, packet, dir)
	if packet["tcp.flags"] & (SYN | RST | FIN) == 0 and packet.payload == "" then
		flow[dir] = self:clone(packet)
	end
end

local function opposite(dir)
	return dir == "to-server" and "to-client" or "to-server"
end

local function subtype(self)
	return self.subtype ~= "any" and self.subtype or nil
end

-- The packet forged after one that passes, in direction out; nil where nothing like it was seen.
local function forge(self, flow, packet, dir, out)
	local after = packet["tcp.seq"] + #packet.payload
	local forged = flow[out] and self:clone(flow[out])

	if forged == nil then
		return nil
	end
	local seq, ack = after, packet["tcp.ack"]
	if out ~= dir then
		seq, ack = ack, after
	end
	forged["tcp.flags"] = bits[self.flags]
	forged["tcp.seq"] = (seq + self.seq) & 0xffffffff
	forged["tcp.ack"] = ack & 0xffffffff
	forged:remove(30)
	-- Behind the packet an older time would not be believed (RFC 7323 5).
	local clock = out == dir and packet:option(8)
	if clock then
		forged:replace(8, nil, clock)
	end
	local option = self.copy and packet:option(30, subtype(self)) or self.raw
	if option ~= "" and not forged:append(option) then
		return nil
	end
	return forged
end

return {
	help = "sends packets of its own behind one that passes, in the name of either end",
	sees_all = true,
	params = {
		flags = { default = "ack", choices = { "ack", "rst" },
			help = "an ACK or a reset" },
		option = { default = "", help = "the option in it, in hex digits",
			examples = { "1e044000", "1e044063", "1e0c60000000000000000001" } },
		copy = { default = false,
			help = "the option in it is the packet's own MPTCP option, mirrored" },
		subtype = { default = "any", choices = subtypes,
			help = "only behind packets with this MPTCP subtype, which it copies" },
		instead = { default = false, help = "the packet itself goes no further" },
		back = { default = false,
			help = "to the packet's sender, as its peer would send it" },
		seq = { default = 0, min = -2147483648, max = 2147483647,
			help = "added to the sequence number that would be right" },
		most = { default = 1, min = 1, max = 1000, examples = { 1, 2, 10 },
			help = "packets of one connection that it does so after" },
		count = { default = 1, min = 1, max = 100, examples = { 1, 2, 3 },
			help = "how many it sends then" },
	},

	init = function(self)
		if #self.option % 2 ~= 0 or self.option:find("%X") then
			error("option must be pairs of hex digits", 0)
		end
		self.raw = self.option:gsub("%x%x", function(pair)
			return string.char(tonumber(pair, 16))
		end)
	end,

	packet = function(self, packet, dir)
		local flow = self:flow(packet, dir)
		local out = self.back and opposite(dir) or dir

		remember(self, flow, packet, dir)
		flow.count = flow.count or 0
		if not self:matched() or flow.count == self.most or
			packet["tcp.flags"] & (SYN | RST) ~= 0 or
			(self.subtype ~= "any" and packet:option(30, self.subtype) == nil) then
			return UNCHANGED
		end
		local forged = {}
		for number = 1, self.count do
			forged[number] = forge(self, flow, packet, dir, out)
			if forged[number] == nil then
				return UNCHANGED
			end
		end
		flow.count = flow.count + 1
		if not self.instead then
			self:emit(dir, self:take(packet))
		end
		for _, one in ipairs(forged) do
			self:emit(out, one)
		end
		return self.instead and self:refuse("forged ones go instead") or TAKEN
	end,
}
