-- SPDX-License-Identifier: BSD-2-Clause
-- fallback.lua: each rule of fallback and of resets (mbtest list rules) in a scenario of its own or
-- more, named after it: what makes the rule speak, and what must come of it.
suite "fallback"
library "places"

local senders = { "client", "server", "both" }
local data_of = { client = "to-server", server = "to-client" }
local clean = { "mptcp", intact = true }
local plain = { "tcp", intact = true }
local closed = { "subflow-closed", intact = true }
local single, first, joined = places.single, places.first, places.joined
local both_first = { single, first }

-- rule("F1", place, sender, { boxes = { ... }, expect = ... }): the rule is to be triggered.
local function rule(name, place, sender, spec)
	local detail = spec.detail and "-" .. spec.detail or ""

	spec.name = name .. detail .. "-" .. sender .. "-" .. place.name
	spec.rules = spec.rules or { name }
	spec.group = name:sub(1, 1) == "O" and "open points" or spec.group or "fallback"
	spec.sender, spec.subflows, spec.path = sender, place.subflows, place.path
	spec.paths = spec.paths or places.boxes(place, table.unpack(spec.boxes))
	if place.subflows > 1 then
		spec.first_chunk, spec.pause = spec.first_chunk or 8192, spec.pause or "150ms"
	end
	spec.boxes, spec.detail = nil, nil
	scenario(spec)
end

-- ---- handshake ----

cross(both_first, senders, function(place, sender)
	rule("F1", place, sender, {
		help = "a SYN without MP_CAPABLE is TCP's, and so is the answer",
		expect = plain,
		boxes = { box.strip { subtype = "mp_capable", on = "syn" } },
	})
	rule("F2", place, sender, {
		help = "a SYN/ACK without MP_CAPABLE ends it at the client",
		direction = "to-client", expect = plain,
		boxes = { box.strip { subtype = "mp_capable", on = "synack" } },
	})
	rule("F3", place, sender, {
		help = "the third packet without MP_CAPABLE ends it at the server",
		expect = plain,
		boxes = { box.strip { subtype = "mp_capable", on = "ack3" } },
	})
	rule("F5", place, sender, {
		help = "SYNs with option 30 are dropped: one without follows",
		expect = plain,
		boxes = { box.blackhole { kind = 30, on = "syn", direction = "to-server" } },
	})
	-- Flag H goes: no algorithm is left. v0's server can answer as it likes.
	rule("F6", place, sender, {
		help = "no algorithm for the keys is named in the SYN",
		expect = plain,
		boxes = { box.option_bytes { op = "clear", subtype = "mp_capable", at = 3,
			bytes = "3f", on = "syn" } },
	})
	rule("F6", place, sender, {
		detail = "synack", direction = "to-client", expect = plain,
		help = "no algorithm for the keys is named in the SYN/ACK",
		boxes = { box.option_bytes { op = "clear", subtype = "mp_capable", at = 3,
			bytes = "3f", on = "synack" } },
	})
	rule("F7", place, sender, {
		detail = "above", versions = { 1 }, direction = "to-client", expect = plain,
		help = "the SYN/ACK's version is above the one offered",
		boxes = { box.option_edit { op = "version", subtype = "mp_capable", value = 2,
			on = "synack" } },
	})
	rule("F7", place, sender, {
		detail = "newer", versions = { 1 }, expect = clean,
		help = "a newer version is offered: the server answers with its own",
		boxes = { box.option_edit { op = "version", subtype = "mp_capable", value = 2,
			on = "syn" } },
	})
	rule("F7a", place, sender, {
		help = "flag B in the SYN: the option is ignored (v0: the SYN is)",
		expect = plain,
		boxes = { box.option_edit { op = "flag", subtype = "mp_capable", value = 0x40,
			on = "syn" } },
	})
	rule("F7d", place, sender, {
		help = "flag C in the SYN/ACK: the client opens no further subflow",
		versions = { 1 }, direction = "to-client",
		expect = place.subflows == 1 and clean or closed,
		boxes = { box.option_edit { op = "flag", subtype = "mp_capable", value = 0x20,
			on = "synack" } },
	})
	-- The peer falls back by F9, and says so by an infinite mapping where it has data.
	rule("F7e", place, sender, {
		help = "the third packet echoes other keys", versions = { 1 },
		expect = { "tcp", "fallback", "infinite", intact = true },
		boxes = { box.option_bytes { subtype = "mp_capable", at = 12, bytes = "01",
			length = 20, on = "ack3" } },
	})
	rule("F7e", place, sender, {
		detail = "synack", versions = { 1 }, direction = "to-client",
		help = "the SYN/ACK's MP_CAPABLE has a length that none has",
		expect = { "tcp", intact = true },
		boxes = { box.option_edit { op = "truncate", subtype = "mp_capable", value = 3,
			on = "synack" } },
	})
	rule("F7f", place, sender, {
		help = "the SYN/ACK carries the SYN's own MP_CAPABLE back",
		direction = "both", expect = plain,
		boxes = { box.mirror {}, box.strip { subtype = "mp_capable", on = "syn",
			direction = "to-server" } },
	})
end)

