-- SPDX-License-Identifier: BSD-2-Clause
-- trace_boxes.lua: the probes of suite trace, and what each box does to one. A box that changes
-- headers has a row here. What a packet is here: trace_truth.lua.
local index_of = trace_truth.index_of

-- ---- probes ----

local function option(name, text, size)
	return { name = "tcp.option." .. name, text = text, size = size, value = text }
end

local function nop()
	return { text = "nop", size = 1 }
end

local function mss()
	return option("mss", "mss 1460", 4)
end

local function timestamp()
	return option("timestamp", "timestamp 305419896 2271560481", 10)
end

local function capable()
	return option("mptcp.mp_capable", "mptcp capable v1 flags 81", 4)
end

local DATA = "0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMN"

-- By name: what is special about each.
local probes = {
	syn = {},
	data = { data = true },
	virtual = { virtual = true },
	["virtual-8080"] = { virtual = true, port = 8080 },
	["8080"] = { port = 8080 },
	nodf = { nodf = true },
	alert = { ip_options = "94040000" },
	["two-mss"] = { options = { mss(), mss(), capable() } },
	["no-mss"] = { options = { timestamp(), nop(), nop(), capable() } },
	v0 = { options = { mss(), option("mptcp.mp_capable",
		"mptcp capable v0 flags 81 key 1122334455667788", 12) } },
}

local function new_packet(name, family)
	local spec = probes[name]
	local packet = { family = family, data = spec.data, virtual = spec.virtual, gone = {},
		fields = {}, payload = spec.data and DATA or "" }
	packet.options = spec.data and { nop(), nop(), timestamp() } or spec.options or
		{ mss(), option("sackok", "sackok", 2), timestamp(), nop(),
			option("wscale", "wscale 7", 3), capable() }
	for name, value in pairs {
		["ip.dscp"] = 10, ["ip.ecn"] = 2, ["ip.src"] = "client", ["ip.dst"] = "server",
		["ip.id"] = 16706, ["ip.flags"] = spec.nodf and "" or "df",
		["ip.options"] = spec.ip_options or "", ["ip.extensions"] = "",
		["tcp.sport"] = 5000, ["tcp.dport"] = spec.port or 80, ["tcp.seq"] = 2053856511,
		["tcp.flags"] = spec.data and "P." or "S",
	} do
		packet.fields[index_of[name]] = value
	end
	for index, one in ipairs(packet.options) do
		one.origin, one.key = index, index .. (one.name or "")
	end
	return packet
end

