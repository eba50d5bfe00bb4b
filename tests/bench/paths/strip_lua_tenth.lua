-- SPDX-License-Identifier: BSD-2-Clause
-- strip_lua_tenth.lua: each tenth segment with data loses its timestamps, by a box in Lua.
return path { box_file("tests/bench/paths/strip_box.lua") { kind = 8, on = "data", every = 10 } }
