-- SPDX-License-Identifier: BSD-2-Clause
-- lua_boxes.lua: what the boxes written in Lua do to a connection, beside those of classic.
suite "lua-boxes"

local both = { "client", "server" }

cross(both, function(sender)
	-- F46: an identical mapping may come twice; without timestamps there is room for two.
	scenario {
		name = "duplicate-mapping-" .. sender, sender = sender,
		help = "every DATA_ACK stands twice in its packet (F46)",
		direction = "both", rules = { "F8" }, expect = { "mptcp", intact = true },
		paths = { path { box.option_edit { op = "duplicate", subtype = "dss",
			on = "ack" } } },
	}
	-- An option that nobody knows is ignored (RFC 9293 3.1).
	scenario {
		name = "add-unknown-" .. sender, sender = sender,
		help = "every ACK carries an option of kind 200",
		direction = "both", rules = { "F8" }, expect = { "mptcp", intact = true },
		paths = { path { box.option_edit { op = "add", kind = 200, on = "ack" } } },
	}
	-- The order of options means nothing (RFC 9293 3.1).
	scenario {
		name = "reorder-capable-" .. sender, sender = sender,
		help = "the SYN's MSS stands behind all other options",
		direction = "to-server", rules = { "F8" }, expect = { "mptcp", intact = true },
		paths = { path { box.option_edit { op = "reorder", kind = 2, on = "syn" } } },
	}
	-- MP_CAPABLE of an impossible length is none; the third packet has none then (F2, F3).
	scenario {
		name = "truncate-capable-" .. sender, sender = sender,
		help = "MP_CAPABLE of the SYN/ACK is cut (F3)",
		direction = "to-client", rules = { "F3" }, expect = { "tcp", intact = true },
		paths = { path { box.option_edit { op = "truncate", subtype = "mp_capable",
			value = 2, on = "synack", direction = "to-client" } } },
	}
end)
