-- SPDX-License-Identifier: BSD-2-Clause
-- strip.lua: what make bench runs over and over: 64 KiB on one path, with a box and without.
suite "bench"

scenario {
	name = "strip",
	help = "the option is removed from every packet: plain TCP from the start",
	bytes = 65536,
	paths = { path { box.strip { kind = 30, direction = "both" } } },
	rules = { "F1" },
	expect = { "tcp", intact = true },
}

scenario {
	name = "bare",
	help = "nothing stands on the path",
	bytes = 65536,
	paths = { path {} },
	expect = { "mptcp", intact = true },
}
