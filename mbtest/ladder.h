/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ladder.h - both taps of a run side by side: which packet that left one host is which that came
 * to the other. Told from what boxes leave alone: path, direction, flags, and the number relative
 * to the SYN that each tap saw itself.
 */
#ifndef MBTEST_LADDER_H
#define MBTEST_LADDER_H

#include "mbtest/dir.h"
#include "probe/wire/capture.h"

#include <stddef.h>
#include <stdint.h>

enum { LADDER_ARROWS = 1024 }; /* of a run, the first; what comes later is only counted */

#define LADDER_NONE UINT32_MAX

struct ladder_arrow {
	enum end from;
	uint16_t path;
	uint32_t sent;     /* record in the sender's tap; LADDER_NONE: made on the way */
	uint32_t received; /* record in the other tap; LADDER_NONE: it never came */
	uint32_t seq;      /* relative to the SYN, where it was sent or else received */
};

struct ladder {
	struct ladder_arrow arrows[LADDER_ARROWS]; /* by the time they begin */
	size_t count;
	size_t more; /* packets left out */
};

void ladder_make(struct ladder *ladder, const struct capture *const tap[ENDS]);

#endif
