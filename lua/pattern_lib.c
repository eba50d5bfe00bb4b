/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pattern_lib.c - find, match, gmatch and gsub around the matcher of pattern.c.
 */
#include "lua/pattern.h"

#include "lua/state.h"

#include <lauxlib.h>
#include <lualib.h>

#include <ctype.h>
#include <stdint.h>
#include <string.h>

/* Arguments 1 and 2, a subject and a pattern; without its anchor, if that is one. */
static const char *read_arguments(lua_State *L, struct matcher *m, bool *anchored)
{
	size_t length, pattern_length;
	const char *pattern = luaL_checklstring(L, 2, &pattern_length);

	m->L = L;
	m->subject = luaL_checklstring(L, 1, &length);
	m->end = m->subject + length;
	m->pattern_end = pattern + pattern_length;
	*anchored = pattern_length > 0 && *pattern == '^';
	return pattern + *anchored;
}

/* The place that an argument names, 0 first; past the end when there is none. */
static size_t read_place(lua_State *L, int argument, size_t length)
{
	lua_Integer place = luaL_optinteger(L, argument, 1);

	if (place > 0)
		return (lua_Unsigned)place - 1 > length ? length + 1 : (size_t)place - 1;
	if (place == 0 || place < -(lua_Integer)length)
		return 0;
	return length - (size_t)-place;
}

static void push_capture(const struct matcher *m, int index, const char *from, const char *to)
{
	const struct capture *capture = &m->captures[index];

	if (index >= m->count && index > 0)
		luaL_error(m->L, "invalid capture index %%%d", index + 1);
	if (index >= m->count)
		lua_pushlstring(m->L, from, (size_t)(to - from));
	else if (capture->end == NULL)
		luaL_error(m->L, "unfinished capture");
	else if (capture->is_place)
		lua_pushinteger(m->L, capture->first - m->subject + 1);
	else
		lua_pushlstring(m->L, capture->first, (size_t)(capture->end - capture->first));
}

/* All captures; whole: what was matched, where there are none. Returns how many. */
static int push_captures(const struct matcher *m, bool whole, const char *from, const char *to)
{
	int count = m->count == 0 && whole ? 1 : m->count;

	luaL_checkstack(m->L, count, "too many captures");
	for (int i = 0; i < count; i++)
		push_capture(m, i, from, to);
	return count;
}

static int push_found(lua_State *L, const struct matcher *m, const char *from, const char *to)
{
	lua_pushinteger(L, from - m->subject + 1);
	lua_pushinteger(L, to - m->subject);
	return 2 + push_captures(m, false, NULL, NULL);
}

/* Where a text stands; no pattern. */
static int find_plain(lua_State *L, const struct matcher *m, const char *at, const char *text)
{
	size_t length = (size_t)(m->pattern_end - text);
	const char *found = memmem(at, (size_t)(m->end - at), text, length);

	script_spend(L, (uint64_t)(m->end - at));
	if (found == NULL) {
		lua_pushnil(L);
		return 1;
	}
	return push_found(L, m, found, found + length);
}

/* Whether a pattern is none but a text: for find a ')' alone is one, too. */
static bool is_text(const char *pattern, const char *end)
{
	static const char items[] = "^$*+?.([%-";

	while (pattern < end && memchr(items, *pattern, sizeof(items) - 1) == NULL)
		pattern++;
	return pattern == end;
}

static int find_or_match(lua_State *L, bool find)
{
	struct matcher m = { .count = 0 };
	bool anchored;
	const char *pattern = read_arguments(L, &m, &anchored), *at, *to;
	size_t place = read_place(L, 3, (size_t)(m.end - m.subject));

	if (place > (size_t)(m.end - m.subject)) {
		lua_pushnil(L);
		return 1;
	}
	at = m.subject + place;
	if (find && (lua_toboolean(L, 4) || is_text(pattern - anchored, m.pattern_end)))
		return find_plain(L, &m, at, pattern - anchored);
	do {
		to = pattern_match(&m, at, pattern);
		if (to != NULL)
			return find ? push_found(L, &m, at, to) : push_captures(&m, true, at, to);
	} while (at++ < m.end && !anchored);
	lua_pushnil(L);
	return 1;
}

static int string_find(lua_State *L)
{
	return find_or_match(L, true);
}

