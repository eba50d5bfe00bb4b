/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keep.h - the captures that a run leaves behind (--keep): both taps of each failure; of scenarios
 * that are run several times, both taps of the first failure and the first success of each outcome,
 * unless all of them came to the same and passed. Workers write, their parent takes away.
 */
#ifndef MBTEST_SUITE_KEEP_H
#define MBTEST_SUITE_KEEP_H

#include "mbtest/suite/work.h"

#include <stdbool.h>
#include <stdint.h>

/* What became of a scenario's runs so far. */
struct kept {
	uint32_t seen; /* outcomes, 1 << enum outcome; those of failures OUTCOME_COUNT higher */
	uint32_t first, done;
};

/* By the worker, of a run that came to a result. Writes nothing where nothing may be kept. */
bool keep_write(const struct work *work, uint32_t job, const struct result *result,
	const struct run_taps *taps, struct err *err);

/* By the parent, in any order of jobs: what need not be kept goes. */
void keep_settle(const struct work *work, uint32_t job, const struct result *result,
	struct kept *kept);

#endif
