/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loss, duplication and reordering, over one and two paths, many seeds: the streams arrive equal
 * and both ends close cleanly. Then losses of single packets that recovery must not wait long for.
 */
#include "tests/unit/endpoint_pipe.h"

enum { SEEDS = 60 };

static bool stress(uint64_t seed, unsigned int speaks, bool join)
{
	struct endpoint_config client = pipe_config(speaks, seed % 2), server = client;
	struct pipe pipe;
	bool clean;

	client.timestamps = seed % 3 != 0;
	client.sack = seed % 5 != 0;
	client.wide_ack = seed % 7 == 0;
	server.wide_dsn = seed % 11 != 0;
	server.receive_buffer = seed % 4 == 0 ? 20000 : 1u << 20;
	if (join)
		client.join[client.join_count++] = pipe_second.addr;
	pipe_init(&pipe, &client, &server, seed);
	pipe.loss = (unsigned int)(seed % 60);
	pipe.duplicate = (unsigned int)(seed % 40);
	pipe.jitter = seed % 3 * 4 * NSEC_PER_MS;
	pipe.delay_path1 = seed % 5 * 10 * NSEC_PER_MS;
	pipe.app[CLIENT].to_write = seed * 7919 % 300000;
	pipe.app[SERVER].to_write = seed * 104729 % 300000;
	pipe_run(&pipe, 200 * NSEC_PER_SEC);
	clean = pipe_is_clean(&pipe);
	if (!clean)
		fprintf(stderr, "seed %llu speaks %u join %d\n", (unsigned long long)seed, speaks,
			join);
	pipe_fini(&pipe);
	return clean;
}

static void stress_all(unsigned int speaks, bool join)
{
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++)
		CHECK(stress(seed, speaks, join));
}

TEST(stress_plain_tcp)
{
	stress_all(SPEAKS_TCP, false);
}

TEST(stress_v0)
{
	stress_all(SPEAKS_V0, false);
}

TEST(stress_v1)
{
	stress_all(SPEAKS_V1, false);
}

TEST(stress_v0_two_paths)
{
	stress_all(SPEAKS_V0, true);
}

TEST(stress_v1_two_paths)
{
	stress_all(SPEAKS_V1, true);
}
