/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rng.h - seeded randomness, handed in wherever it is needed. Integers only: probabilities are
 * ratios. Each part of a run forks its own stream by name, so adding one does not disturb others.
 */
#ifndef PROBE_BASE_RNG_H
#define PROBE_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

void rng_init(struct rng *rng, uint64_t seed);

/* An independent stream named name; rng itself is not advanced. */
struct rng rng_fork(const struct rng *rng, const char *name);

uint64_t rng_next(struct rng *rng);

/* Uniform in [0, limit); limit 0 gives 0. */
uint64_t rng_below(struct rng *rng, uint64_t limit);

/* True with probability numerator/denominator. */
bool rng_chance(struct rng *rng, uint64_t numerator, uint64_t denominator);

void rng_fill(struct rng *rng, void *bytes, size_t length);

#endif
