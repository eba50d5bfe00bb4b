-- SPDX-License-Identifier: BSD-2-Clause
-- dns.lua: DNS messages (RFC 1035) as a layer behind UDP, their questions and answers.

local host, tbx = ...
local field, layer = tbx.field, tbx.layer

local DNS = tbx.class("DNS", { name = "DNS", is = "dns",
	OpCode = { Query = 0, IQuery = 1, Status = 2, Notify = 4, Update = 5 },
	RCode = { NoError = 0, FormatError = 1, ServerFailure = 2, NameError = 3, Refused = 5,
		YXDomain = 6, YXRRSet = 7, NXRRSet = 8, NotAuth = 9, NotZone = 10 },
	Type = { A = 1, NS = 2, CNAME = 5, SOA = 6, WKS = 11, PTR = 12, MX = 15, AAAA = 28,
		SRV = 33, A6 = 38, OPT = 41, ANY = 255 },
	Class = { IN = 1 } })
local FLAGS = { qr = 15, aa = 10, tc = 9, rd = 8, ra = 7, z = 6, ad = 5, cd = 4 }
local SECTIONS = { "queries", "answers", "authority", "additional" }
local HEADER, LABEL_MAX, NAME_MAX, RECORDS_MAX = 12, 63, 255, 4096

-- ---- names ----

