-- SPDX-License-Identifier: BSD-2-Clause
-- classic.lua: the interference of the experience draft (draft-ietf-mptcp-experience-02, section
-- 3.1) in both directions, on the first and on an additional subflow, and that section's results.
--
-- What must come of a scenario is written from the rules (mbtest list rules) and the RFCs, as a
-- function of the case; each expectation names its rule. Several outcomes stand where a named
-- MAY, SHOULD or O row leaves the choice. After a reset no stream can have come to its end, so
-- "intact" is what the other outcomes must be.
suite "classic"
library "places"

local senders = { "client", "server", "both" }
local directions = { "to-server", "to-client" }
local ways = { "to-server", "to-client", "both" }
local points = { "first", "mid" }
local removals = { "strip", "nop", "eol" }
local single, first, joined = places.single, places.first, places.joined
local everywhere = { single, first, joined }
local boxes_on = places.boxes

-- Whether data flows in a direction.
local function sends(sender, direction)
	return sender == "both" or (sender == "client") == (direction == "to-server")
end

-- With two subflows the application waits after its first bytes until the join is done, so that
-- the rest goes over both.
local function add(group, place, spec)
	spec.group, spec.subflows, spec.path = group, place.subflows, place.path
	if place.subflows > 1 then
		spec.first_chunk, spec.pause = 8192, "150ms"
	end
	scenario(spec)
end

-- Interference that Multipath TCP does not notice at all: sequence numbers of mappings are
-- relative (RFC 8684 3.3.1), addresses have IDs (3.2), and tokens tell connections apart (3.2).
local function unharmed(group, place, spec)
	spec.expect = { "mptcp", intact = true }
	spec.second_carries = place.subflows > 1
	add(group, place, spec)
end

-- Directions and senders whose data flow that way.
local flows = {
	{ "to-server", "client" }, { "to-server", "both" },
	{ "to-client", "server" }, { "to-client", "both" },
}

-- Where mid-stream is: past the first bytes and the pause, early enough for a share of 64 KiB.
local mid = { ["1"] = "30000B", ["2.1"] = "16000B", ["2.2"] = "10000B" }

-- The stream offset of a point.
local function byte_of(place, point)
	return point == "first" and "0B" or mid[place.name]
end

-- ---- addresses ----

cross(everywhere, senders, function(place, sender)
	unharmed("addresses", place, {
		name = name_of("nat-source", sender, place.name),
		help = "the client's address and port become others (RFC 8684 3.2: token and ID)",
		sender = sender, direction = "to-server", rules = { "F8" },
		paths = boxes_on(place, box.nat { kind = "source" }),
	})
	-- The client speaks to an address that only the NAT knows; joins go there too.
	local paths = {}
	for number = 1, place.subflows do
		paths[number] = path { box.nat { kind = "destination", direction = "both",
			address = "198.18.100.2", address6 = "fd00:100::2" } }
	end
	unharmed("addresses", place, {
		name = name_of("nat-destination", sender, place.name),
		help = "the server's address becomes another (RFC 8684 3.2: token and ID)",
		sender = sender, direction = "to-server", rules = { "F8" },
		virtual_server = true, paths = paths,
	})
end)

-- ---- ports ----

cross(everywhere, senders, function(place, sender)
	unharmed("ports", place, {
		name = name_of("nat-port", sender, place.name),
		help = "the client's port becomes another, one for each remote end",
		sender = sender, direction = "to-server", rules = { "F8" },
		paths = boxes_on(place, box.nat { kind = "source", mapping = "symmetric",
			first_port = 1024, last_port = 1034 }),
	})
	-- Joined at a port without listener: the token decides (F44). On the first path the server
	-- listens where the map leads, and the join comes to a port without listener.
	unharmed("ports", place, {
		name = name_of("port-map", sender, place.name),
		help = "the server's port becomes another; a join needs no listener (F44)",
		sender = sender, direction = "to-server",
		rules = place.subflows > 1 and { "F8", "F44" } or { "F8" },
		server_port = place.path == 1 and 8080 or 80,
		paths = boxes_on(place, box.port_map { map = "80:8080" }),
	})
end)

-- ---- sequence numbers ----
-- Mappings count from the SYN, whatever its number is (RFC 8684 3.3.1). SACK blocks that were not
-- translated lie outside the window and are ignored (RFC 2018): slower, not broken.

