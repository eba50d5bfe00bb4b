-- SPDX-License-Identifier: BSD-2-Clause
-- tcp.lua: TCP and its options, of probes. An option's class is named as in reports of the
-- original tracebox; body(self, p) makes what follows kind and length.

local host, tbx = ...
local field, getset, layer = tbx.field, tbx.getset, tbx.layer

-- ---- TCP ----

local TCP = tbx.class("TCP", { name = "TCP", is = "tcp", protocol = 6,
	FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 })

function TCP.new(args)
	tbx.table_argument(args)
	local seq = field(args, "seq", "integer")

	return layer(TCP, {
		sport = field(args, "src", "integer") or 1024 + host.random(64512),
		dport = field(args, "dst", "integer") or host.random(65536),
		seq = seq or host.random(1 << 32), own_seq = seq ~= nil,
		ack = field(args, "ack", "integer", 0), win = field(args, "win", "integer", 5840),
		flags = field(args, "flags", "integer", 2),
	})
end

function TCP:head(p)
	local f = self.f

	return string.pack(">I2I2I4I4I2I2I2I2", f.sport & 0xffff, f.dport & 0xffff,
		f.seq & 0xffffffff,
		f.ack & 0xffffffff, ((p.header_words & 15) << 12 | f.flags & 0xfff) & 0xffff,
		f.win & 0xffff, 0, (f.urgent or 0) & 0xffff)
end

for name, key in pairs { source = "sport", dest = "dport", seq = "seq", ack = "ack", win = "win",
	flags = "flags" } do
	TCP["get" .. name] = getset(key)
	TCP["set" .. name] = getset(key)
end

function TCP:offset()
	return self.f.header_words or 5
end

function TCP:hasflags(mask)
	return self.f.flags & mask
end

-- What a quote of eight bytes shows of it.
local Partial = tbx.class("PartialTCP", { name = "PartialTCP", is = "tcp-part", protocol = 6 })

function Partial:head()
	return string.pack(">I2I2I4", self.f.sport, self.f.dport, self.f.seq)
end

Partial.getsource, Partial.getdst = getset("sport"), getset("dport")
Partial.getdest, Partial.getseq = getset("dport"), getset("seq")

-- ---- options ----

