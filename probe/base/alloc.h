/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc.h - memory that is there or the program ends: running out of it aborts with a message.
 * Free what these return with free().
 */
#ifndef PROBE_BASE_ALLOC_H
#define PROBE_BASE_ALLOC_H

#include <stddef.h>

/* Zeroed array of count objects of size bytes. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc));

/* Uninitialised memory. */
void *xmalloc(size_t size) __attribute__((malloc));

/* Resize an array to count objects of size bytes; the growth is not initialised. */
void *xrealloc(void *memory, size_t count, size_t size);

/* Copy of a C string. */
char *xstrdup(const char *text) __attribute__((malloc));

/*
 * Make room for one more element of a growing array: returns the array, moved if *capacity
 * (in elements) had to grow beyond used.
 */
void *xgrow(void *array, size_t used, size_t *capacity, size_t size);

#endif