cross(everywhere, ways, { "translate", "ignore", "strip" }, function(place, direction, sack)
	local paths = boxes_on(place, box.seq_rewrite { direction = direction, offset = "random",
		sack = sack })
	table.insert(paths[place.path], 1, box.loss { on = "data", every = 25 })
	unharmed("sequence numbers", place, {
		name = name_of("seq", sack, direction, place.name),
		help = "sequence numbers get an offset, SACK: " .. sack .. " (RFC 8684 3.3.1)",
		sender = "both", direction = direction, rules = { "F8" }, paths = paths,
	})
end)

cross(everywhere, { "client", "server" }, function(place, sender)
	unharmed("sequence numbers", place, {
		name = name_of("seq-offset", sender, place.name),
		help = "sequence numbers get an offset that wraps (RFC 8684 3.3.1)",
		sender = sender, direction = "both", rules = { "F8" },
		paths = boxes_on(place, box.seq_rewrite { direction = "both",
			offset = "4000000000" }),
	})
end)

-- ---- split and coalesce ----

-- A copy on every piece is a duplicate of the same mapping (F46); on the first piece it is a
-- mapping longer than its segment (F45, F47).
cross(everywhere, flows, { "copy", "first" }, function(place, flow, options)
	unharmed("split and coalesce", place, {
		name = name_of("split", options, flow[1], flow[2], place.name),
		help = "a segment becomes several, options: " .. options .. " (F46, F47)",
		sender = flow[2], direction = flow[1],
		rules = { options == "copy" and "F46" or "F47" },
		paths = boxes_on(place, box.split { mss = 500, options = options,
			direction = flow[1] }),
	})
end)

-- On the last piece the first one has no mapping when it arrives: it MAY be held (F48); if not,
-- at the start that is F4 and the sender's F9, on a joined subflow F15, later F16.
local function split_last(place, point)
	if place.path == 2 then
		return { "mptcp", "subflow-closed", intact = true }
	end
	if point == "first" then
		return { "mptcp", "infinite", "fallback", intact = true }
	end
	return { "mptcp", place.subflows == 1 and "reset" or "subflow-closed", intact = true }
end

cross(everywhere, flows, points, function(place, flow, point)
	add("split and coalesce", place, {
		name = name_of("split-last", point, flow[1], flow[2], place.name),
		help = "a segment becomes several, the last keeps its options (F48)",
		sender = flow[2], direction = flow[1],
		-- At the start it depends on the receiver's first ACK whether F48 or F9 is seen.
		rules = { point == "first" and place.path == 1 and "F8" or "F48" },
		expect = split_last(place, point),
		paths = boxes_on(place, box.split { mss = 1000, options = "last",
			direction = flow[1], from = byte_of(place, point) }),
	})
end)

-- Of two mappings one is lost (F49).
local function coalesced(place)
	return function(c) return places.unmapped(c, place) end
end

cross(everywhere, directions, { "first", "last" }, function(place, direction, options)
	add("split and coalesce", place, {
		name = name_of("coalesce", options, direction, place.name),
		help = "two segments become one, options of the " .. options .. " kept (F49)",
		sender = direction == "to-server" and "client" or "server", direction = direction,
		rules = { "F49" }, expect = coalesced(place),
		paths = boxes_on(place, box.coalesce { options = options, count = 2,
			direction = direction, from = place.path == 2 and "4000B" or "16000B" }),
	})
end)

-- ---- remove options ----

places.handshake_removals(add, { group = "remove options", capable = "capable", join = "join" })

-- ---- remove options: DSS ----

-- A DSS carries a mapping one way and a DATA_ACK the other way. "mapped" says that the box takes
-- mappings of data that flow, "acked" that it takes DATA_ACKs of data that flow.
local function losses(c)
	local toward_server = c.direction ~= "to-client"
	local toward_client = c.direction ~= "to-server"
	return (toward_server and c.sender ~= "server") or (toward_client and c.sender ~= "client"),
		(toward_server and c.sender ~= "client") or (toward_client and c.sender ~= "server")
end

