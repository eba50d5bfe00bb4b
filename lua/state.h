/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - a Lua 5.4 state in which the same program does the same thing in every process, and
 * which no program can make hang or grow without bound: sorted pairs, no clock, files, processes,
 * loading, garbage control or coroutines, math.random from a seeded generator, no addresses in
 * text, a bound on instructions per call, on the work of library functions, and on memory.
 */
#ifndef LUA_STATE_H
#define LUA_STATE_H

#include "probe/base/err.h"
#include "probe/base/rng.h"

#include <lua.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script;

enum {
	SCRIPT_MEMORY_BOX = 16 << 20, /* bytes a box may use */
	SCRIPT_MEMORY_SUITE = 256 << 20,
	SCRIPT_STEPS_BOX = 1000000, /* instructions a call of a box may take */
	SCRIPT_STEPS_SUITE = 200000000,
	SCRIPT_WORK_A_STEP =
		10,        /* of library functions, for each instruction that a call may take */
	SCRIPT_FRESH = 64, /* as often may a call take all of the memory, and let it go */
};

/* A state with the safe libraries; rng is copied. */
struct script *script_new(const struct rng *rng, size_t memory_bound, int step_bound);
void script_free(struct script *script);

lua_State *script_state(struct script *script);

/*
 * Compile a text and leave its function on the stack; the name appears in messages as it is.
 * False with "NAME:LINE: what is wrong".
 */
bool script_load(struct script *script, const char *name, const void *text, size_t length,
	struct err *err);

/* Call the function below its arguments, bounded; results are left on the stack. */
bool script_call(struct script *script, int arguments, int results, struct err *err);

/*
 * The same, not bounded: of a function that is known to take few instructions. From within it
 * script_count bounds the rest of the call, as a C function does that calls what is not so known.
 */
bool script_call_short(struct script *script, int arguments, int results, struct err *err);
void script_count(lua_State *L);

/*
 * For library functions, in which no instructions are counted: so many steps are about to be done.
 * Raises an error when a call does too many.
 */
void script_spend(lua_State *L, uint64_t steps);

/* The text of a file built in ("lua/suites/classic.lua"), or NULL. */
const void *script_builtin(const char *path, size_t *length);

/*
 * Read a whole file of at most a few MiB: allocated, to be freed. False when it cannot be read.
 */
bool script_read(const char *path, char **text, size_t *length, struct err *err);

/* lua/state_lib.c: put the safe libraries into a new state. */
int script_open_libraries(lua_State *L);

/* The generator behind math.random. */
struct rng *script_rng(lua_State *L);

#endif
