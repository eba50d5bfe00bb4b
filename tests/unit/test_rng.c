/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/base/rng.h"

#include <string.h>

/* splitmix64's published first outputs for the seed 1234567. */
TEST(rng_is_splitmix64)
{
	struct rng rng;

	rng_init(&rng, 1234567);
	CHECK_U64(rng_next(&rng), 6457827717110365317u);
	CHECK_U64(rng_next(&rng), 3203168211198807973u);
	CHECK_U64(rng_next(&rng), 9817491932198370423u);
}

TEST(rng_below_stays_below_and_reaches_all)
{
	unsigned int seen[7] = { 0 }, i;
	struct rng rng;

	rng_init(&rng, 3);
	CHECK_U64(rng_below(&rng, 0), 0);
	for (i = 0; i < 7000; i++) {
		uint64_t value = rng_below(&rng, 7);

		CHECK(value < 7);
		if (value < 7)
			seen[value]++;
	}
	for (i = 0; i < 7; i++)
		CHECK(seen[i] > 800 && seen[i] < 1200);
}

TEST(rng_chance_has_its_ends)
{
	struct rng rng;
	int i;

	rng_init(&rng, 4);
	for (i = 0; i < 100; i++) {
		CHECK(!rng_chance(&rng, 0, 5));
		CHECK(rng_chance(&rng, 5, 5));
	}
}

TEST(rng_forks_differ_by_name_and_leave_the_parent_alone)
{
	struct rng rng, same, a, b, c;

	rng_init(&rng, 5);
	same = rng;
	a = rng_fork(&rng, "client");
	b = rng_fork(&rng, "server");
	c = rng_fork(&same, "client");
	CHECK_U64(rng.state, same.state);
	CHECK(a.state != b.state);
	CHECK_U64(a.state, c.state);
}

TEST(rng_fill_writes_just_the_length)
{
	uint8_t bytes[16], whole[16];
	struct rng rng;

	memset(bytes, 0xee, sizeof(bytes));
	rng_init(&rng, 6);
	rng_fill(&rng, bytes, 11);
	rng_init(&rng, 6);
	rng_fill(&rng, whole, 16);
	CHECK(memcmp(bytes, whole, 11) == 0);
	CHECK_HEX(bytes + 11, 5, "eeeeeeeeee");
}
