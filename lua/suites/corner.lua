-- SPDX-License-Identifier: BSD-2-Clause
-- corner.lua: cases that surveys of implementations asked about and that maintainers met, named
-- C1 to C14 for those of the surveys and experience reports, E0 to E22 for those of maintainers,
-- and by rule for the few rules (mbtest list rules) that only an odd packet triggers.
--
-- What must come of a case is said by the rules; where a report is open, by the O rows.
suite "corner"

local data_of = { client = "to-server", server = "to-client" }
local back_of = { client = "to-client", server = "to-server" }
local senders = { "client", "server" }
local clean = { "mptcp", intact = true }
local plain = { "tcp", intact = true }
local closed = { "subflow-closed", intact = true }
local either = { "subflow-closed", "mptcp", intact = true }
local leaves = { "reset", "fallback", "infinite", intact = true }

-- case("C1-...", { rules, expect, boxes on path 1, joined = boxes on path 2, ... })
local function case(name, spec)
	spec.name, spec.group = name, name:match "^%a"  == "C" and "survey" or
		name:match "^%a" == "E" and "maintainers" or "odd packets"
	spec.rules = spec.rules or { "F8" }
	spec.paths = spec.paths or { path(spec.boxes or {}),
		spec.joined and path(spec.joined) or nil }
	spec.subflows = spec.subflows or spec.joined and 2 or 1
	spec.path = spec.path or spec.joined and #spec.joined > 0 and 2 or 1
	if spec.subflows > 1 then
		spec.first_chunk, spec.pause = spec.first_chunk or 8192, spec.pause or "150ms"
	end
	spec.boxes, spec.joined = nil, nil
	scenario(spec)
end

local function strips(way, from)
	return box.strip { kind = 30, direction = way, from = from or 1 }
end

