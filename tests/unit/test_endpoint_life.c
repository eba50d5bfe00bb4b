/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How connections end, wait and are bounded: TIME-WAIT, half-close, zero windows, silence,
 * subflows that die or end without DATA_FIN (O7, F56), half-open state, and the named faults.
 */
#include "tests/unit/endpoint_pipe.h"

static enum pipe_verdict count(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)packet, (void)from, (void)path;
	pipe->hits++;
	return PIPE_PASS;
}

/* Experience draft 3.6: who closes second must not end in TIME-WAIT, on any subflow. */
TEST(passive_closer_has_no_time_wait)
{
	unsigned int speaks, closer;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++)
		for (closer = CLIENT; closer <= SERVER; closer++) {
			struct endpoint_config client = pipe_config(speaks, false), server;
			struct pipe pipe;

			server = client;
			client.join[client.join_count++] = pipe_second.addr;
			pipe_init(&pipe, &client, &server, 4);
			pipe.delay_path1 = 3 * NSEC_PER_MS; /* its FIN comes later */
			pipe.app[CLIENT].to_write = 100000;
			pipe.app[SERVER].to_write = 100000;
			pipe.app[!closer].hold_open = true;
			pipe_run(&pipe, 3 * NSEC_PER_SEC);
			CHECK_U64(pipe.app[!closer].read, 100000);
			pipe.app[!closer].hold_open = false;
			pipe_run(&pipe, 3 * NSEC_PER_SEC + 200 * NSEC_PER_MS);
			CHECK(pipe_is_clean(&pipe));
			CHECK_U64(endpoint_deadline(pipe.endpoint[!closer]), NSEC_NEVER);
			CHECK(endpoint_deadline(pipe.endpoint[closer]) != NSEC_NEVER);
			pipe_run(&pipe, 10 * NSEC_PER_SEC);
			CHECK_U64(endpoint_deadline(pipe.endpoint[closer]), NSEC_NEVER);
			pipe_fini(&pipe);
		}
}

/* One stream ends long before the other. */
TEST(half_close)
{
	unsigned int speaks;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false);
		struct pipe pipe;

		pipe_init(&pipe, &config, &config, 4);
		pipe.app[CLIENT].to_write = 1000;
		pipe.app[SERVER].to_write = 1000;
		pipe.app[SERVER].hold_open = true;
		pipe_run(&pipe, 40 * NSEC_PER_SEC);
		CHECK(pipe_info(&pipe, SERVER).peer_closed);
		CHECK_U64(pipe_info(&pipe, CLIENT).state, CONN_OPEN);
		pipe.app[SERVER].to_write = 500000;
		pipe.app[SERVER].hold_open = false;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		pipe_fini(&pipe);
	}
}

/* Only packets with payload or FIN keep their options. */
static enum pipe_verdict strip_acks(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from, (void)path;
	if (pipe->now > NSEC_PER_SEC + 12 * NSEC_PER_MS && packet_payload_len(packet) == 0 &&
		!(tcp_flags(packet) & (TCP_SYN | TCP_FIN)) && strip_mptcp(packet, ALL_SUBTYPES))
		pipe->hits++;
	return PIPE_PASS;
}

/*
 * The server falls back (F9), and closes; its infinite mapping is lost with its ACK. The client
 * still speaks MPTCP, and takes the FIN for the end of the subflow alone. Its own, before its
 * application has written, would be the end of its stream.
 */
TEST(F64_fin_of_a_peer_that_fell_back)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false);
		struct pipe pipe;

		pipe_init(&pipe, &config, &config, 4);
		pipe.hook = strip_acks;
		pipe.app[SERVER].to_write = 100;
		pipe.app[CLIENT].hold_open = true;
		pipe_run(&pipe, NSEC_PER_SEC + 500 * NSEC_PER_MS);
		CHECK(pipe.hits > 0 && pipe_info(&pipe, SERVER).fallback != FALLBACK_NONE);
		CHECK_U64(pipe.app[CLIENT].read, 100);
		pipe.app[CLIENT].to_write = 100;
		pipe.app[CLIENT].hold_open = false;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK_U64(pipe.app[SERVER].read, 100);
		pipe_fini(&pipe);
	}
}

