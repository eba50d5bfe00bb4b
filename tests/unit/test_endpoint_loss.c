/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loss, duplication and reordering, over one and two paths, many seeds: the streams arrive equal
 * and both ends close cleanly. Then a hole that lasts, and troubles of both paths at once.
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

/* ---- a hole that lasts ---- */

/* The client's first segment is lost until five seconds have passed. */
static enum pipe_verdict lose_first(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	uint32_t *first = pipe->hook_state;

	(void)path;
	if (from == SERVER || packet_payload_len(packet) == 0)
		return PIPE_PASS;
	if (pipe->hits++ == 0)
		*first = tcp_seq(packet);
	return tcp_seq(packet) == *first && pipe->now < 6 * NSEC_PER_SEC ? PIPE_DROP : PIPE_PASS;
}

/* RFC 6298 3: what waited behind a segment that was sent again does not measure the path. */
TEST(a_hole_is_no_round_trip)
{
	struct endpoint_config config = pipe_config(SPEAKS_TCP, false);
	struct pipe pipe;
	uint32_t first = 0;

	config.sack = false;
	pipe_init(&pipe, &config, &config, 1);
	pipe.hook = lose_first;
	pipe.hook_state = &first;
	pipe.app[CLIENT].to_write = 2000;
	pipe.app[CLIENT].hold_open = true;
	pipe_run(&pipe, 12 * NSEC_PER_SEC);
	CHECK_U64(pipe.app[SERVER].read, 2000);
	CHECK(pipe.hits > 3);
	CHECK(pipe_info(&pipe, CLIENT).subflows[0].srtt < 100 * NSEC_PER_MS);
	pipe_fini(&pipe);
}

/* From the first data on the path is longer than the time-out its handshake led to. */
static enum pipe_verdict lengthen(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from, (void)path;
	if (packet_payload_len(packet) > 0)
		pipe->delay = 300 * NSEC_PER_MS;
	return PIPE_PASS;
}

/* RFC 7323 4.1: the echoed timestamp measures it, though every segment is sent again. */
TEST(a_path_that_becomes_longer_is_measured)
{
	struct endpoint_config config = pipe_config(SPEAKS_TCP, false);
	struct pipe pipe;

	pipe_init(&pipe, &config, &config, 1);
	pipe.hook = lengthen;
	pipe.app[CLIENT].to_write = 1000000;
	pipe.app[CLIENT].hold_open = true;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK_U64(pipe.app[SERVER].read, 1000000);
	CHECK(pipe_info(&pipe, CLIENT).subflows[0].srtt > 500 * NSEC_PER_MS);
	CHECK(pipe_info(&pipe, CLIENT).subflows[0].srtt < 700 * NSEC_PER_MS);
	pipe_fini(&pipe);
}

/* ---- the same bytes outstanding on two subflows ---- */

enum { FEW_BYTES = 100, COPIES_MOST = 20 };

#define TROUBLE_ENDS (12 * NSEC_PER_SEC)

struct trouble {
	void (*edit)(struct mptcp_opt *option); /* of the server's DSS, or: */
	uint32_t iss[2];                        /* the client's first segments are lost */
};

static enum pipe_verdict make_trouble(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct trouble *trouble = pipe->hook_state;
	bool over = pipe->now > TROUBLE_ENDS;

	if (from == SERVER && trouble->edit != NULL && !over)
		edit_mptcp(packet, MP_DSS, trouble->edit);
	if (from == SERVER)
		return PIPE_PASS;
	if (is_syn(packet))
		trouble->iss[path] = tcp_seq(packet);
	if (packet_payload_len(packet) == 0)
		return PIPE_PASS;
	pipe->hits++;
	return trouble->edit == NULL && !over && tcp_seq(packet) == trouble->iss[path] + 1
		? PIPE_DROP
		: PIPE_PASS;
}

/* Implausible: it acknowledges nothing (O18). */
static void hide_data_ack(struct mptcp_opt *option)
{
	option->dss.ack -= 1u << 20;
}

static void few_copies(unsigned int speaks, struct trouble trouble)
{
	struct endpoint_config client = pipe_config(speaks, false), server = client;
	struct pipe pipe;

	client.join[client.join_count++] = pipe_second.addr;
	client.subflow_rtos = 100;
	pipe_init(&pipe, &client, &server, 1);
	pipe.hook = make_trouble;
	pipe.hook_state = &trouble;
	pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = FEW_BYTES;
	pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
	pipe_run(&pipe, 90 * NSEC_PER_SEC);
	CHECK(pipe.app[SERVER].read == FEW_BYTES && !pipe.app[SERVER].corrupt);
	CHECK(pipe.packets[CLIENT][1] > 4);
	CHECK(pipe.hits <= COPIES_MOST);
	pipe_fini(&pipe);
}

/*
 * Both time out: neither is handed what it has outstanding itself. Or both acknowledge, and no
 * DATA_ACK says so: each offers what it carried once, however often it did. Else copies of copies
 * double at each time-out.
 */
TEST(F55_F17_no_copies_of_copies)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		few_copies(speaks, (struct trouble){ .edit = NULL });
		few_copies(speaks, (struct trouble){ .edit = hide_data_ack });
	}
}
