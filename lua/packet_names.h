/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_names.h - what Lua can do to a packet: methods, properties and fields, all by name. Whose
 * packet an object stands for is packet.h's.
 */
#ifndef LUA_PACKET_NAMES_H
#define LUA_PACKET_NAMES_H

#include <lua.h>

/* Put __index and __newindex into the metatable on top. */
void lua_packet_names(lua_State *L);

/*
 * Another __index, for objects that are used only while they are lent: methods are found without a
 * call, and fields are those of the packet that is lent.
 */
void lua_packet_names_lent(lua_State *L);

#endif
