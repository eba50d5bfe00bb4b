-- SPDX-License-Identifier: BSD-2-Clause
-- A suite for a box of one's own (doc/tutorial.md).
suite "second-chance"

local box_of_ours = box_file "scripts/boxes/second_chance.lua"

-- A SYN that was lost is sent again, with MP_CAPABLE (RFC 8684 3.9.3 gives up only after several).
scenario {
	name = "one-syn-lost",
	help = "the first SYN is lost, the second one passes",
	sender = "both",
	paths = { path { box_of_ours { count = 1 } } },
	rules = { "F8" },
	expect = { "mptcp", intact = true },
}

-- The joined subflow's SYN is lost: it comes up later, or nobody waited for it.
scenario {
	name = "join-syn-lost",
	help = "the first SYN of the second subflow is lost",
	sender = "client", subflows = 2, path = 2,
	first_chunk = 8192, pause = "3s",
	paths = { path {}, path { box_of_ours {} } },
	rules = { "F8" },
	expect = { "mptcp", "subflow-closed", intact = true },
}

-- Three and more are taken for a path that drops the option: a SYN without it follows (F5, MAY).
scenario {
	name = "many-syns-lost",
	help = "the first three SYNs are lost",
	sender = "client",
	paths = { path { box_of_ours { count = 3 } } },
	rules = { "F5" },
	expect = { "tcp", "mptcp", intact = true },
}
