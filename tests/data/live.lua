-- SPDX-License-Identifier: BSD-2-Clause
-- What test_live.py runs against the kernel's stack: clean paths, and one middlebox whose effect is
-- beyond dispute.

suite "live"

for _, sender in ipairs { "client", "server", "both" } do
	scenario {
		name = "plain-" .. sender,
		help = "nothing on the path",
		sender = sender,
		paths = { path {} },
		expect = { "mptcp", intact = true },
	}
	scenario {
		name = "join-" .. sender,
		help = "nothing on two paths, a second subflow on the second",
		sender = sender, subflows = 2, second_carries = true, first_chunk = 8192, pause = "30ms",
		paths = { path {}, path {} },
		expect = { "mptcp", intact = true },
	}
end

scenario {
	name = "strip-syn",
	help = "MP_CAPABLE never reaches the server (RFC 8684 3.7)",
	paths = { path { box.strip { subtype = "mp_capable", on = "syn" } } },
	rules = { "F1" },
	expect = { "tcp", intact = true },
}