-- From the first data on, on the first subflow, before there can be a second (F8a needs a DSS).
-- The sender of data that are acked without DATA_ACK falls back by F9 with one infinite mapping,
-- which the other side sees where the box leaves that direction alone: "infinite"; else "fallback".
-- A receiver of unmapped data that falls back (F4, F10) may say so by an infinite mapping (F64).
local function dss_first(place)
	return function(c)
		-- In v1 the client's first data are mapped by MP_CAPABLE and pass. So data in
		-- that direction were DATA_ACKed when mappings stop: F16 SHOULD reset. Before
		-- data of its own were DATA_ACKed a receiver may fall back (E5). A second
		-- subflow, which the server's DSS allows, may be up by then or not: F15 SHOULD
		-- reset this one, F17 sends again there.
		local capable = c.version == 1 and c.sender ~= "server" and
			c.direction ~= "to-client"
		if capable and c.sender == "client" and c.direction == "to-server" then
			return place.subflows == 1 and
				{ "reset", "fallback", "infinite", intact = true } or
				{ "subflow-closed", "mptcp", "reset", intact = true }
		end
		-- No infinite mapping passes. The server that mapped MP_CAPABLE's data: F16.
		if c.direction == "both" then
			return capable and { "fallback", "reset", intact = true } or
				{ "fallback", intact = true }
		end
		-- F9 or F9b at the side whose data's DATA_ACKs are taken: its mapping arrives.
		-- Where both send, the other side sees it by F9 itself and need not be told.
		local _, acked = losses(c)
		if c.sender == "both" then
			return { "infinite", "fallback", capable and "reset" or nil, intact = true }
		end
		if acked then
			return { "infinite", intact = true }
		end
		-- Mappings alone are taken, from the only sender: its infinite mapping is lost.
		return { "fallback", "infinite", intact = true }
	end
end

-- What dss_first is about: who is the first to see it, and how; of two, which comes first.
local function dss_first_rules(c)
	local mapped, acked = losses(c)
	local two = c.sender == "both"
	if c.version == 1 and c.sender ~= "server" and c.direction ~= "to-client" then
		-- MP_CAPABLE has mapped the client's first data: its end is like one of later.
		return two and { "F9b", "F10", "F16" } or { acked and "F9a" or "F16" }
	end
	if mapped and c.sender ~= "server" and c.direction ~= "to-client" then
		return { "F4" }
	end
	return { mapped and "F10" or c.sender == "client" and "F9a" or "F9b", two and "F9a" or nil }
end

-- From the first data on, on the joined subflow: F11 MUST reset when data there are acked without
-- DATA_ACK (v0, F12: MAY); data without mapping are not DATA_ACKed and SHOULD reset it (F15).
local function dss_joined(c)
	local _, acked = losses(c)
	if acked and c.version == 1 then
		return { "subflow-closed", intact = true }
	end
	return { "subflow-closed", "mptcp", intact = true }
end

-- Later, when data were DATA_ACKed: on one of two subflows F15 (SHOULD reset) and F17, O2 (wait,
-- send elsewhere). On the only one: mappings gone is F16, reset and no fallback; v0's F9 knows no
-- such limit and falls back where its ACKs come bare. DATA_ACKs gone is F18 and O2: v0 falls
-- back; v1 waits, then resets; the RFC leaves it open.
local function dss_mid(place)
	return function(c)
		local mapped, acked = losses(c)
		if place.subflows > 1 then
			return { "subflow-closed", "mptcp", intact = true }
		end
		if c.version == 1 then
			return mapped and { "reset" } or
				{ "reset", "infinite", "fallback", "mptcp", intact = true }
		end
		if not mapped then
			return { "infinite", intact = true }
		end
		-- An infinite mapping, the sender's or for F64 the receiver's, where it can pass:
		-- the FIN of a side that sent nothing stands at its byte 0, before the box begins.
		return { "reset", "infinite", "fallback", intact = true }
	end
end

local function dss_mid_rules(place)
	return function(c)
		local mapped, acked = losses(c)
		-- v0 may leave by F9 as soon as ACKs come bare, before mappings are missed.
		local missed = mapped and (c.version == 1 or not acked)
		if place.subflows == 1 then
			return { missed and "F16" or "F18" }
		end
		return { missed and "F15" or "F17" }
	end
end

local function dss_joined_rules(c)
	return { losses(c) and "F12" or "F11" }
end

cross(removals, ways, senders, everywhere, function(removal, direction, sender, place)
	local is_joined = place == joined
	add("remove options", place, {
		name = name_of("dss-first", removal, direction, sender, place.name),
		help = "DSS goes from the first data on (F9 to F12, F16)",
		sender = sender, direction = direction,
		rules = is_joined and dss_joined_rules or dss_first_rules, any_rule = true,
		expect = is_joined and dss_joined or dss_first(place),
		second_carries = is_joined,
		-- The fourth packet of a join passes: it acknowledges no data (E8, F42).
		paths = boxes_on(place, box[removal] { subtype = "dss", direction = direction,
			from = is_joined and "1B" or "" }),
	})
	add("remove options", place, {
		name = name_of("dss-mid", removal, direction, sender, place.name),
		help = "DSS goes in mid-stream, after DATA_ACKs were seen (F15 to F18, O2)",
		sender = sender, direction = direction,
		rules = dss_mid_rules(place), expect = dss_mid(place),
		second_carries = place.subflows > 1,
		paths = boxes_on(place, box[removal] { subtype = "dss", direction = direction,
			from = mid[place.name] }),
	})
end)

