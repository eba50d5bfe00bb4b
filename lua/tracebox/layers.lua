-- SPDX-License-Identifier: BSD-2-Clause
-- layers.lua: what probe expressions (-p) and scripts (-s, -l) are written in: layers, packets,
-- and how "/" makes packets of layers. Layers themselves stand in ip.lua and
-- tcp.lua, bytes of whole packets in wire.lua, their text in print.lua.
-- Called with the table of what C provides (host) and the one that these files share (tbx).

local host, tbx = ...

-- ---- checking of arguments ----

local kinds = {
	integer = "integer", number = "number", boolean = "boolean", string = "string",
		table = "table",
}

function tbx.fail(...)
	error(string.format(...), 3)
end

-- A field of a maker's table: nil when absent and not required.
function tbx.field(args, name, kind, default)
	local value = args[name]
	local fits

	if value == nil then
		return default
	end
	if kind == "integer" then
		value = math.tointeger(tonumber(value))
		fits = value ~= nil
	else
		fits = type(value) == kinds[kind]
	end
	if not fits then
		error(string.format(kind == "string" and "%s is not a string" or
			kind == "boolean" and "%s is not an boolean" or
			kind == "number" and "%s is not a number" or
			kind == "table" and "%s is not a table" or "%s is not an integer", name), 3)
	end
	return value
end

function tbx.table_argument(args)
	if type(args) ~= "table" then
		error("table expected, got " .. (args == nil and "no value" or type(args)), 3)
	end
	return args
end

function tbx.integer(value, name)
	local number = math.tointeger(tonumber(value))

	if number == nil then
		error((name or "value") .. " is not an integer", 3)
	end
	return number
end

-- ---- layers ----

-- A layer is { f = its fields } with its class as metatable. Classes:
--   name     as printed ("TCPOptionMaxSegSize")
--   is       "ip4" "ip6" "tcp" "udp" "icmp" "tcpopt" "ipopt" "srh" "raw" "dns" "ethernet"
--   bytes    function(self, packet, index) -> its own bytes, before lengths are known
--   show     function(self) -> list of { label, text }
local Layer = { __tbx_baseclass = "Layer" }
tbx.Layer = Layer

local Packet = { __tbx_classname = "Packet" }
Packet.__index = Packet
tbx.Packet = Packet

local function is_layer(value)
	return type(value) == "table" and rawget(value, "f") ~= nil
end

local function is_packet(value)
	return type(value) == "table" and rawget(value, "layers") ~= nil
end
tbx.is_layer, tbx.is_packet = is_layer, is_packet

local function is_part(value)
	return is_layer(value) or is_packet(value)
end

local function copy_value(value)
	if type(value) ~= "table" then
		return value
	end
	local copy = {}
	for key, each in pairs(value) do
		copy[key] = copy_value(each)
	end
	return setmetatable(copy, getmetatable(value))
end

local function copy_layer(layer)
	return setmetatable({ f = copy_value(layer.f) }, getmetatable(layer))
end

function Packet.new()
	return setmetatable({ layers = {} }, Packet)
end

