-- SPDX-License-Identifier: BSD-2-Clause
-- loss.lua: one packet in a hundred is lost on its way to the server.
return path { link { delay = "1ms", rate = 0, to_server = { loss = 0.01 } } }
