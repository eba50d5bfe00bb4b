/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress.h - a line on a terminal for what takes longer than a second. Who asks writes it to
 * standard error, from its beginning ("\r").
 */
#ifndef PROBE_IO_PROGRESS_H
#define PROBE_IO_PROGRESS_H

#include <stdbool.h>
#include <time.h>

struct progress {
	time_t told; /* when the line was due last, at first the beginning */
	bool drew;
};

void progress_begin(struct progress *progress);

/* Whether it is time to write it: each second but the first, where there is a terminal. */
bool progress_due(struct progress *progress);

/* Take the line away, if there is one. */
void progress_clear(struct progress *progress);

#endif
