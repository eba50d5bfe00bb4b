-- SPDX-License-Identifier: BSD-2-Clause
-- signal.lua: what hosts tell each other in the course of a connection (RFC 8684 and RFC 6824,
-- 3.3.8, 3.4, 3.5): addresses told and taken back, priorities, subflows from either end, the abrupt
-- end. The paths are clean unless a scenario says otherwise: all of it must simply work.
suite "signal"

local senders = { "client", "server", "both" }

-- The application waits after its first bytes, so that what is told then counts for the rest.
local function add(spec)
	spec.group = spec.group or "signals"
	spec.rules = spec.rules or { "F8" }
	spec.first_chunk = spec.first_chunk or 8192
	spec.pause = spec.pause or "400ms"
	scenario(spec)
end

local clean = { "mptcp", intact = true }

-- ---- ADD_ADDR ----

-- With a port, the HMAC and an IPv6 address it has 30 bytes and goes without timestamps.
cross(senders, { { "", nil }, { "-port", 5005 } }, function(sender, port)
	add {
		name = "announce-server" .. port[1] .. "-" .. sender,
		help = "the server tells of an address, the client joins it (RFC 8684 3.4.1; F44)",
		sender = sender, subflows = 2, joins = 0, second_carries = true, expect = clean,
		steps = { { at = "50ms", by = "server", announce = 2, port = port[2] } },
	}
end)

for _, sender in ipairs(senders) do
	add {
		name = "announce-client-" .. sender,
		help = "the client tells of an address, the server joins it (RFC 8684 3.4.1; F44)",
		sender = sender, subflows = 2, joins = 0, second_carries = true, expect = clean,
		paths = { path {}, path {} },
		steps = { { at = "50ms", by = "client", announce = 2 } },
	}
end

-- Told again until echoed, so that the loss of one does no harm (RFC 8684 3.4.1); v0 has no echo.
for _, direction in ipairs { "to-client", "to-server" } do
	add {
		name = "announce-lost-" .. direction,
		help = "ADD_ADDR or its echo is lost once: it is repeated (RFC 8684 3.4.1)",
		sender = "both", direction = direction, subflows = 2, joins = 0,
		second_carries = true, expect = clean, versions = { 1 }, pause = "3s",
		paths = { path { box.blackhole { kind = 30, subtype = "add_addr",
			direction = direction, heal = "500ms" } } },
		steps = { { at = "50ms", by = "server", announce = 2 } },
	}
end

-- F60: no subflow, no echo, no harm; v0 has no HMAC.
add {
	name = "announce-hmac", help = "the HMAC of ADD_ADDR is wrong: ignored (F60)",
	sender = "both", direction = "to-client", rules = { "F60" }, versions = { 1 },
	expect = clean,
	paths = { path { box.option_edit { op = "corrupt", subtype = "add_addr",
		direction = "to-client" } } },
	steps = { { at = "50ms", by = "server", announce = 2 } },
}

-- ---- REMOVE_ADDR ----

-- Who takes an address back closes its subflows, by FIN or by RST.
for _, by in ipairs { "client", "server" } do
	add {
		name = "withdraw-" .. by,
		help = "an address is taken back, its subflow closes (RFC 8684 3.4.2)",
		sender = "both", subflows = 2, joins = by == "client" and 1 or 0,
		expect = { "mptcp", "subflow-closed", intact = true },
		steps = by == "client" and { { at = "200ms", by = by, withdraw = 2 } } or {
			{ at = "50ms", by = by, announce = 2 },
			{ at = "250ms", by = by, withdraw = 2 },
		},
	}
end

-- ---- MP_PRIO and B ----

cross({ 1, 2 }, { "client", "server" }, function(number, sender)
	add {
		name = "priority-" .. number .. "-" .. sender,
		help = "a subflow becomes a backup and is none again (RFC 8684 3.3.8)",
		sender = sender, subflows = 2, expect = clean,
		steps = { { at = "200ms", by = "client", backup = number },
			{ at = "600ms", by = "client", regular = number } },
	}
end)

-- The server's one address is that of both subflows: nothing is left to prefer.
add {
	name = "priority-server", help = "all subflows become backups (RFC 8684 3.3.8)",
	sender = "both", subflows = 2, second_carries = true, expect = clean,
	steps = { { at = "200ms", by = "server", backup = 1 } },
}

