/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which subflow carries what: schedulers, reinjection, opportunistic retransmission, segment sizes.
 */
#include "tests/unit/endpoint_pipe.h"

#include "probe/endpoint/sched.h"

enum { DATA_MOST = 4096 };

/* What the hook sees of the client's data. */
struct watch {
	unsigned int path[DATA_MOST], count; /* of each data packet */
	unsigned int largest[2];             /* payload, by path */
	bool dead[2];
	unsigned int lose_every; /* data packet of path 0 */
	unsigned int passed;
	uint16_t mss;              /* told in SYNs of path 1, unless 0 */
	uint64_t first_dead;       /* DSN of the first packet lost on a dead path, and ... */
	unsigned int tries;        /* ... how often it came by there ... */
	unsigned int tries_before; /* ... before it came by the other */
};

static void set_mss(struct packet *packet, uint16_t mss)
{
	struct tcpopt option;

	if (!(tcp_flags(packet) & TCP_SYN) || !tcpopt_find(packet, TCPOPT_MSS, &option))
		return;
	packet_write16(packet, option.offset + 2, mss);
	packet_finish(packet);
	packet_parse(packet);
}

static void watch_dead(struct watch *watch, uint64_t dsn, bool lost)
{
	if (lost && watch->first_dead == 0)
		watch->first_dead = dsn;
	if (dsn != watch->first_dead)
		return;
	if (lost)
		watch->tries++;
	else if (watch->tries_before == 0)
		watch->tries_before = watch->tries;
}

static enum pipe_verdict watch_hook(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct watch *watch = pipe->hook_state;
	uint32_t length = packet_payload_len(packet);
	struct mptcp_opt option;
	struct tcpopt at;

	if (path == 1 && watch->mss > 0)
		set_mss(packet, watch->mss);
	if (from == CLIENT && length > 0) {
		if (watch->count < DATA_MOST)
			watch->path[watch->count++] = path;
		if (length > watch->largest[path])
			watch->largest[path] = length;
		if (mptcp_find(packet, MP_DSS, &option, &at) && option.dss.has_mapping)
			watch_dead(watch, option.dss.dsn, watch->dead[path]);
	}
	if (path == 0 && length > 0 && watch->lose_every > 0 &&
		++watch->passed % watch->lose_every == 0)
		return PIPE_DROP;
	return watch->dead[path] ? PIPE_DROP : PIPE_PASS;
}

/* Two subflows, both open, nothing sent yet but a first byte each way. */
static void begin(struct pipe *pipe, struct watch *watch, struct endpoint_config config)
{
	struct endpoint_config server = config;

	memset(watch, 0, sizeof(*watch));
	config.join[config.join_count++] = pipe_second.addr;
	pipe_init(pipe, &config, &server, 1);
	pipe->hook = watch_hook;
	pipe->hook_state = watch;
	pipe->app[CLIENT].to_write = pipe->app[SERVER].to_write = 1;
	pipe->app[CLIENT].hold_open = pipe->app[SERVER].hold_open = true;
}

static void settle(struct pipe *pipe, struct watch *watch)
{
	pipe_run(pipe, pipe->now + NSEC_PER_SEC);
	CHECK_U64(pipe_info(pipe, CLIENT).subflow_count, 2);
	CHECK(pipe_info(pipe, CLIENT).subflows[1].state == SUBFLOW_OPEN);
	watch->count = 0;
}

/* Send so many bytes more, close, and say how long it took to arrive. */
static nsec_t transfer(struct pipe *pipe, uint64_t bytes)
{
	nsec_t start = pipe->now;

	pipe->app[CLIENT].to_write += bytes;
	while (pipe->app[SERVER].read < pipe->app[CLIENT].to_write &&
		pipe->now < start + 60 * NSEC_PER_SEC)
		pipe_run(pipe, pipe->now + NSEC_PER_MS);
	return pipe->now - start;
}

static void finish(struct pipe *pipe)
{
	pipe->app[CLIENT].hold_open = pipe->app[SERVER].hold_open = false;
	pipe_run(pipe, pipe->now + 60 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(pipe));
	pipe_fini(pipe);
}

static struct endpoint_config with(const char *scheduler)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);

	config.scheduler = scheduler;
	return config;
}

TEST(schedulers_by_name)
{
	static const char *const names[] = { "least-filled", "lowest-rtt", "round-robin",
		"redundant", "backup" };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		CHECK(sched_find(names[i]) == &sched_list[i]);
	CHECK(sched_list[i].name == NULL && sched_find("nosuch") == NULL);
}

