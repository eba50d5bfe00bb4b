/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receive buffer, fixed or growing with what the application takes.
 */
#include "tests/unit/bottleneck.h"

enum { SMALL = 16000, MBIT = 1000 * 1000 };

/* Bytes that arrive in 4 s of 100 Mbit/s and 100 ms with a buffer that begins SMALL. */
static uint64_t transfer(uint32_t most, unsigned int subflows)
{
	struct endpoint_config config;
	struct bottleneck net;
	struct flow *flow;
	uint64_t read;

	endpoint_config_default(&config);
	config.receive_buffer = SMALL;
	config.receive_buffer_most = most;
	bottleneck_init(&net, 1);
	net.queue[0] = net.queue[1] = (struct queue){ .rate_bps = 100 * MBIT, .bytes = 1 << 20 };
	flow = flow_add(&net, config, subflows);
	flow->delay[0] = flow->delay[1] = 50 * NSEC_PER_MS;
	flow->queue[1] = 1;
	bottleneck_run(&net, net.now + 4 * NSEC_PER_SEC);
	read = flow->read;
	bottleneck_fini(&net);
	return read;
}

TEST(fixed_and_growing)
{
	unsigned int subflows;

	for (subflows = 1; subflows <= 2; subflows++) {
		/* A window a round trip of 100 ms, of which there are less than 40. */
		CHECK(transfer(0, subflows) < 40 * SMALL);
		CHECK(transfer(3 * SMALL, subflows) < 40 * 3 * SMALL);
		CHECK(transfer(3 * SMALL, subflows) > 25 * 3 * SMALL);
		/* Doubled in two round trips each: 1 MB after 12, and ten times that in the rest.
		 */
		CHECK(transfer(1 << 20, subflows) > 15 << 20);
	}
}

/* An application that does not read gets no more than the buffer it began with. */
TEST(grows_only_for_readers)
{
	struct endpoint_config config;
	struct bottleneck net;
	struct flow *flow;

	endpoint_config_default(&config);
	config.receive_buffer = SMALL;
	config.receive_buffer_most = 1 << 20;
	bottleneck_init(&net, 1);
	net.queue[0] = (struct queue){ .rate_bps = 100 * MBIT, .bytes = 1 << 20 };
	flow = flow_add(&net, config, 1);
	flow->sleeps = true;
	bottleneck_run(&net, net.now + 4 * NSEC_PER_SEC);
	CHECK(conn_readable(flow->accepted) > SMALL - 1500);
	CHECK(conn_readable(flow->accepted) <= SMALL);
	flow->sleeps = false;
	bottleneck_run(&net, net.now + 4 * NSEC_PER_SEC);
	CHECK(flow->read > 15 << 20);
	bottleneck_fini(&net);
}
