-- SPDX-License-Identifier: BSD-2-Clause
-- survey.lua: what mbtest survey asks of a stack, each question as a scenario, once for the client
-- and once for the server: the end that the name ends in is the one that is looked at, the other
-- is our endpoint. What the packets answer stands in mbtest/judge/survey.c. Run as a suite, each
-- scenario has to come out as the rules say.
suite "survey"

local away = { client = "to-server", server = "to-client" } -- what that end sends
local toward = { client = "to-client", server = "to-server" }
local peer = { client = "server", server = "client" }
local clean = { "mptcp", intact = true }
local plain = { "tcp", intact = true }
local leaves = { "fallback", "infinite", "tcp", intact = true }
local slow = { delay = "5ms", rate = 4000000 }
local either = { "mptcp", "subflow-closed", intact = true }

local function ask(name, spec)
	for _, me in ipairs { "client", "server" } do
		local one = spec(me)
		one.name, one.group = name .. "-" .. me, "the " .. me .. " is asked"
		one.bytes = one.bytes or 65536
		one.sender = one.sender or "both"
		one.checksums = one.checksums or { false }
		one.rules = one.rules or { "F8" }
		-- A kernel on a busy machine takes its time to join and to tell.
		if one.subflows and one.subflows > 1 or one.server_joins then
			one.first_chunk, one.pause = one.first_chunk or 8192, one.pause or "1500ms"
		end
		scenario(one)
	end
end

-- ---- 2, 3: signals ----

ask("open", function()
	return { help = "a connection, each end sends (RFC 8684 3.1, 3.3)", expect = clean,
		checksums = { false, true } }
end)

-- Narrow numbers of ours, and the low half of them wraps: how wide are those that answer?
ask("narrow", function()
	return { help = "we send numbers of 4 bytes, which wrap (RFC 8684 3.3.1)",
		expect = clean, dsn_wraps = true }
end)

ask("join", function()
	return { help = "the client joins from a second address (RFC 8684 3.2)", expect = clean,
		subflows = 2 }
end)

ask("join-back", function()
	return { help = "the server joins from a second address (RFC 8684 3.2)", expect = either,
		subflows = 2, joins = 0, server_joins = 1 }
end)

-- As many as there may be: the server is asked by 31 joins, the client has eight addresses.
ask("many", function(me)
	return { help = "as many subflows as there may be", expect = clean,
		subflows = me == "server" and 32 or 8,
		path_manager = me == "server" and "ndiffports" or nil }
end)

ask("announce", function(me)
	return { help = "it tells of an address (RFC 8684 3.4.1)", expect = clean, subflows = 2,
		joins = 0, paths = { path {}, path {} },
		steps = { { at = "50ms", by = me, announce = 2 } } }
end)

ask("hear", function(me)
	return { help = "it is told of an address (RFC 8684 3.4.1)", expect = clean, subflows = 2,
		joins = 0, paths = { path {}, path {} },
		steps = { { at = "50ms", by = peer[me], announce = 2 } } }
end)

ask("withdraw", function(me)
	return { help = "it takes an address back (RFC 8684 3.4.2)", expect = either,
		subflows = 2, joins = me == "client" and 1 or 0,
		steps = me == "client" and { { at = "250ms", by = me, withdraw = 2 } } or {
			{ at = "50ms", by = me, announce = 2 },
			{ at = "250ms", by = me, withdraw = 2 },
		} }
end)

-- Nobody closes or tries that subflow but who heeds the option: the address is not really gone.
ask("withdrawn", function(me)
	return { help = "a REMOVE_ADDR in our name says that our second address is gone",
		expect = either, subflows = 2, joins = me == "server" and 1 or 0,
		server_joins = me == "client" and 1 or nil,
		steps = me == "client" and { { at = "50ms", by = "server", announce = 2 } } or nil,
		bytes = 262144,
		paths = { path { link(slow), box.forge { option = "1e044001", on = "data",
			direction = toward[me], from = "300ms" } }, path { link(slow) } } }
end)

ask("abort", function(me)
	return { help = "it aborts (RFC 8684 3.5)", expect = { "reset" }, pause = "400ms",
		first_chunk = 8192, steps = { { at = "200ms", by = me, abort = true } } }
end)

ask("aborted", function(me)
	return { help = "we abort: MP_FASTCLOSE on an ACK is answered by RST (RFC 6824 3.5)",
		versions = { 0 }, expect = { "reset" }, pause = "400ms", first_chunk = 8192,
		steps = { { at = "200ms", by = peer[me], abort = true } } }
end)

-- ---- 4: fallback ----

ask("no-capable-syn", function()
	return { help = "MP_CAPABLE is removed from the SYN (F1)", expect = plain,
		rules = { "F1" },
		paths = { path { box.strip { subtype = "mp_capable", on = "syn" } } } }
end)

