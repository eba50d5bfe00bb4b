/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Further subflows: F8a, F35 to F44, F7d, O7, O16, E8, E18, and break before make.
 */
#include "tests/unit/endpoint_pipe.h"

static struct pipe run(unsigned int speaks, pipe_hook hook, uint64_t up, uint64_t down,
	uint64_t faults)
{
	struct endpoint_config client = pipe_config(speaks, false), server = client;
	struct pipe pipe;

	client.join[client.join_count++] = pipe_second.addr;
	client.faults = server.faults = faults;
	pipe_init(&pipe, &client, &server, 9);
	pipe.hook = hook;
	pipe.app[CLIENT].to_write = up;
	pipe.app[SERVER].to_write = down;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(&pipe));
	CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
	CHECK(endpoint_deadline(pipe.endpoint[CLIENT]) == NSEC_NEVER);
	CHECK(endpoint_deadline(pipe.endpoint[SERVER]) == NSEC_NEVER);
	return pipe;
}

/* Run both versions; the joined subflow must end reset with a reason, by the client or not. */
static void expect_refused(pipe_hook hook, uint8_t reason, bool by_client)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct pipe pipe = run(speaks, hook, 300000, 3000, 0);
		struct conn_info client = pipe_info(&pipe, CLIENT);

		CHECK(pipe.hits > 0);
		CHECK_U64(client.subflow_count, 2);
		CHECK_U64(client.subflows[1].state, SUBFLOW_RESET);
		CHECK_U64(client.subflows[1].reset_by_us, by_client);
		CHECK_U64(client.subflows[1].bytes_sent, 0);
		if (speaks == SPEAKS_V1)
			CHECK_U64(client.subflows[1].reset_reason, reason);
		CHECK_U64(client.subflows[0].state, SUBFLOW_CLOSED);
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict pass(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct mptcp_opt option;

	/* F8a: no join before a DSS of the server's. */
	if (from == SERVER && mptcp_find(packet, MP_DSS, &option, NULL))
		pipe->hits++;
	if (path == 1)
		CHECK(pipe->hits > 0);
	return PIPE_PASS;
}

TEST(both_subflows_carry_data_both_ways)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct pipe pipe = run(speaks, pass, 400000, 400000, 0);
		struct conn_info client = pipe_info(&pipe, CLIENT);

		CHECK_U64(client.subflow_count, 2);
		CHECK(client.subflows[1].is_join);
		CHECK(client.subflows[1].bytes_sent > 100000);
		CHECK(client.subflows[1].bytes_received > 100000);
		CHECK(client.subflows[0].bytes_sent > 100000);
		CHECK_U64(client.subflows[1].state, SUBFLOW_CLOSED);
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict strip_join_syn(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from;
	if (path == 1 && is_syn(packet))
		pipe->hits += strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

TEST(F35_join_stripped_from_syn)
{
	expect_refused(strip_join_syn, RESET_MPTCP, true);
}

static enum pipe_verdict strip_join_synack(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from;
	if (path == 1 && is_synack(packet))
		pipe->hits += strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

TEST(F37_join_stripped_from_synack)
{
	expect_refused(strip_join_synack, RESET_MPTCP, true);
}

static enum pipe_verdict strip_join_ack(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	if (path == 1 && from == CLIENT && !is_syn(packet))
		pipe->hits += strip_mptcp(packet, 1u << MP_JOIN);
	return PIPE_PASS;
}

TEST(F38_join_stripped_from_third_ack)
{
	expect_refused(strip_join_ack, RESET_MPTCP, false);
}

static void spoil_hmac(struct mptcp_opt *option)
{
	if (option->join.form == JOIN_SYNACK)
		option->join.hmac64 ^= 1;
	if (option->join.form == JOIN_ACK)
		option->join.hmac160[19] ^= 1;
}

static enum pipe_verdict bad_hmac_synack(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from;
	if (path == 1 && is_synack(packet))
		pipe->hits += edit_mptcp(packet, MP_JOIN, spoil_hmac);
	return PIPE_PASS;
}

TEST(F39_wrong_hmac_in_synack)
{
	expect_refused(bad_hmac_synack, RESET_MPTCP, true);
}

static enum pipe_verdict bad_hmac_ack(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	if (path == 1 && from == CLIENT && !is_syn(packet))
		pipe->hits += edit_mptcp(packet, MP_JOIN, spoil_hmac);
	return PIPE_PASS;
}

TEST(F40_wrong_hmac_in_third_ack)
{
	expect_refused(bad_hmac_ack, RESET_MPTCP, false);
}

/* The fault of that name makes both go through. */
TEST(fault_accept_any_hmac)
{
	struct pipe pipe =
		run(SPEAKS_V1, bad_hmac_ack, 300000, 3000, fault_find("accept-any-hmac"));

	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].state, SUBFLOW_CLOSED);
	CHECK(pipe_info(&pipe, CLIENT).subflows[1].bytes_sent > 0);
	pipe_fini(&pipe);
}

