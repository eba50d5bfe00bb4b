/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore_path.h - what stands on an explored path: links, boxes with their parameters, a place
 * where ways part, a hop.
 */
#ifndef MBTEST_SUITE_EXPLORE_PATH_H
#define MBTEST_SUITE_EXPLORE_PATH_H

#include "mbtest/suite/explore.h"
#include "probe/base/rng.h"

/* Uniform in orders of magnitude: a number within low..high. */
uint64_t log_uniform(struct rng *rng, uint64_t low, uint64_t high);

/* The text in every stream that asks for a marker, and that boxes look for. */
extern const char explore_marker[];

/* Fill the row of a path. */
void explore_path(struct rng *rng, const struct explore_plan *plan, struct exploration *exploration,
	unsigned int path);

/* One way of a link. */
void explore_link(struct rng *rng, struct link_plan *plan);

/* Let ways part on a path that was filled: branches with links and boxes of their own. */
void explore_ecmp(struct rng *rng, const struct explore_plan *plan, struct exploration *exploration,
	unsigned int path);

#endif