local function append(packet, value)
	if is_layer(value) then
		packet.layers[#packet.layers + 1] = copy_layer(value)
	else
		for _, layer in ipairs({ table.unpack(value.layers) }) do
			packet.layers[#packet.layers + 1] = copy_layer(layer)
		end
	end
	packet.received = nil
	return packet
end

-- A packet on the left is extended, unless it is one of the ready-made values.
local function compose(left, right)
	local stranger = not is_part(left) and type(left) or not is_part(right) and type(right)

	if stranger then
		error("only layers and packets can be put together, not a " .. stranger, 2)
	end
	if is_packet(left) and not left.frozen then
		return append(left, right)
	end
	return append(append(Packet.new(), left), right)
end

local function concat(left, right)
	if is_part(left) and is_part(right) then
		return compose(left, right)
	end
	return tostring(left) .. tostring(right)
end

-- What layers and packets have in common.
local function common(class)
	class.__div, class.__add, class.__concat = compose, compose, concat
	function class:print()
		return tbx.text(self)
	end
	class.__tostring = class.print
	function class:hexdump()
		return tbx.hexdump(tbx.bytes(is_packet(self) and self or append(Packet.new(),
			self)))
	end
	function class:size()
		return #tbx.bytes(is_packet(self) and self or append(Packet.new(), self))
	end
	class.__len = nil
end

-- A new class of layers; defaults for what print and craft need to know.
function tbx.class(global, class)
	class.__index = class
	class.__tbx_classname = global
	class.__tbx_baseclass = "Layer"
	common(class)
	_G[global] = class
	return class
end

function tbx.layer(class, fields)
	return setmetatable({ f = fields }, class)
end

-- get/set: with an argument sets and returns it, without returns the value.
function tbx.getset(field, kind)
	return function(self, value)
		if value ~= nil then
			self.f[field] = kind == "string" and tostring(value) or tbx.integer(value,
				field)
			self.f["own_" .. field] = true
		end
		return self.f[field]
	end
end

common(Packet)
_G.Packet = Packet

-- A packet of values that must not change when it is extended.
function tbx.frozen(...)
	local packet = Packet.new()

	for _, layer in ipairs { ... } do
		append(packet, layer)
	end
	packet.frozen = true
	return packet
end

-- ---- looking at packets ----

local function first(self, is)
	for _, layer in ipairs(self.layers) do
		if getmetatable(layer).is == is then
			return layer
		end
	end
end
tbx.first = first

function Packet:ip()
	return first(self, "ip4")
end

function Packet:ipv6()
	return first(self, "ip6")
end

function Packet:iplayer()
	return first(self, "ip4") or first(self, "ip6")
end

for _, name in ipairs { "tcp", "udp", "icmp", "srh" } do
	Packet[name] = function(self)
		return first(self, name)
	end
end

function Packet:payload()
	return first(self, "raw")
end

function Packet:source()
	local layer = self:iplayer()

	return layer and layer.f.src
end

function Packet:destination()
	local layer = self:iplayer()

	return layer and layer.f.dst
end

-- The original's wrapper script calls it by this name.
Packet.dest = Packet.destination

-- Layers of the same kind as an example: a layer, or the last layer of a ready-made packet.
local function example_class(example)
	if is_packet(example) then
		example = example.layers[#example.layers]
		if example and getmetatable(example).name == "TCPOptionPad" then
			return nil
		end
	end
	if is_layer(example) then
		return getmetatable(example)
	end
	return type(example) == "table" and example or nil
end

function Packet:getall(example)
	local class, found = example_class(example), {}

	-- WSCALE ends in its padding; the option is what is meant.
	if class == nil and is_packet(example) then
		for _, layer in ipairs(example.layers) do
			if getmetatable(layer).name ~= "TCPOptionPad" then
				class = getmetatable(layer)
			end
		end
	end
	for _, layer in ipairs(self.layers) do
		if getmetatable(layer) == class then
			found[#found + 1] = layer
		end
	end
	return found
end

function Packet:get(example)
	return self:getall(example)[1]
end

function Packet:bytes()
	return { string.byte(tbx.bytes(self), 1, -1) }
end

-- ---- what a trace needs of a packet ----

-- Addresses that were left open, as the host says; what is wrong is said by the host's error.
local function complete(packet, default_destination)
	local layer = packet:iplayer()
	local version, open

	if not layer then
		error("Tracebox error: You need to specify at least an IPv4 or IPv6 header", 3)
	end
	if packet.layers[1] ~= layer then
		error("Tracebox error: the packet does not begin with its IP header", 3)
	end
	version = getmetatable(layer).is == "ip4" and 4 or 6
	open = version == 4 and "0.0.0.0" or "::"
	if layer.f.dst == open then
		layer.f.dst = host.destination(version, default_destination)
	end
	if not host.is_address(layer.f.dst, version) then
		error("Tracebox error: The specified destination address is not valid", 3)
	end
	if layer.f.src == nil or layer.f.src == open then
		layer.f.src = host.source(layer.f.dst)
	elseif not host.is_address(layer.f.src, version) then
		error("Tracebox error: The specified source address is not valid", 3)
	end
	return packet
end

-- Bytes of a probe, and whether id and sequence number are the user's own choice.
function tbx.probe(packet)
	local ip, tcp

	complete(packet)
	ip, tcp = packet:ip(), packet:tcp()
	return tbx.bytes(packet), ip ~= nil and ip.f.own_id == true,
		tcp ~= nil and tcp.f.own_seq == true
end

function Packet:send()
	host.send((tbx.probe(self)))
end

function Packet:sendrecv(args)
	tbx.table_argument(args)
	local timeout = tbx.field(args, "timeout", "number")
	local retry = tbx.field(args, "retry", "integer", 3)
	local reply = host.sendrecv((tbx.probe(self)), timeout, retry)

	return reply and tbx.received(reply)
end

-- ---- an expression of -p ----

function tbx.expression(value)
	if is_layer(value) then
		error("the probe is a layer alone, not a packet: put layers together with '/'", 0)
	elseif not is_packet(value) or #value.layers < 2 then
		error("the probe is not a packet: at least two layers, put together with '/'", 0)
	end
	return value
end
