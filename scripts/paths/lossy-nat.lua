-- SPDX-License-Identifier: BSD-2-Clause
-- lossy-nat.lua: a home router that translates addresses, behind a link of 20 Mbit/s that loses one
-- packet in a hundred, and two hops of a provider. Try, as root:
-- mbtest net scripts/paths/lossy-nat.lua -- curl http://server/

return path {
	box.nat {},
	hop {},
	link { delay = "10ms", rate = 20000000, loss = 0.01 },
	hop {},
}
