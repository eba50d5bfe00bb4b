-- SPDX-License-Identifier: BSD-2-Clause
-- ip.lua: IPv4, IPv6, ICMP, UDP and payload layers, and IPv4 options, of probes.
-- head(self, p) makes a header; p tells what the layers behind it settle: p.header_words and
-- p.total (this header and all behind it), p.protocol (of the next layer).

local host, tbx = ...
local field, getset, layer = tbx.field, tbx.getset, tbx.layer

local function u16(value)
	return string.pack(">I2", value & 0xffff)
end

-- ---- IPv4 ----

local IP = tbx.class("IP", { name = "IP", is = "ip4", protocol = 4 })

function IP.new(args)
	tbx.table_argument(args)
	local id = field(args, "id", "integer")

	return layer(IP, {
		src = "0.0.0.0", dst = field(args, "dst", "string", "0.0.0.0"),
		id = id or host.random(65536), own_id = id ~= nil,
		flags = field(args, "flags", "integer", 2), ttl = field(args, "ttl", "integer", 64),
		offset = field(args, "offset", "integer", 0),
		ecn = field(args, "ecn", "integer", 0),
		dscp = field(args, "dscp", "integer", 0),
		proto = field(args, "proto", "integer", 0),
	})
end

function IP:head(p)
	local f = self.f
	local protocol = p.protocol or f.proto

	return string.pack(">BBI2I2I2BBI2", 0x40 | p.header_words & 15,
		(f.dscp << 2 | f.ecn & 3) & 0xff,
		p.total & 0xffff, f.id & 0xffff, (f.flags << 13 | f.offset & 0x1fff) & 0xffff,
			f.ttl & 0xff,
		protocol & 0xff, 0) .. host.address_bytes(f.src) .. host.address_bytes(f.dst)
end

IP.source, IP.dest = getset("src", "string"), getset("dst", "string")
IP.id, IP.flags, IP.fragoffset = getset("id"), getset("flags"), getset("offset")
IP.ttl, IP.dscp, IP.ecn = getset("ttl"), getset("dscp"), getset("ecn")

function IP:payloadlen()
	return self.f.total and self.f.total - (self.f.header_words or 5) * 4 or 0
end

-- ---- IPv6 ----

local IPv6 = tbx.class("IPv6", { name = "IPv6", is = "ip6", protocol = 41 })

function IPv6.new(args)
	tbx.table_argument(args)
	return layer(IPv6, {
		src = "::", dst = field(args, "dst", "string", "::"),
		tc = field(args, "tc", "integer", 0),
		flowlabel = field(args, "flowlabel", "integer", 0),
		hoplimit = field(args, "hoplimit", "integer", 64),
	})
end

function IPv6:head(p)
	local f = self.f

	return string.pack(">I4I2BB", 6 << 28 | (f.tc & 0xff) << 20 | f.flowlabel & 0xfffff,
		(p.total - 40) & 0xffff, (p.protocol or 59) & 0xff, f.hoplimit & 0xff) ..
		host.address_bytes(f.src) .. host.address_bytes(f.dst)
end

IPv6.source, IPv6.dest = getset("src", "string"), getset("dst", "string")
IPv6.tc, IPv6.flowlabel, IPv6.hoplimit = getset("tc"), getset("flowlabel"), getset("hoplimit")

function IPv6:payloadlen()
	return self.f.total or 0
end

-- Segment routing header (RFC 8754), with the policies and the HMAC of its draft.
local SRH = tbx.class("IPv6SegmentRoutingHeader",
	{ name = "IPv6SegmentRoutingHeader", is = "srh", protocol = 43 })

function SRH.new(args)
	tbx.table_argument(args)
	return layer(SRH, {
		segmentleft = field(args, "segmentleft", "integer", 0),
		hmackey = field(args, "hmackey", "integer", 0),
		cflag = field(args, "cflag", "boolean", false),
		pflag = field(args, "pflag", "boolean", false),
		segments = field(args, "segments", "table", {}),
		policies = field(args, "policies", "table", {}),
		hmac = field(args, "hmac", "table", {}),
	})
end

