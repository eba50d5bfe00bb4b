/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.h - the Lua files built into the programs (generated table, see scripts/embed_lua.sh).
 */
#ifndef LUA_FILES_H
#define LUA_FILES_H

#include <stddef.h>

/* path as in the source tree ("lua/suites/classic.lua"); the table ends with a NULL path. */
struct lua_file {
	const char *path;
	const unsigned char *text;
	size_t length;
};

extern const struct lua_file lua_files[];

#endif
