-- SPDX-License-Identifier: BSD-2-Clause
-- link.lua: 20 ms there and back, 100 Mbit/s.
return path { link { delay = "10ms", rate = 100000000 } }