-- The probe in the notation of doc/notation.md.
local function notation(packet)
	local function field(name)
		return packet.fields[index_of[name]]
	end
	local options, seq = {}, field("tcp.seq")
	for index, one in ipairs(packet.options) do
		options[index] = one.text
	end
	local names = packet.family == 4 and
		string.format("198.18.1.2:5000 > 198.18.100.%d:%d ttl 64 tos 2a id %d%s%s",
			packet.virtual and 200 or 2, field("tcp.dport"), field("ip.id"),
			field("ip.flags") == "" and " nodf" or "",
			field("ip.options") ~= "" and " ipopt " .. field("ip.options") or "") or
		string.format("[fd00:1::2]:5000 > [fd00:100::%s]:%d ttl 64 tos 2a flow 12345",
			packet.virtual and "c8" or "2", field("tcp.dport"))
	return string.format("%s %s %d:%d(%d)%s win 5840 <%s>%s", names, field("tcp.flags"), seq,
		(seq + #packet.payload) & 0xffffffff, #packet.payload,
		packet.data and " ack 16909060" or "", table.concat(options, ","),
		packet.data and " payload " .. packet.payload:gsub(".", function(letter)
			return string.format("%02x", letter:byte())
		end) or "")
end

-- ---- what boxes do ----

local function set(name, value)
	return function(packet)
		packet.fields[index_of[name]] = value
	end
end

local function find(packet, name)
	for index, one in ipairs(packet.options) do
		if one.name == "tcp.option." .. name then
			return index, one
		end
	end
end

-- Every option of a name goes; how: gap, nop, or eol, which hides all behind it.
local function remove(name, how)
	return function(packet)
		local index, one = find(packet, name)
		while index do
			packet.gone[one.origin or 0] = how
			if how == "gap" then
				table.remove(packet.options, index)
			else
				packet.options[index] = { size = one.size, was = one.origin,
					eol = how == "eol" }
			end
			for later = index + 1, how == "eol" and #packet.options or 0 do
				local hidden = packet.options[later]
				packet.options[later] = { size = hidden.size }
				packet.gone[hidden.origin or 0] = "eol"
			end
			index, one = find(packet, name)
		end
	end
end

-- The value of an option changes from its byte at on (0: the kind), and perhaps its size.
local function change(name, value, at, size)
	return function(packet)
		local index, one = find(packet, name)
		if index then
			packet.options[index] = { name = one.name, key = one.key,
				origin = one.origin, value = value, changed_at = at,
				size = size or one.size }
		end
	end
end

-- An option is put behind the others, or behind the one of a name.
local function add(name, size, behind)
	return function(packet)
		local place = behind and find(packet, behind) or #packet.options
		table.insert(packet.options, place + 1, { name = "tcp.option." .. name,
			key = "+" .. name, size = size, added = true })
	end
end

-- The option stands last, and the padding goes.
local function move_last(name)
	return function(packet)
		local moved = {}
		for _, one in ipairs(packet.options) do
			if one.name and one.name ~= "tcp.option." .. name then
				moved[#moved + 1] = one
			end
		end
		local _, last = find(packet, name)
		moved[#moved + 1] = last
		packet.options = moved
	end
end

local function nothing() end

local function drop(packet)
	packet.dropped = true
end

local function payload(text)
	return function(packet)
		packet.payload = text
	end
end

-- One byte of the stream: probes overlap in it, each beginning one byte before the one before.
local function flip(packet)
	local at = packet.nth
	packet.payload = packet.payload:sub(1, at) .. "#" .. packet.payload:sub(at + 2)
end

-- A NAT that puts the names in quotes back, but not the checksum behind them.
local function residue(packet)
	packet.residue = "names"
end

-- In the server's name: no probe goes on.
local function answer(packet)
	packet.answered = true
end

-- Copies the SYN's option into the answer, if it is still there.
local function mirror(packet)
	packet.mirrored = find(packet, "mptcp.mp_capable") and true
end

local function both(first, second)
	return function(packet)
		first(packet)
		second(packet)
	end
end

-- The first fragment, of 88 bytes at most; nobody puts them together again.
local function fragment(packet)
	if packet.family == 4 then
		packet.fields[index_of["ip.flags"]] = "mf"
	else
		packet.fields[index_of["ip.extensions"]] = "2c00000100000001"
	end
	packet.fragment = (88 - trace_truth.ip_length(packet)) // 8 * 8
end

-- ---- boxes: name, arguments, what they do, and what else matters ----
--
-- probe: which (syn); on: the option (or "payload") that is changed, next to which quotes are cut;
-- family: the only one; fixed: the probes have one sequence number; server, mptcp: what stands at
-- the end and what it says of Multipath TCP, where that is not what follows from the options left;
-- second: of use behind another box only.

local rows = {}
local function row(name, box_name, args, does, more)
	more = more or {}
	more.name, more.box, more.args, more.does = name, box_name, args, does
	rows[#rows + 1] = more
	rows[name] = more
end

-- The IP header.
row("dscp", "dscp", { value = 46 }, set("ip.dscp", 46))
row("dscp-mask", "dscp", { value = 0, mask = 56 }, set("ip.dscp", 2))
row("ecn-bleach", "ecn", {}, set("ip.ecn", 0))
row("ecn-ce", "ecn", { value = "ce" }, set("ip.ecn", 3))
row("ipid-set", "ipid", { value = 7 }, set("ip.id", 7), { family = 4 })
row("ipid-count", "ipid", { op = "count", value = 60000 }, set("ip.id", 7), { family = 4 })
row("ipid-random", "ipid", { op = "random" }, set("ip.id", 7), { family = 4 })
row("df-clear", "df", {}, set("ip.flags", ""), { family = 4 })
row("df-set", "df", { op = "set" }, set("ip.flags", "df"), { family = 4, probe = "nodf" })
row("ip-options-strip", "ip_options", {}, set("ip.options", ""), { family = 4, probe = "alert" })
row("ip-options-nop", "ip_options", { op = "nop" }, set("ip.options", "01010101"),
	{ family = 4, probe = "alert" })
row("ip-options-add", "ip_options", { op = "add" }, set("ip.options", "94040000"), { family = 4 })
row("ip-options-drop", "ip_options", { op = "drop" }, drop, { family = 4, probe = "alert" })
row("fragment", "fragment", { size = 88, direction = "to-server" }, fragment, { probe = "data" })
row("fragment-backwards", "fragment", { size = 88, order = "backwards", direction = "to-server" },
	fragment, { probe = "data" })
row("fragment-obey", "fragment", { size = 88, df = "obey", direction = "to-server" }, nothing,
	{ family = 4, probe = "data" })
row("ttl-set", "ttl", { value = 64, direction = "to-server" }, function(p) p.ttl = 64 end)
row("ttl-raise", "ttl", { op = "raise", value = 2, direction = "to-server" },
	function(p) p.ttl = p.ttl + 2 end)
row("ttl-lower", "ttl", { op = "lower", value = 1, direction = "to-server" },
	function(p) p.ttl = p.ttl - 1 end)

-- Addresses, ports and sequence numbers.
row("nat", "nat", {}, nothing)
row("nat-names", "nat", { quotes = "names" }, residue)
row("nat-leave", "nat", { quotes = "leave" }, both(set("ip.src", "nat"), set("tcp.sport", 20000)))
row("nat-symmetric", "nat", { mapping = "symmetric" }, nothing)
row("nat-server", "nat", { kind = "destination", address = "198.18.100.2",
	address6 = "fd00:100::2" }, nothing, { probe = "virtual" })
row("nat-server-names", "nat", { kind = "destination", address = "198.18.100.2",
	address6 = "fd00:100::2", quotes = "names" }, residue, { probe = "virtual" })
row("nat-server-leave", "nat", { kind = "destination", address = "198.18.100.2",
	address6 = "fd00:100::2", quotes = "leave" }, set("ip.dst", "real"), { probe = "virtual" })
row("nat-server-port", "nat", { kind = "destination", address = "198.18.100.2",
	address6 = "fd00:100::2", port = 80, quotes = "leave" },
	both(set("ip.dst", "real"), set("tcp.dport", 80)), { probe = "virtual-8080" })
row("port-map", "port_map", { map = "8080:80" }, nothing, { probe = "8080" })
row("port-map-names", "port_map", { map = "8080:80", quotes = "names" }, residue,
	{ probe = "8080" })
row("port-map-leave", "port_map", { map = "8080:80", quotes = "leave" }, set("tcp.dport", 80),
	{ probe = "8080" })
row("seq-rewrite", "seq_rewrite", {}, set("tcp.seq", 1))
row("seq-rewrite-back", "seq_rewrite", { quotes = "translate" }, nothing)

-- TCP options.
local kinds = { { "mss", 2 }, { "wscale", 3 }, { "sackok", 4 }, { "timestamp", 8 },
	{ "mptcp.mp_capable", 30 } }
cross({ { "strip", "gap" }, { "nop", "nop" }, { "eol", "eol" } }, kinds, function(how, kind)
	local name = kind[1]:gsub("mptcp.mp_", "")
	row(how[1] .. "-" .. name, how[1], { kind = kind[2] }, remove(kind[1], how[2]),
		{ on = kind[1] })
end)
row("strip-two", "strip", { kind = 2 }, remove("mss", "gap"), { on = "mss", probe = "two-mss" })
row("nop-two", "nop", { kind = 2 }, remove("mss", "nop"), { on = "mss", probe = "two-mss" })
row("strip-v0", "strip", {}, remove("mptcp.mp_capable", "gap"),
	{ on = "mptcp.mp_capable", probe = "v0" })
row("nop-v0", "nop", {}, remove("mptcp.mp_capable", "nop"),
	{ on = "mptcp.mp_capable", probe = "v0" })
row("ts-strip", "ts_strip", {}, remove("timestamp", "gap"), { on = "timestamp" })
row("ts-strip-nop", "ts_strip", { how = "nop" }, remove("timestamp", "nop"), { on = "timestamp" })
row("wscale-strip", "wscale_strip", {}, remove("wscale", "gap"), { on = "wscale" })
row("wscale-strip-nop", "wscale_strip", { how = "nop" }, remove("wscale", "nop"),
	{ on = "wscale" })
row("wscale-strip-zero", "wscale_strip", { how = "zero" }, change("wscale", "0", 2),
	{ on = "wscale" })
row("mss-clamp", "mss_clamp", { value = 1360 }, change("mss", "1360", 3), { on = "mss" })
row("mss-clamp-low", "mss_clamp", { value = 500 }, change("mss", "500", 2), { on = "mss" })
row("mss-raise", "mss_clamp", { value = 1460, raise = true }, change("mss", "mss 1460", 3),
	{ second = true })
row("strip-200", "strip", { kind = 200 }, remove("200", "gap"), { second = true })
row("mss-clamp-add", "mss_clamp", { add = true }, add("mss", 4), { probe = "no-mss" })
row("edit-corrupt", "option_edit", {}, change("mptcp.mp_capable", "80", 3),
	{ on = "mptcp.mp_capable", mptcp = "unknown" })
row("edit-flag", "option_edit", { op = "flag", value = 64 },
	change("mptcp.mp_capable", "c1", 3), { on = "mptcp.mp_capable", mptcp = "unknown" })
row("edit-version", "option_edit", { op = "version", value = 7 },
	change("mptcp.mp_capable", "v7", 2), { on = "mptcp.mp_capable", mptcp = "unknown" })
row("edit-truncate", "option_edit", { op = "truncate", kind = 8, value = 4 },
	change("timestamp", "resized", 1, 6), { on = "timestamp" })
row("edit-duplicate", "option_edit", { op = "duplicate", kind = 2 }, add("mss", 4, "mss"),
	{ on = "mss" })
row("edit-reorder", "option_edit", { op = "reorder", kind = 2 }, move_last("mss"),
	{ on = "mss" })
row("bytes-xor", "option_bytes", { kind = 8, at = 3, bytes = "ff" },
	change("timestamp", "xor", 3), { on = "timestamp" })
row("bytes-set", "option_bytes", { kind = 3, op = "set", bytes = "03" },
	change("wscale", "3", 2), { on = "wscale" })
row("bytes-clear", "option_bytes", { kind = 2, op = "clear", at = 2, bytes = "04" },
	change("mss", "cleared", 2), { on = "mss" })
row("bytes-extend", "option_bytes", { kind = 3, op = "extend" },
	change("wscale", "resized", 1, 4), { on = "wscale" })
row("edit-add", "option_edit", { op = "add", kind = 200 }, add("200", 3),
	{ on = "mptcp.mp_capable" })

-- The payload.
row("flip", "flip", { mask = 19 }, flip, { probe = "data", on = "payload" })
row("flip-fixed", "flip", { mask = 19 }, payload("#" .. DATA:sub(2)),
	{ probe = "data", on = "payload", fixed = true })
row("rewrite", "rewrite", { pattern = "abc", replacement = "ABC" },
	payload((DATA:gsub("abc", "ABC"))), { probe = "data", on = "payload", fixed = true })
row("rewrite-shorter", "rewrite", { pattern = "abc", replacement = "x" },
	payload((DATA:gsub("abc", "x"))), { probe = "data", on = "payload", fixed = true })
row("split", "split", { mss = 20, psh = "all" }, payload(DATA:sub(1, 20)),
	{ probe = "data", on = "payload", fixed = true })
row("split-push", "split", { mss = 20 }, both(payload(DATA:sub(1, 20)), set("tcp.flags", ".")),
	{ probe = "data", on = "payload", fixed = true })

-- What changes no header, or only the answer.
row("mirror", "mirror", {}, mirror, { server = "tcp" })
row("mirror-mptcp", "mirror", {}, mirror)
row("split-tcp", "split_tcp", {}, answer, { mptcp = "none" })
row("split-tcp-mptcp", "split_tcp", { mptcp = "client" }, answer, { mptcp = "supported" })
row("ack-proxy", "ack_proxy", {}, nothing)
row("ack-proxy-data", "ack_proxy", {}, nothing, { probe = "data" })
row("blackhole", "blackhole", { kind = 30 }, drop)
row("firewall", "firewall", {}, nothing)
row("firewall-drop", "firewall", { unknown_options = "drop" }, drop)
row("firewall-reset", "firewall", { unknown_options = "reset" }, answer, { mptcp = "none" })
row("coalesce", "coalesce", {}, nothing, { probe = "data" })
row("delay", "delay", { time = "3ms" }, nothing)
row("duplicate", "duplicate", { copies = 2 }, nothing)
row("loss", "loss", { from = 1, ["until"] = 1, direction = "to-server" }, nothing)
row("mtu", "mtu", {}, nothing)
row("mtu-narrow", "mtu", { size = 68, direction = "to-server" }, function(p) p.refused = true end,
	{ probe = "data" })
row("rate", "rate", { rate = 100000000 }, nothing)
row("reorder", "reorder", { time = "2ms" }, nothing)
row("reorder-first", "reorder", { from = 1, ["until"] = 1, direction = "to-server" }, nothing)

trace_boxes = { rows = rows, new_packet = new_packet, notation = notation, find = find }
