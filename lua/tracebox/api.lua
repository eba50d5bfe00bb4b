-- SPDX-License-Identifier: BSD-2-Clause
-- api.lua: the functions that scripts call, and what Lua 5.2 had that they may use.

local host, tbx = ...

-- ---- tracing ----

local first_ttl, last_ttl = host.ttl_range()

function set_ttl_range(args)
	tbx.table_argument(args)
	local before = { min_ttl = first_ttl, max_ttl = last_ttl }
	local first = tbx.field(args, "min_ttl", "integer", first_ttl)
	local last = tbx.field(args, "max_ttl", "integer", last_ttl)

	if first < 1 or last > 255 or first > last then
		error(string.format("Invalid TTL range: [%d <= %d]", first, last), 2)
	end
	first_ttl, last_ttl = first, last
	return before
end

-- What a hop changed: made for callbacks.
local Modifications = { __tbx_classname = "PacketModifications" }
Modifications.__index = Modifications
PacketModifications = Modifications

function Modifications.new(original, received)
	for _, packet in ipairs { original or false, received or false } do
		if not tbx.is_packet(packet) then
			error("Packet expected, got " .. type(packet or nil), 2)
		end
	end
	local text, is_partial = host.changes(tbx.bytes(original), tbx.bytes(received))

	return setmetatable({ text = text, sent = original, seen = received,
		is_partial = is_partial }, Modifications)
end

function Modifications:print()
	return self.text
end
Modifications.__tostring = Modifications.print

function Modifications:original()
	return self.sent
end

function Modifications:received()
	return self.seen
end

function Modifications:partial()
	return self.is_partial and 1 or 0
end

-- A callback by name, as the original had it, or a function.
local function callback_of(args)
	local name = args and args.callback
	local callback = name

	if name == nil then
		return nil
	end
	if type(name) == "string" then
		callback = _G[name]
	end
	if type(callback) ~= "function" then
		error(string.format("`%s' is not a function", tostring(name)), 3)
	end
	return callback
end

function tracebox(packet, args)
	if not tbx.is_packet(packet) then
		error("Tracebox error: a packet is needed", 2)
	end
	local callback = callback_of(args)
	local bytes, fixed_id, fixed_seq = tbx.probe(packet)

	local function on_hop(ttl, address, text, seen, is_partial)
		return callback(ttl, address, setmetatable({ text = text, sent = packet,
			seen = seen and tbx.received(seen), is_partial = is_partial },
				Modifications))
	end
	local reply, seq = host.trace(bytes, fixed_id, fixed_seq, first_ttl, last_ttl,
		callback and on_hop)
	-- The number that the destination accepted is the one to go on with.
	if seq and packet:tcp() then
		packet:tcp().f.seq = seq
	end
	return reply and tbx.received(reply)
end

-- ---- names and time ----

local function resolver(version)
	return function(name)
		local address, why = host.resolve(tostring(name), version)

		if not address then
			io.stderr:write(string.format("Could not resolve %s : %s\n", name, why))
		end
		return address
	end
end

dn4, dn6 = resolver(4), resolver(6)

function gethostname(address)
	return host.name(tostring(address)) or address
end

function sleep(milliseconds)
	host.sleep(tbx.integer(milliseconds, "sleep"))
end

function random(limit)
	return limit and host.random(tbx.integer(limit, "random")) or 0
end

function __dump_c_stack()
	return ""
end

-- ---- what Lua 5.2 had ----

unpack = unpack or table.unpack
loadstring = loadstring or load

if not bit32 then
	local MASK = 0xffffffff

	local function folded(operator, start)
		return function(...)
			local value = start
			for _, each in ipairs { ... } do
				value = operator(value, math.tointeger(each) & MASK)
			end
			return value
		end
	end

	local function shifted(value, by)
		value = math.tointeger(value) & MASK
		if by <= -32 or by >= 32 then
			return 0
		end
		return by >= 0 and value << by & MASK or value >> -by
	end

	bit32 = {
		band = folded(function(a, b) return a & b end, MASK),
		bor = folded(function(a, b) return a | b end, 0),
		bxor = folded(function(a, b) return a ~ b end, 0),
		bnot = function(value) return ~math.tointeger(value) & MASK end,
		lshift = shifted,
		rshift = function(value, by) return shifted(value, -by) end,
		extract = function(value, from, width)
			return (math.tointeger(value) & MASK) >> from & (1 << (width or 1)) - 1
		end,
	}
	function bit32.btest(...)
		return bit32.band(...) ~= 0
	end
end
