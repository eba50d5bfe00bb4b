-- SPDX-License-Identifier: BSD-2-Clause
-- lossy_alg.lua: a suite of one's own: a slow, lossy first path whose application gateway changes
-- one payload byte, and a clean second one. Try: mbtest run scripts/suites/lossy_alg.lua
suite "lossy-alg"

local gateway = { direction = "to-server", from = "20000B", ["until"] = "20000B" }

scenario {
	name = "gateway-on-the-first-path",
	help = "with checksums the changed mapping costs its subflow, and the other carries on",
	sender = "client",
	subflows = 2,
	checksums = { true },
	paths = {
		path {
			link { delay = "20ms", rate = 10000000, to_server = { loss = 0.01 } },
			hop { addr = "198.18.31.1" },
			box.flip(gateway),
			link { delay = "5ms" },
		},
		path {},
	},
	rules = { "F21", "F22" },
	expect = { "subflow-closed", intact = true },
}

scenario {
	name = "no-checksum-no-alarm",
	help = "without checksums nobody can tell, and the byte arrives as the gateway made it",
	sender = "client",
	checksums = { false },
	paths = { path { box.flip(gateway) } },
	expect = { "mptcp", intact = false },
}
