/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.h - memory that is given back all at once: what the scenarios of a suite stand on.
 */
#ifndef LUA_ARENA_H
#define LUA_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* zeroed struct: an empty arena */
};

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of length bytes with a NUL after them. */
char *arena_text(struct arena *arena, const char *text, size_t length);

void arena_fini(struct arena *arena);

#endif
