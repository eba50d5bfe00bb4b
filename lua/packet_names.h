/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_names.h - what Lua can do to a packet: methods, properties and fields, all by name. Whose
 * packet an object stands for is packet.h's.
 */
#ifndef LUA_PACKET_NAMES_H
#define LUA_PACKET_NAMES_H

#include <lua.h>

#include <stdbool.h>

/*
 * Teach a state what packets are; once. lets_go: the program uses what it is lent only while it is
 * (plain.h).
 */
void lua_packet_open(lua_State *L, bool lets_go);

#endif