-- ---- change options ----

-- MP_JOIN with a wrong HMAC: a reset of the new subflow (F39, F40). The last byte of the SYN/ACK's
-- is the nonce, which the HMAC covers.
local hmac_points = {
	{ on = "synack", direction = "to-client", rules = { "F39" } },
	{ on = "ack3", direction = "to-server", rules = { "F40" } },
}

cross(hmac_points, senders, function(point, sender)
	add("change options", joined, {
		name = name_of("join-hmac", point.on, sender),
		help = "the HMAC of the " .. point.on .. " is wrong (" .. point.rules[1] .. ")",
		sender = sender, direction = point.direction, rules = point.rules,
		expect = { "subflow-closed", intact = true },
		paths = boxes_on(joined, box.option_edit { op = "corrupt", subtype = "mp_join",
			on = point.on, direction = point.direction }),
	})
end)

-- A server that does not speak MPTCP behind a box that copies what it does not know (F7f): v1's
-- copy has the wrong length, v0's carries the client's own key. Plain TCP.
cross(senders, function(sender)
	add("change options", single, {
		name = name_of("mirror", sender),
		help = "the SYN/ACK carries a copy of the SYN's MP_CAPABLE (F7f)",
		sender = sender, direction = "both", rules = { "F7f" },
		expect = { "tcp", intact = true },
		paths = boxes_on(single, box.mirror {},
			box.strip { subtype = "mp_capable", on = "syn", direction = "to-server" }),
	})
end)

-- ---- modify payload ----

-- Same length. Without checksums nobody can tell (F27). With them: on the only subflow MP_FAIL
-- and infinite mapping, and the changed bytes are delivered as TCP would (F23, F24; the very first
-- mapping F26); on one of two it is reset and its data come over the other (F21).
local function alone(place, point)
	return place.subflows == 1 or (place.path == 1 and point == "first")
end

local function flipped(place, point)
	return function(c)
		if not c.checksum then
			return { "mptcp", intact = false, damage = "box" }
		end
		if not alone(place, point) then
			return { "subflow-closed", intact = true }
		end
		-- F26 accepts both sides' fallback beside MP_FAIL.
		return { "infinite", point == "first" and "fallback" or nil, intact = false,
			damage = "box" }
	end
end

local function flipped_rules(place, point)
	return function(c)
		if not c.checksum then
			return { "F27" }
		end
		if not alone(place, point) then
			return { "F21", "F22" }
		end
		return point == "first" and { "F26" } or { "F23", "F24" }
	end
end

cross(everywhere, flows, points, function(place, flow, point)
	add("modify payload", place, {
		name = name_of("flip", point, flow[1], flow[2], place.name),
		help = "a byte becomes another (F21 to F27)",
		sender = flow[2], direction = flow[1],
		rules = flipped_rules(place, point), expect = flipped(place, point),
		second_carries = place.subflows == 2 and point == "mid",
		paths = boxes_on(place, box.flip { direction = flow[1], on = "data",
			from = byte_of(place, point), ["until"] = byte_of(place, point) }),
	})
end)

-- Another length, as an FTP gateway on a NAT makes it. With checksums as above. Without, every
-- later byte of the subflow stands under a mapping that is off by so many (F28): no rule lets a
-- receiver see it, what is delivered is wrong, or bytes are outside any mapping (F16: reset; v0
-- may fall back, O2).
local port_command = "PORT 198,18,1,2,156,64\r\n"
local edits = {
	{ "longer", "PORT 198,18,1,2,156,64;tick\r\n" },
	{ "shorter", "PORT 198,18,1,2,1\r\n" },
}

local function resized(place, point)
	return function(c)
		if c.checksum then
			return flipped(place, point)(c)
		end
		-- In the first data F4, F9 and F10 may see them too.
		if c.version == 0 or point == "first" then
			return { "corrupt", "reset", "infinite", "fallback", intact = false }
		end
		return { "corrupt", "reset", intact = false }
	end
end