-- ---- flag A ----
-- Nobody wants checksums, and a box sets A in what one end sees: who sees it uses them (F7b) or
-- leaves. What the other end has not negotiated resets the subflow (F13, F14); v0 ignores it.

cross({ single, first }, senders, function(place, sender)
	local mismatch = { "mptcp", "tcp", "fallback", "infinite", "reset", "subflow-closed",
		intact = true }

	rule("F7b", place, sender, {
		help = "flag A in the SYN at a server that did not ask for checksums",
		checksums = { false }, expect = { "mptcp", "tcp", intact = true },
		boxes = { box.option_edit { op = "flag", subtype = "mp_capable", value = 0x80,
			on = "syn" } },
	})
	rule("F7c", place, sender, {
		help = "flag A in the SYN/ACK that the server never set (F13, F14)",
		checksums = { false }, direction = "to-client", expect = mismatch,
		boxes = { box.option_edit { op = "flag", subtype = "mp_capable", value = 0x80,
			on = "synack" } },
	})
end)

cross({ single, joined }, { "client", "server" }, function(place, sender)
	local direction = data_of[sender]

	rule("F13", place, sender, {
		help = "a DSS grows a checksum that nobody negotiated",
		checksums = { false }, direction = direction,
		expect = function(c)
			if c.version == 0 then
				return { "mptcp", "fallback", "infinite", "subflow-closed",
					intact = true }
			end
			return place.subflows == 1 and { "reset" } or closed
		end,
		boxes = { box.option_bytes { op = "extend", subtype = "dss", bytes = "abcd",
			on = "data", from = place.path == 1 and 8 or 2, direction = direction } },
	})
	rule("F14", place, sender, {
		help = "a DSS loses the checksum that was negotiated",
		checksums = { true }, direction = direction,
		expect = place.subflows == 1 and { "reset" } or closed,
		boxes = { box.option_edit { op = "truncate", subtype = "dss", value = 2,
			on = "data", from = place.path == 1 and 8 or 2, direction = direction } },
	})
end)

-- ---- the first data ----

cross(both_first, { "client", "server" }, function(place, sender)
	local direction = data_of[sender]
	local back = direction == "to-server" and "to-client" or "to-server"
	local reverts = { "fallback", "infinite", intact = true }

	rule("F8", place, sender, {
		help = "every segment carries its mapping, whatever else is lost",
		direction = direction, expect = clean,
		boxes = { box.loss { on = "data", direction = direction, from = 2,
			["until"] = 3 } },
	})
	if sender == "client" then
		rule("F4", place, sender, {
			help = "the first data come without any mapping", direction = direction,
			expect = reverts,
			boxes = { box.strip { kind = 30, on = "data", direction = direction } },
		})
	end
	rule(sender == "client" and "F9a" or "F9b", place, sender, {
		help = "the first data are acked without DATA_ACK: an infinite mapping",
		direction = back, expect = { "infinite", intact = true }, rules = { "F9",
			sender == "client" and "F9a" or "F9b" },
		boxes = { box.strip { subtype = "dss", on = "ack", direction = back } },
	})
	rule("F10", place, sender, {
		help = "the first data come bare: acked, not DATA_ACKed", direction = "both",
		expect = reverts,
		boxes = { box.strip { kind = 30, on = "data", direction = "both" } },
	})
end)

for _, sender in ipairs { "client", "server" } do
	-- A bare FIN would end the stream for a peer that has fallen back.
	rule("F8", single, sender, {
		help = "the only subflow closes while nobody knows whether options pass",
		detail = "drop", direction = data_of[sender], first_chunk = 1000,
		pause = "200ms", expect = { "reset", "fallback", "infinite", intact = true },
		steps = { { at = "1ms", by = sender, drop = 1 } },
		boxes = { box.strip { kind = 30, direction = data_of[sender],
			from = sender == "client" and 3 or 2 } },
	})
	rule("F8a", first, sender, {
		help = "no subflow before a DSS came on the first one", direction = "to-client",
		expect = { "infinite", "fallback", intact = true },
		rules = sender == "client" and { "F9" } or { "F10" },
		boxes = { box.strip { subtype = "dss", direction = "to-client" } },
	})
	rule("F11", joined, sender, {
		help = "data of a join are acked without DATA_ACK", versions = { 1 },
		direction = sender == "client" and "to-client" or "to-server", expect = closed,
		boxes = { box.strip { subtype = "dss", on = "ack" } },
	})
	rule("F12", joined, sender, {
		help = "data of a join come without mapping", direction = data_of[sender],
		expect = { "subflow-closed", "mptcp", intact = true },
		boxes = { box.strip { subtype = "dss", on = "data" } },
	})
