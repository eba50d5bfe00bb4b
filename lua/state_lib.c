/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state_lib.c - the libraries of a Lua state, made deterministic: what is unsafe is taken out, and
 * what would show the time or an address is replaced.
 */
#include "lua/pattern.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <lualib.h>

#include <stdint.h>
#include <string.h>

enum {
	SORTING = 16, /* steps that a key takes to be put in order */
	COPIES = 16,  /* of a short text are made in one step */
};

/* Rank of the types a sorted table may have as keys. */
static int key_rank(lua_State *L, int index)
{
	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN:
		return 1;
	case LUA_TNUMBER:
		return 2;
	case LUA_TSTRING:
		return 3;
	default:
		return 0;
	}
}

/* Bytewise, independent of the locale. */
static bool text_before(lua_State *L, int a, int b)
{
	size_t a_length, b_length;
	const char *a_text = lua_tolstring(L, a, &a_length);
	const char *b_text = lua_tolstring(L, b, &b_length);
	int order = memcmp(a_text, b_text, a_length < b_length ? a_length : b_length);

	return order < 0 || (order == 0 && a_length < b_length);
}

static bool key_before(lua_State *L, int a, int b)
{
	int a_rank = key_rank(L, a), b_rank = key_rank(L, b);

	if (a_rank != b_rank)
		return a_rank < b_rank;
	if (a_rank == 1)
		return lua_toboolean(L, a) < lua_toboolean(L, b);
	if (a_rank == 3)
		return text_before(L, a, b);
	return lua_compare(L, a, b, LUA_OPLT);
}

/* The key table at index keys holds 1..count; put its root's largest child up (heap sort). */
static void sift_down(lua_State *L, int keys, lua_Integer root, lua_Integer count)
{
	for (;;) {
		lua_Integer child = 2 * root;
		bool in_order;

		if (child > count)
			return;
		if (child < count) {
			lua_rawgeti(L, keys, child);
			lua_rawgeti(L, keys, child + 1);
			if (key_before(L, -2, -1))
				child++;
			lua_pop(L, 2);
		}
		lua_rawgeti(L, keys, root);
		lua_rawgeti(L, keys, child);
		in_order = !key_before(L, -2, -1);
		if (in_order) {
			lua_pop(L, 2);
			return;
		}
		lua_rawseti(L, keys, root);
		lua_rawseti(L, keys, child);
		root = child;
	}
}

static void sort_keys(lua_State *L, int keys, lua_Integer count)
{
	lua_Integer i;

	for (i = count / 2; i >= 1; i--)
		sift_down(L, keys, i, count);
	for (i = count; i > 1; i--) {
		lua_rawgeti(L, keys, 1);
		lua_rawgeti(L, keys, i);
		lua_rawseti(L, keys, 1);
		lua_rawseti(L, keys, i);
		sift_down(L, keys, 1, i - 1);
	}
}

/* Upvalues: the sorted keys and the position; argument: the table. */
static int pairs_next(lua_State *L)
{
	lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));

	lua_settop(L, 1);
	for (;;) {
		at++;
		lua_rawgeti(L, lua_upvalueindex(1), at);
		if (lua_isnil(L, -1))
			return 1;
		lua_pushvalue(L, -1);
		lua_rawget(L, 1);
		if (!lua_isnil(L, -1))
			break;
		/* Removed meanwhile. */
		lua_pop(L, 2);
	}
	lua_pushinteger(L, at);
	lua_replace(L, lua_upvalueindex(2));
	return 2;
}

static int sorted_pairs(lua_State *L)
{
	lua_Integer count = 0;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_newtable(L);
	lua_pushnil(L);
	while (lua_next(L, 1) != 0) {
		lua_pop(L, 1);
		script_spend(L, SORTING);
		if (key_rank(L, -1) == 0)
			return luaL_error(L, "pairs over a table with a %s as key has no order",
				luaL_typename(L, -1));
		lua_pushvalue(L, -1);
		lua_rawseti(L, 2, ++count);
	}
	sort_keys(L, 2, count);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, pairs_next, 2);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

