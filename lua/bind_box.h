/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_box.h - a box type whose functions are Lua: what lua/box.c reads from a file, and the C
 * functions that stand for it (bind_box.c).
 */
#ifndef LUA_BIND_BOX_H
#define LUA_BIND_BOX_H

#include "lua/plain.h"
#include "mbtest/box.h"

enum { LUA_BOX_PARAMS = 16 };

/* Room for one parameter of any kind. */
union lua_value {
	int64_t integer;
	bool boolean;
	int choice;
	struct ratio ratio;
	struct param_text text;
	struct addr addr;
	nsec_t time;
	struct when_point point;
};

/* A file with a box in it; type stands first, so that a type found leads to its file. */
struct lua_box {
	struct box_type type;
	char *name, *path; /* as asked for; as in messages */
	const char *text;
	char *owned_text; /* NULL when the text is built in */
	size_t length;
	struct box_param params[LUA_BOX_PARAMS + 1];
	struct plain plain;
	struct lua_box *next;
};

struct script;

/* The state of one box. */
struct lua_box_state {
	union lua_value values[LUA_BOX_PARAMS];
	struct script *script;
	bool failed;
	bool ends; /* the function packet need not be counted */
	struct lua_context *context;
};

/* Fill in the functions of box->type. */
void lua_box_bind(struct lua_box *box);

#endif
