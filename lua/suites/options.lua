-- SPDX-License-Identifier: BSD-2-Clause
-- options.lua: each option of Multipath TCP removed, overwritten by NOPs and by EOLs, on each kind
-- of packet where it may stand, in each direction, on the first path and on that of a join.
--
-- What must come of it is written from the rules (mbtest list rules); where several outcomes stand
-- a MAY, a SHOULD or an O row leaves the choice.
suite "options"
library "places"

local removals = { "strip", "nop", "eol" }
local senders = { "client", "server", "both" }
local directions = { "to-server", "to-client" }
local single, first, joined = places.single, places.first, places.joined
-- The second address is told and not joined unasked.
local told = { name = "told", subflows = 2, path = 1 }
local boxes_on = places.boxes

local function add(group, place, spec)
	spec.group, spec.subflows, spec.path = group, place.subflows, place.path
	if place.subflows > 1 then
		spec.first_chunk, spec.pause = spec.first_chunk or 8192, spec.pause or "150ms"
	end
	scenario(spec)
end

-- ---- MP_CAPABLE and MP_JOIN ----

places.handshake_removals(add, { group = "MP_CAPABLE", capable = "mp-capable",
	join_group = "MP_JOIN", join = "mp-join" })

-- ---- DSS ----
-- On data stands a mapping, on pure ACKs a DATA_ACK alone.

local sender_of = { ["to-server"] = "client", ["to-client"] = "server" }
local acks_of = { ["to-server"] = "server", ["to-client"] = "client" }

-- Mappings gone from the first data on: F4 or F10, whose sender acts by F9. In v1 MP_CAPABLE has
-- mapped the client's first data: F16, or fallback before data of the receiver's own were
-- DATA_ACKed (E5); where a join came up in time F15 and F17.
local function mappings_gone(place, direction)
	return function(c)
		if place.path == 2 then
			return { "subflow-closed", "mptcp", intact = true }
		end
		if c.version == 1 and direction == "to-server" then
			return place.subflows == 1 and
				{ "reset", "fallback", "infinite", intact = true } or
				{ "subflow-closed", "mptcp", "reset", intact = true }
		end
		return { "fallback", "infinite", intact = true }
	end
end

cross(removals, directions, { single, first, joined }, function(removal, direction, place)
	add("DSS", place, {
		name = name_of("dss-data", removal, direction, place.name),
		help = "the mappings go from all data (F4, F10, F12, F15, F16)",
		sender = sender_of[direction], direction = direction,
		rules = function(c)
			if place.path == 2 then
				return { "F12" }
			end
			if direction == "to-client" then
				return { "F10" }
			end
			return { c.version == 0 and "F4" or "F16" }
		end,
		expect = mappings_gone(place, direction),
		paths = boxes_on(place, box[removal] { subtype = "dss", on = "data",
			direction = direction }),
	})
end)

-- DATA_ACKs gone from all pure ACKs: F9 with one infinite mapping, which arrives; on a join F11
-- (v0: F12, the sender MAY).
cross(removals, directions, { single, first, joined }, function(removal, direction, place)
	local sender = acks_of[direction]

	add("DSS", place, {
		name = name_of("dss-ack", removal, direction, place.name),
		help = "the DATA_ACKs go from all pure ACKs (F9, F11)",
		sender = sender, direction = direction,
		rules = { place.path == 2 and "F11" or sender == "client" and "F9a" or "F9b" },
		expect = function(c)
			if place.path == 1 then
				return { "infinite", intact = true }
			end
			return { "subflow-closed", c.version == 0 and "mptcp" or nil,
				intact = true }
		end,
		paths = boxes_on(place, box[removal] { subtype = "dss", on = "ack",
			direction = direction }),
	})
end)

-- By then all is DATA_ACKed (E19): a DATA_FIN that the FIN carried comes again, or both ends have
-- known it for long.
cross(removals, directions, { single, first, joined }, function(removal, direction, place)
	add("DSS", place, {
		name = name_of("dss-fin", removal, direction, place.name),
		help = "the DSS goes from the FIN: all data came before it (E19)",
		sender = "both", direction = direction, rules = { "F8" },
		expect = { "mptcp", intact = true },
		paths = boxes_on(place, box[removal] { subtype = "dss", on = "fin",
			direction = direction }),
	})
end)

-- Some mappings or DATA_ACKs only: data come again, DATA_ACKs count up (F20).
cross(removals, directions, { single, joined }, function(removal, direction, place)
	add("DSS", place, {
		name = name_of("dss-ack-some", removal, direction, place.name),
		help = "the DATA_ACK goes from every third ACK, after the first ones (F20)",
		sender = acks_of[direction], direction = direction, rules = { "F20" },
		expect = { "mptcp", intact = true },
		paths = boxes_on(place, box[removal] { subtype = "dss", on = "ack", from = 6,
			every = 3, direction = direction }),
	})
end)

-- ---- ADD_ADDR ----
-- Lost, it does no harm to the connection: nobody joins. Its echo lost, it comes again (v1).