/* Clocks from the future on both SYNs. */
static enum pipe_verdict date_syns(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct tcpopt at = { 0 };

	(void)from, (void)path;
	pipe->hits++;
	while ((tcp_flags(packet) & TCP_SYN) && tcpopt_next(packet, &at))
		if (at.kind == TCPOPT_TIMESTAMP)
			packet_write32(packet, at.offset + 2,
				get_be32(tcpopt_bytes(packet, &at) + 2) + (1u << 30));
	packet_finish(packet);
	packet_parse(packet);
	return PIPE_PASS;
}

/* RFC 7323 5.3, RFC 5961 7: two that refuse each other's timestamps do not answer ACKs for ever. */
TEST(timestamps_refused_both_ways)
{
	unsigned int speaks;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false);
		struct pipe pipe;

		pipe_init(&pipe, &config, &config, 4);
		pipe.hook = date_syns;
		pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 1;
		pipe_run(&pipe, 12 * NSEC_PER_SEC);
		CHECK(pipe.hits < 400);
		pipe_fini(&pipe);
	}
}

/* The reader sleeps longer than connection_timeout, then reads; window updates may be lost. */
TEST(zero_window)
{
	unsigned int speaks, lossy;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++)
		for (lossy = 0; lossy < 2; lossy++) {
			struct endpoint_config config = pipe_config(speaks, false);
			struct pipe pipe;
			nsec_t at;

			config.receive_buffer = 30000;
			pipe_init(&pipe, &config, &config, 4);
			pipe.loss = lossy ? 100 : 0;
			pipe.app[CLIENT].to_write = 200000;
			pipe.app[SERVER].read_from = 30 * NSEC_PER_SEC;
			pipe_run(&pipe, 29 * NSEC_PER_SEC);
			CHECK_U64(pipe.app[SERVER].read, 0);
			CHECK_U64(conn_readable(pipe.app[SERVER].conn), 30000);
			CHECK_U64(pipe_info(&pipe, CLIENT).state, CONN_OPEN);
			/* The pipe wakes applications with packets only: probes go on. */
			for (at = 30; at < 40; at++)
				pipe_run(&pipe, at * NSEC_PER_SEC);
			pipe_run(&pipe, 100 * NSEC_PER_SEC);
			CHECK(pipe_is_clean(&pipe));
			pipe_fini(&pipe);
		}
}

static enum pipe_verdict cut_off(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)packet, (void)from, (void)path;
	return pipe->now >= NSEC_PER_SEC + 100 * NSEC_PER_MS ? PIPE_DROP : PIPE_PASS;
}

/* The path goes dead in the middle: both ends learn it, also the one that only waits. */
TEST(dead_path_is_an_error_on_both_sides)
{
	unsigned int speaks;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false);
		struct pipe pipe;

		config.receive_buffer = 30000;
		pipe_init(&pipe, &config, &config, 4);
		pipe.hook = cut_off;
		pipe.app[CLIENT].to_write = 2000000;
		pipe.app[SERVER].hold_open = true;
		pipe_run(&pipe, 40 * NSEC_PER_SEC);
		CHECK_U64(pipe_info(&pipe, CLIENT).end, END_TIMEOUT);
		CHECK_U64(pipe_info(&pipe, SERVER).end, END_TIMEOUT);
		CHECK_U64(endpoint_deadline(pipe.endpoint[CLIENT]), NSEC_NEVER);
		CHECK_U64(endpoint_deadline(pipe.endpoint[SERVER]), NSEC_NEVER);
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict strip_data_fin(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	struct mptcp_opt option;

	(void)from, (void)path;
	if (mptcp_find(packet, MP_DSS, &option, NULL) && option.dss.data_fin)
		pipe->hits += strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

/* DATA_FIN never arrives (E19, corner case 6): an end, clean or with an error, never a hang. */
TEST(data_fin_never_arrives)
{
	unsigned int speaks, join;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (join = 0; join < 2; join++) {
			struct endpoint_config client = pipe_config(speaks, false), server;
			struct pipe pipe;

			server = client;
			if (join)
				client.join[client.join_count++] = pipe_second.addr;
			pipe_init(&pipe, &client, &server, 4);
			pipe.hook = strip_data_fin;
			pipe.app[CLIENT].to_write = 60000;
			pipe.app[SERVER].to_write = 60000;
			pipe_run(&pipe, 60 * NSEC_PER_SEC);
			CHECK(pipe.hits > 0);
			CHECK_U64(pipe.app[SERVER].read, 60000);
			CHECK_U64(pipe_info(&pipe, CLIENT).state, CONN_CLOSED);
			CHECK_U64(pipe_info(&pipe, SERVER).state, CONN_CLOSED);
			pipe_fini(&pipe);
		}
}

static enum pipe_verdict strip_fin(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from, (void)path;
	if (tcp_flags(packet) & TCP_FIN)
		pipe->hits += strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

/* E19: the FIN carried the only DATA_ACK of the peer's DATA_FIN, which comes again. */
TEST(E19_data_fin_is_answered_after_our_fin)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false);
		struct pipe pipe;

		pipe_init(&pipe, &config, &config, 4);
		pipe.hook = strip_fin;
		pipe.app[CLIENT].to_write = 60000;
		pipe_run(&pipe, 3 * NSEC_PER_SEC);
		CHECK(pipe.hits > 0);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
		CHECK(pipe.packets[CLIENT][0] < 100);
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict lose_data_fin(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	struct mptcp_opt option;

	(void)from, (void)path;
	if (!mptcp_find(packet, MP_DSS, &option, NULL) || !option.dss.data_fin ||
		pipe->now > 10 * NSEC_PER_SEC)
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

/* A bare DATA_FIN may be lost like any packet: it is repeated, and no sign of a broken path (O2).
 */
TEST(data_fin_is_lost_for_long)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, true);
		struct pipe pipe;

		pipe_init(&pipe, &config, &config, 4);
		pipe.hook = lose_data_fin;
		pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 30000;
		pipe_run(&pipe, 20 * NSEC_PER_SEC);
		CHECK(pipe.hits >= 8);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[0].state, SUBFLOW_CLOSED);
		pipe_fini(&pipe);
	}
}

