/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h - packets as Lua objects: which object stands for which packet, and who frees it. An
 * object is valid during the call it was handed to, or, when it was cloned or taken, until it is
 * emitted. What can be done to one is packet_names.h.
 */
#ifndef LUA_PACKET_H
#define LUA_PACKET_H

#include "mbtest/box.h"

#include <lua.h>

/* What an object refers to. */
struct lua_loan {
	struct packet *packet; /* NULL: gone */
	bool owned;            /* taken or cloned, so that it is freed with the object */
};

/* Whose call is under way; a pointer to it stands in the extra space of the state. */
struct lua_context {
	struct box *box; /* NULL: none */
	enum dir dir;
	unsigned int held;     /* packets that objects own: memory that Lua does not count */
	unsigned int owners;   /* objects that own a packet, made since they were collected */
	bool takes;            /* it has taken a packet: then they are to be lent by objects */
	uintptr_t loans;       /* packets lent so far; the number of the one in hand */
	struct lua_loan loan;  /* of that number */
	struct lua_loan *lent; /* that, or of the object in its place */
	uintptr_t first;       /* the number of the packet that was taken first, */
	struct lua_loan *kept; /* and of the object that has it */
	struct lua_loan none;  /* of other numbers */
};

enum { LUA_PACKETS_HELD = 4096 };

struct lua_context **lua_context_of(lua_State *L);

/* Push two new metatables, of objects that own a packet and, on top, of what is lent. */
void lua_packet_make_metatables(lua_State *L);

/*
 * Push an object for a packet; it frees it unless lua_packet_release is called. An error when a box
 * would hold more than LUA_PACKETS_HELD; the packet is freed then.
 */
void lua_packet_push(lua_State *L, struct packet *packet);

/*
 * Push what stands for a packet that is a box's for one call. A box that takes packets is called
 * with an object in the place of it: an error when there is no memory for that.
 */
void lua_packet_lend(lua_State *L, struct packet *packet);
void lua_packet_lend_object(lua_State *L, int argument);

/* The call is over: whether the box has taken the packet. If not, what stood for it is empty. */
bool lua_packet_return(lua_State *L);

/* The packet at an argument; an error when it is gone. */
struct packet *lua_packet_check(lua_State *L, int argument);

/* The packet that is lent by number; an error when it is gone. */
struct packet *lua_packet_lent(lua_State *L);

/* Make the object the packet's owner; and whether it is. */
void lua_packet_own(lua_State *L, int argument);
bool lua_packet_is_owned(lua_State *L, int argument);

/* Take the packet out of the object, which is empty from then on. */
struct packet *lua_packet_release(lua_State *L, int argument);

#endif
