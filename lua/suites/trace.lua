-- SPDX-License-Identifier: BSD-2-Clause
-- trace.lua: the prober on paths whose truth is known: five routers, and boxes in front of some.
-- Every box that does something to a probe has a row here that says what; every row stands at each
-- place, with each kind of quote and with silent neighbours, in IPv4 and IPv6. What must be
-- found follows from that (trace_truth.lua), and from nothing that the prober prints.
suite "trace"
library "trace_truth"

local HOPS = 5
local WHOLE, index_of = trace_truth.WHOLE, trace_truth.index_of

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
			packet.gone[one.origin] = how
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

-- A hop is asked again; a server has accepted the next probe by then, and no other any more.
local function lose_first(packet)
	packet.unlucky = packet.nth == 0
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
-- the end and what it says of Multipath TCP, where that is not what follows from the options left.

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
row("mss-raise", "mss_clamp", { value = 1460, raise = true }, change("mss", "mss 1460", 3))
row("mss-clamp-add", "mss_clamp", { add = true }, add("mss", 4), { probe = "no-mss" })
row("edit-corrupt", "option_edit", {}, change("mptcp.mp_capable", "80", 3),
	{ on = "mptcp.mp_capable", mptcp = "unknown" })
row("edit-flag", "option_edit", { op = "flag", value = 64 },
	change("mptcp.mp_capable", "c1", 3), { on = "mptcp.mp_capable", mptcp = "unknown" })
row("edit-version", "option_edit", { op = "version", value = 7 },
	change("mptcp.mp_capable", "v7", 2), { on = "mptcp.mp_capable", mptcp = "unknown" })
row("edit-truncate", "option_edit", { op = "truncate", kind = 8, value = 4 },
	change("timestamp", "shorter", 1, 6), { on = "timestamp" })
row("edit-duplicate", "option_edit", { op = "duplicate", kind = 2 }, add("mss", 4, "mss"),
	{ on = "mss" })
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
row("loss", "loss", { from = 1, ["until"] = 1, direction = "to-server" }, lose_first)
row("mtu", "mtu", {}, nothing)
row("mtu-narrow", "mtu", { size = 68, direction = "to-server" }, function(p) p.refused = true end,
	{ probe = "data" })
row("rate", "rate", { rate = 100000000 }, nothing)
row("reorder", "reorder", { time = "2ms" }, nothing)

-- ---- the paths ----

-- Kinds of quotes: bytes behind the IP header, and how a router is told so.
local quote_kinds = {
	silent = { bytes = 0, quote = "silent" },
	full = { bytes = WHOLE, quote = "full" },
	rfc792 = { bytes = 8, quote = "rfc792" },
	["rfc4884-short"] = { bytes = 8, quote = "rfc4884", quote_bytes = 8 },
	rfc4884 = { bytes = WHOLE, quote = "rfc4884", mpls = 299808, interface = "xe0" },
}

-- One of them, or cut behind so many bytes.
local function quoting(kind)
	return quote_kinds[kind] or { bytes = kind, quote = "bytes", quote_bytes = kind }
end

