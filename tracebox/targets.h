/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * targets.h - the targets of a campaign, one a line of a file or of standard input: comments (#)
 * and empty lines left out, the share of one of several machines, and without those that an earlier
 * run has reported.
 */
#ifndef TRACEBOX_TARGETS_H
#define TRACEBOX_TARGETS_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct targets;

/* path "-" is standard input; it outlives the targets. Share shard (1 first) of shards; 1 of 1 is
 * all. */
struct targets *targets_open(const char *path, unsigned int shard, unsigned int shards,
	struct err *err);
void targets_free(struct targets *targets);

/* Leave out targets of this name. */
void targets_skip(struct targets *targets, const char *name);

/* The next target, without blanks around it; valid until the next call. NULL: no more. */
const char *targets_next(struct targets *targets);

/* Whether there are no more because that was all; false with a sentence when reading failed. */
bool targets_were_read(const struct targets *targets, struct err *err);

#endif
