/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * work.h - what a run of the worker processes is about: its jobs, each a scenario with a seed.
 */
#ifndef MBTEST_SUITE_WORK_H
#define MBTEST_SUITE_WORK_H

#include "mbtest/suite/runner.h"

struct work_board;

/* What to run. */
struct work {
	const struct scenario *const *scenarios;
	size_t count; /* scenarios times repeat */
	const struct runner_config *config;
	struct work_board *board; /* see worker.h */
	const uint32_t *order;    /* the job that is begun n-th */
	int turns;                /* semaphore (eventfd): how many more may be busy */
};

/* The scenario of a job. */
static inline const struct scenario *work_scenario(const struct work *work, uint32_t job)
{
	return work->scenarios[job / work->config->repeat];
}

/* And its seed. */
static inline uint64_t work_seed(const struct work *work, uint32_t job)
{
	uint64_t seed = work_scenario(work, job)->seed;

	return (seed != 0 ? seed : work->config->run.seed) + job % work->config->repeat;
}

#endif
