-- SPDX-License-Identifier: BSD-2-Clause
-- established.lua: five hops and two boxes that leave SYNs alone: behind the second hop the options
-- of Multipath TCP are taken from data segments, behind the fourth these and ACKs get another DSCP.
-- Try: tracebox --sim scripts/paths/established.lua --established

return path {
	hop {}, hop {},
	box.strip { kind = 30, on = "data" },
	hop {}, hop { quote = "rfc792" },
	box.dscp { value = 10, on = "data+ack" },
	hop {},
}
