/* SPDX-License-Identifier: BSD-2-Clause */
#include "lua/bind_self.h"

#include "lua/packet.h"
#include "lua/packet_names.h"
#include "mbtest/flow.h"

#include <lauxlib.h>

const char *const lua_dir_names[] = { "to-server", "to-client", NULL };

static struct box *context_box(lua_State *L)
{
	const struct lua_context *context = *lua_context_of(L);

	if (context != NULL && context->box != NULL)
		return context->box;
	luaL_error(L, "only while a box is running");
	return NULL;
}

static enum dir check_dir(lua_State *L, int argument)
{
	return (enum dir)luaL_checkoption(L, argument, NULL, lua_dir_names);
}

/* self:emit(dir, packet): send a cloned or taken packet. */
static int self_emit(lua_State *L)
{
	struct box *box = context_box(L);
	enum dir dir = check_dir(L, 2);
	struct packet *packet = lua_packet_check(L, 3);

	if (!lua_packet_is_owned(L, 3))
		return luaL_error(L, "only a clone or a taken packet can be emitted; return PASS");
	lua_packet_release(L, 3);
	box_emit(box, packet, dir);
	return 0;
}

/* self:clone(packet): a copy of one's own. */
static int self_clone(lua_State *L)
{
	struct packet *packet = lua_packet_check(L, 2);

	lua_packet_push(L, box_clone(context_box(L), packet));
	return 1;
}

/* self:take(packet): the packet itself, to be emitted later; packet() then returns TAKEN. */
static int self_take(lua_State *L)
{
	lua_packet_check(L, 2);
	lua_packet_own(L, 2);
	lua_settop(L, 2);
	return 1;
}

/* self:wake_at(milliseconds): call wake at this time since the start. */
static int self_wake_at(lua_State *L)
{
	lua_Integer at = luaL_checkinteger(L, 2);

	luaL_argcheck(L, at >= 0 && at <= 1000000000, 2, "not a time in milliseconds");
	box_wake_at(context_box(L), (nsec_t)at * NSEC_PER_MS);
	return 0;
}

/* self:now(): milliseconds since the start. */
static int self_now(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)(box_now(context_box(L)) / NSEC_PER_MS));
	return 1;
}

/* self:refuse(reason): DROP, with a reason for the log. */
static int self_refuse(lua_State *L)
{
	struct box *box = context_box(L);

	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	/* The log reads the reason after this call: keep it with the state. */
	lua_setfield(L, LUA_REGISTRYINDEX, "reason");
	lua_getfield(L, LUA_REGISTRYINDEX, "reason");
	box_reason(box, lua_tostring(L, -1));
	lua_pushinteger(L, WORD_DROP);
	return 1;
}

/* Addresses and ports of both ends, the client's side first: bytes that name a flow. */
static void push_flow_key(lua_State *L, const struct packet *packet, enum dir dir)
{
	struct sockname ends[2];
	luaL_Buffer key;
	unsigned int i;

	packet_socknames(packet, &ends[dir == TO_SERVER ? 0 : 1], &ends[dir == TO_SERVER ? 1 : 0]);
	luaL_buffinit(L, &key);
	luaL_addchar(&key, (char)packet->protocol);
	for (i = 0; i < 2; i++) {
		luaL_addlstring(&key, (const char *)ends[i].addr.bytes, addr_len(&ends[i].addr));
		luaL_addlstring(&key, (const char *)&ends[i].port, sizeof(ends[i].port));
	}
	luaL_pushresult(&key);
}

/*
 * self:flow(packet, dir): a table of the box's own for the connection of a packet, empty at first.
 * There are at most FLOW_MAX; then the oldest is forgotten. Registry: the tables by key, and the
 * keys in a ring.
 */
static int self_flow(lua_State *L)
{
	const struct packet *packet = lua_packet_check(L, 2);
	enum dir dir = check_dir(L, 3);
	lua_Integer next;

	luaL_argcheck(L, packet->form != PACKET_MALFORMED, 2, "a packet of no flow");
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "flows");
	push_flow_key(L, packet, dir);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) == LUA_TTABLE)
		return 1;
	lua_pop(L, 1);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, "flow ring");
	/* flows, key, ring */
	lua_getfield(L, -1, "next");
	next = lua_tointeger(L, -1) % FLOW_MAX + 1;
	lua_pop(L, 1);
	if (lua_rawgeti(L, -1, next) != LUA_TNIL) {
		lua_pushnil(L);
		lua_rawset(L, -5);
	} else {
		lua_pop(L, 1);
	}
	lua_pushvalue(L, -2);
	lua_rawseti(L, -2, next);
	lua_pushinteger(L, next);
	lua_setfield(L, -2, "next");
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_insert(L, -3);
	/* flows, table, key, table */
	lua_rawset(L, -4);
	return 1;
}

/* self:matched(): whether the packet is meant, in a box that sees all. */
static int self_matched(lua_State *L)
{
	lua_pushboolean(L, box_matched(context_box(L)));
	return 1;
}

/* self:stream_offset(packet, dir): offset of its first payload byte, or nil. */
static int self_stream_offset(lua_State *L)
{
	const struct packet *packet = lua_packet_check(L, 2);
	uint32_t offset;

	if (!box_stream_offset(context_box(L), packet, check_dir(L, 3), &offset))
		return 0;
	lua_pushinteger(L, offset);
	return 1;
}

static const luaL_Reg verbs[] = { { "emit", self_emit }, { "clone", self_clone },
	{ "take", self_take }, { "wake_at", self_wake_at }, { "now", self_now },
	{ "refuse", self_refuse }, { "stream_offset", self_stream_offset }, { "flow", self_flow },
	{ "matched", self_matched }, { NULL, NULL } };

void lua_box_open(lua_State *L, bool lets_go)
{
	static const struct {
		const char *name;
		lua_Integer value;
	} words[] = { { "PASS", WORD_PASS }, { "DROP", WORD_DROP }, { "TAKEN", WORD_TAKEN },
		{ "UNCHANGED", WORD_UNCHANGED }, { "FIN", TCP_FIN }, { "SYN", TCP_SYN },
		{ "RST", TCP_RST }, { "PSH", TCP_PSH }, { "ACK", TCP_ACK }, { "URG", TCP_URG } };
	size_t i;

	*lua_context_of(L) = NULL;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		lua_pushinteger(L, words[i].value);
		lua_setglobal(L, words[i].name);
	}
	lua_packet_open(L, lets_go);
}

void lua_self_set_verbs(lua_State *L)
{
	luaL_setfuncs(L, verbs, 0);
}