static void other_token(struct mptcp_opt *option)
{
	option->join.token ^= 1;
}

static enum pipe_verdict bad_token(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from;
	if (path == 1 && is_syn(packet))
		pipe->hits += edit_mptcp(packet, MP_JOIN, other_token);
	return PIPE_PASS;
}

TEST(F41_unknown_token)
{
	expect_refused(bad_token, RESET_MPTCP, false);
}

static enum pipe_verdict lose_join_acks(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	struct mptcp_opt option;

	if (path == 0 || from == SERVER || is_syn(packet))
		return PIPE_PASS;
	/* F42: no data before the third ACK is acknowledged. */
	if (pipe->hits < 3) {
		CHECK_U64(packet_payload_len(packet), 0);
		CHECK(mptcp_find(packet, MP_JOIN, &option, NULL));
	}
	return pipe->hits++ < 2 ? PIPE_DROP : PIPE_PASS;
}

TEST(F42_third_ack_of_join_lost_twice)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, false);
		struct pipe pipe;

		client.join[client.join_count++] = pipe_second.addr;
		pipe_init(&pipe, &client, &client, 9);
		pipe.hook = lose_join_acks;
		pipe.app[CLIENT].to_write = 300000;
		pipe.app[CLIENT].hold_open = true;
		pipe_run(&pipe, 10 * NSEC_PER_SEC);
		CHECK(pipe.hits > 2);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].state, SUBFLOW_OPEN);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_OPEN);
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict lose_join_syns(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)packet, (void)from;
	if (path == 0)
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

/* F43: the path is not used, the connection does not care. */
TEST(F43_join_syns_dropped)
{
	struct pipe pipe = run(SPEAKS_V1, lose_join_syns, 300000, 300000, 0);

	CHECK(pipe.hits > 0);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflow_count, 2);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].bytes_sent, 0);
	pipe_fini(&pipe);
}

/* F44: to a port without listener: the token decides. E18: a bare RST kills its subflow only. */
static enum pipe_verdict kill_initial(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	if (path == 0 && from == CLIENT && pipe->packets[CLIENT][1] >= 10 && pipe->hits++ == 0)
		become_reset(packet);
	return PIPE_PASS;
}

TEST(E18_bare_reset_of_one_of_two)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct pipe pipe = run(speaks, kill_initial, 400000, 400000, 0);

		CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].state, SUBFLOW_RESET);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].state, SUBFLOW_CLOSED);
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict blackhole(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)packet, (void)from;
	if (path != (unsigned int)(uintptr_t)pipe->hook_state || pipe->packets[CLIENT][1] < 10)
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

/* A path that dies silently: its data is re-sent on the other (RFC 8684 3.3.6). */
TEST(one_of_two_paths_dies)
{
	unsigned int speaks, dead;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (dead = 0; dead < 2; dead++) {
			struct endpoint_config client = pipe_config(speaks, true);
			struct pipe pipe;

			client.join[client.join_count++] = pipe_second.addr;
			pipe_init(&pipe, &client, &client, 9);
			pipe.hook = blackhole;
			pipe.hook_state = (void *)(uintptr_t)dead;
			pipe.app[CLIENT].to_write = 900000;
			pipe.app[SERVER].to_write = 900000;
			pipe_run(&pipe, 60 * NSEC_PER_SEC);
			CHECK(pipe.hits > 0);
			CHECK(pipe_is_clean(&pipe));
			CHECK(endpoint_deadline(pipe.endpoint[CLIENT]) == NSEC_NEVER);
			CHECK(endpoint_deadline(pipe.endpoint[SERVER]) == NSEC_NEVER);
			pipe_fini(&pipe);
		}
}

