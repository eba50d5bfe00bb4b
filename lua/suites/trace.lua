-- SPDX-License-Identifier: BSD-2-Clause
-- trace.lua: the prober on paths whose truth is known: five routers, and boxes in front of some.
-- Every box that does something to a probe has a row in trace_boxes.lua that says what; every row
-- stands at each place, with each kind of quote and with silent neighbours, in IPv4 and IPv6. What
-- must be found follows from that (trace_truth.lua), and from nothing that the prober prints.
suite "trace"
library "trace_truth"
library "trace_boxes"

local HOPS = 5
local WHOLE = trace_truth.WHOLE
local rows, find, new_packet = trace_boxes.rows, trace_boxes.find, trace_boxes.new_packet

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
	road.probe = trace_boxes.notation(road.sent)
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
	{ { "mss-clamp", 1 }, { "mss-raise", 4 } }, { { "edit-add", 2 }, { "strip-200", 3 } },
	{ { "mss-clamp", 1 }, { "mss-raise", 4 }, { "dscp", 4 } },
	-- between the same two hops
	{ { "dscp", 3 }, { "ecn-bleach", 3 } }, { { "mss-clamp", 3 }, { "strip-mss", 3 } },
	{ { "strip-timestamp", 3 }, { "edit-duplicate", 3 } },
	{ { "edit-duplicate", 3 }, { "strip-timestamp", 3 } }, { { "seq-rewrite", 3 },
		{ "mss-clamp", 3 } }, { { "seq-rewrite", 3 }, { "ipid-random", 3 } },
	{ { "mss-clamp", 3 }, { "wscale-strip-zero", 3 } }, { { "nop-sackok", 3 },
		{ "mss-clamp", 3 } }, { { "nop-mss", 3 }, { "ipid-count", 3 },
		{ "ecn-ce", 3 } }, { { "wscale-strip", 3 }, { "ts-strip", 3 } },
	{ { "strip-mss", 3 }, { "edit-add", 3 } },
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
	for _, kind in ipairs { "full", "rfc792", "rfc4884", 18, 20, 28 } do
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
	for place = 1, one.second and 0 or HOPS + 1 do
		add_row(one, place)
	end
end
