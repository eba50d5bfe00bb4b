-- SPDX-License-Identifier: BSD-2-Clause
-- remote.lua: a few scenarios for a server elsewhere, and one that it would have to send for.
suite "remote"

local clean = { "mptcp", intact = true }

scenario { name = "clean", rules = { "F8" }, expect = clean, bytes = 65536 }

scenario {
	name = "stripped", rules = { "F1" }, expect = { "tcp", intact = true }, bytes = 65536,
	paths = { path { box.strip { subtype = "mp_capable", on = "syn" } } },
}

scenario {
	name = "joined", rules = { "F8" }, subflows = 2, second_carries = true, expect = clean,
	bytes = 262144, first_chunk = 8192, pause = "300ms",
}

scenario { name = "left-out", sender = "server", rules = { "F8" }, expect = clean }