/* The peer's first DATA_ACK lags behind its ACK, and nothing more comes unasked. */
static void lag_data_ack(struct mptcp_opt *option)
{
	option->dss.ack -= 1000;
}

static enum pipe_verdict lag(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)path;
	if (from == SERVER && pipe->now < NSEC_PER_SEC + 100 * NSEC_PER_MS)
		pipe->hits += edit_mptcp(packet, MP_DSS, lag_data_ack);
	return PIPE_PASS;
}

TEST(a_data_ack_that_lags_is_asked_for)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false);
		struct pipe pipe;

		pipe_init(&pipe, &config, &config, 4);
		pipe.hook = lag;
		pipe.app[CLIENT].to_write = 1000;
		pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
		pipe_run(&pipe, 2 * NSEC_PER_SEC);
		CHECK(pipe.hits > 0);
		CHECK_U64(conn_writable(pipe.app[CLIENT].conn), config.send_buffer);
		pipe_run(&pipe, 6 * NSEC_PER_SEC);
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
		pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = false;
		pipe_run(&pipe, 20 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict lose_first_fastclose(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	struct mptcp_opt option;

	(void)from, (void)path;
	if (!mptcp_find(packet, MP_FASTCLOSE, &option, NULL))
		return PIPE_PASS;
	return pipe->hits++ == 0 ? PIPE_DROP : PIPE_PASS;
}

/* Option A awaits a RST. What else comes, data that was on its way, changes nothing of that. */
TEST(fastclose_while_data_comes)
{
	unsigned int speaks, closer;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (closer = CLIENT; closer <= SERVER; closer++) {
			struct endpoint_config config = pipe_config(speaks, false);
			struct pipe pipe;

			config.fastclose_on_ack = true;
			pipe_init(&pipe, &config, &config, 4);
			pipe.hook = lose_first_fastclose;
			pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 400000;
			pipe_run(&pipe, NSEC_PER_SEC + 62 * NSEC_PER_MS);
			conn_abort(pipe.app[closer].conn);
			pipe_run(&pipe, 30 * NSEC_PER_SEC);
			CHECK(pipe.hits >= 2);
			CHECK_U64(pipe_info(&pipe, !closer).end, END_RESET);
			CHECK_U64(endpoint_deadline(pipe.endpoint[CLIENT]), NSEC_NEVER);
			CHECK_U64(endpoint_deadline(pipe.endpoint[SERVER]), NSEC_NEVER);
			pipe_fini(&pipe);
		}
}

/* O7: a backup subflow that never sent takes over and its path strips options. */
static enum pipe_verdict kill_first_strip_second(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	struct mptcp_opt option;

	(void)from;
	if (pipe->now < NSEC_PER_SEC + 80 * NSEC_PER_MS)
		return PIPE_PASS;
	pipe->hits++;
	if (path == 0)
		return PIPE_DROP;
	if (!mptcp_find(packet, MP_JOIN, &option, NULL))
		strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

TEST(O7_backup_path_strips_options)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, false), server = client;
		struct pipe pipe;

		client.join[client.join_count++] = pipe_second.addr;
		client.join_backup = true;
		pipe_init(&pipe, &client, &server, 4);
		pipe.hook = kill_first_strip_second;
		pipe.app[CLIENT].to_write = 900000;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].state, SUBFLOW_RESET);
		CHECK_U64(pipe_info(&pipe, CLIENT).state, CONN_CLOSED);
		CHECK(pipe_info(&pipe, CLIENT).end != END_CLEAN);
		CHECK_U64(pipe_info(&pipe, SERVER).state, CONN_CLOSED);
		CHECK(pipe_info(&pipe, SERVER).end != END_CLEAN);
		CHECK(!pipe.app[SERVER].corrupt);
		pipe_fini(&pipe);
	}
}