/* The faster path's window is filled first, be it the first subflow's or not. */
TEST(lowest_rtt)
{
	unsigned int faster;

	for (faster = 0; faster < 2; faster++) {
		struct watch watch;
		struct pipe pipe;
		unsigned int i;

		begin(&pipe, &watch, with("lowest-rtt"));
		pipe.delay = (faster == 0 ? 5 : 45) * NSEC_PER_MS;
		pipe.delay_path1 = faster == 0 ? 40 * NSEC_PER_MS : (nsec_t)0 - 40 * NSEC_PER_MS;
		settle(&pipe, &watch);
		transfer(&pipe, 30000);
		CHECK(watch.count > 20);
		for (i = 0; i < 10; i++)
			CHECK_U64(watch.path[i], faster);
		CHECK_U64(watch.path[10], !faster);
		finish(&pipe);
	}
}

TEST(round_robin)
{
	struct watch watch;
	struct pipe pipe;
	unsigned int i;

	begin(&pipe, &watch, with("round-robin"));
	pipe.delay_path1 = 40 * NSEC_PER_MS;
	settle(&pipe, &watch);
	transfer(&pipe, 20000);
	CHECK(watch.count > 12);
	for (i = 1; i < watch.count; i++)
		CHECK(watch.path[i] != watch.path[i - 1]);
	finish(&pipe);
}

/* A path that dies costs no time, for the other carries the same bytes. */
TEST(redundant)
{
	unsigned int dead;

	for (dead = 0; dead < 3; dead++) {
		struct watch watch;
		struct pipe pipe;
		struct conn_info info;

		begin(&pipe, &watch, with("redundant"));
		settle(&pipe, &watch);
		watch.dead[0] = dead == 0;
		watch.dead[1] = dead == 1;
		CHECK(transfer(&pipe, 100000) < 150 * NSEC_PER_MS);
		info = pipe_info(&pipe, CLIENT);
		if (dead == 2)
			CHECK(info.subflows[0].bytes_sent >= 95000 &&
				info.subflows[1].bytes_sent >= 95000);
		watch.dead[0] = watch.dead[1] = false;
		finish(&pipe);
	}
}

TEST(backup_stands_by)
{
	struct watch watch;
	struct pipe pipe;

	begin(&pipe, &watch, with("backup"));
	settle(&pipe, &watch);
	transfer(&pipe, 300000);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].bytes_sent, 0);
	watch.dead[0] = true;
	CHECK(transfer(&pipe, 100000) < 2 * NSEC_PER_SEC);
	CHECK(pipe_info(&pipe, CLIENT).subflows[1].bytes_sent >= 100000);
	watch.dead[0] = false;
	finish(&pipe);
}

/*
 * A slow path fills a small receive buffer with what comes behind its own bytes. Sent again on the
 * fast one these come sooner; with its window halved the slow path does it less.
 */
TEST(opportunistic_and_penalised)
{
	nsec_t took[3];
	uint64_t slow[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct endpoint_config config = with("lowest-rtt");
		struct watch watch;
		struct pipe pipe;

		config.receive_buffer = 60000;
		config.opportunistic = i > 0;
		config.penalise = i > 1;
		begin(&pipe, &watch, config);
		pipe.delay_path1 = 200 * NSEC_PER_MS;
		settle(&pipe, &watch);
		watch.lose_every = 60; /* so that the fast path's window has an end */
		took[i] = transfer(&pipe, 3000000);
		slow[i] = pipe_info(&pipe, CLIENT).subflows[1].bytes_sent;
		finish(&pipe);
	}
	CHECK(took[1] < took[0] / 3 * 2);
	CHECK(took[2] < took[1] / 3 * 2);
	CHECK(slow[2] < slow[1] / 2);
}

/* On another subflow at the first time-out, or only after so many on its own. */
TEST(reinjection_after_time_outs)
{
	unsigned int rtos;

	for (rtos = 0; rtos < 4; rtos++) {
		struct endpoint_config config = with("round-robin");
		struct watch watch;
		struct pipe pipe;

		config.reinject_rtos = rtos;
		config.connection_timeout = 60 * NSEC_PER_SEC;
		begin(&pipe, &watch, config);
		settle(&pipe, &watch);
		watch.dead[1] = true;
		transfer(&pipe, 20000);
		/* The original, and at each time-out one on its own first. */
		CHECK_U64(watch.tries_before, 1 + rtos + 1);
		watch.dead[1] = false;
		finish(&pipe);
	}
}

TEST(segment_sizes)
{
	unsigned int common;

	for (common = 0; common < 2; common++) {
		struct endpoint_config config = with("round-robin");
		struct watch watch;
		struct pipe pipe;

		config.common_mss = common;
		begin(&pipe, &watch, config);
		watch.mss = 1000;
		settle(&pipe, &watch);
		transfer(&pipe, 100000);
		CHECK_U64(watch.largest[0], common ? 960 : 1420);
		CHECK_U64(watch.largest[1], 960);
		finish(&pipe);
	}
}
