-- SPDX-License-Identifier: BSD-2-Clause
-- five.lua: five boxes, each of which acts on every packet.
return path {
	box.ttl { op = "lower", value = 1 }, box.seq_rewrite {}, box.strip { kind = 8 },
	box.dscp {}, box.ipid {},
}
