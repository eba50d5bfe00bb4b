/* SPDX-License-Identifier: BSD-2-Clause */
#include "lua/packet.h"

#include "probe/wire/packet.h"

#include <lauxlib.h>

/*
 * Objects that own a packet are userdata that free it when they are collected. A packet lent for a
 * call is but a number, the call's, as light userdata: nothing to allocate or collect, and a number
 * kept beyond its call is that of no packet. A box that takes packets may keep what it was lent; it
 * is lent userdata from then on, without a finalizer unless they come to own their packet.
 */
#define PACKET_META "packet"

static const char loan_key[] = "lent packet"; /* a name, and by its address a key */
static const char lent_key[] = "in hand", kept_key[] = "taken first"; /* by their addresses */

struct lua_context **lua_context_of(lua_State *L)
{
	return lua_getextraspace(L);
}

/* One more packet, or one less, that a box holds. */
static void count_held(lua_State *L, int change)
{
	struct lua_context *context = *lua_context_of(L);

	if (context != NULL)
		context->held += (unsigned int)change;
}

/*
 * Collect the objects that nobody has any more: at the bound, since they may hold packets; and
 * after so many, since what has a finalizer outlives a collection, and would put off the next by
 * ten times its size.
 */
static void check_held(lua_State *L)
{
	struct lua_context *context = *lua_context_of(L);

	if (context == NULL)
		return;
	if (++context->owners == LUA_PACKETS_HELD || context->held > LUA_PACKETS_HELD) {
		context->owners = 0;
		lua_gc(L, LUA_GCCOLLECT);
	}
	if (context->held > LUA_PACKETS_HELD)
		luaL_error(L, "more than %d packets are held", LUA_PACKETS_HELD);
}

static struct lua_loan *push_object(lua_State *L, struct packet *packet, bool owned)
{
	struct lua_loan *object = lua_newuserdatauv(L, sizeof(*object), 0);

	object->packet = packet;
	object->owned = owned;
	return object;
}

void lua_packet_push(lua_State *L, struct packet *packet)
{
	push_object(L, packet, true);
	luaL_setmetatable(L, PACKET_META);
	count_held(L, 1);
	check_held(L);
}

void lua_packet_lend(lua_State *L, struct packet *packet)
{
	struct lua_context *context = *lua_context_of(L);

	context->loan = (struct lua_loan){ packet, false };
	context->lent = &context->loan;
	lua_pushlightuserdata(L, (void *)++context->loans);
}

void lua_packet_lend_object(lua_State *L, int argument)
{
	struct lua_context *context = *lua_context_of(L);
	struct lua_loan *object = push_object(L, NULL, false);

	/* By address: a name would have to be looked up among the strings first. */
	lua_rawgetp(L, LUA_REGISTRYINDEX, loan_key);
	lua_setmetatable(L, -2);
	lua_copy(L, -1, argument);
	/* It is there until the next. */
	lua_rawsetp(L, LUA_REGISTRYINDEX, lent_key);
	object->packet = context->loan.packet;
	context->loan.packet = NULL;
	context->lent = object;
}

bool lua_packet_return(lua_State *L)
{
	struct lua_loan *lent = (*lua_context_of(L))->lent;
	bool taken = lent->owned || lent->packet == NULL;

	if (!taken)
		lent->packet = NULL;
	return taken;
}

/* A state of a box has no other userdata. */
static struct lua_loan *check_object(lua_State *L, int argument)
{
	struct lua_context *context = *lua_context_of(L);
	void *object = lua_touserdata(L, argument);

	if (context != NULL && context->loan.packet != NULL && (uintptr_t)object == context->loans)
		return &context->loan;
	if (object == NULL)
		luaL_typeerror(L, argument, PACKET_META);
	if (context == NULL || !lua_islightuserdata(L, argument))
		return object;
	return (uintptr_t)object == context->first ? context->kept : &context->none;
}

static struct packet *check_there(lua_State *L, const struct lua_loan *object)
{
	if (object->packet == NULL)
		luaL_error(L,
			"this packet is gone: it was sent on, dropped or seen in another call");
	return object->packet;
}

struct packet *lua_packet_check(lua_State *L, int argument)
{
	return check_there(L, check_object(L, argument));
}

struct packet *lua_packet_lent(lua_State *L)
{
	return check_there(L, &(*lua_context_of(L))->loan);
}

struct packet *lua_packet_release(lua_State *L, int argument)
{
	struct lua_loan *object = check_object(L, argument);
	struct packet *packet = object->packet;

	if (packet != NULL && object->owned)
		count_held(L, -1);
	object->packet = NULL;
	return packet;
}

/* The first packet taken was lent by number: an object that stays has it from now on. */
static void keep_first(lua_State *L, struct lua_context *context)
{
	struct lua_loan *object = push_object(L, NULL, true);

	luaL_setmetatable(L, PACKET_META);
	lua_rawsetp(L, LUA_REGISTRYINDEX, kept_key);
	object->packet = context->loan.packet;
	context->loan.packet = NULL;
	context->kept = object;
	context->first = context->loans;
	context->takes = true;
}

void lua_packet_own(lua_State *L, int argument)
{
	struct lua_loan *object = check_object(L, argument);

	if (object->owned)
		return;
	if (object->packet != NULL)
		count_held(L, 1);
	if (lua_islightuserdata(L, argument)) {
		keep_first(L, *lua_context_of(L));
	} else {
		object->owned = true;
		lua_pushvalue(L, argument);
		luaL_setmetatable(L, PACKET_META);
		lua_pop(L, 1);
	}
	check_held(L);
}

bool lua_packet_is_owned(lua_State *L, int argument)
{
	const struct lua_loan *object = check_object(L, argument);

	return object->packet != NULL && object->owned;
}

static int packet_collect(lua_State *L)
{
	struct lua_loan *object = check_object(L, 1);

	if (object->owned && object->packet != NULL) {
		count_held(L, -1);
		packet_free(object->packet);
	}
	object->packet = NULL;
	return 0;
}

/* Leaves it on the stack. */
static void make_metatable(lua_State *L, const char *name, bool collects)
{
	luaL_newmetatable(L, name);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	if (collects) {
		lua_pushcfunction(L, packet_collect);
		lua_setfield(L, -2, "__gc");
	}
}

void lua_packet_make_metatables(lua_State *L)
{
	make_metatable(L, PACKET_META, true);
	make_metatable(L, loan_key, false);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, loan_key);
	/* All light userdata of a state have one metatable. */
	lua_pushlightuserdata(L, NULL);
	lua_pushvalue(L, -2);
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}