-- Where quotes are cut for a row: in front of, inside and behind what it changes.
local function cuts_of(one, sent)
	local place = trace_truth.layout(sent)
	if one.on == "payload" then
		return { 20, place.header, place.header + 1, place.header + 30 }
	end
	local index = one.on and find(sent, one.on)
	if index == nil then
		return { 18, 20 }
	end
	local first, behind = place.first[index], place.behind[index]
	local cuts, last = {}, 0
	for _, cut in ipairs { first > 20 and 20 or 18, first, first + 2, behind - 1, behind } do
		if cut > last then
			cuts[#cuts + 1], last = cut, cut
		end
	end
	return cuts
end

-- What the destination says of Multipath TCP: what the server makes of the option that arrives.
local function verdict(boxes, arrived)
	local answer = arrived and not arrived.data and find(arrived, "mptcp.mp_capable") and
		(boxes[1].server or "mptcp") == "mptcp" and "supported" or "none"
	for _, one in ipairs(boxes) do
		answer = arrived and one.mptcp or answer
	end
	return arrived and arrived.mirrored and "mirrored" or answer
end

-- Boxes on one path, each in front of the hop of the same place; quotes are chosen by add_path.
local function new_road(boxes, places, family)
	local road = { boxes = boxes, family = family, path = {}, elements = {},
		sent = new_packet(boxes[1].probe or "syn", family) }
	for number = 1, HOPS + 1 do
		for index, one in ipairs(boxes) do
			if places[index] == number then
				table.insert(road.path, one)
			end
		end
		if number <= HOPS then
			table.insert(road.path, { hop = number })
		end
	end
	road.journey = trace_truth.travel(road.path, road.sent)
	road.probe = notation(road.sent)
	road.verdict = verdict(boxes, road.journey.arrived)
	return road
end

local function add_path(name, group, help, road, hops)
	local elements, bytes = {}, {}
	for number = 1, HOPS do
		bytes[number] = quoting(hops[number]).bytes
	end
	for index, element in ipairs(road.path) do
		if element.does then
			local args = table.move(element.args, 1, 0, 1, {})
			for key, value in pairs(element.args) do
				args[key] = value
			end
			elements[index] = box[element.box](args)
		else
			local kind = quoting(hops[element.hop])
			elements[index] = hop { quote = kind.quote, quote_bytes = kind.quote_bytes,
				mpls = kind.mpls, interface = kind.interface }
		end
	end
	traced {
		name = name, group = group, help = help, family = road.family,
		probe = road.probe, fixed_seq = road.boxes[1].fixed or false,
		path = path(elements), server = road.boxes[1].server or "mptcp",
		findings = trace_truth.truth(road.journey, bytes),
		destination = { ttl = road.journey.ttl, mptcp = road.verdict },
	}
end

-- All hops quote alike, but for those at some distances from a place.
local function hops_with(common, place, offsets, kind)
	local hops = {}
	for number = 1, HOPS do
		hops[number] = common
	end
	for _, offset in ipairs(offsets) do
		hops[place + offset] = kind
	end
	return hops
end

-- What the routers next to a box do instead of quoting all; it stands in front of that at 0.
local patterns = {
	{ "silent-before", { -1 }, "silent" }, { "silent-after", { 0 }, "silent" },
	{ "silent-both", { -1, 0 }, "silent" },
	{ "silent-all", { -4, -3, -2, -1, 0, 1, 2, 3, 4 }, "silent" },
	{ "short-before", { -1 }, "rfc792" }, { "short-after", { 0 }, "rfc792" },
	{ "short-both", { -1, 0 }, "rfc792" },
}

-- A road for each family that a row is of, or all of several rows are.
local function roads_of(boxes, places)
	local roads = {}
	for family = 4, 6, 2 do
		local fits = true
		for _, one in ipairs(boxes) do
			fits = fits and (one.family or family) == family
		end
		if fits then
			roads[#roads + 1] = new_road(boxes, places, family)
		end
	end
	return roads
end

-- One row at a place: every kind of quote and pattern, in IPv6 at one place each. Behind the last
-- hop nobody sees it.
local function add_row(one, place)
	local roads = roads_of({ one }, { place })
	local kinds, group = cuts_of(one, roads[1].sent), one.box:gsub("_", "-")
	local function add(name, help, hops, place_of_6)
		for _, road in ipairs(roads) do
			if road.family == 4 or place_of_6 then
				add_path(string.format("%s-at-%d-%s", one.name, place, name), group,
					help, road, hops)
			end
		end
	end
	add("full", "one box; all routers quote everything", hops_with("full", 0, {}), true)
	table.move({ "rfc792", "rfc4884-short", "rfc4884" }, 1, 3, #kinds + 1, kinds)
	for _, kind in ipairs(place % 2 == 1 and kinds or {}) do
		add(tostring(kind), "one box; all routers quote alike", hops_with(kind, 0, {}),
			place == 3)
	end
	for _, pattern in ipairs(place % 2 == 0 and place <= HOPS and patterns or {}) do
		local name, offsets, kind = table.unpack(pattern)
		add(name, "one box; routers near it are silent or quote little",
			hops_with("full", place, offsets, kind), place == 4)
	end
end

-- Several boxes on a path, in front of hops (places); in this order where these are the same.
local several = {
	-- a box, and another behind it
	{ { "dscp", 2 }, { "mss-clamp", 4 } }, { { "mss-clamp", 2 }, { "dscp", 4 } },
	{ { "strip-timestamp", 2 }, { "strip-capable", 4 } },
	{ { "nop-capable", 2 }, { "ecn-bleach", 3 }, { "strip-mss", 5 } },
	{ { "seq-rewrite", 2 }, { "nop-timestamp", 4 } },
	{ { "nop-timestamp", 2 }, { "ipid-set", 4 } },
	{ { "ttl-lower", 2 }, { "mss-clamp", 4 } }, { { "ttl-raise", 2 }, { "mss-clamp", 3 } },
	{ { "mss-clamp", 2 }, { "ttl-lower", 4 } }, { { "df-clear", 2 }, { "ip-options-add", 4 } },
	{ { "strip-sackok", 1 }, { "strip-sackok", 3 } }, { { "edit-add", 2 }, { "strip-mss", 4 } },
	{ { "duplicate", 2 }, { "nop-capable", 4 } }, { { "nop-capable", 2 }, { "duplicate", 4 } },
	{ { "delay", 2 }, { "wscale-strip-zero", 3 } }, { { "reorder", 2 }, { "strip-wscale", 4 } },
	-- the same field again, further on
	{ { "dscp", 2 }, { "dscp-mask", 4 } }, { { "mss-clamp", 2 }, { "mss-clamp-low", 4 } },
	{ { "mss-clamp", 2 }, { "strip-mss", 4 } }, { { "mss-clamp", 2 }, { "nop-mss", 4 } },
	{ { "ecn-ce", 2 }, { "ecn-bleach", 4 } },
	{ { "wscale-strip-zero", 1 }, { "nop-wscale", 4 } },
	{ { "df-clear", 2 }, { "df-set", 4 } }, { { "df-clear", 2 }, { "df-set", 3 } },
	{ { "mss-clamp", 2 }, { "mss-raise", 3 } },
	-- (what one quote shows and another only lets guess is not put together)
	{ { "mss-clamp", 2 }, { "mss-raise", 4 }, is_alike = true },
	-- between the same two hops
	{ { "dscp", 3 }, { "ecn-bleach", 3 } }, { { "mss-clamp", 3 }, { "strip-mss", 3 } },
	{ { "strip-timestamp", 3 }, { "edit-duplicate", 3 } },
	{ { "edit-duplicate", 3 }, { "strip-timestamp", 3 } }, { { "seq-rewrite", 3 },
		{ "mss-clamp", 3 } }, { { "seq-rewrite", 3 }, { "ipid-random", 3 } },
	{ { "mss-clamp", 3 }, { "wscale-strip-zero", 3 } }, { { "nop-sackok", 3 },
		{ "mss-clamp", 3 } }, { { "nop-mss", 3 }, { "ipid-count", 3 },
		{ "ecn-ce", 3 } }, { { "wscale-strip", 3 }, { "ts-strip", 3 } },
	-- translators among others
	{ { "nat-names", 2 }, { "mss-clamp", 4 } }, { { "nat-leave", 2 }, { "strip-capable", 4 } },
	{ { "mss-clamp", 2 }, { "nat-names", 4 } }, { { "nat", 2 }, { "mss-clamp", 4 } },
	{ { "nat", 2 }, { "nop-capable", 3 }, { "ipid-set", 4 } },
	{ { "nat-leave", 2 }, { "seq-rewrite", 4 } }, { { "seq-rewrite", 2 }, { "nat-leave", 4 } },
	{ { "seq-rewrite-back", 2 }, { "dscp", 4 } },
	-- what the destination says
	{ { "mirror", 2 }, { "dscp", 4 } }, { { "nop-capable", 2 }, { "mirror", 4 } },
	{ { "mirror", 2 }, { "nop-capable", 4 } },
}

for _, pairs_of in ipairs(several) do
	local boxes, places, names = {}, {}, {}
	for index, pair in ipairs(pairs_of) do
		boxes[index], places[index] = rows[pair[1]], pair[2]
		names[index] = pair[1] .. "@" .. pair[2]
	end
	local roads = roads_of(boxes, places)
	local function add(name, hops)
		for _, road in ipairs(roads) do
			add_path(table.concat(names, "+") .. "-" .. name, "several boxes",
				"several boxes on one path", road, hops)
		end
	end
	for _, kind in ipairs { "full", "rfc792", "rfc4884", 18, 20 } do
		add(tostring(kind), hops_with(kind, 0, {}))
	end
	add("silent-2", hops_with("full", 2, { 0 }, "silent"))
	add("silent-3", hops_with("full", 3, { 0 }, "silent"))
	add("short-3-4", hops_with("full", 3, { 0, 1 }, "rfc792"))
	if not pairs_of.is_alike then
		add("longer", { "full", "full", 20, 24, 24 })
	end
	add("mixed", { 18, "full", "rfc792", 28, "rfc4884" })
end

for _, one in ipairs(rows) do
	for place = 1, HOPS + 1 do
		add_row(one, place)
	end
end
