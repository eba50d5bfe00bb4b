/* SPDX-License-Identifier: BSD-2-Clause */
#include "lua/bind_trace_host.h"

#include "probe/wire/checksum.h"
#include "tracebox/compat.h"
#include "tracebox/run.h"

#include <lauxlib.h>

#include <math.h>
#include <string.h>
#include <time.h>

enum { NAME_TEXT = 256 };

static struct trace_host *host_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

static int host_random(lua_State *L)
{
	lua_Integer limit = luaL_checkinteger(L, 1);

	lua_pushinteger(L,
		limit <= 0 ? 0 : (lua_Integer)rng_below(&host_of(L)->config.rng, (uint64_t)limit));
	return 1;
}

static int host_random64(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)rng_next(&host_of(L)->config.rng));
	return 1;
}

static int host_checksum(lua_State *L)
{
	size_t length;
	const char *bytes = luaL_checklstring(L, 1, &length);

	lua_pushinteger(L, checksum_finish(checksum_add(0, bytes, length)));
	return 1;
}

/* ---- addresses ---- */

static int host_address_bytes(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	struct addr addr;

	if (!addr_parse(&addr, text))
		return luaL_error(L, "%s is no address", text);
	lua_pushlstring(L, (const char *)addr.bytes, addr_len(&addr));
	return 1;
}

static int host_address_text(lua_State *L)
{
	char text[ADDR_TEXT];
	size_t length;
	const char *bytes = luaL_checklstring(L, 1, &length);
	struct addr addr;

	luaL_argcheck(L, length == 4 || length == 16, 1, "4 or 16 bytes");
	addr = addr_from_bytes(length == 4 ? 4 : 6, (const uint8_t *)bytes);
	lua_pushstring(L, addr_text(&addr, text));
	return 1;
}

static int host_is_address(lua_State *L)
{
	struct addr addr;

	lua_pushboolean(L,
		addr_parse(&addr, luaL_checkstring(L, 1)) &&
			addr.version == luaL_checkinteger(L, 2));
	return 1;
}

static bool resolve(struct trace_host *host, const char *name, lua_Integer version,
	struct addr *addr, struct err *err)
{
	const struct channel *channel = host->config.channel;

	return channel_resolve(channel, name, (uint8_t)version, addr, err);
}

static int push_address(lua_State *L, const struct addr *addr)
{
	char text[ADDR_TEXT];

	lua_pushstring(L, addr_text(addr, text));
	return 1;
}

/* destination(version): where probes go that name none. */
static int host_destination(lua_State *L)
{
	struct trace_host *host = host_of(L);
	struct err err = { "" };
	struct addr addr;

	if (host->config.any_destination) {
		addr_parse(&addr, luaL_checkinteger(L, 1) == 4 ? "127.0.0.1" : "::1");
		return push_address(L, &addr);
	}
	if (host->config.host == NULL)
		return luaL_error(L, "Tracebox error: You need to specify a destination");
	if (!resolve(host, host->config.host, luaL_checkinteger(L, 1), &addr, &err))
		return luaL_error(L, "%s", err.text);
	return push_address(L, &addr);
}

static int host_source(lua_State *L)
{
	struct trace_host *host = host_of(L);
	const struct channel *channel = host->config.channel;
	struct addr destination, source;
	struct err err = { "" };

	if (!addr_parse(&destination, luaL_checkstring(L, 1)) ||
		!channel->ops->source(channel->self, &destination, &source, &err))
		return luaL_error(L, "%s", err.text[0] != '\0' ? err.text : "no source address");
	return push_address(L, &source);
}

/* resolve(name, version) -> address, or nil and a sentence. */
static int host_resolve(lua_State *L)
{
	struct err err = { "" };
	struct addr addr;

	if (resolve(host_of(L), luaL_checkstring(L, 1), luaL_checkinteger(L, 2), &addr, &err))
		return push_address(L, &addr);
	lua_pushnil(L);
	lua_pushstring(L, err.text);
	return 2;
}

