-- SPDX-License-Identifier: BSD-2-Clause
-- c_all.lua: every segment with data loses its timestamps, in C, and numbers are others.
return path { box.strip { kind = 8, on = "data" }, box.seq_rewrite {} }
