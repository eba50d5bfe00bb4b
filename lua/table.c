/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - see table.h.
 */
#include "lua/table.h"

#include <lauxlib.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *table_where(lua_State *L, int index)
{
	const char *text;

	lua_getfield(L, index, "where");
	text = lua_tostring(L, -1);
	lua_pop(L, 1);
	return text == NULL ? "" : text;
}

int table_error(const struct table *table, const char *format, ...)
{
	char text[384];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	lua_pushfstring(table->L, "%s%s", table->where, text);
	return lua_error(table->L);
}

/* Push a field; false when it is absent, and then nothing is pushed. */
static bool push_field(const struct table *table, const char *name, int type)
{
	lua_State *L = table->L;
	int got = lua_getfield(L, table->index, name);

	if (got == type)
		return true;
	if (got != LUA_TNIL)
		table_error(table, "%s must be a %s, not a %s", name, lua_typename(L, type),
			lua_typename(L, got));
	lua_pop(L, 1);
	return false;
}

/* Refuse keys that are neither known nor the index of one of so many elements. */
static void check_keys(const struct table *table, size_t count, const char *const *known,
	const char *otherwise)
{
	lua_State *L = table->L;

	lua_pushnil(L);
	while (lua_next(L, table->index) != 0) {
		const char *const *name = known;

		lua_pop(L, 1);
		if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 &&
			(size_t)lua_tointeger(L, -1) <= count)
			continue;
		if (lua_type(L, -1) != LUA_TSTRING)
			table_error(table, "%s", otherwise);
		while (*name != NULL && strcmp(*name, lua_tostring(L, -1)) != 0)
			name++;
		if (*name == NULL)
			table_error(table, "there is no field \"%s\"", lua_tostring(L, -1));
	}
}

void table_check_fields(const struct table *table, const char *const *known)
{
	check_keys(table, 0, known, "fields are named");
}

void table_check_list(const struct table *table, size_t count, const char *const *known)
{
	check_keys(table, count, known, "a list has no gaps");
}

const char *table_text(const struct table *table, const char *name, const char *absent)
{
	const char *text;

	if (!push_field(table, name, LUA_TSTRING))
		return absent;
	text = lua_tostring(table->L, -1);
	lua_pop(table->L, 1);
	return text;
}

bool table_bool(const struct table *table, const char *name, bool absent)
{
	bool value;

	if (!push_field(table, name, LUA_TBOOLEAN))
		return absent;
	value = lua_toboolean(table->L, -1);
	lua_pop(table->L, 1);
	return value;
}

uint64_t table_uint(const struct table *table, const char *name, uint64_t absent, uint64_t bound)
{
	lua_Integer value;
	int is_integer;

	if (!push_field(table, name, LUA_TNUMBER))
		return absent;
	value = lua_tointegerx(table->L, -1, &is_integer);
	if (!is_integer || value < 0 || (uint64_t)value > bound)
		table_error(table, "%s must be a whole number from 0 to %llu", name,
			(unsigned long long)bound);
	lua_pop(table->L, 1);
	return (uint64_t)value;
}

#define TIME_MOST (1000000000 * NSEC_PER_SEC)

/* Nanoseconds in a text with a unit; false when it is none. */
static bool parse_time(const char *text, nsec_t *time)
{
	static const struct {
		const char *unit;
		nsec_t factor;
	} units[] = { { "ns", 1 }, { "us", NSEC_PER_US }, { "ms", NSEC_PER_MS },
		{ "s", NSEC_PER_SEC }, { "", NSEC_PER_MS } };
	unsigned long long value;
	char *end;
	size_t i;

	if (*text < '0' || *text > '9')
		return false;
	value = strtoull(text, &end, 10);
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) == 0 && value <= TIME_MOST / units[i].factor) {
			*time = (nsec_t)value * units[i].factor;
			return true;
		}
	}
	return false;
}

nsec_t table_time(const struct table *table, const char *name, nsec_t absent)
{
	nsec_t time = 0;
	int type = lua_getfield(table->L, table->index, name);

	if (type == LUA_TNIL)
		time = absent;
	else if ((type != LUA_TSTRING && !lua_isinteger(table->L, -1)) ||
		!parse_time(lua_tostring(table->L, -1), &time))
		table_error(table, "%s must be a time such as \"15ms\" or a number of milliseconds",
			name);
	lua_pop(table->L, 1);
	return time;
}

uint32_t table_ppm(const struct table *table, const char *name, uint32_t absent)
{
	lua_Number value;

	if (!push_field(table, name, LUA_TNUMBER))
		return absent;
	value = lua_tonumber(table->L, -1);
	if (!(value >= 0 && value <= 1))
		table_error(table, "%s must be a number from 0 to 1", name);
	lua_pop(table->L, 1);
	return (uint32_t)(value * 1e6 + 0.5);
}

unsigned int table_choice(const struct table *table, const char *name, const char *const *words,
	unsigned int absent)
{
	const char *text = table_text(table, name, NULL);
	unsigned int i;

	if (text == NULL)
		return absent;
	for (i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], text) == 0)
			return i;
	}
	table_error(table, "%s cannot be \"%s\"", name, text);
	return absent;
}

bool table_enter(const struct table *table, const char *name)
{
	return push_field(table, name, LUA_TTABLE);
}

struct table table_item(const struct table *outer, size_t index, const char *what)
{
	struct table item = { outer->L, lua_gettop(outer->L) + 1, outer->where };

	if (lua_rawgeti(outer->L, -1, (lua_Integer)index + 1) != LUA_TTABLE)
		table_error(outer, "%s %zu is no table", what, index + 1);
	return item;
}