/* name(address) -> its name, or nil. */
static int host_name(lua_State *L)
{
	const struct channel *channel = host_of(L)->config.channel;
	char name[NAME_TEXT];
	struct addr addr;

	if (!addr_parse(&addr, luaL_checkstring(L, 1)) ||
		!channel_name(channel, &addr, name, sizeof(name)))
		return 0;
	lua_pushstring(L, name);
	return 1;
}

static int host_sleep(lua_State *L)
{
	lua_Integer milliseconds = luaL_checkinteger(L, 1);
	struct timespec left = { .tv_sec = (time_t)(milliseconds / 1000),
		.tv_nsec = (long)(milliseconds % 1000) * 1000000 };

	while (milliseconds > 0 && nanosleep(&left, &left) != 0)
		;
	return 0;
}

/* ---- packets ---- */

static struct packet *check_packet(lua_State *L, int argument)
{
	size_t length;
	const char *bytes = luaL_checklstring(L, argument, &length);
	struct packet *packet = lua_newuserdatauv(L, sizeof(*packet) + PACKET_HEADROOM + length, 0);

	packet_init(packet, (uint32_t)(PACKET_HEADROOM + length));
	packet_set(packet, bytes, length);
	if (packet->form == PACKET_MALFORMED)
		luaL_error(L, "Tracebox error: no packet that can be sent: %s",
			packet_fault_text(packet->fault));
	return packet;
}

/* send(bytes) */
static int host_send(lua_State *L)
{
	struct packet *packet = check_packet(L, 1);
	struct err err = { "" };

	if (!run_send(host_of(L)->config.channel, packet, &err))
		return luaL_error(L, "Tracebox error: %s", err.text);
	return 0;
}

/* sendrecv(bytes, timeout or nil, tries) -> bytes of the answer, or nil. */
static int host_sendrecv(lua_State *L)
{
	struct trace_host *host = host_of(L);
	lua_Number timeout = luaL_optnumber(L, 2, (lua_Number)host->config.trace.wait / 1e9);
	lua_Integer tries = luaL_optinteger(L, 3, 3);
	struct packet *probe = check_packet(L, 1), *answer;
	struct err err = { "" };

	if (!(timeout >= 0 && timeout < 1e6) || tries < 1 || tries > TRACE_ATTEMPTS)
		return luaL_error(L, "sendrecv: timeout or retry out of range");
	if (!run_exchange(host->config.channel, probe, (nsec_t)(timeout * 1e9), (unsigned int)tries,
		    &answer, &err))
		return luaL_error(L, "Tracebox error: %s", err.text);
	if (answer == NULL)
		return 0;
	lua_pushlstring(L, (const char *)packet_data(answer), answer->length);
	packet_free(answer);
	return 1;
}

/* ---- tracebox(...) ---- */

struct hop_call {
	lua_State *L;
	int callback; /* stack index, 0: none */
	bool failed, stopped;
};

/*
 * callback(ttl, address or nil, text of the changes, quote or reply or nil, is partial) for a hop;
 * true stops.
 */
static bool call_hop(void *self, const struct hop_view *view)
{
	struct hop_call *call = self;
	lua_State *L = call->L;
	char text[COMPAT_TEXT];

	if (call->callback == 0 || call->failed)
		return call->failed;
	lua_pushvalue(L, call->callback);
	lua_pushinteger(L, view->ttl);
	if (hop_view_addr(view) != NULL)
		push_address(L, hop_view_addr(view));
	else
		lua_pushnil(L);
	lua_pushstring(L, compat_text(view, text));
	if (view->has_quote)
		lua_pushlstring(L, (const char *)view->quote, view->layers.known);
	else if (view->hop->answer.packet != NULL)
		lua_pushlstring(L, (const char *)packet_data(view->hop->answer.packet),
			view->hop->answer.packet->length);
	else
		lua_pushnil(L);
	lua_pushboolean(L, compat_is_partial(view));
	if (lua_pcall(L, 5, 1, 0) != LUA_OK) {
		call->failed = true;
		return true;
	}
	call->stopped = lua_isnumber(L, -1) && lua_tonumber(L, -1) != 0;
	lua_pop(L, 1);
	return call->stopped;
}