/* Bare on the first path, spoilt on the second: only the server's first segment of each. */
static enum pipe_verdict bare_and_spoilt(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	uint64_t *seen = pipe->hook_state;

	if (from == CLIENT || packet_payload_len(packet) == 0 || seen[path]++ > 0)
		return PIPE_PASS;
	pipe->hits++;
	if (path == 1)
		flip_payload(packet, 0);
	else
		strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

/*
 * F4 is about a path's first contact. With a second subflow, that ended since, the first data may
 * have come by either, and what is sent again must not pass for new (F64).
 */
TEST(F64_first_data_bare_after_a_join)
{
	unsigned int how;

	/* The third packet of the join was acknowledged, or is on its way. */
	for (how = 0; how < 4; how++) {
		struct endpoint_config client = pipe_config(how & 1 ? SPEAKS_V1 : SPEAKS_V0, true),
				       server = client;
		nsec_t late = how & 2 ? 100 * NSEC_PER_MS : 0;
		uint64_t seen[2] = { 0 };
		struct pipe pipe;

		client.join[client.join_count++] = pipe_second.addr;
		server.scheduler = "redundant";
		pipe_init(&pipe, &client, &server, 9);
		pipe.hook = bare_and_spoilt;
		pipe.hook_state = seen;
		pipe.app[CLIENT].to_write = 100;
		pipe.app[SERVER].hold_open = true;
		pipe.delay_path1 = late;
		pipe_run(&pipe, NSEC_PER_SEC + (late > 0 ? 345 : 100) * NSEC_PER_MS);
		CHECK_U64(pipe_info(&pipe, SERVER).subflow_count, 2);
		pipe.app[SERVER].to_write = 1000;
		pipe.app[SERVER].hold_open = false;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK_U64(pipe.hits, 2);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

/* The client's second data packet on the first path, and from a moment on all, lose their options.
 */
static enum pipe_verdict strip_second_and_late(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	const nsec_t *late = pipe->hook_state;

	if (path == 0 && from == CLIENT && packet_payload_len(packet) > 0 &&
		(++pipe->hits == 2 || pipe->now >= *late))
		strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

/*
 * O6, F29: bytes of the first subflow that came unmapped, and by the second again, are none that a
 * fallback goes on with; and what it carried since is not where the stream's last bytes are.
 */
TEST(O6_fallback_beside_bytes_that_came_elsewhere)
{
	unsigned int odd;

	for (odd = 0; odd < 2; odd++) {
		struct endpoint_config config = pipe_config(SPEAKS_V0, true);
		nsec_t late = 3 * NSEC_PER_SEC;
		struct pipe pipe;
		struct err err;

		config.join[config.join_count++] = pipe_second.addr;
		config.scheduler = "round-robin";
		pipe_init(&pipe, &config, &config, 9);
		pipe.hook = strip_second_and_late;
		pipe.hook_state = &late;
		pipe.app[CLIENT].hold_open = true;
		pipe.app[CLIENT].to_write = 2840;
		pipe_run(&pipe, 2 * NSEC_PER_SEC);
		CHECK_U64(pipe.app[SERVER].read, 2840);
		pipe.app[CLIENT].to_write += (2 + odd) * 1420;
		pipe_run(&pipe, 2 * NSEC_PER_SEC + 200 * NSEC_PER_MS);
		CHECK(conn_drop(pipe.app[CLIENT].conn, 1, &err));
		pipe_run(&pipe, late);
		CHECK_U64(pipe.app[SERVER].read, 2840 + (2 + odd) * 1420);
		pipe.app[CLIENT].to_write += 500;
		pipe.app[CLIENT].hold_open = false;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_INFINITE);
		pipe_fini(&pipe);
	}
}

static void forbid_join(struct mptcp_opt *option)
{
	option->capable.flags |= MPC_NO_JOIN;
}

static enum pipe_verdict c_flag(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from;
	CHECK_U64(path, 0);
	if (is_synack(packet))
		pipe->hits += edit_mptcp(packet, MP_CAPABLE, forbid_join);
	return PIPE_PASS;
}

TEST(F7d_flag_c)
{
	struct pipe pipe = run(SPEAKS_V1, c_flag, 100000, 0, 0);
	struct conn_info info = pipe_info(&pipe, CLIENT);

	CHECK(pipe.hits > 0);
	CHECK_U64(info.subflow_count, 1);
	pipe_fini(&pipe);
}

/* conn_join by the application, refused with a reason before F8a and after a fallback. */
TEST(conn_join_by_the_application)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct sockname second = pipe_second, closed = pipe_server;
	struct pipe pipe;
	struct err err;

	second.port = 41000;
	pipe_init(&pipe, &config, &config, 9);
	pipe.app[CLIENT].to_write = 3000;
	pipe.app[CLIENT].hold_open = true;
	CHECK(!conn_join(pipe.app[CLIENT].conn, &second, &pipe_server, pipe.now, &err));
	pipe_run(&pipe, 2 * NSEC_PER_SEC);
	closed.port = 80;
	CHECK(conn_join(pipe.app[CLIENT].conn, &second, &closed, pipe.now, &err));
	CHECK(!conn_join(pipe.app[CLIENT].conn, &second, &closed, pipe.now, &err));
	pipe_run(&pipe, 3 * NSEC_PER_SEC);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].state, SUBFLOW_OPEN);
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_OPEN);
	pipe.app[CLIENT].hold_open = false;
	pipe_run(&pipe, 30 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(&pipe));
	CHECK(!conn_join(pipe.app[CLIENT].conn, &second, &pipe_server, pipe.now, &err));
	pipe_fini(&pipe);
}