/* Whether the plain text of this value would be its address. */
static bool shows_address(lua_State *L, int index)
{
	switch (lua_type(L, index)) {
	case LUA_TTABLE:
	case LUA_TUSERDATA:
		if (luaL_getmetafield(L, index, "__tostring") == LUA_TNIL)
			return true;
		lua_pop(L, 1);
		return false;
	case LUA_TFUNCTION:
	case LUA_TLIGHTUSERDATA:
	case LUA_TTHREAD:
		return true;
	default:
		return false;
	}
}

static int plain_tostring(lua_State *L)
{
	luaL_checkany(L, 1);
	if (shows_address(L, 1))
		lua_pushstring(L, luaL_typename(L, 1));
	else
		luaL_tolstring(L, 1, NULL);
	return 1;
}

/* Whether a format asks for an address: a conversion %p, whatever stands between. */
static bool asks_address(const char *format)
{
	while ((format = strchr(format, '%')) != NULL) {
		format++;
		if (*format == '%') {
			format++;
			continue;
		}
		format += strspn(format, "-+ #0123456789.");
		if (*format == 'p')
			return true;
	}
	return false;
}

/* string.format (the upvalue) without addresses. */
static int plain_format(lua_State *L)
{
	int i, count = lua_gettop(L);

	if (asks_address(luaL_checkstring(L, 1)))
		return luaL_error(L, "'%%p' shows an address, which differs from run to run");
	for (i = 2; i <= count; i++) {
		if (shows_address(L, i)) {
			lua_pushstring(L, luaL_typename(L, i));
			lua_replace(L, i);
		}
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, count, 1);
	return 1;
}

static int seeded_random(lua_State *L)
{
	lua_Integer low = 1, high;
	struct rng *rng = script_rng(L);
	uint64_t span, drawn;

	switch (lua_gettop(L)) {
	case 0:
		lua_pushnumber(L, (lua_Number)(rng_next(rng) >> 11) * 0x1p-53);
		return 1;
	case 1:
		high = luaL_checkinteger(L, 1);
		break;
	default:
		low = luaL_checkinteger(L, 1);
		high = luaL_checkinteger(L, 2);
		break;
	}
	luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
	span = (uint64_t)high - (uint64_t)low;
	drawn = span == UINT64_MAX ? rng_next(rng) : rng_below(rng, span + 1);
	drawn += (uint64_t)low;
	lua_pushinteger(L, (lua_Integer)drawn);
	return 1;
}

/* setmetatable (the upvalue) without what the garbage collector would decide. */
static int plain_setmetatable(lua_State *L)
{
	static const char *const refused[] = { "__gc", "__mode" };
	unsigned int i;

	lua_settop(L, 2);
	for (i = 0; i < 2 && lua_istable(L, 2); i++) {
		lua_pushstring(L, refused[i]);
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "%s depends on the garbage collector", refused[i]);
		lua_pop(L, 1);
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

/* Stable insertion of the value at the end of a sorted prefix: the order of equals is kept. */
static int stable_sort(lua_State *L)
{
	lua_Integer count, i, k;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	count = (lua_Integer)lua_rawlen(L, 1);
	luaL_argcheck(L, count <= 2000, 1, "too many elements to sort");
	for (i = 2; i <= count; i++) {
		lua_rawgeti(L, 1, i);
		for (k = i - 1; k >= 1; k--) {
			bool before;

			script_spend(L, 1);
			lua_rawgeti(L, 1, k);
			if (lua_isnil(L, 2)) {
				before = lua_compare(L, 3, 4, LUA_OPLT);
			} else {
				lua_pushvalue(L, 2);
				lua_pushvalue(L, 3);
				lua_pushvalue(L, 4);
				lua_call(L, 2, 1);
				before = lua_toboolean(L, -1);
				lua_pop(L, 1);
			}
			if (!before) {
				lua_pop(L, 1);
				break;
			}
			lua_rawseti(L, 1, k + 1);
		}
		lua_rawseti(L, 1, k + 1);
	}
	return 0;
}

/*
 * xpcall, but that the handler is called when the error has been caught. Lua's own calls it where
 * the error is raised, and the bound on instructions raises in a hook, where none are counted.
 */
static int plain_xpcall(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 1);
	lua_copy(L, 2, 1);
	lua_replace(L, 2);
	lua_pushboolean(L, true);
	lua_insert(L, 2);
	/* handler, true, function, arguments */
	if (lua_pcall(L, lua_gettop(L) - 3, LUA_MULTRET, 0) == LUA_OK)
		return lua_gettop(L) - 1;
	lua_remove(L, 2);
	lua_pcall(L, 1, 1, 0);
	lua_pushboolean(L, false);
	lua_insert(L, 1);
	return 2;
}