local function resized_rules(place, point)
	return function(c)
		return c.checksum and flipped_rules(place, point)(c) or { "F28" }
	end
end

-- The command stands in every segment; the box changes the first it meets past a point.
cross(everywhere, flows, points, edits, function(place, flow, point, edit)
	add("modify payload", place, {
		name = name_of(edit[1], point, flow[1], flow[2], place.name),
		help = "an FTP gateway makes a command " .. edit[1] .. " (F21 to F26, F28)",
		sender = flow[2], direction = flow[1],
		rules = resized_rules(place, point), expect = resized(place, point),
		second_carries = place.subflows == 2 and point == "mid",
		marker = port_command, marker_offset = 40, marker_every = 600,
		paths = boxes_on(place, box.rewrite { direction = flow[1], pattern = port_command,
			replacement = edit[2], count = 1, from = byte_of(place, point) }),
	})
end)

-- ---- long mappings ----

-- A kernel with segmentation offload maps up to 64 KiB at once and copies the DSS to every segment
-- of it (F45, F46); elsewhere Multipath TCP is asked for a mapping a segment. The rules are those
-- of the same boxes above; coalesced segments may have had the same mapping.
local long_boxes = {
	{ name = "clean", rules = { "F8" }, expect = { "mptcp", intact = true } },
	{ name = "split-copy", rules = { "F46" }, expect = { "mptcp", intact = true },
		box = function() return box.split { mss = 500, direction = "to-server" } end },
	{ name = "split-first", rules = { "F8" }, expect = { "mptcp", intact = true },
		box = function()
			return box.split { mss = 500, options = "first", direction = "to-server" }
		end },
	{ name = "coalesce", rules = { "F8" }, expect = coalesced(single),
		box = function()
			return box.coalesce { count = 2, direction = "to-server", from = "16000B" }
		end },
	{ name = "dss-mid", rules = dss_mid_rules(single), expect = dss_mid(single),
		box = function()
			return box.strip { subtype = "dss", direction = "to-server",
				from = "30000B" }
		end },
}

cross(long_boxes, function(long)
	add("long mappings", single, {
		name = name_of("long-mapping", long.name), long_mapping = true,
		help = "a mapping may be longer than its segment (F45): " .. long.name,
		sender = "client", direction = "to-server", rules = long.rules,
		expect = long.expect, paths = { path { long.box and long.box() } },
	})
end)

-- ---- the five results of section 3.1 ----

local results = "section 3.1"

cross(senders, { single, first }, function(sender, place)
	unharmed(results, place, {
		name = name_of("result-1-nat-and-seq", sender, place.name),
		help = "1: not affected by NAT and changed sequence numbers",
		sender = sender, direction = "both", rules = { "F8" },
		paths = boxes_on(place, box.nat { kind = "source" },
			box.seq_rewrite { direction = "both" }),
	})
	add(results, place, {
		name = name_of("result-2-no-capable", sender, place.name),
		help = "2: MP_CAPABLE removed from the SYN: regular TCP (F1, F2)",
		sender = sender, direction = "to-server", rules = { "F1", "F2" },
		expect = { "tcp", intact = true },
		paths = boxes_on(place, box.strip { kind = 30, on = "syn",
			direction = "to-server" }),
	})
	-- No data segment has a mapping, so none is DATA_ACKed: F4 or F10, F9. The infinite mapping
	-- of F9 stands on data too; a receiver's (F64) may pass on its ACK.
	add(results, place, {
		name = name_of("result-3-no-dss", sender, place.name),
		help = "3: DSS removed from all data segments: regular TCP (F4, F10)",
		sender = sender, direction = "both", rules = { "F10" },
		expect = { "fallback", "infinite", intact = true },
		paths = boxes_on(place, box.strip { kind = 30, on = "data", direction = "both" }),
	})
	add(results, place, {
		name = name_of("result-4-coalesce", sender, place.name),
		help = "4: coalesced: the data of the mapping that is left are extracted (F49)",
		sender = sender, direction = "both", rules = { "F49" },
		expect = coalesced(place),
		paths = boxes_on(place, box.coalesce { options = "first", count = 2,
			direction = "both", from = "16000B" }),
	})
	unharmed(results, place, {
		name = name_of("result-5-split", sender, place.name),
		help = "5: split: the data of the mapping are put together again (F46)",
		sender = sender, direction = "both", rules = { "F46" },
		paths = boxes_on(place, box.split { mss = 700, direction = "both" }),
	})
end)