/* MP_FASTCLOSE: both ends of the connection are gone, on every subflow (RFC 8684 3.5). */
TEST(abort_tells_the_peer)
{
	unsigned int speaks;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, false);
		struct pipe pipe;

		client.join[client.join_count++] = pipe_second.addr;
		pipe_init(&pipe, &client, &client, 9);
		pipe.app[CLIENT].to_write = 900000;
		pipe_run(&pipe, NSEC_PER_SEC + 60 * NSEC_PER_MS);
		conn_abort(pipe.app[CLIENT].conn);
		pipe_run(&pipe, 10 * NSEC_PER_SEC);
		CHECK_U64(pipe_info(&pipe, CLIENT).end, END_ABORTED);
		CHECK_U64(pipe_info(&pipe, SERVER).end, END_RESET);
		CHECK(endpoint_deadline(pipe.endpoint[CLIENT]) == NSEC_NEVER);
		CHECK(endpoint_deadline(pipe.endpoint[SERVER]) == NSEC_NEVER);
		pipe_fini(&pipe);
	}
}

/* The server's first ACK for data on the joined path: for a part of it, and without options. */
static enum pipe_verdict ack_part(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	uint32_t *iss = pipe->hook_state;

	if (path == 1 && is_syn(packet))
		*iss = tcp_seq(packet);
	if (path == 0 || from == CLIENT || pipe->hits > 0 || tcp_ack(packet) == *iss + 1)
		return PIPE_PASS;
	pipe->hits++;
	strip_mptcp(packet, ALL_SUBTYPES);
	packet_write32(packet, packet->l4 + 8, *iss + 101);
	packet_finish(packet);
	packet_parse(packet);
	return PIPE_PASS;
}

/* F11: a box that had cut a segment acknowledges parts of it by itself. */
TEST(F11_part_acked_without_data_ack)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, false), server = client;
		uint32_t iss = 0;
		struct pipe pipe;

		client.join[client.join_count++] = pipe_second.addr;
		pipe_init(&pipe, &client, &server, 7);
		pipe.hook = ack_part;
		pipe.hook_state = &iss;
		pipe.app[CLIENT].to_write = 400000;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK(pipe.hits == 1 && pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].state, SUBFLOW_RESET);
		CHECK(pipe_info(&pipe, CLIENT).subflows[1].reset_by_us);
		pipe_fini(&pipe);
	}
}

/* A checksum fails between the client's own SYN and the answer to it, and MP_FAIL is lost at first.
 */
static enum pipe_verdict fail_while_joining(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	struct mptcp_opt option;

	if (path == 0 && from == SERVER && packet_payload_len(packet) > 0 && ++pipe->hits == 2)
		flip_payload(packet, 3);
	return mptcp_find(packet, MP_FAIL, &option, NULL) && pipe->now < 1100 * NSEC_PER_MS
		? PIPE_DROP
		: PIPE_PASS;
}

/* O16: while a fallback is in progress no subflow is added, and all that is sent comes once. */
TEST(O16_own_join_while_falling_back)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, true), server = client;
		struct conn_info info;
		struct pipe pipe;

		client.join[client.join_count++] = pipe_second.addr;
		pipe_init(&pipe, &client, &server, 9);
		pipe.hook = fail_while_joining;
		pipe.app[SERVER].to_write = 30000;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		info = pipe_info(&pipe, CLIENT);
		CHECK_U64(info.subflow_count, 2);
		CHECK_U64(info.subflows[1].state, SUBFLOW_RESET);
		CHECK(info.subflows[1].reset_by_us);
		CHECK_U64(info.mode, MODE_INFINITE);
		CHECK_U64(pipe.app[CLIENT].read, 30000);
		pipe_fini(&pipe);
	}
}
