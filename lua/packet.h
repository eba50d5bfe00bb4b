/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h - packets as Lua objects: fields by name, options, payload. An object is valid during
 * the call it was handed to, or, when it was cloned or taken, until it is emitted.
 */
#ifndef LUA_PACKET_H
#define LUA_PACKET_H

#include "mbtest/box.h"

#include <lua.h>

/*
 * What a packet is lent by: one call, one loan. It is valid as long as the object that stands for
 * it is on the stack or elsewhere in the state.
 */
struct lua_loan {
	struct packet *packet; /* NULL: gone */
	bool owned;            /* taken, so that it is freed with the object */
};

/* Whose call is under way; a pointer to it stands in the extra space of the state. */
struct lua_context {
	struct box *box; /* NULL: none */
	enum dir dir;
	unsigned int held;    /* packets that objects own: memory that Lua does not count */
	bool takes;           /* a packet was taken: they are lent by objects from then on */
	uintptr_t loans;      /* how many were made by number; the last is the one in hand */
	struct lua_loan loan; /* that of the number loans */
	uintptr_t first;      /* the number of the first packet taken, and the object that has it */
	struct lua_loan *kept; /* NULL: none was taken */
	struct lua_loan none;  /* that of other numbers */
};

enum { LUA_PACKETS_HELD = 4096 };

struct lua_context **lua_context_of(lua_State *L);

/* Make the metatable; once a state. */
void lua_packet_open(lua_State *L);

/*
 * Push an object for a packet; it frees it unless lua_packet_release is called. An error when a box
 * would hold more than LUA_PACKETS_HELD; the packet is freed then.
 */
void lua_packet_push(lua_State *L, struct packet *packet);

/* Push an object for a packet that is in a box's hand for this call. */
struct lua_loan *lua_packet_lend(lua_State *L, struct packet *packet);

/* The packet at an argument; an error when it is gone. */
struct packet *lua_packet_check(lua_State *L, int argument);

/* Make the object the packet's owner; and whether it is. */
void lua_packet_own(lua_State *L, int argument);
bool lua_packet_is_owned(lua_State *L, int argument);

/* Take the packet out of the object, which is empty from then on. */
struct packet *lua_packet_release(lua_State *L, int argument);

#endif