end

-- ---- options lost later ----
-- On one of two subflows the other carries on (F15, F17). On the only one: mappings gone resets
-- (F16, SHOULD; v0's F9 falls back where ACKs come bare), DATA_ACKs gone is open (F18, O2).

cross({ "client", "server" }, function(sender)
	local direction = data_of[sender]
	local back = direction == "to-server" and "to-client" or "to-server"
	local either = { "subflow-closed", "mptcp", intact = true }

	local function ended(c)
		if c.version == 0 then
			return { "reset", "fallback", "infinite", intact = true }
		end
		return { "reset", intact = true }
	end

	for _, place in ipairs { first, joined } do
		rule("F15", place, sender, {
			help = "mappings stop on one of two subflows", direction = direction,
			expect = either,
			boxes = { box.strip { subtype = "dss", direction = direction, on = "data",
				from = place.path == 1 and "16000B" or "10000B" } },
		})
		rule("F17", place, sender, {
			help = "DATA_ACKs stop on one of two subflows", direction = back,
			expect = either,
			boxes = { box.strip { subtype = "dss", direction = back, on = "ack",
				from = place.path == 1 and 12 or 4 } },
		})
	end
	rule("F16", single, sender, {
		help = "mappings stop on the only subflow", direction = direction, expect = ended,
		boxes = { box.strip { subtype = "dss", direction = direction, on = "data",
			from = "30000B" } },
	})
	rule("F18", single, sender, {
		help = "DATA_ACKs stop on the only subflow (O2)", direction = back,
		expect = { "reset", "infinite", "fallback", intact = true },
		boxes = { box.strip { subtype = "dss", direction = back, on = "ack", from = 12 } },
	})
	for _, place in ipairs { single, joined } do
		rule("F19", place, sender, {
			help = "a mapping of several segments loses some of its copies",
			direction = direction, expect = clean, rules = { "F19" },
			boxes = {
				box.split { mss = 700, options = "first", direction = direction } },
		})
		rule("F20", place, sender, {
			help = "every third DATA_ACK is lost", direction = back, expect = clean,
			boxes = { box.strip { subtype = "dss", direction = back, on = "ack",
				from = 6, every = 3 } },
		})
	end
end)

-- ---- a checksum fails ----

cross({ "client", "server" }, function(sender)
	local direction = data_of[sender]
	local other = direction == "to-server" and "to-client" or "to-server"
	local damaged = { "infinite", intact = false, damage = "box" }

	local function flip(from)
		return box.flip { direction = direction, on = "data", from = from,
			["until"] = from }
	end

	rule("F21", joined, sender, {
		help = "a checksum fails on one of two subflows: RST with MP_FAIL",
		checksums = { true }, direction = direction, expect = closed, rules = { "F21",
			"F22" }, boxes = { flip "10000B" },
	})
	rule("F23", single, sender, {
		help = "a checksum fails on the only subflow: MP_FAIL, infinite mapping",
		checksums = { true }, direction = direction, expect = damaged,
		rules = { "F23", "F24", "F29", "F30", "F31", "F33", "O6", "O9" },
		boxes = { flip "30000B" },
	})
	rule("F30", single, sender, {
		help = "data is lost behind the infinite mapping: it comes again as TCP's does",
		checksums = { true }, direction = direction, expect = damaged,
		rules = { "F23", "F30" },
		boxes = { flip "20000B", box.loss { direction = direction, on = "data",
			from = 40, ["until"] = 40 } },
	})
	rule("F26", single, sender, {
		help = "the very first mapping fails its checksum", checksums = { true },
		direction = direction, boxes = { flip "0B" },
		expect = { "infinite", "fallback", intact = false, damage = "box" },
	})
	for _, place in ipairs { single, joined } do
		rule("F27", place, sender, {
			help = "payload is changed, and there are no checksums",
			checksums = { false }, direction = direction, boxes = { flip "10000B" },
			rules = { "F27", "O8" },
			expect = { "mptcp", intact = false, damage = "box" },
		})
	end
	rule("F28", single, sender, {
		help = "a gateway makes the payload longer, and there are no checksums",
		checksums = { false }, direction = direction, marker = "PORT 198,18,1,2,156,64",
		marker_offset = 40, marker_every = 600,
		expect = { "corrupt", "reset", "infinite", "fallback", intact = false },
		boxes = { box.rewrite { direction = direction, count = 1, from = "30000B",
			pattern = "PORT 198,18,1,2,156,64",
			replacement = "PORT 198,18,101,102,156,64" } },
	})
	rule("O5", single, sender, {
		-- "mptcp": who waits may get the data again, undamaged, at the data level.
		help = "MP_FAIL never arrives", checksums = { true }, versions = { 1 },
		direction = other, expect = { "infinite", "fallback", "reset", "mptcp" },
		boxes = { flip "30000B", box.strip { subtype = "mp_fail", direction = other } },
	})
	-- A mapping of length 0 on a join that never was the only subflow.
	rule("F34", joined, sender, {
		help = "an infinite mapping comes while another subflow lives",
		direction = direction, expect = closed, checksums = { true }, bytes = 300000,
		paths = { path { link { delay = "5ms", rate = 500000 } }, path {
			box.option_bytes { op = "set", subtype = "dss", on = "data", from = 4,
				["until"] = 4, direction = direction, at = -4, bytes = "00000000" },
			link { delay = "5ms", rate = 500000 } } },
	})
end)

-- The first subflow is reset in the middle of its data, which come again on the other: with holes
-- before it, a mapping that fails there ends that subflow, too.
rule("F25", joined, "client", {
	help = "a checksum fails when the other subflow is gone, its data not yet here",
	checksums = { true }, expect = { "reset", "subflow-closed" },
	paths = function(c)
		-- one segment before the one that passes
		local back = c.family == 6 and -1400 or -1420
		return { path {
			box.forge { flags = "rst", on = "data", from = "140ms", seq = back,
				direction = "to-server" },
			box.forge { flags = "rst", on = "data", from = "140ms", back = true,
				direction = "to-server" },
			box.blackhole { from = "140ms", direction = "to-server", on = "data" },
		}, path { box.flip { direction = "to-server", on = "data", from = 4,
			["until"] = 4 } } }
	end,
})

-- ---- mappings and segments ----
-- Copies of a mapping and mappings longer than their segment are legal (F46, F47). Bytes whose
-- mapping comes late may be held (F48, O3); whose mapping is lost are sent again or given up (F49).

cross({ single, joined }, { "client", "server" }, function(place, sender)
	local direction, mid = data_of[sender], place == single and "30000B" or "6000B"

	local function unmapped(c) return places.unmapped(c, place) end

	for name, options in pairs { F46 = "copy", F47 = "first" } do
		rule(name, place, sender, {
			help = "a segment becomes several, options: " .. options,
			direction = direction, expect = clean,
			boxes = { box.split { mss = 500, options = options,
				direction = direction } },
		})
	end
	rule("F48", place, sender, {
		help = "a segment becomes several, the last keeps its options",
		direction = direction, expect = unmapped,
		boxes = { box.split { mss = 1000, options = "last", direction = direction,
			from = mid } },
	})
	rule("F49", place, sender, {
		help = "two segments become one, a mapping is lost", direction = direction,
		expect = unmapped,
		boxes = { box.coalesce { count = 2, direction = direction, from = mid } },
	})
end)

-- ---- MP_JOIN ----

cross(senders, function(sender)
	local points = { F35 = "syn", F37 = "synack", F38 = "ack3" }
	for name, on in pairs(points) do
		rule(name, joined, sender, {
			help = "MP_JOIN goes from the " .. on .. ": the join is reset",
			direction = on == "synack" and "to-client" or "to-server", expect = closed,
			boxes = { box.strip { subtype = "mp_join", on = on } },
		})
	end
	rule("F36", joined, sender, {
		help = "MP_JOIN goes from a SYN to where nothing listens", expect = closed,
		joins = 0, pause = "400ms",
		paths = function(c)
			return { path { box.strip { subtype = "mp_join", on = "syn" },
				c.family == 6 and box.ts_strip { on = "syn" } or nil }, path {} }
		end,
		needs_box = false,
		steps = { { at = "50ms", by = "server", announce = 2, port = 5005 } },
	})
	for name, on in pairs { F39 = "synack", F40 = "ack3" } do
		rule(name, joined, sender, {
			help = "the HMAC in the " .. on .. " is wrong: the join is reset",
			direction = on == "synack" and "to-client" or "to-server", expect = closed,
			boxes = { box.option_edit { op = "corrupt", subtype = "mp_join",
				on = on } },
		})
	end
	rule("F41", joined, sender, {
		help = "a join names a token that nobody has", expect = closed,
		boxes = { box.option_bytes { subtype = "mp_join", at = 4, bytes = "ff",
			on = "syn" } },
	})
	rule("F42", joined, sender, {
		help = "the third packet of a join is lost: it comes again", expect = clean,
		pause = "3s", boxes = { box.loss { on = "ack3", ["until"] = 1 } },
	})
	rule("F43", joined, sender, {
		help = "the SYN of a join is never answered: the path is not used", expect = closed,
		boxes = { box.blackhole { on = "syn" } },
	})
	rule("F44", joined, sender, {
		help = "a join comes to a port where nothing listens", expect = clean,
		boxes = { box.port_map { map = "80:8080" } },
	})
end)
