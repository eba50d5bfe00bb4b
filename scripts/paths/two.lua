-- SPDX-License-Identifier: BSD-2-Clause
-- two.lua: two ways to a server, a fast one behind a NAT and a slow one. Try, as root:
-- mbtest net scripts/paths/two.lua --mptcp -- curl -o /dev/null http://server/1000000

return paths {
	path { box.nat {}, hop {}, link { delay = "5ms", rate = 50000000 } },
	path { hop {}, link { delay = "15ms", rate = 20000000 } },
}
