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

/* From the table at index 1; raises a Lua error with file, line and scenario. */
void suite_read_scenario(lua_State *L, struct suite_build *build, struct scenario *scenario);

#endif
