/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_trace_flow.c - flows for Lua: those that filters keep from the kernel, and those that
 * sniffers wait for.
 */
#include "lua/bind_trace_host.h"

#include <lauxlib.h>

static struct trace_host *host_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

static void check_end(lua_State *L, int argument, struct sockname *end)
{
	const char *text = luaL_optstring(L, argument, NULL);
	lua_Integer port = luaL_optinteger(L, argument + 1, 0);

	if (text != NULL && !addr_parse(&end->addr, text))
		luaL_error(L, "%s is no address", text);
	luaL_argcheck(L, port >= 0 && port <= UINT16_MAX, argument + 1, "no port");
	end->port = (uint16_t)port;
}

/* protocol, source address or nil, source port or 0, destination address or nil and port or 0 */
static struct flow check_flow(lua_State *L)
{
	struct flow flow = { .protocol = 0 };
	lua_Integer protocol = luaL_checkinteger(L, 1);

	luaL_argcheck(L, protocol >= 0 && protocol <= UINT8_MAX, 1, "no protocol");
	flow.protocol = (uint8_t)protocol;
	check_end(L, 2, &flow.from);
	check_end(L, 4, &flow.to);
	return flow;
}

/* guard(flow...) -> number */
static int host_guard(lua_State *L)
{
	const struct channel *channel = host_of(L)->config.channel;
	struct flow flow = check_flow(L);
	struct err err = { "" };
	unsigned int number;

	if (!channel->ops->guard(channel->self, &flow, &number, &err))
		return luaL_error(L, "Tracebox error: %s", err.text);
	lua_pushinteger(L, number);
	return 1;
}

/* unguard(number) */
static int host_unguard(lua_State *L)
{
	const struct channel *channel = host_of(L)->config.channel;
	struct err err = { "" };

	if (!channel->ops->unguard(channel->self, (unsigned int)luaL_checkinteger(L, 1), &err))
		return luaL_error(L, "Tracebox error: %s", err.text);
	return 0;
}

/* The channel hands packets over as long as anybody wants some. */
static void tell_channel(lua_State *L)
{
	struct trace_host *host = host_of(L);
	const struct channel *channel = host->config.channel;
	struct err err = { "" };

	if (!channel->ops->sniff(channel->self, sniff_wants(host->sniff) ? host->sniff : NULL,
		    &err))
		luaL_error(L, "Tracebox error: %s", err.text);
}

/* sniff(flow...) -> number */
static int host_sniff(lua_State *L)
{
	struct flow flow = check_flow(L);
	unsigned int number;

	if (!sniff_add(host_of(L)->sniff, &flow, &number))
		return luaL_error(L, "more than %d sniffers at a time", SNIFFERS);
	tell_channel(L);
	lua_pushinteger(L, number);
	return 1;
}

/* unsniff(number) */
static int host_unsniff(lua_State *L)
{
	sniff_remove(host_of(L)->sniff, (unsigned int)luaL_checkinteger(L, 1));
	tell_channel(L);
	return 0;
}

/* sniffed(number, seconds; nil: without end) -> bytes, or nil when none came */
static int host_sniffed(lua_State *L)
{
	struct trace_host *host = host_of(L);
	unsigned int number = (unsigned int)luaL_checkinteger(L, 1);
	lua_Number seconds = luaL_optnumber(L, 2, -1);
	struct packet *packet = packet_new(PACKET_LARGE);
	struct err err = { "" };
	nsec_t wait = seconds >= 0 && seconds < 1e9 ? (nsec_t)(seconds * 1e9) : NSEC_NEVER;
	bool came = sniff_take(host->sniff, number, host->config.channel, wait, packet, &err);

	if (came)
		lua_pushlstring(L, (const char *)packet_data(packet), packet->length);
	packet_free(packet);
	if (!came && err.text[0] != '\0')
		return luaL_error(L, "Tracebox error: %s", err.text);
	return came ? 1 : 0;
}

void trace_host_add_flows(lua_State *L, struct trace_host *host)
{
	static const luaL_Reg functions[] = {
		{ "guard", host_guard },
		{ "unguard", host_unguard },
		{ "sniff", host_sniff },
		{ "unsniff", host_unsniff },
		{ "sniffed", host_sniffed },
		{ NULL, NULL },
	};

	lua_pushlightuserdata(L, host);
	luaL_setfuncs(L, functions, 1);
}
