/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_suite.h - reading one settled scenario table; suite.c drives it.
 */
#ifndef LUA_BIND_SUITE_H
#define LUA_BIND_SUITE_H

#include "lua/arena.h"
#include "lua/box.h"
#include "mbtest/suite/scenario.h"

#include <lua.h>

/* What scenarios are made into. */
struct suite_build {
	struct arena *arena;
	struct lua_boxes *boxes;
};

/* The functions that prelude.lua and suites need of C. */
void suite_register(lua_State *L);

struct table;

/* The path in the table on top of the stack, one of the table outer (bind_path.c). */
void suite_read_path(struct suite_build *build, const struct table *outer, struct path_plan *plan);

/* The field "server" of a table. */
enum path_server path_server_read(const struct table *table);

/* What a table says of a trace, kept in the arena. */
const struct trace_plan *suite_read_trace(struct suite_build *build, const struct table *table);

/* From the table at index 1; raises a Lua error with file, line and scenario. */
void suite_read_scenario(lua_State *L, struct suite_build *build, struct scenario *scenario);

#endif
