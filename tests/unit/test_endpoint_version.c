/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening in odd ways: v0 after v1 was ignored (RFC 8684 3.1), both ends at once (RFC 9293 3.5),
 * and SYNs that meet a half-open connection (RFC 9293 3.10.7.4, RFC 5961 4.2).
 */
#include "tests/unit/endpoint_pipe.h"

static enum pipe_verdict count_syns(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from, (void)path;
	pipe->hits += is_syn(packet);
	return PIPE_PASS;
}

/* The client's, the server's versions, and whether the client tries again: what comes of it. */
TEST(v0_after_v1_was_ignored)
{
	static const struct {
		unsigned int client, server;
		bool retry;
		enum conn_mode mode;
		unsigned int syns;
	} cases[] = {
		{ SPEAKS_V0 | SPEAKS_V1, SPEAKS_V0, true, MODE_MPTCP, 2 },
		{ SPEAKS_V0 | SPEAKS_V1, SPEAKS_V0, false, MODE_TCP, 1 },
		{ SPEAKS_V0 | SPEAKS_V1, SPEAKS_TCP, true, MODE_TCP, 2 },
		{ SPEAKS_V1, SPEAKS_V0, true, MODE_TCP, 1 },
		{ SPEAKS_V0 | SPEAKS_V1, SPEAKS_V1, true, MODE_MPTCP, 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct endpoint_config client = pipe_config(cases[i].client, true);
		struct endpoint_config server = pipe_config(cases[i].server, true);
		struct pipe pipe;

		client.retry_v0 = cases[i].retry;
		pipe_init(&pipe, &client, &server, 51);
		pipe.hook = count_syns;
		pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 20000;
		pipe_run(&pipe, 30 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe.hits, cases[i].syns);
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, cases[i].mode);
		CHECK_U64(pipe_info(&pipe, SERVER).mode, cases[i].mode);
		if (cases[i].server == SPEAKS_V0 && cases[i].mode == MODE_MPTCP)
			CHECK_U64(pipe_info(&pipe, CLIENT).version, 0);
		CHECK_U64(endpoint_deadline(pipe.endpoint[SERVER]), NSEC_NEVER);
		pipe_fini(&pipe);
	}
}

static void make_v7(struct mptcp_opt *option)
{
	option->capable.version = 7;
}

static enum pipe_verdict edit_first_data(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from, (void)path;
	if (packet_payload_len(packet) > 0)
		pipe->hits += edit_mptcp(packet, MP_CAPABLE, make_v7);
	return PIPE_PASS;
}

/* What MP_CAPABLE with data says is said in the version agreed: in another it is no mapping (F4).
 */
TEST(first_data_in_another_version)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, true);
	struct pipe pipe;

	pipe_init(&pipe, &config, &config, 3);
	pipe.hook = edit_first_data;
	pipe.app[CLIENT].to_write = 500;
	pipe_run(&pipe, 30 * NSEC_PER_SEC);
	CHECK(pipe.hits > 0);
	CHECK(pipe_is_clean(&pipe));
	CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_NO_FIRST_MAPPING);
	pipe_fini(&pipe);
}

/* Both connect to each other, SYNs cross: one plain TCP connection, data both ways. */
TEST(simultaneous_open)
{
	unsigned int speaks;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false);
		struct pipe pipe;
		struct err err;

		pipe_init(&pipe, &config, &config, 52);
		pipe.app[SERVER].conn = endpoint_connect(pipe.endpoint[SERVER], &pipe_server,
			&pipe_client, pipe.now, &err);
		CHECK(pipe.app[SERVER].conn != NULL);
		pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 20000;
		pipe_run(&pipe, 30 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_TCP);
		CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_TCP);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflow_count, 1);
		pipe_fini(&pipe);
	}
}

