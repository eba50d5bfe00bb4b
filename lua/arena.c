/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.c - see arena.h.
 */
#include "lua/arena.h"

#include "probe/base/alloc.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	size_t room = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *memory;

	if (block == NULL || block->size - block->used < room) {
		size_t fresh = room > BLOCK_SIZE ? room : BLOCK_SIZE;

		block = xcalloc(1, sizeof(*block) + fresh);
		block->size = fresh;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	memory = block->bytes + block->used;
	block->used += room;
	return memory;
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	memcpy(copy, text, length);
	return copy;
}

void arena_fini(struct arena *arena)
{
	while (arena->blocks != NULL) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}
