/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box.h - boxes written in Lua, as box types: the contract is mbtest/box.h's. A file returns
 *
 *   { help = "...", params = { kind = { default = 30, min = 0, max = 255, help = "..." } },
 *     init = function(self), packet = function(self, packet, dir) return PASS end,
 *     wake = function(self) }
 *
 * Every box has a Lua state of its own, with its own generator. An error in it, or a bound
 * exceeded, ends the run (box_fail).
 */
#ifndef LUA_BOX_H
#define LUA_BOX_H

#include "mbtest/box.h"
#include "probe/base/err.h"

/* Types made so far, by name; they own their text. */
struct lua_boxes;

struct lua_boxes *lua_boxes_new(void);
void lua_boxes_free(struct lua_boxes *boxes);

/*
 * The type of a box: in C, or built in from lua/box/NAME.lua (NAME with '_' for '-'); a name in
 * both is refused. With file the box is read from there, whatever its name.
 */
const struct box_type *lua_boxes_find(struct lua_boxes *boxes, const char *name, const char *file,
	struct err *err);

/* Name of a built-in Lua box: index from 0; NULL past the last. */
const char *lua_box_builtin(size_t index, char name[static 64]);

#endif
