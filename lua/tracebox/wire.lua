-- SPDX-License-Identifier: BSD-2-Clause
-- wire.lua: from packets to bytes, with lengths, offsets, protocol numbers and checksums
-- filled in, and from bytes as received to packets.

local host, tbx = ...

local CHECKSUM_AT = { tcp = 16, udp = 6, icmp = 2 }
local PROTOCOL6 = { [1] = 58 }
local DNS_PORT = 53

local function class_of(layer)
	return getmetatable(layer)
end

-- ---- to bytes ----

local function padded(bytes, what)
	local padding = -#bytes % 4

	if padding > 0 and what and host.warns then
		local unit = padding > 1 and "bytes" or "byte"
		io.stderr:write("tracebox: ", padding, " ", unit, " of padding behind the ", what,
			" options\n")
	end
	return bytes .. string.rep("\0", padding)
end

-- Options behind layer number index, first to last.
local function options_behind(layers, index, is)
	local options = {}

	while layers[index + 1] and class_of(layers[index + 1]).is == is do
		index = index + 1
		options[#options + 1] = layers[index]
	end
	return options
end

local function ip_options(layers, index)
	local bytes = ""

	for _, option in ipairs(options_behind(layers, index, "ipopt")) do
		bytes = bytes .. option:head()
	end
	if #bytes > 40 then
		error(string.format("IP options take %d bytes, there is room for 40", #bytes))
	end
	return padded(bytes, "IP")
end

-- Options of a TCP header, and how many of their bytes the data offset counts: with an
-- extended data offset only those up to that option.
local function tcp_options(layers, index, payload)
	local options = options_behind(layers, index, "tcpopt")
	local p = { edo_words = 0, segment_length = 0 }
	local counted, bytes

	for _ = 1, 2 do
		counted, bytes = nil, ""
		for _, option in ipairs(options) do
			bytes = bytes .. option:head(p)
			if class_of(option).name == "TCPOptionEDO" and not counted then
				counted = #padded(bytes)
			end
		end
		p.edo_words, p.segment_length = (20 + #bytes + 3) // 4, payload
	end
	bytes = padded(bytes, "TCP")
	counted = counted or #bytes
	if counted > 40 then
		error(string.format("TCP options take %d bytes, there is room for 40", counted))
	end
	return bytes, counted
end

local function ip_before(layers, index)
	for i = index - 1, 1, -1 do
		local is = class_of(layers[i]).is

		if is == "ip4" or is == "ip6" then
			return layers[i], is == "ip4" and 4 or 6
		end
	end
end

local function with_checksum(bytes, layer, network, version, protocol)
	local at = CHECKSUM_AT[class_of(layer).is]
	local pseudo = ""

	if network and (class_of(layer).is ~= "icmp" or version == 6) then
		pseudo = host.address_bytes(network.f.src) .. host.address_bytes(network.f.dst) ..
			string.pack(">I4I4", #bytes, protocol)
	end
	local sum = host.checksum(pseudo .. bytes)
	if sum == 0 and class_of(layer).is == "udp" then
		sum = 0xffff
	end
	layer.f.checksum = sum
	return bytes:sub(1, at) .. string.pack(">I2", sum) .. bytes:sub(at + 3)
end

-- One header that is not an option, in front of the bytes behind it.
local function header(layers, index, behind, protocol)
	local layer = layers[index]
	local is = class_of(layer).is
	local network, version = ip_before(layers, index)
	local options, counted = "", 0
	local p = { protocol = protocol, version = version }
	local bytes

	if is == "ip4" then
		options = ip_options(layers, index)
		counted = #options
	elseif is == "tcp" then
		options, counted = tcp_options(layers, index, #behind)
	end
	p.header_words = (20 + counted) // 4
	p.total = #options + #behind + (is == "udp" and 8 or is == "ip6" and 40 or 20)
	layer.f.total, layer.f.header_words = p.total, p.header_words
	if is == "ip6" then
		layer.f.total = #behind
	end
	bytes = layer:head(p) .. options .. behind
	if is == "ip4" then
		local sum = host.checksum(bytes:sub(1, 20 + counted))
		layer.f.checksum, layer.f.proto = sum, protocol or layer.f.proto
		return bytes:sub(1, 10) .. string.pack(">I2", sum) .. bytes:sub(13)
	elseif is == "ip6" then
		layer.f.next = protocol or 59
	elseif CHECKSUM_AT[is] then
		local number = class_of(layer).protocol
		number = version == 6 and PROTOCOL6[number] or number
		return with_checksum(bytes, layer, network, version, number)
	end
	return bytes
end

-- The header that the option at index belongs to.
local function owner(layers, index)
	local is = class_of(layers[index]).is

	while index > 0 and class_of(layers[index]).is == is do
		index = index - 1
	end
	local header_is = is == "tcpopt" and "tcp" or "ip4"
	return index > 0 and class_of(layers[index]).is == header_is
end

function tbx.bytes(packet)
	local layers, bytes, protocol = packet.layers, "", nil

	for index = #layers, 1, -1 do
		local class = class_of(layers[index])

		if class.is == "tcpopt" or class.is == "ipopt" then
			-- Behind its header it is part of that; alone it is bytes of its own.
			if not owner(layers, index) then
				local p = { edo_words = 0, segment_length = 0 }
				bytes = layers[index]:head(p) .. bytes
			end
		elseif class.name ~= "Ethernet" then
			bytes = header(layers, index, bytes, protocol)
			local _, version = ip_before(layers, index)
			protocol = version == 6 and PROTOCOL6[class.protocol] or class.protocol
		end
	end
	return bytes
end

function tbx.hexdump(bytes)
	local lines = {}

	for offset = 0, #bytes - 1, 16 do
		local row = bytes:sub(offset + 1, offset + 16)
		local digits = row:gsub(".", function(c) return string.format("%02x", c:byte()) end)
		local groups = digits:gsub("(%x%x%x%x%x%x%x%x)", "%1 ")
		lines[#lines + 1] = string.format("  %-36s %-16s %08x", groups,
			row:gsub("[^\32-\126]", "."), offset)
	end
	return table.concat(lines, "\n") .. "\n"
end

-- ---- from bytes ----

local function add(packet, class, fields)
	packet.layers[#packet.layers + 1] = tbx.layer(class, fields)
end

-- Options one by one; stops at one whose length cannot be.
local function each_option(bytes)
	local at = 1

	return function()
		if at > #bytes then
			return nil
		end
		local kind, length = bytes:byte(at), 1
		if kind > 1 then
			length = bytes:byte(at + 1) or 0
			if length < 2 or at + length - 1 > #bytes then
				return nil
			end
		end
		at = at + length
		return kind, length, bytes:sub(at - length + math.min(length, 2), at - 1)
	end
end

-- What is known of an option's value, by kind: class and fields; nil: only kind and bytes.
local tcp_readers = {
	[2] = function(data)
		return #data == 2 and TCPOptionMaxSegSize, { mss = #data == 2 and
			string.unpack(">I2", data) }
	end,
	[3] = function(data)
		return #data == 1 and TCPOptionWindowScale, { shift = data:byte() }
	end,
	[4] = function(data)
		return #data == 0 and TCPOptionSACKPermitted, {}
	end,
	[5] = function(data)
		local edges = {}
		for at = 1, #data - 3, 4 do
			edges[#edges + 1] = string.unpack(">I4", data, at)
		end
		return #data % 8 == 0 and TCPOptionSACK, { edges = edges }
	end,
	[8] = function(data)
		if #data ~= 8 then
			return nil
		end
		local value, echo = string.unpack(">I4I4", data)
		return TCPTimestamp, { val = value, ecr = echo }
	end,
	[34] = function(data)
		return TCPTFO, { cookie = data }
	end,
	[237] = function(data)
		return TCPEDO, { length = #data + 2, header_length = #data >= 2 and
			string.unpack(">I2", data),
			segment_length = #data >= 4 and string.unpack(">I2", data, 3) }
	end,
	[30] = function(data)
		local subtype = #data > 0 and data:byte() >> 4
		if subtype == 0 and (#data == 2 or #data == 10 or #data == 18) then
			return TCPOptionMPTCPCapable, { version = data:byte() & 15,
				csum = data:byte(2) & 0x80 ~= 0, flags = data:byte(2),
				skey = #data >= 10 and string.unpack(">i8", data, 3) or nil,
				rkey = #data == 18 and string.unpack(">i8", data, 11) or nil }
		elseif subtype == 1 and #data == 10 then
			local token, nonce = string.unpack(">I4I4", data, 3)
			return TCPOptionMPTCPJoin, { backup = data:byte() & 1 ~= 0,
				id = data:byte(2),
				token = token, nonce = nonce }
		end
	end,
}

local function read_tcp_options(packet, bytes)
	for kind, length, data in each_option(bytes) do
		local class, fields

		if tcp_readers[kind] then
			class, fields = tcp_readers[kind](data)
		end
		if kind <= 1 then
			add(packet, TCPOptionPad, { kind = kind })
		elseif class then
			add(packet, class, fields)
		else
			add(packet, TCPOption, { kind = kind, length = length, data = data })
		end
	end
end

local function raw_layer(packet, bytes)
	if #bytes > 0 then
		add(packet, RawLayer, { data = bytes })
	end
end

local function read_tcp(packet, bytes)
	if #bytes < 20 then
		if #bytes < 8 then
			return raw_layer(packet, bytes)
		end
		local sport, dport, seq = string.unpack(">I2I2I4", bytes)
		return add(packet, PartialTCP, { sport = sport, dport = dport, seq = seq })
	end
	local sport, dport, seq, ack, flags, win, sum, urgent = string.unpack(">I2I2I4I4I2I2I2I2",
		bytes)
	local words = flags >> 12
	add(packet, getmetatable(_G.TCP), { sport = sport, dport = dport, seq = seq, ack = ack,
		flags = flags & 0xfff, win = win, checksum = sum, urgent = urgent,
			header_words = words })
	read_tcp_options(packet, bytes:sub(21, words * 4))
	raw_layer(packet, bytes:sub(math.max(words, 5) * 4 + 1))
end

local function read_udp(packet, bytes)
	if #bytes < 8 then
		return raw_layer(packet, bytes)
	end
	local sport, dport, length, sum = string.unpack(">I2I2I2I2", bytes)
	add(packet, getmetatable(_G.UDP), { sport = sport, dport = dport, total = length,
		checksum = sum })
	local dns = (sport == DNS_PORT or dport == DNS_PORT) and tbx.read_dns(bytes:sub(9))
	if dns then
		return add(packet, DNS, dns)
	end
	raw_layer(packet, bytes:sub(9))
end

local function read_icmp(packet, bytes)
	if #bytes < 8 then
		return raw_layer(packet, bytes)
	end
	local kind, code, sum, id, seqno = string.unpack(">BBI2I2I2", bytes)
	add(packet, ICMP, { type = kind, code = code, checksum = sum, id = id, seqno = seqno })
	raw_layer(packet, bytes:sub(9))
end

local readers = { [6] = read_tcp, [17] = read_udp, [1] = read_icmp, [58] = read_icmp }

local function read_ip4(packet, bytes)
	local first, tos, total, id, fragment, ttl, protocol, sum = string.unpack(">BBI2I2I2BBI2",
		bytes)
	local header_len = (first & 15) * 4

	add(packet, getmetatable(_G.IP), { src = host.address_text(bytes:sub(13, 16)),
		dst = host.address_text(bytes:sub(17, 20)), id = id, flags = fragment >> 13,
		offset = fragment & 0x1fff, ttl = ttl, proto = protocol, checksum = sum,
			dscp = tos >> 2,
		ecn = tos & 3, total = total, header_words = first & 15 })
	for kind, length, data in each_option(bytes:sub(21, header_len)) do
		local names = { [7] = "IPOptionRR", [131] = "IPOptionLSRR", [137] = "IPOptionSSRR",
			[82] = "IPOptionTraceroute", [0] = "IPOptionPad", [1] = "IPOptionPad" }
		add(packet, IPOption, { name = names[kind] or "IPOption", kind = kind,
			data = length > 1 and data or nil })
	end
	bytes = bytes:sub(header_len + 1, math.max(total, header_len))
	if fragment & 0x1fff ~= 0 or not readers[protocol] then
		return raw_layer(packet, bytes)
	end
	readers[protocol](packet, bytes)
end

local function read_ip6(packet, bytes)
	local first, length, protocol, hoplimit = string.unpack(">I4I2BB", bytes)
	local rest = bytes:sub(41, 40 + length)

	add(packet, getmetatable(_G.IPv6), { src = host.address_text(bytes:sub(9, 24)),
		dst = host.address_text(bytes:sub(25, 40)), tc = first >> 20 & 0xff,
		flowlabel = first & 0xfffff, hoplimit = hoplimit, total = length, next = protocol })
	while (protocol == 0 or protocol == 43 or protocol == 60) and #rest >= 8 do
		local size = (rest:byte(2) + 1) * 8
		protocol, rest = rest:byte(1), rest:sub(size + 1)
	end
	if not readers[protocol] then
		return raw_layer(packet, rest)
	end
	readers[protocol](packet, rest)
end

-- A packet as captured, or as much of one as a quote holds.
function tbx.received(bytes)
	local packet = tbx.Packet.new()
	local version = #bytes > 0 and bytes:byte() >> 4

	if version == 4 and #bytes >= 20 then
		read_ip4(packet, bytes)
	elseif version == 6 and #bytes >= 40 then
		read_ip6(packet, bytes)
	else
		raw_layer(packet, bytes)
	end
	packet.received = bytes
	return packet
end
