-- SPDX-License-Identifier: BSD-2-Clause
-- strip.lua: a pipeline for mbtest pcap: the boxes of the first scenario, here one that removes
-- Multipath TCP's option from every packet.
suite "strip"

scenario {
	name = "no-multipath-beyond-this-point",
	help = "the option never arrives: plain TCP from the start",
	paths = { path { box.strip { kind = 30, direction = "both" } } },
	rules = { "F1" },
	expect = { "tcp", intact = true },
}
