/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/base/rng.h"

#include "probe/base/hash.h"

#include <string.h>

void rng_init(struct rng *rng, uint64_t seed)
{
	rng->state = seed;
}

struct rng rng_fork(const struct rng *rng, const char *name)
{
	struct rng fork = { hash_mix(rng->state ^ hash_bytes(0, name, strlen(name))) };

	return fork;
}

/* splitmix64: a counter through a bijective mixer. */
uint64_t rng_next(struct rng *rng)
{
	rng->state += 0x9e3779b97f4a7c15u;
	return hash_mix(rng->state);
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	uint64_t threshold, value;

	if (limit == 0)
		return 0;
	threshold = (0 - limit) % limit;
	do
		value = rng_next(rng);
	while (value < threshold);
	return value % limit;
}

bool rng_chance(struct rng *rng, uint64_t numerator, uint64_t denominator)
{
	return rng_below(rng, denominator) < numerator;
}

void rng_fill(struct rng *rng, void *bytes, size_t length)
{
	uint8_t *out = bytes;
	uint64_t value;
	size_t step;

	while (length > 0) {
		value = rng_next(rng);
		step = length < sizeof(value) ? length : sizeof(value);
		memcpy(out, &value, step);
		out += step;
		length -= step;
	}
}