for _, sender in ipairs(senders) do
	local data, back = data_of[sender], back_of[sender]

	-- C1: the route changes, and the new path strips.
	for _, on in ipairs { "ack", "data" } do
		local way = on == "data" and data or back
		local changed = ecmp { by = "none", change = "25ms", direction = way,
			paths = { path {}, path { box.strip { kind = 30, on = on } } } }
		local late = ecmp { by = "none", change = "160ms", direction = way,
			paths = { path {}, path { box.strip { kind = 30, on = on } } } }
		case("C1-" .. on .. "-1-" .. sender, {
			help = "the route changes, each " .. on .. " is stripped (F16, F18, O2)",
			sender = sender, direction = way, expect = leaves,
			paths = { path { link { delay = "5ms", rate = 10000000 }, changed } },
			rules = { "F8" },
		})
		case("C1-" .. on .. "-2-" .. sender, {
			help = "the same on one of two subflows (F15, F17)", subflows = 2,
			sender = sender, direction = way, expect = either,
			paths = { path { link { delay = "5ms", rate = 10000000 }, late }, path {} },
		})
	end
	-- C2: a failed checksum one way, and both ways.
	case("C2-one-way-" .. sender, {
		help = "the infinite mapping is sent one way only (O4)", sender = sender,
		direction = data, checksums = { true }, rules = { "F23", "F24" },
		expect = { "infinite", intact = false, damage = "box" },
		boxes = { box.flip { on = "data", direction = data, from = "30000B",
			["until"] = "30000B" } },
	})
	-- C3: without checksums; with several subflows; and what should say so is itself stripped.
	case("C3-plain-" .. sender, {
		help = "options are stripped in mid-connection, there are no checksums",
		sender = sender, direction = "both", checksums = { false }, expect = leaves,
		boxes = { strips("both", "100ms") }, first_chunk = 20000, pause = "300ms",
	})
	case("C3-several-" .. sender, {
		help = "the same on one of two subflows", sender = sender, direction = "both",
		checksums = { false }, expect = either, path = 1,
		boxes = { strips("both", "200ms") }, joined = {}, pause = "300ms",
	})
	case("C3-infinite-" .. sender, {
		help = "the infinite mapping after MP_FAIL is stripped, too (O5)", sender = sender,
		direction = data, checksums = { true },
		expect = { "infinite", "fallback", "reset", damage = "box", intact = false },
		boxes = { box.flip { on = "data", direction = data, from = "30000B",
			["until"] = "30000B" }, strips(data, "60ms") },
		needs_box = false, rules = { "F23" },
	})
	-- C7: pieces of a split segment are lost and come again.
	case("C7-" .. sender, {
		help = "a split segment is partly lost and repeated (F46)", sender = sender,
		direction = data, rules = { "F46" }, expect = clean,
		boxes = { box.split { mss = 500, direction = data },
			box.loss { on = "data", direction = data, every = 7, from = 10 } },
	})
	-- C8: an FTP gateway; HTTP changed on the way to the client.
	case("C8-ftp-" .. sender, {
		help = "an FTP gateway changes the payload's length (F21 to F28)", sender = sender,
		direction = data, marker = "PORT 198,18,1,2,156,64\r\n", marker_offset = 30000,
		rules = function(c) return { c.checksum and "F23" or "F28" } end,
		expect = function(c)
			return c.checksum and { "infinite", intact = false, damage = "box" } or
				c.version == 1 and { "corrupt", "reset", intact = false } or
				{ "corrupt", "reset", "infinite", "fallback", intact = false }
		end,
		boxes = { box.rewrite { pattern = "PORT 198,18,1,2,156,64",
			replacement = "PORT 10,0,0,1,156,64", count = 1, direction = data } },
	})
	case("C8-eol-" .. sender, {
		help = "options pass on the SYNs, and EOL stands over them later", sender = sender,
		direction = "both", rules = { sender == "client" and "F9" or "F9" },
		expect = { "fallback", "infinite", "reset", intact = true },
		boxes = { box.eol { kind = 30, on = "data+ack", direction = "both" } },
	})
	-- C9: the second subflow turns lossy; what it carried was re-sent over the other (F55).
	case("C9-" .. sender, {
		help = "a subflow turns lossy after its data was acknowledged elsewhere",
		sender = sender, direction = data, expect = clean, joined = {
			box.loss { on = "data", direction = data, from = 8, every = 2 } },
	})
	-- C11: DSS one way, no DATA_ACKs back.
	case("C11-" .. sender, {
		help = "mappings arrive, DATA_ACKs never come back (F9)", sender = sender,
		direction = back, rules = { "F9" }, expect = { "infinite", intact = true },
		boxes = { box.strip { subtype = "dss", on = "ack", direction = back } },
	})
	-- C13, E7: a joined subflow loses its options after the handshake.
	case("C13-" .. sender, {
		help = "a joined subflow loses its options after its handshake (F11, F15)",
		sender = sender, direction = "both", expect = closed, rules = { "F12" },
		joined = { box.strip { kind = 30, on = "data+ack", direction = "both" } },
	})
	-- C14, E5, E6: options vanish after the first data, and after a few.
	for _, from in ipairs { 2, 3, 20 } do
		case("C14-" .. from .. "-" .. sender, {
			help = "options vanish from data packet " .. from .. " on (E5, E6)",
			sender = sender, direction = data, expect = leaves,
			boxes = { box.strip { kind = 30, on = "data", from = from,
				direction = data } },
		})
	end
	case("E6-split-" .. sender, {
		help = "a split leaves the option on the second half only (F48)", sender = sender,
		direction = data, rules = { "F8" },
		expect = { "mptcp", "infinite", "fallback", "reset", intact = true },
		boxes = { box.split { mss = 1000, options = "last", direction = data } },
	})
	-- E9: a proxy acknowledges early, the DATA_ACK follows.
	case("E9-" .. sender, {
		help = "a proxy acknowledges early in mid-stream, the DATA_ACKs follow (O1)",
		sender = sender, direction = data, expect = clean,
		boxes = { box.ack_proxy { from = "20000B", direction = data },
			link { delay = "20ms", rate = 30000000 } },
		paths = sender == "server" and { path { link { delay = "20ms", rate = 30000000 },
			box.ack_proxy { from = "20000B", direction = data } } } or nil,
	})
	-- E16: sequence numbers change, SACK blocks do not.
	case("E16-" .. sender, {
		help = "sequence numbers are moved, SACK blocks are not", sender = sender,
		direction = "both", expect = clean,
		boxes = { box.seq_rewrite { sack = "ignore" },
			box.loss { on = "data", every = 30, direction = data } },
	})
	-- E19: the FIN comes without options; what it carried comes again by itself.
	case("E19-" .. sender, {
		help = "the FIN's options are stripped: its DATA_ACK of a DATA_FIN, too (E19)",
		sender = sender, direction = data, expect = clean,
		boxes = { box.strip { kind = 30, on = "fin", direction = data } },
	})
	case("E19-both-" .. sender, {
		help = "the same in both directions (E19)", sender = sender, direction = "both",
		expect = clean, boxes = { box.strip { kind = 30, on = "fin" } },
	})
	-- E22: data with option 30 is dropped for good.
	case("E22-" .. sender, {
		help = "all data with option 30 is dropped: an error in time, no silence",
		sender = sender, direction = data, expect = { "reset", "infinite", "fallback" },
		boxes = { box.blackhole { kind = 30, on = "data", direction = data } },
	})