/*
 * trace(bytes, fixed id, fixed seq, first, last, callback or nil) -> reply of the destination or
 * nil, accepted sequence number or nil.
 */
static int host_trace(lua_State *L)
{
	struct trace_host *host = host_of(L);
	struct hop_call call = { .L = L, .callback = lua_isfunction(L, 6) ? 6 : 0 };
	struct run_plan plan = { .channel = host->config.channel,
		.config = host->config.trace,
		.filters = host->config.filters,
		.hop = call_hop,
		.self = &call };
	const struct trace_hop *destination;
	struct packet *probe = check_packet(L, 1);
	struct err err = { "" };
	struct trace *trace;
	uint32_t seq;

	plan.config.fixed_id = lua_toboolean(L, 2);
	plan.config.fixed_seq = lua_toboolean(L, 3);
	plan.config.first_ttl = (uint8_t)luaL_checkinteger(L, 4);
	plan.config.last_ttl = (uint8_t)luaL_checkinteger(L, 5);
	plan.config.keep_open = true;
	plan.config.pace = &host->pace;
	luaL_checkstack(L, 20, NULL);
	trace = run_trace(&plan, probe, &err);
	if (trace == NULL || call.failed) {
		trace_free(trace);
		return trace == NULL ? luaL_error(L, "Tracebox error: %s", err.text) : lua_error(L);
	}
	destination = trace_destination(trace);
	if (destination != NULL && !call.stopped)
		lua_pushlstring(L, (const char *)packet_data(destination->answer.packet),
			destination->answer.packet->length);
	else
		lua_pushnil(L);
	if (trace_accepted_seq(trace, &seq))
		lua_pushinteger(L, seq);
	else
		lua_pushnil(L);
	trace_free(trace);
	return 2;
}

/* changes(bytes sent, bytes seen) -> text of the changes, is partial */
static int host_changes(lua_State *L)
{
	struct hop_view view = { .has_quote = true, .sent = check_packet(L, 1) };
	char text[COMPAT_TEXT];
	size_t length;

	view.quote = (const uint8_t *)luaL_checklstring(L, 2, &length);
	layers_read(&view.layers, view.quote, (uint32_t)length);
	lua_pushstring(L, compat_text(&view, text));
	lua_pushboolean(L, compat_is_partial(&view));
	return 2;
}

/* ttl_range() -> first and last TTL of the command line. */
static int host_ttl_range(lua_State *L)
{
	lua_pushinteger(L, host_of(L)->config.trace.first_ttl);
	lua_pushinteger(L, host_of(L)->config.trace.last_ttl);
	return 2;
}

void trace_host_open(lua_State *L, struct trace_host *host)
{
	static const luaL_Reg functions[] = {
		{ "random", host_random },
		{ "random64", host_random64 },
		{ "checksum", host_checksum },
		{ "address_bytes", host_address_bytes },
		{ "address_text", host_address_text },
		{ "is_address", host_is_address },
		{ "destination", host_destination },
		{ "source", host_source },
		{ "resolve", host_resolve },
		{ "name", host_name },
		{ "sleep", host_sleep },
		{ "send", host_send },
		{ "sendrecv", host_sendrecv },
		{ "trace", host_trace },
		{ "changes", host_changes },
		{ "ttl_range", host_ttl_range },
		{ NULL, NULL },
	};

	luaL_newlibtable(L, functions);
	lua_pushlightuserdata(L, host);
	luaL_setfuncs(L, functions, 1);
	trace_host_add_flows(L, host);
	lua_pushinteger(L, host->config.mptcp_version);
	lua_setfield(L, -2, "mptcp_version");
	lua_pushboolean(L, host->config.warns);
	lua_setfield(L, -2, "warns");
	lua_setfield(L, LUA_REGISTRYINDEX, TRACE_HOST_TABLE);
}