ask("no-capable-synack", function()
	return { help = "MP_CAPABLE is removed from the SYN/ACK (F2)", expect = plain,
		direction = "to-client", rules = { "F2" },
		paths = { path { box.strip { subtype = "mp_capable", on = "synack" } } } }
end)

ask("no-join", function(me)
	return { help = "MP_JOIN is removed on its way to it (F35, F37)", subflows = 2, path = 2,
		direction = toward[me], expect = { "subflow-closed", intact = true },
		paths = { path {}, path { box.strip { subtype = "mp_join", direction = toward[me],
			on = me == "client" and "synack" or "syn" } } } }
end)

ask("no-dss", function(me)
	return { help = "its first data come without DSS (F4, F10)", sender = peer[me],
		direction = toward[me], expect = leaves,
		paths = { path { box.strip { kind = 30, on = "data", direction = toward[me] } } } }
end)

ask("no-dss-join", function(me)
	return { help = "no data on its second subflow come with DSS (F12)", sender = peer[me],
		subflows = 2, path = 2, direction = toward[me],
		expect = { "subflow-closed", intact = true },
		paths = { path {}, path { box.strip { kind = 30, on = "data",
			direction = toward[me] } } } }
end)

ask("no-data-ack", function(me)
	return { help = "its first data are acknowledged without DATA_ACK (F9)", sender = me,
		direction = toward[me], expect = leaves, rules = { "F9" },
		paths = { path { box.strip { subtype = "dss", on = "ack",
			direction = toward[me] } } } }
end)

ask("flip", function(me)
	return { help = "a checksum fails on its only subflow (F23)", sender = peer[me],
		checksums = { true }, direction = toward[me], rules = { "F23" },
		expect = { "infinite", intact = false, damage = "box" },
		paths = { path { box.flip { on = "data", direction = toward[me], from = "30000B",
			["until"] = "30000B" } } } }
end)

ask("flip-join", function(me)
	return { help = "a checksum fails on one of its two subflows (F22)", sender = peer[me],
		checksums = { true }, direction = toward[me], subflows = 2, path = 2,
		expect = { "subflow-closed", intact = true },
		paths = { path {}, path { box.flip { on = "data", direction = toward[me],
			from = 2, ["until"] = 2 } } } }
end)

ask("fail", function(me)
	return { help = "we tell it of a failed checksum: an infinite mapping follows (F24)",
		sender = me, checksums = { true }, direction = away[me], rules = { "F24" },
		expect = { "infinite", intact = false, damage = "box" },
		paths = { path { box.flip { on = "data", direction = away[me], from = "30000B",
			["until"] = "30000B" } } } }
end)

ask("infinite", function(me)
	return { help = "we send it an infinite mapping (F29)", sender = peer[me],
		direction = away[me], expect = { "infinite", intact = true },
		paths = { path { box.strip { subtype = "dss", on = "ack",
			direction = away[me] } } } }
end)

-- ---- 5, 8: subflows ----

ask("dead", function(me)
	return { help = "the path of the first subflow dies while it sends", sender = me,
		subflows = 2, direction = "both", bytes = 524288, expect = either,
		paths = { path { link(slow), box.blackhole { direction = "both",
			from = "1700ms" } }, path { link(slow) } } }
end)

-- The second path is the one with the lower round-trip time.
ask("share", function(me)
	return { help = "it sends over two paths of different delay", sender = me, subflows = 2,
		bytes = 262144, expect = clean,
		paths = { path { link { delay = "40ms" } }, path { link { delay = "5ms" } } } }
end)

ask("prefer", function(me)
	return { help = "it asks for a subflow to be kept as backup (RFC 8684 3.3.8)",
		subflows = 2, joins = me == "client" and 1 or 0, expect = clean,
		steps = { { at = "200ms", by = me, backup = 2 },
			me == "server" and { at = "50ms", by = me, announce = 2 } or nil } }
end)

-- The server has to join itself for a second address of its own, or tell of it.
ask("preferred", function(me)
	return { help = "we ask it to keep the first subflow as backup (RFC 8684 3.3.8)",
		sender = me, subflows = 2, expect = clean, joins = me == "server" and 1 or 0,
		server_joins = me == "client" and 1 or nil,
		steps = { { at = "200ms", by = peer[me], backup = 1 },
			me == "client" and { at = "50ms", by = "server", announce = 2 } or nil } }
end)

-- ---- 6: security ----

ask("bad-hmac", function(me)
	return { help = "the HMAC of a join is wrong (F39, F40)", subflows = 2, path = 2,
		direction = toward[me], expect = { "subflow-closed", intact = true },
		rules = { me == "client" and "F39" or "F40" },
		paths = { path {}, path { box.option_edit { op = "corrupt", subtype = "mp_join",
			on = me == "client" and "synack" or "ack3", direction = toward[me] } } } }
end)
