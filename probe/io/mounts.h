/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mounts.h - a view of the file system of this process's own, in which some files read otherwise.
 * Nothing outside changes, and the view ends with the last process that has it.
 */
#ifndef PROBE_IO_MOUNTS_H
#define PROBE_IO_MOUNTS_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct mount_file {
	const char *path; /* of an existing file */
	const char *text; /* what it reads like from now on */
};

/*
 * Move this process to a mount namespace of its own in which these files have these texts, and
 * /proc tells of the PID namespace it is in. False with a sentence.
 */
bool mounts_cover(const struct mount_file *files, size_t count, struct err *err);

#endif
