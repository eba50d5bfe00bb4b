/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_trace_host.h - what C does for the Lua files of tracebox: the table host they are called
 * with.
 */
#ifndef LUA_BIND_TRACE_HOST_H
#define LUA_BIND_TRACE_HOST_H

#include "lua/bind_trace.h"

#include <lua.h>

#define TRACE_HOST_TABLE "mbkit.trace.host"

struct trace_host {
	struct trace_lua_config config;
	struct err broken; /* our own Lua files did not load */
	struct sniff *sniff;
	struct trace_pace pace; /* of all traces of a script */
};

/* Add what filters and sniffers need to the table on top; its functions have host as upvalue. */
void trace_host_add_flows(lua_State *L, struct trace_host *host);

/* Make the table and keep it in the registry; host outlives the state. */
void trace_host_open(lua_State *L, struct trace_host *host);

#endif
