/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_trace.h - probe expressions and scripts of tracebox: full Lua 5.4 with the original's API
 * (lua/tracebox/) over a channel. Unlike boxes and suites, scripts are the user's own programs:
 * nothing is bounded.
 */
#ifndef LUA_BIND_TRACE_H
#define LUA_BIND_TRACE_H

#include "probe/base/err.h"
#include "probe/base/rng.h"
#include "tracebox/channel.h"
#include "tracebox/trace.h"

#include <stdio.h>

struct trace_lua;

struct trace_lua_config {
	const struct channel *channel;
	struct trace_config trace; /* for the function tracebox */
	int mptcp_version;         /* of mpcapable{} without one */
	const char *host;          /* where a probe without destination goes; NULL: nowhere */
	bool warns;                /* tell on standard error how probes are completed */
	FILE *filters;             /* told the capture filter of each hop; NULL: nobody */
	bool any_destination;      /* such a probe goes to the loopback address: a template */
	char **arguments;          /* argv[1...] of scripts */
	int argument_count;
	struct rng rng;
};

struct trace_lua *trace_lua_new(const struct trace_lua_config *config);
void trace_lua_free(struct trace_lua *lua);

/* A probe as made from an expression. */
struct trace_lua_probe {
	struct packet *packet; /* the caller's, of enough capacity */
	bool fixed_id, fixed_seq;
};

/* Evaluate "IP/TCP/MSS"; false with a sentence. */
bool trace_lua_probe(struct trace_lua *lua, const char *expression, struct trace_lua_probe *probe,
	struct err *err);

/*
 * Run a script or a chunk. *status is the integer that a script returned, 0 without one; what a
 * chunk returns says nothing, as in the original.
 */
bool trace_lua_script(struct trace_lua *lua, const char *file, int *status, struct err *err);
bool trace_lua_chunk(struct trace_lua *lua, const char *text, struct err *err);

#endif