local function name_bytes(name)
	local bytes = ""

	for label in name:gmatch("[^.]+") do
		if #label > LABEL_MAX then
			error(name .. " is no domain name: a label is longer than 63 bytes")
		end
		bytes = bytes .. string.char(#label) .. label
	end
	if #bytes >= NAME_MAX then
		error(name .. " is no domain name: it is longer than 255 bytes")
	end
	return bytes .. "\0"
end

-- The name at a position of a message, and where it ends; nil when it is none. A pointer must lead
-- back (RFC 1035 4.1.4), so that no message makes a loop.
local function read_name(bytes, at)
	local labels, after, limit, length = {}, nil, at, 0

	while true do
		local first = bytes:byte(at)
		if not first or length > NAME_MAX then
			return nil
		elseif first >= 0xc0 then
			local target = #bytes > at and
				(string.unpack(">I2", bytes, at) & 0x3fff) + 1
			if not target or target >= limit then
				return nil
			end
			after, at, limit = after or at + 2, target, target
		elseif first == 0 then
			return table.concat(labels, "."), after or at + 1
		elseif first > LABEL_MAX or at + first > #bytes then
			return nil
		else
			labels[#labels + 1] = bytes:sub(at + 1, at + first)
			at, length = at + first + 1, length + first + 1
		end
	end
end

-- ---- questions and answers ----

local function record_class(global, show)
	local class = { __tbx_classname = global }

	class.__index = class
	function class:print()
		return string.format("< %s (%d bytes) :: Name = %s , Type = %d , Class = %d , %s>",
			global, #self:bytes(), self.name, self.type, self.class, show(self))
	end
	class.__tostring = class.print
	_G[global] = class
	return class
end

local Query = record_class("DNSQuery", function() return "" end)
local Answer = record_class("DNSAnswer", function(self)
	return string.format("TTL = %d , RData = %s , ", self.ttl, self.rdata)
end)

local function record(class, args)
	return setmetatable({ name = field(args, "name", "string", ""),
		type = field(args, "type", "integer", DNS.Type.A),
		class = field(args, "class", "integer", DNS.Class.IN) }, class)
end

function Query.new(args)
	return record(Query, tbx.table_argument(args))
end

function Query:bytes()
	return name_bytes(self.name) .. string.pack(">I2I2", self.type & 0xffff,
		self.class & 0xffff)
end

function dnsquery(name)
	return Query.new { name = name }
end

-- rdata: an address for A and AAAA, a name for NS, CNAME and PTR, else bytes.
function Answer.new(args)
	local made = record(Answer, args or {})

	made.ttl = field(args or {}, "ttl", "integer", 0)
	made.rdata = field(args or {}, "rdata", "string",
		made.type == DNS.Type.A and "0.0.0.0" or "")
	return made
end

local NAMES = { [DNS.Type.NS] = true, [DNS.Type.CNAME] = true, [DNS.Type.PTR] = true }
local ADDRESSES = { [DNS.Type.A] = 4, [DNS.Type.AAAA] = 16 }

function Answer:bytes()
	local data = self.rdata

	if ADDRESSES[self.type] then
		data = host.address_bytes(data)
	elseif NAMES[self.type] then
		data = name_bytes(data)
	end
	return Query.bytes(self) .. string.pack(">I4s2", self.ttl & 0xffffffff, data)
end

-- ---- the layer ----

function DNS.new(args)
	tbx.table_argument(args)
	local fields = { id = field(args, "id", "integer", 0),
		opcode = field(args, "opcode", "integer", 0),
		rcode = field(args, "rcode", "integer", 0) }

	for name in pairs(FLAGS) do
		fields[name] = field(args, name, "boolean", false) and 1 or 0
	end
	for _, section in ipairs(SECTIONS) do
		fields[section] = {}
	end
	return layer(DNS, fields)
end

function DNS:head()
	local f, flags, records = self.f, 0, {}

	for name, bit in pairs(FLAGS) do
		flags = flags | f[name] << bit
	end
	flags = flags | (f.opcode & 15) << 11 | f.rcode & 15
	for _, section in ipairs(SECTIONS) do
		for _, each in ipairs(f[section]) do
			records[#records + 1] = each:bytes()
		end
	end
	return string.pack(">I2I2I2I2I2I2", f.id & 0xffff, flags, #f.queries, #f.answers,
		#f.authority, #f.additional) .. table.concat(records)
end

for _, name in ipairs { "id", "opcode", "rcode" } do
	DNS[name] = function(self) return self.f[name] end
end
for name in pairs(FLAGS) do
	DNS[name] = function(self) return self.f[name] end
end

local function adder(section, class)
	return function(self, value)
		if getmetatable(value) ~= class then
			error(class.__tbx_classname .. " expected, got " .. type(value), 2)
		end
		table.insert(self.f[section], value)
	end
end

DNS.add_query, DNS.add_answer = adder("queries", Query), adder("answers", Answer)
DNS.add_authority, DNS.add_additional = adder("authority", Answer), adder("additional", Answer)
for _, section in ipairs(SECTIONS) do
	DNS[section] = function(self) return { table.unpack(self.f[section]) } end
end

-- ---- from bytes ----

-- The data of an answer as Answer.new takes it.
local function read_data(bytes, at, length, kind)
	if ADDRESSES[kind] == length then
		return host.address_text(bytes:sub(at, at + length - 1))
	elseif NAMES[kind] then
		return (read_name(bytes, at))
	end
	return not ADDRESSES[kind] and bytes:sub(at, at + length - 1) or nil
end

local function read_record(bytes, at, class)
	local name, after = read_name(bytes, at)
	local made, length

	if not name or #bytes < after + (class == Query and 3 or 9) then
		return nil
	end
	made = setmetatable({ name = name }, class)
	made.type, made.class, at = string.unpack(">I2I2", bytes, after)
	if class == Query then
		return made, at
	end
	made.ttl, length, at = string.unpack(">I4I2", bytes, at)
	made.rdata = #bytes >= at + length - 1 and read_data(bytes, at, length, made.type) or nil
	return made.rdata and made, at + length
end

-- The fields of a DNS layer; nil when the bytes are no whole message.
function tbx.read_dns(bytes)
	local f, counts, at = {}, {}, HEADER + 1
	local flags

	if #bytes < HEADER then
		return nil
	end
	f.id, flags, counts[1], counts[2], counts[3], counts[4] =
		string.unpack(">I2I2I2I2I2I2", bytes)
	for name, bit in pairs(FLAGS) do
		f[name] = flags >> bit & 1
	end
	f.opcode, f.rcode = flags >> 11 & 15, flags & 15
	if counts[1] + counts[2] + counts[3] + counts[4] > RECORDS_MAX then
		return nil
	end
	for index, section in ipairs(SECTIONS) do
		f[section] = {}
		for number = 1, counts[index] do
			f[section][number], at = read_record(bytes, at, index == 1 and Query or
				Answer)
			if not f[section][number] then
				return nil
			end
		end
	end
	return at == #bytes + 1 and f or nil
end