end

case("C2-both-ways", {
	help = "the infinite mapping is sent both ways (O4)", sender = "both",
	direction = "both", checksums = { true }, rules = { "F23", "F24", "O4" },
	expect = { "infinite", intact = false, damage = "box" },
	boxes = { box.flip { on = "data", direction = "to-server", from = "30000B",
		["until"] = "30000B" } },
})
-- What the other subflow had carried is sent again behind the mapping that fails.
case("F25-again", {
	help = "a checksum fails on the only subflow left, before data sent again (F25)",
	sender = "both", subflows = 2, path_manager = "ndiffports", joins = 1, server_joins = 1,
	versions = { 1 }, checksums = { true }, direction = "both", server_port = 8080,
	bytes = 3179, first_chunk = 1027, pause = "21ms", marker = "MARK", marker_offset = 3085,
	expect = { "reset", "infinite", "subflow-closed", intact = "any" }, rules = { "F21" },
	paths = { path { box.port_map { map = "80:8080" },
		box.rewrite { pattern = "MARK", replacement = "mark" } }, path {} },
})
-- The first subflow's data came by the second, and is sent again there after MP_FAIL.
case("F24-again", {
	help = "MP_FAIL, and what is sent again had come by another subflow (F24, F64)",
	sender = "both", subflows = 2, path_manager = "ndiffports", joins = 1, seed = 1554026,
	scheduler = "redundant", versions = { 0 }, checksums = { true }, direction = "both",
	bytes = 11149, first_chunk = 4010, pause = "16ms", marker = "MARK", marker_offset = 5493,
	expect = { "reset", "infinite", "subflow-closed", intact = "any" }, rules = { "F64", "O6" },
	paths = { path { link { reorder = 0.242761, jitter = "34ms" },
		box.mss_clamp { value = "3", direction = "to-client" },
		box.rewrite { pattern = "MARK", replacement = "MARKER" } }, path {} },
})
case("C4", {
	help = "the first subflow closes before the rest of the data, a second has joined",
	sender = "both", subflows = 2, expect = either, first_chunk = 1, pause = "400ms",
	steps = { { at = "200ms", by = "client", drop = 1 } }, paths = { path {}, path {} },
})
case("C5", {
	help = "a backup that never sent data takes over, and its path strips options (O7)",
	sender = "client", subflows = 2, path = 2, direction = "to-server", join_backup = true,
	expect = { "reset", "subflow-closed" }, rules = { "O7" }, pause = "400ms",
	steps = { { at = "200ms", by = "client", drop = 1 } },
	paths = { path {}, path { box.strip { subtype = "dss", on = "data",
		direction = "to-server" } } },
})
case("C6", {
	help = "the FINs of the subflows arrive, the DATA_FIN never does", sender = "client",
	direction = "to-server", expect = { "mptcp", "reset", "infinite", "fallback" },
	boxes = { box.option_bytes { op = "clear", subtype = "dss", at = 3, bytes = "10",
		direction = "to-server" } },
})
case("C10", {
	help = "the passive closer does not linger: both ends end", sender = "server",
	expect = clean, boxes = { box.delay { time = "20ms", on = "fin" } },
})
case("C12", {
	help = "SYNs with option 30 are dropped: plain TCP after a few (F5)", sender = "both",
	expect = plain, rules = { "F5" },
	boxes = { box.blackhole { kind = 30, on = "syn", direction = "to-server" } },
})
case("E0", {
	help = "the third packet lacks MP_CAPABLE, valid DSS follow (F3)", sender = "client",
	expect = plain, rules = { "F3" }, versions = { 0 },
	boxes = { box.strip { subtype = "mp_capable", on = "ack3" } },
})
case("E1", {
	help = "a SYN without MP_CAPABLE follows one with it (O13, O14)", sender = "both",
	direction = "both", expect = plain, rules = { "O13", "O14" },
	boxes = { box.blackhole { kind = 30, on = "synack", direction = "to-client" } },
})
case("E2c", {
	help = "a SYN with option 30 is reset (F5)", sender = "client",
	expect = { "refused", "tcp" }, rules = {},
	boxes = { box.firewall { unknown_options = "reset" } },
})
case("E4", {
	help = "v1: the third packet loses MP_CAPABLE, the first data bring it (F3)",
	sender = "client", versions = { 1 }, expect = plain, rules = { "F3" },
	boxes = { box.strip { subtype = "mp_capable", on = "ack3" } },
})
case("E8", {
	help = "the fourth packet of a join has no DSS: no ACK for data, no fallback",
	sender = "client", direction = "to-client", expect = either,
	joined = { box.strip { subtype = "dss", on = "ack", direction = "to-client",
		["until"] = 1 } },
})
case("E17", {
	help = "reserved bits of MP_JOIN in the third packet are ignored", sender = "both",
	expect = clean,
	joined = { box.option_bytes { subtype = "mp_join", at = 2, bytes = "0e",
		on = "ack3" } },
})
case("E18", {
	help = "a bare reset ends its subflow only (F56)", sender = "both",
	direction = "to-client", expect = closed, rules = { "F56" },
	joined = { box.forge { flags = "rst", on = "data", from = 2, back = true,
		direction = "to-server" }, box.forge { flags = "rst", on = "data", from = 2,
		back = true, direction = "to-client" } },
})

