-- SPDX-License-Identifier: BSD-2-Clause
-- print.lua: the text of layers and packets, field by field, in the original's words.

local _, tbx = ...

local function hex(value, digits)
	return string.format("0x%0" .. (digits or 1) .. "x", value or 0)
end

local function payload(bytes)
	return (bytes:gsub("[^\32-\126]", function(c) return string.format("\\x%x", c:byte()) end))
end

-- 64 bits as an unsigned number.
local function unsigned(value)
	if value >= 0 then
		return tostring(value)
	end
	local tenth = (value >> 1) // 5
	return tostring(tenth) .. tostring(value - tenth * 10)
end

local FLAGS = { { 1, "FIN" }, { 2, "SYN" }, { 4, "RST" }, { 8, "PSH" }, { 16, "ACK" },
	{ 32, "URG" }, { 64, "ECE" }, { 128, "CWR" } }

local function flags_text(flags)
	local names = {}

	for _, flag in ipairs(FLAGS) do
		if flags & flag[1] ~= 0 then
			names[#names + 1] = flag[2] .. " "
		end
	end
	return "( " .. table.concat(names) .. ")"
end

-- Per class: the fields in order, label and value in turn.
local show = {}

function show.IP(f)
	return { "Version", 4, "HeaderLength", f.header_words or 5, "DiffServicesCP", f.dscp,
		"ExpCongestionNot", f.ecn, "TotalLength", f.total or 0, "Identification", hex(f.id),
		"Flags", f.flags, "FragmentOffset", f.offset, "TTL", f.ttl, "Protocol",
			hex(f.proto),
		"CheckSum", hex(f.checksum), "SourceIP", f.src, "DestinationIP", f.dst }
end

function show.IPv6(f)
	return { "Version", 6, "TrafficClass", f.tc, "FlowLabel", f.flowlabel, "PayloadLength",
		f.total or 0, "NextHeader", f.next or 0, "HopLimit", f.hoplimit, "SourceIP", f.src,
		"DestinationIP", f.dst }
end

function show.TCP(f)
	return { "SrcPort", f.sport, "DstPort", f.dport, "SeqNumber", f.seq, "AckNumber", f.ack,
		"DataOffset", f.header_words or 0, "Reserved", f.flags >> 8 & 15, "Flags",
			flags_text(f.flags),
		"WindowsSize", f.win, "CheckSum", hex(f.checksum), "UrgPointer", f.urgent or 0 }
end

function show.PartialTCP(f)
	return { "SrcPort", f.sport, "DstPort", f.dport, "SeqNumber", f.seq }
end

function show.UDP(f)
	return { "SrcPort", f.sport, "DstPort", f.dport, "Length", f.total or 0,
		"CheckSum", hex(f.checksum) }
end

function show.ICMP(f)
	local list = { "Type", f.type, "Code", f.code or 0, "CheckSum", hex(f.checksum) }
	local echo = f.type == 8 or f.type == 0 or f.type == 128 or f.type == 129

	for _, each in ipairs { { "Identifier", echo and f.id }, { "SequenceNumber", echo and
		f.seqno },
		{ "MTUNextHOP", f.mtu }, { "Gateway", f.gw }, { "Pointer", f.ptr }, { "Length",
			f.len } } do
		if each[2] then
			list[#list + 1], list[#list + 2] = each[1], each[2]
		end
	end
	return list
end

local function kind_length(kind, length, ...)
	return { "Kind", kind, "Length", length, ... }
end

function show.TCPOptionPad(f)
	return { "Kind", f.kind }
end

function show.TCPOptionMaxSegSize(f)
	return kind_length(2, 4, "MaxSegSize", f.mss)
end

function show.TCPOptionWindowScale(f)
	return kind_length(3, 3, "Shift", f.shift)
end

function show.TCPOptionSACKPermitted()
	return kind_length(4, 2)
end

function show.TCPOptionSACK(f)
	local blocks = {}

	for at = 1, #f.edges, 2 do
		blocks[#blocks + 1] = string.format("%s-%s", f.edges[at], f.edges[at + 1] or "")
	end
	local list = kind_length(5, 2 + 4 * #f.edges)
	list.tail = table.concat(blocks, " , ")
	return list
end

function show.TCPOptionTimestamp(f)
	return kind_length(8, 10, "Value", f.val, "EchoReply", f.ecr)
end

function show.TCPOptionFastOpen(f)
	local list = kind_length(34, 2 + #f.cookie)

	list.payload = #f.cookie > 0 and f.cookie or nil
	return list
end

function show.TCPOptionEDO(f)
	local list = kind_length(237, f.length)

	if f.length >= 4 then
		list[#list + 1], list[#list + 2] = "HeaderLength", f.header_length or 0
	end
	if f.length >= 6 then
		list[#list + 1], list[#list + 2] = "SegmentLength", f.segment_length or 0
	end
	return list
end

function show.TCPOption(f)
	local list = kind_length(f.kind, f.length or #f.data + 2)

	list.payload = #f.data > 0 and f.data or nil
	return list
end

function show.TCPOptionMPTCPCapable(f)
	local length = f.rkey and 20 or f.version == 0 and 12 or 4
	local list = kind_length(30, length, "Subtype", 0, "Version", f.version, "Checksum",
		f.csum and "1 (Checksum Enabled)" or "0 (Checksum Disabled)", "Flags", 0,
		"Crypto", "1 (HMAC-SHA1)")

	if f.version == 0 then
		list[#list + 1], list[#list + 2] = "Sender's Key", unsigned(f.skey)
	else
		list[#list] = "1 (HMAC-SHA256)"
	end
	return list
end

function show.TCPOptionMPTCPJoin(f)
	return kind_length(30, 12, "Subtype", 1, "Blank", 0, "BackupPath",
		f.backup and "1 (This is a Backup Path)" or "0 (This is not a Backup Path)",
		"AddrID", f.id, "Receiver's Token", f.token, "Sender's Random Number", f.nonce)
end

function show.IPOption(f)
	local list = { "CopyFlag", f.kind >> 7, "Class", f.kind >> 5 & 3, "Option", f.kind & 31 }

	if f.data then
		list[#list + 1], list[#list + 2] = "Length", #f.data + 2
		list[#list + 1], list[#list + 2] = "Pointer", f.data:byte() or 0
		list.payload = #f.data > 1 and f.data:sub(2) or nil
	end
	return list
end

function show.IPv6SegmentRoutingHeader(f)
	return { "SegmentsLeft", f.segmentleft, "Segments", table.concat(f.segments, " ") }
end

function show.DNS(f)
	return { "Identification", f.id, "QRFlag", f.qr == 1 and "1 (Response)" or "0 (Query)",
		"OpCode", f.opcode, "AAFlag", f.aa, "TCFlag", f.tc, "RDFlag", f.rd, "RAFlag", f.ra,
		"ZFlag", f.z, "ADFlag", f.ad, "CDFlag", f.cd, "RCode", f.rcode,
		"TotalQuestions", #f.queries, "TotalAnswer", #f.answers,
		"TotalAuthority", #f.authority, "TotalAdditional", #f.additional }
end

function show.RawLayer(f)
	return { payload = f.data }
end

local function layer_text(layer)
	local class, f = getmetatable(layer), layer.f
	local list = (show[class.name] or function() return {} end)(f)
	local parts = {}

	for at = 1, #list, 2 do
		parts[#parts + 1] = string.format("%s = %s , ", list[at], list[at + 1])
	end
	if list.tail then
		parts[#parts + 1] = list.tail .. " , "
	end
	if list.payload then
		parts[#parts + 1] = "Payload = " .. payload(list.payload)
	end
	local size = class.is == "raw" and #f.data or f.total or 0
	if class.is == "tcpopt" then
		size = #layer:head { edo_words = 0, segment_length = 0 }
	elseif class.is == "tcp" or class.is == "ip4" then
		size = 20
	elseif class.is == "udp" or class.is == "icmp" then
		size = 8
	elseif class.is == "ip6" then
		size = 40
	elseif class.is == "ipopt" or class.is == "dns" then
		size = #layer:head()
	end
	return string.format("< %s (%d bytes) :: %s>", f.name or class.name, size,
		table.concat(parts))
end

function tbx.text(value)
	local lines = {}

	if tbx.is_layer(value) then
		return layer_text(value)
	end
	for _, layer in ipairs(value.layers) do
		lines[#lines + 1] = layer_text(layer)
	end
	return table.concat(lines, "\n")
end