function SRH:head(p)
	local f, body, flags = self.f, "", 0

	for _, segment in ipairs(f.segments) do
		body = body .. host.address_bytes(segment)
	end
	flags = (f.cflag and 0x8000 or 0) | (f.pflag and 0x4000 or 0)
	for index, policy in ipairs(f.policies) do
		flags = flags | (policy.type & 7) << (3 * (index - 1))
		body = body .. host.address_bytes(policy.value)
	end
	if #f.hmac > 0 then
		body = body .. string.char(table.unpack(f.hmac)) .. string.rep("\0", 32 - #f.hmac)
	end
	return string.pack(">BBBBBI2B", (p.protocol or 59) & 0xff, (#body // 8) & 0xff, 4,
		f.segmentleft & 0xff, math.max(#f.segments - 1, 0), flags, f.hmackey & 0xff) .. body
end

SRH.segmentleft, SRH.hmackey = getset("segmentleft"), getset("hmackey")
for _, name in ipairs { "cflag", "pflag" } do
	SRH[name] = function(self, value) self.f[name] = value and value ~= 0 end
end
for _, name in ipairs { "segments", "policies", "hmac" } do
	SRH["set" .. name] = function(self, value) self.f[name] = tbx.table_argument(value) end
end

-- ---- UDP ----

local UDP = tbx.class("UDP", { name = "UDP", is = "udp", protocol = 17 })

function UDP.new(args)
	tbx.table_argument(args)
	return layer(UDP, {
		sport = field(args, "src", "integer") or host.random(65536),
		dport = field(args, "dst", "integer") or host.random(65536),
	})
end

function UDP:head(p)
	return string.pack(">I2I2I2I2", self.f.sport & 0xffff, self.f.dport & 0xffff,
		p.total & 0xffff, 0)
end

UDP.source, UDP.dest = getset("sport"), getset("dport")

-- ---- ICMP ----

local ICMP = tbx.class("ICMP", { name = "ICMP", is = "icmp", protocol = 1 })

function ICMP.new(args)
	tbx.table_argument(args)
	local kind = field(args, "type", "integer")

	if kind == nil then
		error("type is missing", 2)
	end
	local fields = { type = kind }
	for _, name in ipairs { "code", "id", "seqno", "ptr", "len", "mtu", "gw" } do
		fields[name] = args[name]
	end
	fields.code = field(args, "code", "integer", 0)
	return layer(ICMP, fields)
end

-- Echo over IPv6 has numbers of its own (RFC 4443).
local ECHO6 = { [8] = 128, [0] = 129 }

function ICMP:head(p)
	local f = self.f
	local kind = p.version == 6 and ECHO6[f.type] or f.type
	local rest = u16(f.id or 0) .. u16(f.seqno or 0)

	if f.gw then
		rest = type(f.gw) == "string" and host.address_bytes(f.gw) or string.pack(">I4",
			f.gw)
	elseif f.ptr or f.len or f.mtu then
		rest = string.pack(">BBI2", (f.ptr or 0) & 0xff, (f.len or 0) & 0xff, (f.mtu or
			0) & 0xffff)
	end
	return string.pack(">BBI2", kind & 0xff, f.code & 0xff, 0) .. rest
end

for _, name in ipairs { "type", "code", "id", "seqno", "ptr", "len", "mtu" } do
	ICMP[name] = getset(name)
end
ICMP.gw = getset("gw", "string")

-- ---- payload ----

local Raw = tbx.class("RawLayer", { name = "RawLayer", is = "raw" })

local function text_of(value)
	if type(value) == "table" then
		return string.char(table.unpack(value))
	end
	return tostring(value)
end

function Raw.new(value)
	if value == nil then
		error("string or table expected, got no value", 2)
	end
	return layer(Raw, { data = text_of(value) })
end

function Raw:head()
	return self.f.data
end

function Raw:data(value)
	if value ~= nil then
		self.f.data = text_of(value)
	end
	return self.f.data
end

function Raw:bytes(value)
	if value ~= nil then
		self.f.data = text_of(value)
	end
	return { string.byte(self.f.data, 1, -1) }
end

-- ---- IPv4 options ----

local IPOption = tbx.class("IPOption", { name = "IPOption", is = "ipopt" })

local function ip_option(name, kind, data, fields)
	fields = fields or {}
	fields.name, fields.kind, fields.data = name, kind, data
	return layer(IPOption, fields)
end

-- data nil: an option of one byte.
function IPOption:head()
	if self.f.data == nil then
		return string.char(self.f.kind)
	end
	return string.char(self.f.kind, #self.f.data + 2) .. self.f.data
end

function IPOption.new(args)
	tbx.table_argument(args)
	local length = field(args, "length", "integer", 0)
	local kind = (field(args, "copy", "integer", 0) & 1) << 7 |
		(field(args, "class", "integer", 0) & 3) << 5 | field(args, "option", "integer",
			0) & 31

	return ip_option("IPOption", kind, length >= 2 and string.rep("\0", length - 2) or nil)
end

local function addresses(list)
	local bytes = ""

	for _, text in ipairs(tbx.table_argument(list)) do
		bytes = bytes .. host.address_bytes(text)
	end
	return bytes
end

function ip_nop()
	return ip_option("IPOptionPad", 1)
end

function ip_eol()
	return ip_option("IPOptionPad", 0)
end

function rr(slots)
	return ip_option("IPOptionRR", 7, "\4" .. string.rep("\0", 4 * tbx.integer(slots)))
end

function lsrr(list)
	return ip_option("IPOptionLSRR", 131, "\4" .. addresses(list))
end

function ssrr(list)
	return ip_option("IPOptionSSRR", 137, "\4" .. addresses(list))
end

function traceroute(origin)
	return ip_option("IPOptionTraceroute", 82,
		u16(host.random(65536)) .. "\0\0\0\0" .. host.address_bytes(origin))
end

IPOption.new_nop, IPOption.new_eol, IPOption.new_rr = ip_nop, ip_eol, rr
IPOption.new_ssrr, IPOption.new_lsrr, IPOption.new_traceroute = ssrr, lsrr, traceroute

-- ---- what users write ----

ip, ipv6, udp, icmp, raw, srh = IP.new, IPv6.new, UDP.new, ICMP.new, Raw.new, SRH.new

_G.SRH = function(segments)
	return srh { segments = segments, segmentleft = math.max(#segments - 1, 0) }
end

function RR(slots)
	return rr(slots) / ip_nop()
end

function LSRR(list)
	return lsrr(list) / ip_nop()
end

function SSRR(list)
	return ssrr(list) / ip_nop()
end

function ICMPEchoReq(id, seqno)
	return icmp { type = 8, id = id, seqno = seqno }
end

function ICMPEchoRep(id, seqno)
	return icmp { type = 0, id = id, seqno = seqno }
end

function ICMPDstUnreach(mtu)
	return icmp { type = 3, mtu = mtu }
end

function ICMPRedirect(gateway)
	return icmp { type = 5, gw = gateway }
end

ICMPSrcQuench = icmp { type = 4 }
ICMPTimeExceeded = icmp { type = 11 }
IP_NOP, IP_EOL = ip_nop(), ip_eol()
_G.IP = ip {}
_G.IP.f.own_id = false
_G.IPv6 = ipv6 { flowlabel = host.random(1 << 20) }
_G.UDP = udp { dst = 53 }