cross(removals, senders, function(removal, sender)
	add("ADD_ADDR", told, {
		joins = 0, pause = "400ms",
		name = name_of("add-addr", removal, sender),
		help = "ADD_ADDR never arrives: the address is not known, and no harm done (F60)",
		sender = sender, direction = "to-client", rules = { "F8" },
		expect = { "subflow-closed", intact = true },
		paths = { path { box[removal] { subtype = "add_addr",
			direction = "to-client" } } },
		steps = { { at = "50ms", by = "server", announce = 2 } },
	})
	add("ADD_ADDR", told, {
		joins = 0, pause = "400ms",
		name = name_of("add-addr-echo", removal, sender), versions = { 1 },
		help = "the echo of ADD_ADDR never arrives: it is told again (RFC 8684 3.4.1)",
		sender = sender, direction = "to-server", rules = { "F8" },
		expect = { "mptcp", intact = true },
		paths = { path { box[removal] { subtype = "add_addr",
			direction = "to-server" } } },
		steps = { { at = "50ms", by = "server", announce = 2 } },
	})
end)

-- ---- REMOVE_ADDR ----
-- It goes lost; who took the address back has closed its own subflows all the same.

cross(removals, senders, function(removal, sender)
	add("REMOVE_ADDR", first, {
		name = name_of("remove-addr", removal, sender),
		help = "REMOVE_ADDR never arrives: the subflow ends by FIN or RST (RFC 8684 3.4.2)",
		sender = sender, direction = "to-server", rules = { "F8" },
		expect = { "mptcp", "subflow-closed", intact = true },
		paths = boxes_on(first, box[removal] { subtype = "remove_addr",
			direction = "to-server" }),
		pause = "400ms",
		steps = { { at = "200ms", by = "client", withdraw = 2 } },
	})
end)

-- ---- MP_PRIO ----
-- Advice (RFC 8684 3.3.8): the peer goes on as if nobody had asked.

cross(removals, senders, { first, joined }, function(removal, sender, place)
	add("MP_PRIO", place, {
		name = name_of("mp-prio", removal, sender, place.name),
		help = "MP_PRIO never arrives: the subflow stays regular (RFC 8684 3.3.8)",
		sender = sender, direction = "to-server", rules = { "F8" },
		expect = { "mptcp", intact = true },
		paths = boxes_on(place, box[removal] { subtype = "mp_prio",
			direction = "to-server" }),
		pause = "400ms",
		steps = { { at = "200ms", by = "client", backup = place.path } },
	})
end)

-- ---- MP_FAIL ----
-- Without it the sender does not know: the receiver falls back alone in the end, or resets (O5).
-- On one of two subflows it stands on the RST, which is enough to know (F21).

cross(removals, directions, { single, joined }, function(removal, direction, place)
	local back = direction == "to-server" and "to-client" or "to-server"

	add("MP_FAIL", place, {
		name = name_of("mp-fail", removal, direction, place.name), checksums = { true },
		help = "MP_FAIL after a failed checksum never arrives (O5, F21)",
		sender = sender_of[direction], direction = back,
		rules = { place.path == 1 and "F23" or "F21" },
		expect = place.path == 2 and { "subflow-closed", intact = true } or
			{ "infinite", "fallback", "reset", intact = false, damage = "box" },
		paths = boxes_on(place,
			box.flip { direction = direction, on = "data", from = "20000B",
				["until"] = "20000B" },
			box[removal] { subtype = "mp_fail", direction = back }),
	})
end)

-- ---- MP_FASTCLOSE and MP_TCPRST ----
-- Bare resets end all subflows one by one; with none left there is an error (O11). Without the
-- option where no reset comes along, the peer learns it when it next asks.

cross(removals, { "client", "server" }, { single, first }, function(removal, by, place)
	add("MP_FASTCLOSE", place, {
		name = name_of("mp-fastclose", removal, by, place.name),
		help = "MP_FASTCLOSE never arrives; the subflows are gone (RFC 8684 3.5)",
		sender = "both", direction = by == "client" and "to-server" or "to-client",
		rules = { "F8" }, expect = { "reset" },
		paths = boxes_on(place, box[removal] { subtype = "mp_fastclose",
			direction = by == "client" and "to-server" or "to-client" }),
		first_chunk = 8192, pause = "600ms",
		steps = { { at = "300ms", by = by, abort = true } },
	})
end)

cross(removals, senders, function(removal, sender)
	add("MP_TCPRST", joined, {
		name = name_of("mp-tcprst", removal, sender), versions = { 1 },
		help = "a join is reset, and the reason never arrives (O17)",
		sender = sender, direction = "both", rules = { "O17" },
		expect = { "subflow-closed", intact = true },
		paths = boxes_on(joined,
			box.strip { subtype = "mp_join", on = "ack3", direction = "to-server" },
			box[removal] { subtype = "mp_tcprst", on = "rst",
				direction = "to-client" }),
	})
end)