static int string_match(lua_State *L)
{
	return find_or_match(L, false);
}

/* Upvalues: subject, pattern, the place to go on at, and where the last match ended. */
static int gmatch_next(lua_State *L)
{
	struct matcher m = { .count = 0 };
	lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
	const char *pattern, *at, *to;
	bool anchored;

	lua_settop(L, 0);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushvalue(L, lua_upvalueindex(2));
	pattern = read_arguments(L, &m, &anchored) - anchored; /* which would be no use here */
	for (at = m.subject + lua_tointeger(L, lua_upvalueindex(3)); at <= m.end; at++) {
		to = pattern_match(&m, at, pattern);
		if (to == NULL || to - m.subject == last)
			continue;
		lua_pushinteger(L, to - m.subject);
		lua_copy(L, -1, lua_upvalueindex(3));
		lua_replace(L, lua_upvalueindex(4));
		return push_captures(&m, true, at, to);
	}
	return 0;
}

static int string_gmatch(lua_State *L)
{
	size_t length;

	luaL_checklstring(L, 1, &length);
	luaL_checkstring(L, 2);
	lua_pushinteger(L, (lua_Integer)read_place(L, 3, length));
	lua_replace(L, 3);
	lua_settop(L, 3);
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, gmatch_next, 4);
	return 1;
}

/* Add the replacement text, in which %0 is what was matched and %1 its first capture. */
static void add_text(struct matcher *m, luaL_Buffer *out, const char *from, const char *to)
{
	size_t length;
	const char *text = lua_tolstring(m->L, 3, &length), *end = text + length;

	for (; text < end; text++) {
		if (*text != '%') {
			luaL_addchar(out, *text);
			continue;
		}
		text++;
		if (text < end && *text == '%') {
			luaL_addchar(out, '%');
		} else if (text < end && *text == '0') {
			luaL_addlstring(out, from, (size_t)(to - from));
		} else if (text < end && isdigit((unsigned char)*text)) {
			push_capture(m, *text - '1', from, to);
			luaL_tolstring(m->L, -1, NULL);
			lua_remove(m->L, -2);
			luaL_addvalue(out);
		} else {
			luaL_error(m->L, "invalid use of '%%' in replacement string");
		}
	}
}

/* Add what stands in place of a match. */
static void add_replacement(struct matcher *m, luaL_Buffer *out, const char *from, const char *to)
{
	lua_State *L = m->L;

	switch (lua_type(L, 3)) {
	case LUA_TFUNCTION:
		lua_pushvalue(L, 3);
		lua_call(L, push_captures(m, true, from, to), 1);
		break;
	case LUA_TTABLE:
		push_capture(m, 0, from, to);
		lua_gettable(L, 3);
		break;
	default:
		add_text(m, out, from, to);
		return;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(out, from, (size_t)(to - from));
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	} else {
		luaL_addvalue(out);
	}
}

static int string_gsub(lua_State *L)
{
	struct matcher m = { .count = 0 };
	bool anchored;
	const char *pattern = read_arguments(L, &m, &anchored), *at = m.subject, *last = NULL;
	lua_Integer most = luaL_optinteger(L, 4, m.end - m.subject + 1), count = 0;
	int type = lua_type(L, 3);
	luaL_Buffer out;

	luaL_argexpected(L,
		type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
			type == LUA_TTABLE,
		3, "string/function/table");
	luaL_buffinit(L, &out);
	while (count < most) {
		const char *to = pattern_match(&m, at, pattern);

		if (to != NULL && to != last) {
			count++;
			add_replacement(&m, &out, at, to);
			at = last = to;
		} else if (at < m.end) {
			luaL_addchar(&out, *at++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	luaL_addlstring(&out, at, (size_t)(m.end - at));
	luaL_pushresult(&out);
	lua_pushinteger(L, count);
	return 2;
}

void pattern_register(lua_State *L)
{
	static const luaL_Reg functions[] = { { "find", string_find }, { "match", string_match },
		{ "gmatch", string_gmatch }, { "gsub", string_gsub }, { NULL, NULL } };

	lua_getglobal(L, LUA_STRLIBNAME);
	luaL_setfuncs(L, functions, 0);
	lua_pop(L, 1);
}