-- ---- odd packets: what only these trigger ----

for _, sender in ipairs(senders) do
	local data, back = data_of[sender], back_of[sender]

	-- The bytes of a DSS from its end: DSN, SSN, length and, if agreed, checksum.
	local function dss(name, place, bytes, spec)
		spec.sender, spec.direction, spec.rules = sender, data, { name }
		spec.expect = spec.expect or either
		spec.paths = function(c)
			return { path {}, path { box.option_bytes { subtype = "dss", bytes = bytes,
				at = place - (c.checksum and 2 or 0), on = "data", from = 3,
				["until"] = 3, direction = data } } }
		end
		spec.subflows, spec.path = 2, 2
		case(name .. "-" .. sender, spec)
	end

	-- Two of them are 40 bytes, if nothing has 64 bits and there are no timestamps.
	case("F50-" .. sender, {
		help = "two segments become one, with the mappings of both", rules = { "F50" },
		sender = sender, direction = data, expect = clean, dsn_narrow = true,
		boxes = { box.ts_strip { on = "syn" },
			box.coalesce { options = "both", count = 2, direction = data } },
	})
	-- Dropped, neither DATA_ACKed nor reset: the sender sends it again on the other subflow.
	dss("F54", -12, "20", { help = "a mapping lies far outside the window",
		checksums = { false }, expect = clean })
	dss("F51", -6, "10", { help = "a mapping does not touch its segment" })
	case("F60-" .. sender, {
		help = "ADD_ADDR with a wrong HMAC is ignored", rules = { "F60" },
		sender = sender, versions = { 1 },
		direction = "to-client", expect = closed, subflows = 2, joins = 0, path = 1,
		boxes = { box.option_edit { op = "corrupt", subtype = "add_addr" } },
		pause = "400ms", steps = { { at = "50ms", by = "server", announce = 2 } },
	})
	case("O10-" .. sender, {
		help = "a checksum fails on a join that is the only subflow left (O10)",
		sender = sender, subflows = 2, path = 2, direction = data, checksums = { true },
		rules = { "O10" }, pause = "600ms",
		expect = { "infinite", intact = false, damage = "box" },
		steps = { { at = "200ms", by = "client", drop = 1 } },
		paths = { path {}, path { box.flip { on = "data", direction = data,
			from = "600ms", ["until"] = "700ms", every = 4 } } },
	})
	case("O15-" .. sender, {
		help = "every DATA_ACK stands twice in its packet (O15)", sender = sender,
		direction = back, expect = clean, rules = { "O15" },
		boxes = { box.option_edit { op = "duplicate", subtype = "dss", on = "ack",
			direction = back } },
	})
	case("O18-" .. sender, {
		help = "a sender's own DSS comes back to it (O18)", sender = sender,
		direction = data, expect = clean, rules = { "O18" },
		boxes = { box.forge { copy = true, on = "data", from = 6, back = true,
			direction = data } },
	})
