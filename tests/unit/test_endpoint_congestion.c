/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Congestion control as published: fair at a shared bottleneck (RFC 6356 goal 2), both of two
 * bottlenecks filled (goal 1), and what is congested left (goal 3). The figures of the whole
 * measurement (60 s, 20 seeds) with MBKIT_LONG=1; a part of it otherwise.
 */
#include "tests/unit/bottleneck.h"

#include "probe/endpoint/cc.h"

#include <stdio.h>
#include <stdlib.h>

enum { MBIT = 1000 * 1000, SEEDS_LONG = 20, SEEDS_SHORT = 3 };

/* The figures themselves, of the long measurement. */
#define SAY(...)                                      \
	do {                                          \
		if (unit_is_long())                   \
			fprintf(stderr, __VA_ARGS__); \
	} while (0)

static unsigned int seeds(void)
{
	return unit_is_long() ? SEEDS_LONG : SEEDS_SHORT;
}

static nsec_t span(void)
{
	return (unit_is_long() ? 60 : 30) * NSEC_PER_SEC;
}

static struct endpoint_config with_cc(const char *name)
{
	struct endpoint_config config;

	endpoint_config_default(&config);
	config.congestion_control = name;
	return config;
}

/* A queue of one round trip at its rate. */
static void set_queue(struct bottleneck *net, unsigned int index, uint64_t rate)
{
	net->queue[index] =
		(struct queue){ .rate_bps = rate, .bytes = (uint32_t)(rate / 8 / 1000 * 25) };
}

TEST(algorithms_by_name)
{
	static const char *const names[] = { "newreno", "lia", "olia", "balia", "wvegas" };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		CHECK(cc_find(names[i]) == &cc_list[i]);
	CHECK(cc_list[i].name == NULL && cc_find("cubic") == NULL);
}

/* What a connection of two subflows gets beside a TCP, in percent of its fair half. */
static unsigned int share_beside_tcp(const char *name)
{
	uint64_t mptcp = 0, tcp = 0;
	unsigned int seed;

	for (seed = 1; seed <= seeds(); seed++) {
		struct bottleneck net;

		bottleneck_init(&net, seed);
		set_queue(&net, 0, 10 * MBIT);
		flow_add(&net, with_cc(name), 2);
		flow_add(&net, with_cc("newreno"), 1);
		bottleneck_run(&net, NSEC_PER_SEC + span());
		mptcp += net.flow[0].read;
		tcp += net.flow[1].read;
		bottleneck_fini(&net);
	}
	SAY("  %s beside TCP: %llu %% of its half\n", name,
		(unsigned long long)(200 * mptcp / (mptcp + tcp)));
	return (unsigned int)(200 * mptcp / (mptcp + tcp));
}

TEST(shared_bottleneck)
{
	static const char *const names[] = { "lia", "olia", "balia" };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		unsigned int share = share_beside_tcp(names[i]);

		CHECK(share >= 80 && share <= 120);
	}
	/* Two subflows that know nothing of each other take two thirds. */
	CHECK(share_beside_tcp("newreno") > 120);
}

TEST(two_bottlenecks)
{
	const struct cc_ops *ops;

	for (ops = cc_list; ops->name != NULL; ops++) {
		struct bottleneck net;
		uint64_t could = 2 * 10 * (uint64_t)MBIT / 8 * (span() / NSEC_PER_SEC);

		bottleneck_init(&net, 1);
		set_queue(&net, 0, 10 * MBIT);
		set_queue(&net, 1, 10 * MBIT);
		flow_add(&net, with_cc(ops->name), 2)->queue[1] = 1;
		bottleneck_run(&net, NSEC_PER_SEC + span());
		SAY("  %s: %llu + %llu of %llu\n", ops->name,
			(unsigned long long)net.flow[0].arrived[0],
			(unsigned long long)net.flow[0].arrived[1], (unsigned long long)could / 2);
		CHECK(net.flow[0].arrived[0] > could / 2 / 100 * 85);
		CHECK(net.flow[0].arrived[1] > could / 2 / 100 * 85);
		CHECK(net.flow[0].read > could / 100 * 85);
		bottleneck_fini(&net);
	}
}

/* Per mille of the stream that goes by a path with 1 % loss, when the other loses 0.1 %. */
static unsigned int on_lossy_path(const char *name)
{
	struct bottleneck net;
	struct flow *flow;
	unsigned int part;

	bottleneck_init(&net, 1);
	set_queue(&net, 0, 100 * MBIT);
	set_queue(&net, 1, 100 * MBIT);
	flow = flow_add(&net, with_cc(name), 2);
	flow->queue[1] = 1;
	flow->loss_ppm[0] = 1000;
	flow->loss_ppm[1] = 10000;
	bottleneck_run(&net, NSEC_PER_SEC + span());
	part = (unsigned int)(1000 * flow->arrived[1] / (flow->arrived[0] + flow->arrived[1]));
	SAY("  %s: %u per mille by the lossy path\n", name, part);
	bottleneck_fini(&net);
	return part;
}

TEST(lossy_path)
{
	/* By itself a TCP goes with 1 / sqrt(loss): 240; coupled windows with 1 / loss: 90. */
	unsigned int alone = on_lossy_path("newreno");

	CHECK(alone > 180);
	CHECK(on_lossy_path("lia") < 140);
	CHECK(on_lossy_path("olia") < 140);
	CHECK(on_lossy_path("balia") < 140);
}

/* Weighted Vegas leaves a queue that another keeps full. */
TEST(queueing_path)
{
	struct bottleneck net;
	struct flow *flow;

	bottleneck_init(&net, 1);
	set_queue(&net, 0, 10 * MBIT);
	set_queue(&net, 1, 10 * MBIT);
	flow = flow_add(&net, with_cc("wvegas"), 2);
	flow->queue[1] = 1;
	flow_add(&net, with_cc("newreno"), 1)->queue[0] = 1;
	bottleneck_run(&net, NSEC_PER_SEC + span());
	SAY("  wvegas: %llu by its own, %llu by the shared, TCP %llu\n",
		(unsigned long long)flow->arrived[0], (unsigned long long)flow->arrived[1],
		(unsigned long long)net.flow[1].read);
	CHECK(flow->arrived[0] > 3 * flow->arrived[1]);
	bottleneck_fini(&net);
}
