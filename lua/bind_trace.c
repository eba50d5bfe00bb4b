/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_trace.c - the state in which probe expressions and scripts run. What they are written in is
 * Lua (lua/tracebox/); what only C can do for them stands in bind_trace_host.c.
 */
#include "lua/bind_trace.h"

#include "lua/bind_trace_host.h"
#include "lua/state.h"
#include "probe/base/alloc.h"
#include "probe/wire/packet.h"

#include <lauxlib.h>
#include <lualib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace_lua {
	struct trace_host host;
	lua_State *L;
	int tbx; /* reference of the table the Lua files share */
};

#define OURS "lua/tracebox/"

static const char *const files[] = {
	OURS "layers.lua",
	OURS "ip.lua",
	OURS "tcp.lua",
	OURS "dns.lua",
	OURS "wire.lua",
	OURS "print.lua",
	OURS "api.lua",
	OURS "flow.lua",
};

/* Ours must load: a failure is a mistake in this program, said as such. */
static bool load_files(struct trace_lua *lua, struct err *err)
{
	lua_State *L = lua->L;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t length;
		const char *text = script_builtin(files[i], &length);
		char name[64];

		snprintf(name, sizeof(name), "=%s", files[i]);
		if (luaL_loadbuffer(L, text, length, name) != LUA_OK)
			return err_set(err, "%s", lua_tostring(L, -1));
		lua_getfield(L, LUA_REGISTRYINDEX, TRACE_HOST_TABLE);
		lua_rawgeti(L, LUA_REGISTRYINDEX, lua->tbx);
		if (lua_pcall(L, 2, 0, 0) != LUA_OK)
			return err_set(err, "%s", lua_tostring(L, -1));
	}
	return true;
}

static void push_arguments(lua_State *L, const struct trace_lua_config *config)
{
	lua_createtable(L, config->argument_count, 0);
	for (int i = 0; i < config->argument_count; i++) {
		lua_pushstring(L, config->arguments[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setglobal(L, "argv");
}

struct trace_lua *trace_lua_new(const struct trace_lua_config *config)
{
	struct trace_lua *lua = xcalloc(1, sizeof(*lua));
	struct err err = { "" };

	lua->host.config = *config;
	lua->host.sniff = sniff_new();
	lua->L = luaL_newstate();
	if (lua->L == NULL) {
		sniff_free(lua->host.sniff);
		free(lua);
		return NULL;
	}
	luaL_openlibs(lua->L);
	trace_host_open(lua->L, &lua->host);
	lua_newtable(lua->L);
	lua->tbx = luaL_ref(lua->L, LUA_REGISTRYINDEX);
	push_arguments(lua->L, config);
	if (!load_files(lua, &err))
		err_set(&lua->host.broken, "%s", err.text);
	return lua;
}

void trace_lua_free(struct trace_lua *lua)
{
	struct err ignored = { "" };

	if (lua == NULL)
		return;
	lua_close(lua->L);
	lua->host.config.channel->ops->sniff(lua->host.config.channel->self, NULL, &ignored);
	sniff_free(lua->host.sniff);
	free(lua);
}

/* Where the user's own code is: the innermost function that is none of ours; "" without one. */
static void push_own_place(lua_State *L)
{
	lua_Debug at;

	for (int level = 1; lua_getstack(L, level, &at); level++) {
		lua_getinfo(L, "Sl", &at);
		if (at.currentline > 0 && strncmp(at.source, "=" OURS, sizeof(OURS)) != 0) {
			lua_pushfstring(L, "%s:%d: ", at.short_src, at.currentline);
			return;
		}
	}
	lua_pushliteral(L, "");
}

/* Lua: a message that names a line of our files names the user's instead. */
static int place_message(lua_State *L)
{
	const char *text = luaL_tolstring(L, 1, NULL), *said = strstr(text, ": ");

	if (strncmp(text, OURS, sizeof(OURS) - 1) != 0 || said == NULL)
		return 1;
	push_own_place(L);
	lua_pushstring(L, said + 2);
	lua_concat(L, 2);
	return 1;
}

/* lua_pcall of the function below that many arguments, with its messages placed. */
static int call_placed(lua_State *L, int arguments, int results)
{
	int handler = lua_gettop(L) - arguments, status;

	lua_pushcfunction(L, place_message);
	lua_insert(L, handler);
	status = lua_pcall(L, arguments, results, handler);
	lua_remove(L, handler);
	return status;
}

/* The first line of a message: the rest are details that a sentence has no room for. */
static bool fail(lua_State *L, const char *what, struct err *err)
{
	const char *text = luaL_tolstring(L, -1, NULL);

	return err_set(err, "%s%.*s", what, (int)strcspn(text, "\n"), text);
}

static bool call_shared(struct trace_lua *lua, const char *name, int results, struct err *err)
{
	lua_State *L = lua->L;

	lua_rawgeti(L, LUA_REGISTRYINDEX, lua->tbx);
	lua_getfield(L, -1, name);
	lua_remove(L, -2);
	lua_insert(L, -2);
	return call_placed(L, 1, results) == LUA_OK || fail(L, "", err);
}

bool trace_lua_probe(struct trace_lua *lua, const char *expression, struct trace_lua_probe *probe,
	struct err *err)
{
	lua_State *L = lua->L;
	const char *bytes;
	size_t length;

	lua_settop(L, 0);
	if (lua->host.broken.text[0] != '\0')
		return err_set(err, "%s", lua->host.broken.text);
	lua_pushfstring(L, "pkt = %s", expression);
	if (luaL_loadbuffer(L, lua_tostring(L, -1), strlen(lua_tostring(L, -1)), "=probe") !=
			LUA_OK ||
		call_placed(L, 0, 0) != LUA_OK)
		return fail(L, "Lua error: ", err);
	lua_getglobal(L, "pkt");
	if (!call_shared(lua, "expression", 1, err) || !call_shared(lua, "probe", 3, err))
		return false;
	bytes = lua_tolstring(L, -3, &length);
	probe->fixed_id = lua_toboolean(L, -2);
	probe->fixed_seq = lua_toboolean(L, -1);
	if (!packet_set(probe->packet, bytes, length))
		return err_set(err, "the probe is too long: %zu bytes", length);
	if (probe->packet->form == PACKET_MALFORMED)
		return err_set(err, "the probe is no packet that can be sent: %s",
			packet_fault_text(probe->packet->fault));
	return true;
}

/* The compiled function is on the stack; it leaves one result there. */
static bool run_loaded(lua_State *L, int loaded, struct err *err)
{
	return (loaded == LUA_OK && call_placed(L, 0, 1) == LUA_OK) || fail(L, "Lua error: ", err);
}

bool trace_lua_script(struct trace_lua *lua, const char *file, int *status, struct err *err)
{
	lua_State *L = lua->L;

	lua_settop(L, 0);
	if (lua->host.broken.text[0] != '\0')
		return err_set(err, "%s", lua->host.broken.text);
	if (!run_loaded(L, luaL_loadfile(L, file), err))
		return false;
	*status = lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1) : 0;
	return true;
}

bool trace_lua_chunk(struct trace_lua *lua, const char *text, struct err *err)
{
	lua_State *L = lua->L;

	lua_settop(L, 0);
	if (lua->host.broken.text[0] != '\0')
		return err_set(err, "%s", lua->host.broken.text);
	return run_loaded(L, luaL_loadbuffer(L, text, strlen(text), "=(command line)"), err);
}
