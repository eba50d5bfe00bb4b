/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - one worker process of runner.c, seen from both sides: the loop it runs, and the
 * messages it sends through its pipe.
 */
#ifndef MBTEST_SUITE_WORKER_H
#define MBTEST_SUITE_WORKER_H

#include "mbtest/suite/runner.h"

#include <stdatomic.h>
#include <sys/types.h>

enum { RUNNER_JOBS = 64 };   /* worker processes at most */

/* In memory shared by all processes of a run. */
struct work_board {
	atomic_uint next;                   /* the next job to begin */
	atomic_uint current[RUNNER_JOBS];   /* what each worker is at, plus one; 0: nothing */
};

/* What to run. */
struct work {
	const struct scenario *const *scenarios;
	size_t count;               /* scenarios times repeat */
	const struct runner_config *config;
	struct work_board *board;
};

/* How a job ended, through the worker's pipe. */
struct work_message {
	uint32_t job;
	bool ran;                   /* false: it could not be run, err says why */
	union {
		struct result result;
		struct err err;
	};
};

/* Take jobs until there are none; what a worker process does. */
void worker_loop(const struct work *work, unsigned int worker, int pipe);

/* The scenario of a job. */
const struct scenario *work_scenario(const struct work *work, uint32_t job);

/* Name for a job's files: scenario, version, checksum and family. */
void scenario_file_name(const struct scenario *scenario, char *name, size_t size);

#endif
