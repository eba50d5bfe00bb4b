/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shrink.h - a violation made small: boxes, arguments, paths and bytes are taken away as long as
 * the same thing is still violated. What is left is written as a suite file that mbtest run plays.
 */
#ifndef MBTEST_SUITE_SHRINK_H
#define MBTEST_SUITE_SHRINK_H

#include "mbtest/suite/explore.h"
#include "mbtest/suite/runner.h"
#include "probe/base/err.h"

#include <stdio.h>

/*
 * Make exploration, whose run violates what name says, smaller in place. Candidates run side by
 * side in workers. RUNNER_WORKER: this process is one of them (runner.h).
 */
enum runner_end shrink(struct exploration *exploration, const char *name,
	const struct run_config *run, struct err *err);

/* The scenario as a Lua file, with a comment of how it is run and what it violates. */
void scenario_write(FILE *out, const struct scenario *scenario, const char *comment);

#endif
