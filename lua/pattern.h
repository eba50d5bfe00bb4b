/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pattern.h - patterns of Lua's strings (Lua 5.4 manual, 6.4.1), whose work is bounded like
 * instructions are: the library's own may take longer over a few bytes than anybody can wait.
 */
#ifndef LUA_PATTERN_H
#define LUA_PATTERN_H

#include <lua.h>

#include <stdbool.h>

enum {
	PATTERN_CAPTURES = 32,
};

struct capture {
	const char *first, *end; /* end NULL: still open; equal and is_place: () */
	bool is_place;
};

struct matcher {
	lua_State *L;
	const char *subject, *end; /* all of it */
	const char *pattern_end;
	struct capture captures[PATTERN_CAPTURES];
	int count, depth;
};

/*
 * Match a pattern at a place of the subject: the end of what it matches, or NULL. Raises a Lua
 * error for what is no pattern, and when the state's work is used up (script_spend).
 */
const char *pattern_match(struct matcher *m, const char *at, const char *pattern);

/* Replace find, match, gmatch and gsub in the table string. */
void pattern_register(lua_State *L);

#endif