end

case("F43", {
	help = "a join that nobody answered was given up: it is not tried again",
	sender = "client", direction = "both", expect = closed, rules = { "F43" },
	versions = { 1 }, checksums = { false }, pause = "20s", deadline = "40s",
	boxes = {}, joined = { box.blackhole { on = "syn" } },
})
case("F58", {
	help = "REMOVE_ADDR of the first address comes outside the window", sender = "client",
	direction = "to-server", expect = clean, rules = { "F58" },
	boxes = { box.forge { option = "1e044000", seq = 100000000,
		on = "data", from = 5, direction = "to-server" } },
})
case("F58-fail", {
	-- "mptcp": who does not repeat MP_FAIL may get the data again, undamaged (O5).
	help = "MP_FAIL comes from outside the window, then again as it should",
	sender = "client", direction = "both", checksums = { true }, rules = { "F58" },
	expect = { "infinite", "mptcp", intact = "any", damage = "box" },
	boxes = { box.flip { direction = "to-server", on = "data", from = "30000B",
		["until"] = "30000B" }, box.forge { copy = true, subtype = "mp_fail",
		instead = true, seq = 100000000, direction = "to-client" } },
})
case("F61", {
	help = "REMOVE_ADDR of an address that nobody told of", sender = "client",
	direction = "to-server", expect = clean, rules = { "F61" },
	boxes = { box.forge { option = "1e044063", on = "data", from = 5,
		direction = "to-server" } },
})
case("F62", {
	help = "MP_FASTCLOSE with a wrong key is ignored", rules = { "F62" },
	sender = "client",
	direction = "to-server", expect = clean,
	boxes = { box.forge { option = "1e0c70000102030405060708", on = "data", from = 5,
		direction = "to-server" } },
})
case("O11", {
	help = "the only subflow is reset: a new one, or an error (O11, F56)",
	sender = "client", direction = "to-server", expect = { "reset", "subflow-closed" },
	rules = { "O11" }, bytes = 400000,
	boxes = { box.forge { flags = "rst", on = "data+ack", from = 6, back = true,
		direction = "to-server" } },
})
case("F52", {
	help = "the same bytes are mapped again, and elsewhere", sender = "client",
	direction = "to-server",
	expect = { "mptcp", "reset", intact = true }, rules = { "F52" }, checksums = { false },
	boxes = { box.split { mss = 1000, direction = "to-server", from = "16000B",
		["until"] = "16000B" }, box.option_bytes { subtype = "dss", at = -7,
		on = "data", direction = "to-server", from = "16700B", ["until"] = "16700B" } },
})
case("O12", {
	help = "the third packet and the first data are lost, and nothing is wrong (O12)",
	sender = "client", expect = clean, rules = { "O12" }, direction = "to-server",
	boxes = { box.loss { on = "ack3", ["until"] = 1 },
		box.loss { on = "data", direction = "to-server", ["until"] = 1 } },
})
case("F57", {
	help = "a join is reset for good: its path is not tried again (F57)", sender = "both",
	direction = "to-server", versions = { 1 }, expect = closed, rules = { "F57" },
	joined = { box.strip { subtype = "mp_join", on = "ack3" } },
})
case("F59", {
	help = "priorities one upon the other, while data come: few duplicate ACKs in a row",
	sender = "server", expect = clean, rules = { "F59" }, subflows = 2, joins = 0,
	-- slow enough for data to be outstanding: else no ACK is a duplicate (RFC 5681)
	bytes = 200000, paths = { path { link { delay = "5ms", rate = 1000000 } },
		path { link { delay = "5ms", rate = 1000000 } } },
	steps = { { at = "50ms", by = "server", announce = 2 },
		{ at = "300ms", by = "client", backup = 1 },
		{ at = "301ms", by = "client", regular = 1 },
		{ at = "302ms", by = "client", backup = 1 },
		{ at = "303ms", by = "client", regular = 1 } },
})
case("E2b", {
	help = "only SYN/ACKs with option 30 are dropped (F5)", sender = "client",
	direction = "to-client", expect = plain, rules = {},
	boxes = { box.blackhole { kind = 30, on = "synack", direction = "to-client" } },
})
