/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory)
{
	if (memory == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *xmalloc(size_t size)
{
	return checked(malloc(size > 0 ? size : 1));
}

void *xrealloc(void *memory, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return checked(NULL);
	return checked(realloc(memory, count * size > 0 ? count * size : 1));
}

char *xstrdup(const char *text)
{
	return checked(strdup(text));
}

void *xgrow(void *array, size_t used, size_t *capacity, size_t size)
{
	if (used < *capacity)
		return array;
	*capacity = *capacity == 0 ? 16 : *capacity * 2;
	return xrealloc(array, *capacity, size);
}