add {
	name = "backup-join", help = "a subflow joins as backup (RFC 8684 3.3.8)",
	sender = "both", subflows = 2, join_backup = true, expect = clean,
}

-- ---- ends of subflows and of the connection ----

for _, by in ipairs { "client", "server" } do
	add {
		name = "abort-" .. by,
		help = "MP_FASTCLOSE ends the connection at both ends (RFC 8684 3.5)",
		sender = "both", subflows = 2, expect = { "reset" },
		steps = { { at = "300ms", by = by, abort = true } },
	}
end

-- F62: a wrong key closes nothing, until the aborter has tried in vain and sends a RST. On a RST
-- the option is all that is ignored, so this is about v0, which sends it on an ACK.
for _, by in ipairs { "client", "server" } do
	local direction = by == "client" and "to-server" or "to-client"
	add {
		name = "abort-key-" .. by, help = "the key of MP_FASTCLOSE is wrong: ignored (F62)",
		sender = "both", direction = direction, rules = { "F62" }, versions = { 0 },
		expect = { "reset" },
		paths = { path { box.option_edit { op = "corrupt", subtype = "mp_fastclose",
			direction = direction } } },
		steps = { { at = "300ms", by = by, abort = true } },
	}
end

for _, number in ipairs { 1, 2 } do
	add {
		name = "drop-" .. number,
		help = "one of two subflows closes, the other carries on (RFC 8684 3.3.3)",
		sender = "both", subflows = 2, expect = clean,
		steps = { { at = "250ms", by = "client", drop = number } },
	}
end

-- ---- path managers ----

cross({ 2, 8, 32 }, senders, function(subflows, sender)
	add {
		name = "ndiffports-" .. subflows .. "-" .. sender, group = "path managers",
		help = "several subflows between the same addresses",
		sender = sender, subflows = subflows, path_manager = "ndiffports",
		second_carries = subflows == 2, expect = clean,
	}
end)

cross({ 3, 8 }, senders, function(subflows, sender)
	add {
		name = "full-mesh-" .. subflows .. "-" .. sender, group = "path managers",
		help = "a subflow from every address",
		sender = sender, subflows = subflows, expect = clean,
	}
end)

-- ---- opening and joining over paths that lose it ----

-- F5: SYNs with the option are dropped; one without gets through.
add {
	name = "syn-dropped", group = "losses", help = "SYNs with MP_CAPABLE are dropped (F5)",
	sender = "both", rules = { "F5" }, expect = { "tcp", intact = true },
	paths = { path { box.blackhole { kind = 30, on = "syn", direction = "to-server" } } },
}

-- F42: repeated until it is acknowledged, and no data before.
add {
	name = "join-ack-lost", group = "losses",
	help = "the third packet of a join is lost for a while (F42)",
	sender = "both", path = 2, subflows = 2, second_carries = true, rules = { "F42" },
	expect = clean, pause = "6s",
	paths = { path {}, path { box.blackhole { kind = 30, subtype = "mp_join", on = "ack+ack3",
		direction = "to-server", heal = "500ms" } } },
}

-- ---- numbers ----

-- RFC 8684 3.3.1: the upper half goes up when the lower one wraps, and old packets do no harm.
cross(senders, { "1", "2" }, function(sender, subflows)
	add {
		name = "dsn-wraps-" .. sender .. "-" .. subflows, group = "numbers",
		help = "32-bit data sequence numbers wrap in the midst (RFC 8684 3.3.1)",
		sender = sender, subflows = tonumber(subflows), dsn_wraps = true, expect = clean,
		bytes = 1 << 20,
		paths = { path { box.loss { on = "data", every = 5 } } },
	}
end)

-- F24: the infinite mapping acts from the last DATA_ACKed segment on. Here the sender knows of none
-- of the later ones, so it goes back over what was delivered: each byte counts once (O6).
for _, sender in ipairs { "client", "server" } do
	local direction = sender == "client" and "to-server" or "to-client"
	local back = sender == "client" and "to-client" or "to-server"
	add {
		name = "infinite-goes-back-" .. sender, group = "numbers", checksums = { true },
		help = "DATA_ACKs are lost, then a checksum fails (F24, O6)",
		sender = sender, direction = direction, rules = { "F23" },
		expect = { "infinite", intact = false, damage = "box" },
		paths = { path {
			box.flip { direction = direction, from = "40000B", ["until"] = "40000B" },
			box.strip { subtype = "dss", direction = back, from = "395ms" },
		} },
	}
end
