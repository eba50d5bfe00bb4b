-- SPDX-License-Identifier: BSD-2-Clause
-- places.lua: what suites share that put boxes on one of one or two paths: where, how such
-- scenarios are called, what must come of data that lose their mapping there, and the scenarios of
-- options removed from handshakes.

-- Subflows meant to exist, and the path that the box stands on.
places = {
	single = { name = "1", subflows = 1, path = 1 },
	first = { name = "2.1", subflows = 2, path = 1 },
	joined = { name = "2.2", subflows = 2, path = 2 },
}

-- The paths of a place, with these boxes in a row on its own.
function places.boxes(place, ...)
	local boxes, paths = { ... }, {}
	for number = 1, place.subflows do
		paths[number] = number == place.path and path(boxes) or path {}
	end
	return paths
end

-- The name of a scenario, of its parts.
function name_of(...)
	return table.concat({ ... }, "-")
end

-- Of two mappings one is lost (F49), or comes late and is not waited for (F48): its bytes are
-- unmapped and not DATA_ACKed. The sender repeats them at the data level (RFC 8684 3.3.6):
-- elsewhere, or on the same subflow, or gives up (F15 and F16 SHOULD, O2); v0 may fall back (F9,
-- O2).
function places.unmapped(c, place)
	if place.subflows > 1 then
		return { "mptcp", "subflow-closed", intact = true }
	end
	if c.version == 0 then
		return { "mptcp", "reset", "infinite", "fallback", intact = true }
	end
	return { "mptcp", "reset", intact = true }
end

-- ---- MP_CAPABLE and MP_JOIN removed, each from each packet of its handshake ----

-- Gone from the SYN: F1 and F2. From the SYN/ACK: F2 at the client, whose third packet then has
-- none either (F3). From the third packet: F3, in v1 although the first data bring the keys again.
-- In all of them it is TCP from the start, whoever sends, and nobody joins (F8a).
local capable_points = {
	{ on = "syn", direction = "to-server", rules = { "F1", "F2" } },
	{ on = "synack", direction = "to-client", rules = { "F2", "F3" } },
	{ on = "ack3", direction = "to-server", rules = { "F3" } },
}

-- Each is a reset of the new subflow; the connection is untouched (F35, F37, F38).
local join_points = {
	{ on = "syn", direction = "to-server", rules = { "F35" } },
	{ on = "synack", direction = "to-client", rules = { "F37" } },
	{ on = "ack3", direction = "to-server", rules = { "F38" } },
}

-- The scenarios of that: add(group, place, spec) takes them; called is how groups and names begin.
function places.handshake_removals(add, called)
	local removals, senders = { "strip", "nop", "eol" }, { "client", "server", "both" }
	local both_first = { places.single, places.first }

	cross(removals, senders, both_first, capable_points, function(removal, sender, place, point)
		add(called.group, place, {
			name = name_of(called.capable, point.on, removal, sender, place.name),
			help = "MP_CAPABLE goes from the " .. point.on .. " (F1, F2, F3)",
			sender = sender, direction = point.direction, rules = point.rules,
			expect = { "tcp", intact = true },
			paths = places.boxes(place, box[removal] { subtype = "mp_capable",
				on = point.on, direction = point.direction }),
		})
	end)

	-- v1: gone from the first data, which then have no mapping: F4. The server falls back, the
	-- client sees it by F9; either may say so by an infinite mapping (F9, F64), which the box
	-- lets pass.
	cross(removals, { "client", "both" }, both_first, function(removal, sender, place)
		add(called.group, place, {
			name = name_of(called.capable .. "-data", removal, sender, place.name),
			versions = { 1 }, help = "MP_CAPABLE goes from the first data (F4)",
			sender = sender, direction = "to-server", rules = { "F4" },
			expect = { "infinite", "fallback", intact = true },
			paths = places.boxes(place, box[removal] { subtype = "mp_capable",
				on = "data", direction = "to-server" }),
		})
	end)

	cross(removals, senders, join_points, function(removal, sender, point)
		local rule = point.rules[1]

		add(called.join_group or called.group, places.joined, {
			name = name_of(called.join, point.on, removal, sender),
			help = "MP_JOIN goes from the " .. point.on .. " (" .. rule .. ")",
			sender = sender, direction = point.direction, rules = point.rules,
			expect = { "subflow-closed", intact = true },
			paths = places.boxes(places.joined, box[removal] { subtype = "mp_join",
				on = point.on, direction = point.direction }),
		})
	end)
end
