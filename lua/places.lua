-- SPDX-License-Identifier: BSD-2-Clause
-- places.lua: what suites share that put boxes on one of one or two paths: where, how such
-- scenarios are called, and what must come of data that lose their mapping there.

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
