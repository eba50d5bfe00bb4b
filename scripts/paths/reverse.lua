-- SPDX-License-Identifier: BSD-2-Clause
-- reverse.lua: three hops and a box that nobody sees from the client's side: behind the first hop
-- Multipath TCP's options are taken from the server's data segments.
-- Try: tracebox --sim scripts/paths/reverse.lua --reverse

return path {
	hop {},
	box.strip { kind = 30, on = "data", direction = "to-client" },
	hop {}, hop {},
}
