/* SPDX-License-Identifier: BSD-2-Clause */
#include "lua/path_file.h"

#include "lua/bind_suite.h"
#include "lua/state.h"
#include "lua/table.h"
#include "probe/base/alloc.h"

#include <lauxlib.h>

#include <stdlib.h>

struct path_file {
	const char *file;
	struct arena arena;
	struct lua_boxes *boxes;
	struct scenario scenario;
	enum path_server server;
};

/* Lua: what the file returned becomes the paths of a scenario; upvalue the path_file. */
static int read_returned(lua_State *L)
{
	struct path_file *path = lua_touserdata(L, lua_upvalueindex(1));
	struct suite_build build = { &path->arena, path->boxes };
	struct table table = { L, 1, "" };

	luaL_checkstack(L, 40, NULL);
	if (lua_istable(L, 1)) {
		table.where = lua_pushfstring(L, "%s: ", path->file);
		path->server = path_server_read(&table);
		lua_pop(L, 1);
		lua_pushnil(L);
		lua_setfield(L, 1, "server");
		if (lua_getfield(L, 1, "element") != LUA_TNIL)
			table_error(&table, "return path { ... }, and this inside");
		lua_pop(L, 1);
	}
	lua_getglobal(L, "file_paths");
	lua_insert(L, 1);
	lua_call(L, 1, 1);
	if (!lua_istable(L, 1))
		return luaL_error(L, "%s returns no path { ... } and holds no scenario",
			path->file);
	lua_newtable(L);
	lua_pushvalue(L, 1);
	lua_setfield(L, -2, "paths");
	lua_pushstring(L, "path");
	lua_setfield(L, -2, "name");
	lua_pushfstring(L, "%s: ", path->file);
	lua_setfield(L, -2, "where");
	lua_replace(L, 1);
	lua_settop(L, 1);
	suite_read_scenario(L, &build, &path->scenario);
	return 0;
}

static bool run_file(struct path_file *path, struct script *script, const char *file,
	const char *text, size_t length, struct err *err)
{
	lua_State *L = script_state(script);
	size_t prelude_length;
	const void *prelude = script_builtin("lua/prelude.lua", &prelude_length);

	suite_register(L);
	if (!script_load(script, "lua/prelude.lua", prelude, prelude_length, err) ||
		!script_call(script, 0, 0, err))
		return false;
	lua_pushlightuserdata(L, path);
	lua_pushcclosure(L, read_returned, 1);
	return script_load(script, file, text, length, err) && script_call(script, 0, 1, err) &&
		script_call(script, 1, 0, err);
}

struct path_file *path_file_load(const char *file, unsigned int most, struct err *err)
{
	struct path_file *path = xcalloc(1, sizeof(*path));
	struct script *script;
	struct rng rng;
	char *text = NULL;
	size_t length;
	bool ok;

	path->file = file;
	path->boxes = lua_boxes_new();
	rng_init(&rng, 0);
	script = script_new(&rng, SCRIPT_MEMORY_SUITE, SCRIPT_STEPS_SUITE);
	ok = script_read(file, &text, &length, err) &&
		run_file(path, script, file, text, length, err);
	script_free(script);
	free(text);
	if (ok && path->scenario.path_count > most)
		ok = err_set(err, "%s has %u paths, and here is room for one", file,
			path->scenario.path_count);
	if (ok)
		return path;
	path_file_free(path);
	return NULL;
}

void path_file_free(struct path_file *path)
{
	if (path == NULL)
		return;
	arena_fini(&path->arena);
	lua_boxes_free(path->boxes);
	free(path);
}

const struct path_plan *path_file_plan(const struct path_file *path)
{
	return &path->scenario.paths[0];
}

unsigned int path_file_count(const struct path_file *path)
{
	return path->scenario.path_count;
}

enum path_server path_file_server(const struct path_file *path)
{
	return path->server;
}
