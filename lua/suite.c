/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite.c - see suite.h: finding the file, running it, and keeping what came of it. The Lua state
 * is gone when suite_load returns; only boxes written in Lua run Lua later, in states of their own.
 */
#include "lua/suite.h"

#include "lua/bind_suite.h"
#include "lua/files.h"
#include "lua/state.h"
#include "probe/base/alloc.h"

#include <lauxlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct suite {
	char *name;
	struct scenario *scenarios;
	size_t count, capacity;
	struct arena arena;
	struct lua_boxes *boxes;
};

static const char suites_folder[] = "lua/suites/";

const char *suite_builtin(size_t index, char name[static 64])
{
	const struct lua_file *file;
	size_t folder = sizeof(suites_folder) - 1;

	for (file = lua_files; file->path != NULL; file++) {
		if (strncmp(file->path, suites_folder, folder) != 0 || index-- > 0)
			continue;
		snprintf(name, 64, "%.*s", (int)(strlen(file->path) - folder - strlen(".lua")),
			file->path + folder);
		return name;
	}
	return NULL;
}

/* Lua: emit(settled), upvalue the suite. */
static int emit_scenario(lua_State *L)
{
	struct suite *suite = lua_touserdata(L, lua_upvalueindex(1));
	struct suite_build build = { &suite->arena, suite->boxes };

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkstack(L, 40, NULL);
	suite->scenarios =
		xgrow(suite->scenarios, suite->count, &suite->capacity, sizeof(*suite->scenarios));
	suite_read_scenario(L, &build, &suite->scenarios[suite->count]);
	suite->count++;
	return 0;
}

/* Push the list of cases, in the order version, checksum, family. */
static void push_cases(lua_State *L, const struct suite_cases *cases)
{
	unsigned int version, checksum, family;
	lua_Integer count = 0;

	lua_newtable(L);
	for (version = 0; version < 2; version++) {
		for (checksum = 0; checksum < 2; checksum++) {
			for (family = 0; family < 2; family++) {
				if (!(cases->versions >> version & 1) ||
					!(cases->checksums >> checksum & 1) ||
					!(cases->families >> family & 1))
					continue;
				lua_createtable(L, 0, 3);
				lua_pushinteger(L, (lua_Integer)version);
				lua_setfield(L, -2, "version");
				lua_pushboolean(L, checksum == 1);
				lua_setfield(L, -2, "checksum");
				lua_pushinteger(L, family == 0 ? 4 : 6);
				lua_setfield(L, -2, "family");
				lua_rawseti(L, -2, ++count);
			}
		}
	}
}

/* Run prelude and suite, expand; the suite's own name replaces the argument's. */
static bool run_suite(struct suite *suite, struct script *script, const char *path,
	const char *text, size_t length, const struct suite_cases *cases, struct err *err)
{
	lua_State *L = script_state(script);
	const void *prelude;
	size_t prelude_length;

	prelude = script_builtin("lua/prelude.lua", &prelude_length);
	suite_register(L);
	if (!script_load(script, "lua/prelude.lua", prelude, prelude_length, err) ||
		!script_call(script, 0, 0, err) || !script_load(script, path, text, length, err) ||
		!script_call(script, 0, 0, err))
		return false;
	lua_getglobal(L, "expand_suite");
	push_cases(L, cases);
	lua_pushlightuserdata(L, suite);
	lua_pushcclosure(L, emit_scenario, 1);
	if (!script_call(script, 2, 1, err))
		return false;
	if (lua_type(L, -1) == LUA_TSTRING) {
		free(suite->name);
		suite->name = xstrdup(lua_tostring(L, -1));
	}
	return true;
}

static bool load_text(struct suite *suite, const char *path, const char *text, size_t length,
	const struct suite_cases *cases, struct err *err)
{
	struct script *script;
	struct rng rng;
	size_t i;
	bool ok;

	rng_init(&rng, 0);
	script = script_new(&rng, SCRIPT_MEMORY_SUITE, SCRIPT_STEPS_SUITE);
	ok = run_suite(suite, script, path, text, length, cases, err);
	script_free(script);
	if (ok && suite->count == 0 && cases->versions == (CASE_OFF | CASE_ON) &&
		cases->checksums == (CASE_OFF | CASE_ON))
		return err_set(err, "%s holds no scenario", path);
	for (i = 0; ok && i < suite->count; i++)
		suite->scenarios[i].suite = suite->name;
	return ok;
}

static bool is_file_argument(const char *argument)
{
	size_t length = strlen(argument);

	return strchr(argument, '/') != NULL ||
		(length > 4 && strcmp(argument + length - 4, ".lua") == 0);
}

struct suite *suite_load(const char *argument, const struct suite_cases *cases, struct err *err)
{
	struct suite *suite = xcalloc(1, sizeof(*suite));
	char path[128];
	char *text = NULL;
	const char *builtin;
	size_t length;
	bool ok;

	suite->boxes = lua_boxes_new();
	suite->name = xstrdup(argument);
	if (is_file_argument(argument)) {
		ok = script_read(argument, &text, &length, err) &&
			load_text(suite, argument, text, length, cases, err);
	} else {
		snprintf(path, sizeof(path), "%s%s.lua", suites_folder, argument);
		builtin = script_builtin(path, &length);
		if (builtin == NULL)
			ok = err_set(err, "there is no suite %s (see mbtest list suites)",
				argument);
		else
			ok = load_text(suite, path, builtin, length, cases, err);
	}
	free(text);
	if (ok)
		return suite;
	suite_free(suite);
	return NULL;
}

void suite_free(struct suite *suite)
{
	if (suite == NULL)
		return;
	arena_fini(&suite->arena);
	lua_boxes_free(suite->boxes);
	free(suite->scenarios);
	free(suite->name);
	free(suite);
}

size_t suite_count(const struct suite *suite)
{
	return suite->count;
}

const struct scenario *suite_scenario(const struct suite *suite, size_t index)
{
	return &suite->scenarios[index];
}