/* A flood of SYNs: half-open connections are bounded, the listener goes on. */
TEST(half_open_state_is_bounded)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct packet *packet = packet_new(PACKET_SMALL);
	struct pipe pipe;
	uint32_t i;

	pipe_init(&pipe, &config, &config, 4);
	for (i = 0; i < 5000; i++) {
		struct tcp_header header = { .src = pipe_client,
			.dst = pipe_server,
			.flags = TCP_SYN,
			.seq = i };

		put_be32(header.src.addr.bytes, 0xc6120000u + i);
		header.src.addr.bytes[1] = 19;
		packet_init_tcp(packet, &header);
		packet_finish(packet);
		packet_parse(packet);
		endpoint_input(pipe.endpoint[SERVER], packet, pipe.now);
	}
	CHECK_U64(endpoint_drops(pipe.endpoint[SERVER], DROP_HALF_OPEN), 5000 - 1024);
	for (i = 0; endpoint_output(pipe.endpoint[SERVER], packet, pipe.now); i++)
		;
	CHECK_U64(i, 1024);
	pipe.hook = count;
	pipe.app[CLIENT].to_write = 5000;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(&pipe));
	packet_free(packet);
	pipe_fini(&pipe);
}

/* conn_release: the endpoint forgets a connection once it is over. */
TEST(released_connections_are_freed)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe;

	pipe_init(&pipe, &config, &config, 4);
	pipe.app[CLIENT].to_write = 5000;
	pipe_run(&pipe, 1500 * NSEC_PER_MS);
	CHECK(pipe_is_clean(&pipe));
	conn_release(pipe.app[CLIENT].conn);
	conn_release(pipe.app[SERVER].conn);
	pipe.app[CLIENT].conn = pipe.app[SERVER].conn = NULL;
	pipe_run(&pipe, 20 * NSEC_PER_SEC);
	CHECK_U64(endpoint_deadline(pipe.endpoint[CLIENT]), NSEC_NEVER);
	pipe_fini(&pipe);
}

/* ---- faults: each breaks its rule, so that the rule's own test would fail ---- */

static enum pipe_verdict hurt(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	bool flip = pipe->hook_state != NULL;

	(void)path;
	if (from == SERVER || packet_payload_len(packet) < 100)
		return PIPE_PASS;
	pipe->hits++;
	if (flip && pipe->hits == 20)
		flip_payload(packet, 9);
	else if (!flip && pipe->hits >= 1)
		strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

static struct pipe run_faulty(uint64_t fault, bool flip)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, flip);
	struct pipe pipe;

	config.faults = fault;
	pipe_init(&pipe, &config, &config, 4);
	pipe.hook = hurt;
	pipe.hook_state = flip ? &pipe : NULL;
	pipe.app[CLIENT].to_write = 60000;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	return pipe;
}

TEST(faults_break_their_rules)
{
	struct pipe pipe = run_faulty(fault_find("ignore-checksum"), true);

	CHECK(pipe.app[SERVER].corrupt);
	CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
	pipe_fini(&pipe);
	pipe = run_faulty(fault_find("never-fall-back"), false);
	CHECK(pipe_info(&pipe, CLIENT).end != END_CLEAN);
	pipe_fini(&pipe);
	pipe = run_faulty(fault_find("deliver-unmapped"), false);
	CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
	CHECK(pipe.app[SERVER].read > 0);
	pipe_fini(&pipe);
	CHECK_U64(fault_find("no-such-fault"), 0);
}
