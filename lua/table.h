/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - reading fields of Lua tables with checked types and ranges. An error is raised in Lua,
 * so these are called from C functions under script_call only; where is put in front of it.
 */
#ifndef LUA_TABLE_H
#define LUA_TABLE_H

#include "probe/base/nsec.h"

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The table at index table, and what is said before a complaint ("suite.lua:12: scenario x: "). */
struct table {
	lua_State *L;
	int index;
	const char *where;
};

/* The text of the field "where" of the table at an index: what goes before complaints; or "". */
const char *table_where(lua_State *L, int index);

/* Raise an error about the table. */
int table_error(const struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Refuse fields that are not in the list, which ends with NULL. */
void table_check_fields(const struct table *table, const char *const *known);

/* The same of a table that holds so many elements, too. */
void table_check_list(const struct table *table, size_t count, const char *const *known);

/* Fields, the default when absent. The text stays valid as long as the table holds it. */
const char *table_text(const struct table *table, const char *name, const char *absent);
bool table_bool(const struct table *table, const char *name, bool absent);
uint64_t table_uint(const struct table *table, const char *name, uint64_t absent, uint64_t bound);

/* "15ms", "2s", "50us", or a number of milliseconds. */
nsec_t table_time(const struct table *table, const char *name, nsec_t absent);

/* A ratio 0..1 in parts of a million. */
uint32_t table_ppm(const struct table *table, const char *name, uint32_t absent);

/* One of a NULL-ended list of words: its index. */
unsigned int table_choice(const struct table *table, const char *name, const char *const *words,
	unsigned int absent);

/* Push a field that must be a table; false (nothing pushed) when it is absent. */
bool table_enter(const struct table *table, const char *name);

/* Push what stands at an index, 0 first, of the list on top of the stack: a table, called what. */
struct table table_item(const struct table *outer, size_t index, const char *what);

#endif
