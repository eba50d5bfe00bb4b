/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bundle.h - several texts as one .tar.gz to attach to a ticket. Stored, not compressed: what is in
 * it is small, and reading it needs nothing but tar.
 */
#ifndef TRACEBOX_BUNDLE_H
#define TRACEBOX_BUNDLE_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct bundle_file {
	const char *name; /* at most 99 bytes */
	const void *bytes;
	size_t length;
};

/* Written whole or not at all; false with a sentence and no file. */
bool bundle_write(const char *path, const struct bundle_file *files, size_t count, struct err *err);

#endif
