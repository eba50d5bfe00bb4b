/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runner.h - many scenarios side by side in worker processes. A worker that crashes or hangs costs
 * one failed result, not the run. Results come in the order of the jobs, whatever the order in
 * which they were done.
 */
#ifndef MBTEST_SUITE_RUNNER_H
#define MBTEST_SUITE_RUNNER_H

#include "mbtest/suite/run.h"
#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct runner_config {
	struct run_config run;
	unsigned int jobs;   /* worker processes; 0: as many as are good for the clock */
	unsigned int repeat; /* runs of each scenario, with seeds counting up; at least 1 */
	const char *keep;    /* folder for captures of failures and races (keep.h), or NULL */
	const char *record;  /* folder for the taps of every run (tap_file.h), or NULL */
	bool progress;       /* a line on stderr while it takes long */
	bool is_asking;      /* it counts no failures: what comes of a run is an answer */
	/* A result is there; in order, called in the parent only. */
	void (*done)(void *self, const struct scenario *scenario, const struct result *result);
	void *self;
};

enum runner_end {
	RUNNER_DONE,
	RUNNER_INTERRUPTED, /* SIGINT or SIGTERM: what was not begun was left out */
	RUNNER_FAILED,      /* the environment did not let it: err says */
	RUNNER_WORKER,      /* this process was a worker and has done its part: end it quietly */
};

/*
 * Run each scenario repeat times. result.index is the scenario's index. Flush what you have
 * printed first: workers are forks.
 */
enum runner_end runner_run(const struct scenario *const *scenarios, size_t count,
	const struct runner_config *config, struct err *err);

#endif
