-- SPDX-License-Identifier: BSD-2-Clause
-- tun.lua - a stream over TUN devices as fast as it goes: no delay, no rate, no box.
suite "tun"

scenario {
	name = "stream",
	help = "nothing stands in the way (RFC 8684 2)",
	paths = { path { link { delay = 0, rate = 0 } } },
	bytes = 32 << 20,
	expect = { "mptcp" },
}