/* A SYN with numbers of its own meets SYN-RECEIVED: a challenge ACK, and the first one goes on. */
TEST(other_syn_in_syn_received)
{
	static const int32_t distances[] = { -70000, 70000, 1, 1000000000 };
	struct packet *packet = packet_new(PACKET_SMALL);
	size_t i;

	for (i = 0; i < sizeof(distances) / sizeof(*distances); i++) {
		struct endpoint_config config = pipe_config(SPEAKS_V1, false);
		struct tcp_header header = { .src = pipe_client,
			.dst = pipe_server,
			.flags = TCP_SYN,
			.window = 1000,
			.seq = 5000 };
		struct pipe pipe;
		uint32_t iss;

		pipe_init(&pipe, &config, &config, 53);
		packet_init_tcp(packet, &header);
		packet_finish(packet);
		packet_parse(packet);
		endpoint_input(pipe.endpoint[SERVER], packet, pipe.now);
		CHECK(endpoint_output(pipe.endpoint[SERVER], packet, pipe.now));
		CHECK(is_synack(packet));
		iss = tcp_seq(packet);
		header.seq += (uint32_t)distances[i];
		packet_init_tcp(packet, &header);
		packet_finish(packet);
		packet_parse(packet);
		endpoint_input(pipe.endpoint[SERVER], packet, pipe.now);
		CHECK(endpoint_output(pipe.endpoint[SERVER], packet, pipe.now));
		CHECK_U64(tcp_flags(packet), TCP_ACK);
		CHECK_U64(tcp_seq(packet), iss + 1);
		CHECK_U64(tcp_ack(packet), 5001);
		CHECK(!endpoint_output(pipe.endpoint[SERVER], packet, pipe.now));
		pipe_fini(&pipe);
	}
	packet_free(packet);
}

/* The host that asks anew answers the challenge with a RST, and its next SYN opens. */
TEST(reopening_after_a_challenge)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct tcp_header header = { .src = pipe_client,
		.dst = pipe_server,
		.flags = TCP_SYN,
		.window = 1000,
		.seq = 5000 };
	struct packet *packet = packet_new(PACKET_SMALL);
	struct pipe pipe;

	pipe_init(&pipe, &config, &config, 54);
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	packet_parse(packet);
	endpoint_input(pipe.endpoint[SERVER], packet, pipe.now);
	pipe.app[CLIENT].to_write = 3000;
	pipe_run(&pipe, 30 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(&pipe));
	CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
	packet_free(packet);
	pipe_fini(&pipe);
}

/* ---- closing, in every order ---- */

/*
 * Who has written all closes first, second, or both at once, with data on the way or none: both
 * streams end, and only who sent its DATA_FIN first keeps TIME-WAIT (experience draft 3.6).
 */
TEST(closing_orders)
{
	unsigned int speaks, order, bytes;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (order = 0; order < 3; order++)
			for (bytes = 0; bytes <= 60000; bytes += 30000) {
				struct endpoint_config client = pipe_config(speaks, true);
				struct endpoint_config server = client;
				struct pipe pipe;

				client.join[client.join_count++] = pipe_second.addr;
				pipe_init(&pipe, &client, &server, 55);
				pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = bytes;
				pipe.app[CLIENT].hold_open = order == 1;
				pipe.app[SERVER].hold_open = order == 0;
				pipe_run(&pipe, 2 * NSEC_PER_SEC);
				pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = false;
				pipe_run(&pipe, pipe.now + 200 * NSEC_PER_MS);
				CHECK(pipe_is_clean(&pipe));
				if (order < 2) {
					CHECK_U64(endpoint_deadline(pipe.endpoint[!order]),
						NSEC_NEVER);
					CHECK(endpoint_deadline(pipe.endpoint[order]) !=
						NSEC_NEVER);
				}
				pipe_run(&pipe, pipe.now + 10 * NSEC_PER_SEC);
				CHECK_U64(endpoint_deadline(pipe.endpoint[CLIENT]), NSEC_NEVER);
				CHECK_U64(endpoint_deadline(pipe.endpoint[SERVER]), NSEC_NEVER);
				pipe_fini(&pipe);
			}
}
