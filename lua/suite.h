/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite.h - suites written in Lua: read, checked and expanded once into plain scenarios.
 */
#ifndef LUA_SUITE_H
#define LUA_SUITE_H

#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"

#include <stddef.h>

struct suite;

/* Which cases are wanted, as sets. */
enum {
	CASE_OFF = 1, /* bit of version 0, of checksum off */
	CASE_ON = 2,  /* bit of version 1, of checksum on */
	CASE_IP4 = 1,
	CASE_IP6 = 2,
};

struct suite_cases {
	unsigned int versions, checksums, families;
};

/*
 * A suite by name (lua/suites/NAME.lua, built in) or, when the argument has a '/' or ends in
 * ".lua", from a file. NULL with a sentence that names file and line.
 */
struct suite *suite_load(const char *argument, const struct suite_cases *cases, struct err *err);
void suite_free(struct suite *suite);

size_t suite_count(const struct suite *suite);
const struct scenario *suite_scenario(const struct suite *suite, size_t index);

/* Names of the suites built in: index from 0; NULL past the last. Valid for the caller's buffer. */
const char *suite_builtin(size_t index, char name[static 64]);

#endif
