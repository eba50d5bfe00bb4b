/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - one worker process of runner.c, seen from both sides: the loop it runs, and the
 * messages it sends through its pipe.
 */
#ifndef MBTEST_SUITE_WORKER_H
#define MBTEST_SUITE_WORKER_H

#include "mbtest/suite/work.h"

#include <stdatomic.h>
#include <sys/types.h>

enum { RUNNER_JOBS = 64 }; /* worker processes at most */

enum worker_state {
	WORKER_IDLE,
	WORKER_BUSY,    /* at a job that has just begun: it counts against the bound */
	WORKER_WAITING, /* at a job that takes so long that it must mostly wait */
};

/* In memory shared by all processes of a run. */
struct work_board {
	atomic_uint next;                 /* the next job to begin */
	atomic_uint current[RUNNER_JOBS]; /* what each worker is at, plus one; 0: nothing */
	atomic_uint state[RUNNER_JOBS];   /* enum worker_state */
};

/* How a job ended, through the worker's pipe. */
struct work_message {
	uint32_t job;
	bool ran; /* false: it could not be run, err says why */
	union {
		struct result result;
		struct err err;
	};
};

/* Take jobs until there are none; what a worker process does. */
void worker_loop(const struct work *work, unsigned int worker, int pipe);

/*
 * This worker is no longer busy: it has ended its job, or has been at it for long (said by the
 * parent), or has died.
 */
void work_rest(const struct work *work, unsigned int worker, enum worker_state state);

#endif
