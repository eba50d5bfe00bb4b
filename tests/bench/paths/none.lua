-- SPDX-License-Identifier: BSD-2-Clause
-- none.lua: no box at all.
return path {}