-- A class of options; kind and body as a plain option unless it brings its own.
local function option_class(global, class)
	tbx.class(global, class)
	class.is = "tcpopt"
	class.head = class.head or function(self, p)
		local body = self.body and self:body(p) or ""

		return string.char(class.option_kind, #body + 2) .. body
	end
	function class:kind()
		return class.option_kind
	end
	class.new = class.new or function()
		return layer(class, {})
	end
	return class
end

local TCPOption = tbx.class("TCPOption", { name = "TCPOption", is = "tcpopt" })

function TCPOption.new(args)
	tbx.table_argument(args)
	local data = field(args, "data", "table", {})
	local length = field(args, "length", "integer", #data + 2)

	return layer(TCPOption, { kind = field(args, "kind", "integer", 0), length = length,
		data = string.char(table.unpack(data)) })
end

function TCPOption:head()
	local f = self.f

	if f.kind <= 1 then
		return string.char(f.kind)
	end
	return string.char(f.kind & 0xff, (f.length or #f.data + 2) & 0xff) .. f.data
end

TCPOption.kind = getset("kind")

function TCPOption:data(value)
	if value ~= nil then
		self.f.data = type(value) == "table" and string.char(table.unpack(value)) or
			tostring(value)
		self.f.length = #self.f.data + 2
	end
	return self.f.data
end

local Pad = tbx.class("TCPOptionPad", { name = "TCPOptionPad", is = "tcpopt" })

function Pad:head()
	return string.char(self.f.kind)
end

Pad.kind = getset("kind")

local Mss = option_class("TCPOptionMaxSegSize", { name = "TCPOptionMaxSegSize", option_kind = 2 })
Mss.body = function(self) return string.pack(">I2", self.f.mss & 0xffff) end

local Wscale = option_class("TCPOptionWindowScale",
	{ name = "TCPOptionWindowScale", option_kind = 3 })
Wscale.body = function(self) return string.char(self.f.shift & 0xff) end

option_class("TCPOptionSACKPermitted", { name = "TCPOptionSACKPermitted", option_kind = 4 })

local Sack = option_class("TCPOptionSACK", { name = "TCPOptionSACK", option_kind = 5 })
Sack.body = function(self)
	local body = ""

	for _, edge in ipairs(self.f.edges) do
		body = body .. string.pack(">I4", edge & 0xffffffff)
	end
	return body
end

local Timestamp = option_class("TCPTimestamp", { name = "TCPOptionTimestamp", option_kind = 8 })
Timestamp.body = function(self)
	return string.pack(">I4I4", self.f.val & 0xffffffff, self.f.ecr & 0xffffffff)
end
Timestamp.val, Timestamp.ecr = getset("val"), getset("ecr")

local Tfo = option_class("TCPTFO", { name = "TCPOptionFastOpen", option_kind = 34 })
Tfo.body = function(self) return self.f.cookie end

function Tfo:cookie(value)
	if value ~= nil then
		self.f.cookie = type(value) == "table" and string.char(table.unpack(value)) or
			tostring(value)
	end
	return { string.byte(self.f.cookie, 1, -1) }
end

-- Extended data offset: lengths in words, filled in when the packet is made.
local Edo = option_class("TCPEDO", { name = "TCPOptionEDO", option_kind = 237,
	EDOREQUEST = 2, EDO = 4, EDOEXT = 6 })
Edo.body = function(self, p)
	local f = self.f

	f.header_length, f.segment_length = p.edo_words, p.segment_length
	return f.length == 4 and string.pack(">I2", p.edo_words) or
		f.length == 6 and string.pack(">I2I2", p.edo_words, p.segment_length) or ""
end
Edo.length = getset("length")

function Edo:headerlength()
	return self.f.header_length or 0
end

function Edo:segmentlength()
	return self.f.segment_length or 0
end

-- ---- MPTCP options of a SYN ----

-- In version 1 the SYN holds no key (RFC 8684 3.1).
local Capable = option_class("TCPOptionMPTCPCapable",
	{ name = "TCPOptionMPTCPCapable", option_kind = 30 })
Capable.body = function(self)
	local f = self.f
	local body = string.char(f.version & 15, f.csum and 0x81 or 0x01)

	if f.version == 0 or f.rkey then
		body = body .. string.pack(">i8", f.skey)
	end
	return f.rkey and body .. string.pack(">i8", f.rkey) or body
end

local Join = option_class("TCPOptionMPTCPJoin", { name = "TCPOptionMPTCPJoin", option_kind = 30 })
Join.body = function(self)
	local f = self.f

	return string.pack(">BBI4I4", 0x10 | (f.backup and 1 or 0), f.id & 0xff,
		f.token & 0xffffffff,
		f.nonce & 0xffffffff)
end

-- ---- what users write ----

tcp = TCP.new

function mss(value)
	return layer(Mss, { mss = tbx.integer(value, "mss") })
end

function wscale(value)
	return layer(Wscale, { shift = tbx.integer(value, "wscale") })
end

function sackp()
	return TCPOptionSACKPermitted.new()
end

function sack(list)
	local edges = {}

	for _, value in ipairs(tbx.table_argument(list)) do
		for _, edge in ipairs(type(value) == "table" and value or { value }) do
			edges[#edges + 1] = tbx.integer(edge)
		end
	end
	return layer(Sack, { edges = edges })
end

function nop()
	return layer(Pad, { kind = 1 })
end

function eol()
	return layer(Pad, { kind = 0 })
end

function timestamp(args)
	tbx.table_argument(args)
	return layer(Timestamp, { val = field(args, "val", "integer") or host.random(1 << 32),
		ecr = field(args, "ecr", "integer", 0) })
end

function tfo(cookie)
	return layer(Tfo, { cookie = string.char(table.unpack(tbx.table_argument(cookie))) })
end

function edo(length)
	return layer(Edo, { length = length and tbx.integer(length) or 4 })
end

local function version_of(args)
	local version = field(args, "version", "integer", host.mptcp_version)

	if version ~= 0 and version ~= 1 then
		error("version of MPTCP is 0 or 1", 3)
	end
	return version
end

function mpcapable(args)
	tbx.table_argument(args)
	return layer(Capable, {
		version = version_of(args),
		skey = field(args, "skey", "integer") or host.random64(),
		rkey = field(args, "rkey", "integer"), csum = field(args, "csum", "boolean", true),
	})
end

function mpjoin(args)
	tbx.table_argument(args)
	return layer(Join, {
		token = field(args, "token", "integer") or host.random(1 << 32),
		nonce = field(args, "nonce", "integer") or host.random(1 << 32),
		id = field(args, "id", "integer", 0),
		backup = field(args, "backup", "boolean", false),
	})
end

TCPOption.new_nop, TCPOption.new_eol, TCPOption.new_sackp = nop, eol, sackp
TCPOption.new_sack, TCPOption.new_mss, TCPOption.new_wscale = sack, mss, wscale
TCPOption.new_mpjoin, TCPOption.new_mpcapable = mpjoin, mpcapable
Mss.new, Wscale.new, Sack.new = mss, wscale, sack
Timestamp.new, Tfo.new, Edo.new, Capable.new, Join.new = timestamp, tfo, edo, mpcapable, mpjoin

_G.TCP = tcp { dst = 80 }
NOP, EOL, MSS = nop(), eol(), mss(1460)
WSCALE = tbx.frozen(wscale(14), NOP)
SACKP = tbx.frozen(NOP, NOP, sackp())
TS = tbx.frozen(NOP, NOP, timestamp {})
TFO = tbx.frozen(NOP, NOP, tfo {})
EDO, EDOREQUEST, EDOEXT = edo(4), edo(2), edo(6)
MPCAPABLE, MPJOIN = mpcapable {}, mpjoin {}

function SACK(list)
	return tbx.frozen(NOP, NOP, sack(list))
end
