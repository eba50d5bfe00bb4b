-- SPDX-License-Identifier: BSD-2-Clause
-- strip.lua: seven hops; behind the third a firewall overwrites Multipath TCP's options with NOPs,
-- behind the fifth another one rewrites sequence numbers. Try: tracebox --sim
-- scripts/paths/strip.lua --mptcp 1

return path {
	hop {}, hop {}, hop {},
	box.nop { kind = 30 },
	hop { quote = "rfc792" }, hop {},
	box.seq_rewrite {},
	hop {}, hop { quote = "silent" },
}
