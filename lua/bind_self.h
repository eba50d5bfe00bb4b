/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_self.h - what a box written in Lua has to hand: the constants it returns and names, packets,
 * and the verbs of its object self, which act on the box that is running (lua/packet.h).
 */
#ifndef LUA_BIND_SELF_H
#define LUA_BIND_SELF_H

#include <lua.h>

#include <stdbool.h>

/* What the function packet returns. */
enum verdict_word {
	WORD_PASS,
	WORD_DROP,
	WORD_TAKEN,
	WORD_UNCHANGED,
};

/* By enum dir; ends with NULL. */
extern const char *const lua_dir_names[];

/* The constants and packet methods a box may use; lets_go as in plain.h. */
void lua_box_open(lua_State *L, bool lets_go);

/* Put the verbs into the table on top. */
void lua_self_set_verbs(lua_State *L);

#endif