static void remove_fields(lua_State *L, const char *const *names)
{
	for (; *names != NULL; names++) {
		lua_pushnil(L);
		lua_setfield(L, -2, *names);
	}
}

/* Replace a function of the table on top by one that has the original as its upvalue. */
static void wrap_field(lua_State *L, const char *name, lua_CFunction wrapper)
{
	lua_getfield(L, -1, name);
	lua_pushcclosure(L, wrapper, 1);
	lua_setfield(L, -2, name);
}

/* Functions of table that go through a range of elements: which arguments begin and end it. */
static const struct ranged {
	const char *name;
	int least;       /* with fewer arguments there is no range */
	int first, last; /* last 0: to the last element */
} ranged[] = { { "insert", 3, 2, 0 }, { "remove", 2, 2, 0 }, { "move", 3, 2, 3 },
	{ "unpack", 1, 2, 3 } };

/* Upvalues: the function, which is called in this one's place, and its row. */
static int spend_range(lua_State *L)
{
	const struct ranged *row = lua_touserdata(L, lua_upvalueindex(2));
	lua_Integer first, last;

	if (lua_gettop(L) >= row->least && lua_istable(L, 1)) {
		first = luaL_optinteger(L, row->first, 1);
		last = (lua_Integer)lua_rawlen(L, 1);
		if (row->last > 0)
			last = luaL_optinteger(L, row->last, last);
		if (last >= first)
			script_spend(L, (uint64_t)last - (uint64_t)first);
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Nothing, repeated for ever, takes no memory; upvalue: the function. */
static int spend_repetitions(lua_State *L)
{
	lua_Integer count = luaL_checkinteger(L, 2);

	if (count > 0)
		script_spend(L, (uint64_t)count / COPIES);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Of the table on top. */
static void wrap_ranges(lua_State *L)
{
	for (size_t i = 0; i < sizeof(ranged) / sizeof(ranged[0]); i++) {
		lua_getfield(L, -1, ranged[i].name);
		lua_pushlightuserdata(L, (void *)(uintptr_t)&ranged[i]);
		lua_pushcclosure(L, spend_range, 2);
		lua_setfield(L, -2, ranged[i].name);
	}
}

int script_open_libraries(lua_State *L)
{
	static const char *const base[] = { "collectgarbage", "dofile", "load", "loadfile", "next",
		"print", "require", "warn", "getmetatable", NULL };
	static const char *const text[] = { "dump", NULL };
	static const char *const math[] = { "randomseed", NULL };
	static const luaL_Reg libraries[] = { { LUA_GNAME, luaopen_base },
		{ LUA_TABLIBNAME, luaopen_table }, { LUA_STRLIBNAME, luaopen_string },
		{ LUA_MATHLIBNAME, luaopen_math }, { LUA_UTF8LIBNAME, luaopen_utf8 } };
	size_t i;

	for (i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
		lua_pop(L, 1);
	}
	lua_pushglobaltable(L);
	remove_fields(L, base);
	lua_pushcfunction(L, sorted_pairs);
	lua_setfield(L, -2, "pairs");
	lua_pushcfunction(L, plain_tostring);
	lua_setfield(L, -2, "tostring");
	lua_pushcfunction(L, plain_xpcall);
	lua_setfield(L, -2, "xpcall");
	wrap_field(L, "setmetatable", plain_setmetatable);
	lua_getfield(L, -1, "string");
	remove_fields(L, text);
	wrap_field(L, "format", plain_format);
	wrap_field(L, "rep", spend_repetitions);
	lua_pop(L, 1);
	lua_getfield(L, -1, "math");
	remove_fields(L, math);
	lua_pushcfunction(L, seeded_random);
	lua_setfield(L, -2, "random");
	lua_pop(L, 1);
	lua_getfield(L, -1, "table");
	lua_pushcfunction(L, stable_sort);
	lua_setfield(L, -2, "sort");
	wrap_ranges(L);
	pattern_register(L);
	return 0;
}
