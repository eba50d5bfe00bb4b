/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After the handshake: options that vanish, checksums that fail, infinite mappings (F4, F9 to F34,
 * F63, F64, O1 to O6, O9). Each test names its rule; the expectation is that rule's.
 */
#include "tests/unit/endpoint_pipe.h"

enum { TO_SERVER = 1, TO_CLIENT = 2, BOTH_WAYS = 3 };
enum { ON_ANY, ON_DATA, ON_BARE };

/* Strip (or flip in) packets first..last-1 that match, counted from 1; SYNs never match. */
struct rule {
	unsigned int ways, on, subtypes;
	uint64_t first, last;
	int path; /* -1: both */
	bool flip;
	uint64_t seen;
};

/* All options, on whatever path. */
static struct rule strip_all(unsigned int ways, unsigned int on, uint64_t first, uint64_t last)
{
	return (struct rule){ .ways = ways,
		.on = on,
		.first = first,
		.last = last,
		.subtypes = ALL_SUBTYPES,
		.path = -1 };
}

static enum pipe_verdict apply(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct rule *rule = pipe->hook_state;
	bool data = packet_payload_len(packet) > 0;

	if (tcp_flags(packet) & TCP_SYN || !(rule->ways & (from == CLIENT ? TO_SERVER : TO_CLIENT)))
		return PIPE_PASS;
	if ((rule->on == ON_DATA && !data) || (rule->on == ON_BARE && data) ||
		(rule->path >= 0 && path != (unsigned int)rule->path))
		return PIPE_PASS;
	rule->seen++;
	if (rule->seen < rule->first || rule->seen >= rule->last)
		return PIPE_PASS;
	if (rule->flip) {
		flip_payload(packet, packet_payload_len(packet) / 2);
		pipe->hits++;
	} else {
		pipe->hits += strip_mptcp(packet, rule->subtypes);
	}
	return PIPE_PASS;
}

static struct pipe run(unsigned int speaks, bool checksum, bool join, struct rule *rule,
	uint64_t up, uint64_t down)
{
	struct endpoint_config client = pipe_config(speaks, checksum), server = client;
	struct pipe pipe;

	if (join)
		client.join[client.join_count++] = pipe_second.addr;
	pipe_init(&pipe, &client, &server, 5);
	pipe.hook = apply;
	pipe.hook_state = rule;
	pipe.app[CLIENT].to_write = up;
	pipe.app[SERVER].to_write = down;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK(pipe.hits > 0);
	CHECK(!pipe.app[CLIENT].corrupt || rule->flip);
	CHECK(!pipe.app[SERVER].corrupt || rule->flip);
	CHECK(endpoint_deadline(pipe.endpoint[CLIENT]) == NSEC_NEVER);
	CHECK(endpoint_deadline(pipe.endpoint[SERVER]) == NSEC_NEVER);
	return pipe;
}

static void expect_mode(struct pipe *pipe, enum conn_mode mode)
{
	CHECK(pipe_is_clean(pipe));
	CHECK_U64(pipe_info(pipe, CLIENT).mode, mode);
	CHECK_U64(pipe_info(pipe, SERVER).mode, mode);
}

/* Any mode of TCP, on both sides (F64), all bytes there (F63). */
static void expect_tcp(struct pipe *pipe)
{
	CHECK(pipe_is_clean(pipe));
	CHECK(pipe_info(pipe, CLIENT).mode >= MODE_INFINITE);
	CHECK(pipe_info(pipe, SERVER).mode >= MODE_INFINITE);
	pipe_fini(pipe);
}

/* The only subflow is reset with reason 6 and both applications get an error. */
static void expect_broken(struct pipe *pipe)
{
	struct conn_info client = pipe_info(pipe, CLIENT), server = pipe_info(pipe, SERVER);

	CHECK_U64(client.state, CONN_CLOSED);
	CHECK_U64(server.state, CONN_CLOSED);
	CHECK(client.end != END_CLEAN || server.end != END_CLEAN);
	CHECK(client.subflows[0].reset_reason == RESET_MIDDLEBOX ||
		server.subflows[0].reset_reason == RESET_MIDDLEBOX);
	pipe_fini(pipe);
}

static const unsigned int versions[] = { SPEAKS_V0, SPEAKS_V1 };

/* F4, F9, F10: every DSS of the client's data is lost from the first on; all senders. */
TEST(F4_first_data_loses_mapping)
{
	unsigned int v, how;

	for (v = 0; v < 2; v++)
		for (how = 0; how < 6; how++) {
			struct rule rule =
				strip_all(TO_SERVER, ON_DATA, 1, how < 3 ? 2 : UINT64_MAX);
			struct pipe pipe =
				run(versions[v], how & 1, false, &rule, 60000, how % 3 ? 40000 : 0);

			CHECK(pipe_info(&pipe, SERVER).fallback == FALLBACK_NO_FIRST_MAPPING ||
				pipe_info(&pipe, SERVER).fallback == FALLBACK_NO_DATA_ACK ||
				how % 3);
			expect_tcp(&pipe);
		}
}

TEST(F4_first_data_of_the_server_loses_mapping)
{
	unsigned int v, how;

	for (v = 0; v < 2; v++)
		for (how = 0; how < 6; how++) {
			struct rule rule =
				strip_all(TO_CLIENT, ON_DATA, 1, how < 3 ? 2 : UINT64_MAX);
			struct pipe pipe =
				run(versions[v], how & 1, false, &rule, how % 3 ? 500 : 0, 60000);

			expect_tcp(&pipe);
		}
}

/* E5: the first data passes, then everything loses its options both ways. */
TEST(E5_options_vanish_after_first_data)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct rule rule = strip_all(TO_CLIENT, ON_DATA, 1, UINT64_MAX);
		struct pipe pipe = run(versions[v], false, false, &rule, 500, 200000);

		CHECK(pipe_info(&pipe, CLIENT).fallback == FALLBACK_NO_FIRST_MAPPING ||
			pipe_info(&pipe, CLIENT).fallback == FALLBACK_NO_DATA_ACK);
		expect_tcp(&pipe);
	}
}

/* F9: only the DATA_ACKs are lost: the sender falls back and an infinite mapping tells the peer. */
TEST(F9_data_acks_lost_from_the_start)
{
	unsigned int v, how;

	for (v = 0; v < 2; v++)
		for (how = 0; how < 2; how++) {
			struct rule rule = strip_all(TO_CLIENT, ON_ANY, 1, UINT64_MAX);
			struct pipe pipe =
				run(versions[v], how, false, &rule, how ? 800 : 60000, 0);

			CHECK_U64(pipe_info(&pipe, CLIENT).fallback, FALLBACK_NO_DATA_ACK);
			CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_INFINITE_MAPPING);
			expect_tcp(&pipe);
		}
}

/* O1: a pure ACK without DSS that acknowledges no data is harmless. */
TEST(O1_bare_ack_of_no_data)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct rule rule = strip_all(TO_SERVER, ON_BARE, 2, 3);
		struct pipe pipe = run(versions[v], false, false, &rule, 3000, 50000);

		expect_mode(&pipe, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

/* F16, O2, O3: one subflow, mid-stream, all options of the sender's data are lost. */
TEST(F16_mappings_vanish_midway)
{
	unsigned int v, how;

	for (v = 0; v < 2; v++)
		for (how = 0; how < 4; how++) {
			struct rule rule = strip_all(TO_SERVER, ON_DATA, 20, UINT64_MAX);
			struct pipe pipe = run(versions[v], how & 1, false, &rule,
				how & 2 ? 1000000 : 60000, 0);

			/* v0: the infinite mapping of O2 reaches the peer on a bare ACK. */
			if (v == 0 && !(how & 2))
				expect_tcp(&pipe);
			else
				expect_broken(&pipe);
		}
}

TEST(F16_all_options_vanish_midway_both_ways)
{
	unsigned int v, how;

	for (v = 0; v < 2; v++)
		for (how = 0; how < 2; how++) {
			struct rule rule = strip_all(BOTH_WAYS, ON_ANY, 50, UINT64_MAX);
			struct pipe pipe = run(versions[v], how, false, &rule, 300000, 300000);

			expect_broken(&pipe);
		}
}

/* O2, F18: DATA_ACKs vanish mid-stream, one subflow: v0 falls back, v1 resets with reason 6. */
TEST(O2_data_acks_vanish_midway)
{
	struct rule rule = strip_all(TO_CLIENT, ON_ANY, 6, UINT64_MAX);
	struct pipe pipe = run(SPEAKS_V0, false, false, &rule, 1000000, 0);

	CHECK_U64(pipe_info(&pipe, CLIENT).fallback, FALLBACK_NO_DATA_ACK);
	CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_INFINITE_MAPPING);
	expect_tcp(&pipe);
	rule.seen = 0;
	pipe = run(SPEAKS_V1, false, false, &rule, 1000000, 0);
	CHECK_U64(pipe_info(&pipe, CLIENT).end, END_RESET);
	/* The server's own stream was confirmed; it may have ended before. */
	CHECK_U64(pipe_info(&pipe, SERVER).state, CONN_CLOSED);
	CHECK(pipe_info(&pipe, CLIENT).subflows[0].reset_by_us);
	CHECK(!pipe_info(&pipe, SERVER).subflows[0].reset_by_us);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[0].reset_reason, RESET_MIDDLEBOX);
	pipe_fini(&pipe);
}

/* F20: a few DATA_ACKs lost are survived. F19: so is a mapping that a retransmission repeats. */
TEST(F20_some_data_acks_lost)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct rule rule = strip_all(TO_CLIENT, ON_ANY, 4, 9);
		struct pipe pipe = run(versions[v], true, false, &rule, 500000, 0);

		expect_mode(&pipe, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

/* ---- two subflows ---- */

static void expect_survivor(struct pipe *pipe, unsigned int dead, unsigned int reason)
{
	struct conn_info client = pipe_info(pipe, CLIENT), server = pipe_info(pipe, SERVER);

	expect_mode(pipe, MODE_MPTCP);
	CHECK_U64(client.subflow_count, 2);
	CHECK_U64(client.subflows[dead].state, SUBFLOW_RESET);
	CHECK_U64(server.subflows[dead].state, SUBFLOW_RESET);
	/* The path may have stripped the reason off the RST. */
	if (client.version == 1)
		CHECK(client.subflows[dead].reset_reason == reason ||
			server.subflows[dead].reset_reason == reason);
	CHECK_U64(client.subflows[!dead].state, SUBFLOW_CLOSED);
	pipe_fini(pipe);
}

/* F15, F11, F12, E7: options vanish on one of two subflows: it is reset, the other carries on. */
TEST(F15_mappings_vanish_on_one_of_two)
{
	unsigned int v, path, how;

	for (v = 0; v < 2; v++)
		for (path = 0; path < 2; path++)
			for (how = 1; how < 4; how++) {
				struct rule rule = { .ways = how,
					.on = ON_ANY,
					.first = path ? 3 : 60,
					.last = UINT64_MAX,
					.subtypes = ALL_SUBTYPES,
					.path = (int)path };
				struct pipe pipe =
					run(versions[v], how & 1, true, &rule, 400000, 400000);

				if (how == 1 || how == 3)
					expect_survivor(&pipe, path, RESET_MIDDLEBOX);
				else {
					CHECK(pipe_is_clean(&pipe));
					pipe_fini(&pipe);
				}
			}
}

/* F11: data on the joined subflow is acknowledged without DATA_ACK from the first on. */
TEST(F11_joined_subflow_acked_without_data_ack)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct rule rule = { .ways = TO_CLIENT,
			.on = ON_ANY,
			.first = 2,
			.last = UINT64_MAX,
			.subtypes = ALL_SUBTYPES,
			.path = 1 };
		struct pipe pipe = run(versions[v], false, true, &rule, 400000, 0);

		expect_survivor(&pipe, 1, RESET_MIDDLEBOX);
	}
}

/* F17: DATA_ACKs vanish on the initial of two subflows: the other's suffice. */
TEST(F17_data_acks_vanish_on_one_of_two)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct rule rule = { .ways = TO_CLIENT,
			.on = ON_ANY,
			.first = 12,
			.last = UINT64_MAX,
			.subtypes = ALL_SUBTYPES,
			.path = 0 };
		struct pipe pipe = run(versions[v], false, true, &rule, 800000, 0);

		expect_mode(&pipe, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

/* ---- checksums ---- */

/* F21, F22: two subflows: RST with MP_FAIL and reason 6; no wrong byte is delivered. */
TEST(F21_checksum_fails_on_one_of_two)
{
	unsigned int v, path, up;

	for (v = 0; v < 2; v++)
		for (path = 0; path < 2; path++)
			for (up = 0; up < 2; up++) {
				struct rule rule = { .ways = up ? TO_SERVER : TO_CLIENT,
					.on = ON_DATA,
					.first = path ? 4 : 60,
					.last = path ? 5 : 61,
					.path = (int)path,
					.flip = true };
				struct pipe pipe = run(versions[v], true, true, &rule,
					up ? 400000 : 3000, up ? 3000 : 400000);

				CHECK(!pipe.app[CLIENT].corrupt && !pipe.app[SERVER].corrupt);
				expect_survivor(&pipe, path, RESET_MIDDLEBOX);
			}
}

/*
 * F23, F24, F26, F31: one subflow: MP_FAIL and an infinite mapping; the altered byte is delivered
 * like in TCP, every other byte is there once (F63), and both sides are in the same mode (F64).
 */
TEST(F23_checksum_fails_on_the_only_subflow)
{
	unsigned int v, up, at;
	static const uint64_t places[] = { 1, 2, 11, 30, 42 };

	for (v = 0; v < 2; v++)
		for (up = 0; up < 2; up++)
			for (at = 0; at < 5; at++) {
				struct rule rule = { .ways = up ? TO_SERVER : TO_CLIENT,
					.on = ON_DATA,
					.first = places[at],
					.last = places[at] + 1,
					.path = 0,
					.flip = true };
				struct pipe pipe = run(versions[v], true, false, &rule,
					up ? 60000 : 0, up ? 0 : 60000);
				enum pipe_side to = up ? SERVER : CLIENT;

				CHECK(pipe.app[to].corrupt);
				CHECK(!pipe.app[!to].corrupt);
				pipe.app[to].corrupt = false;
				CHECK_U64(pipe_info(&pipe, to).fallback, FALLBACK_CHECKSUM);
				CHECK_U64(pipe_info(&pipe, !to).fallback, FALLBACK_MP_FAIL);
				expect_mode(&pipe, MODE_INFINITE);
				pipe_fini(&pipe);
			}
}

/* Both applications send, and each direction is hit. */
TEST(F23_checksum_fails_while_both_send)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct rule rule = { .ways = BOTH_WAYS,
			.on = ON_DATA,
			.first = 25,
			.last = 27,
			.path = 0,
			.flip = true };
		struct pipe pipe = run(versions[v], true, false, &rule, 60000, 60000);

		pipe.app[CLIENT].corrupt = pipe.app[SERVER].corrupt = false;
		expect_mode(&pipe, MODE_INFINITE);
		pipe_fini(&pipe);
	}
}

/* O5: MP_FAIL never arrives: repeated once a time-out, then the receiver falls back alone. */
struct fail_lost {
	unsigned int seen;
	bool flipped;
};

static enum pipe_verdict lose_fail(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct fail_lost *lost = pipe->hook_state;

	(void)path;
	if (from == CLIENT && packet_payload_len(packet) > 0 && !lost->flipped &&
		pipe->packets[CLIENT][0] > 25) {
		lost->flipped = true;
		flip_payload(packet, 3);
	}
	if (strip_mptcp(packet, 1u << MP_FAIL)) {
		pipe->hits++;
		lost->seen++;
	}
	return PIPE_PASS;
}

TEST(O5_mp_fail_stripped)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct endpoint_config config = pipe_config(versions[v], true);
		struct fail_lost lost = { 0 };
		struct pipe pipe;

		pipe_init(&pipe, &config, &config, 5);
		pipe.hook = lose_fail;
		pipe.hook_state = &lost;
		pipe.app[CLIENT].to_write = 60000;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK(lost.seen >= 2 && lost.seen <= 3);
		CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_SIGNAL_LOST);
		CHECK_U64(pipe_info(&pipe, CLIENT).state, CONN_CLOSED);
		CHECK_U64(pipe_info(&pipe, SERVER).state, CONN_CLOSED);
		pipe_fini(&pipe);
	}
}

/* The peer closes the subflow before our MP_FAIL reaches it: its FIN is not the stream's end. */
TEST(F23_subflow_closed_before_mp_fail_comes)
{
	struct rule rule = { .ways = TO_SERVER, .on = ON_DATA, .last = 2, .flip = true };
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct endpoint_config config = pipe_config(versions[v], true);
		struct pipe pipe;
		struct err err;

		rule.seen = 0;
		pipe_init(&pipe, &config, &config, 5);
		pipe.hook = apply;
		pipe.hook_state = &rule;
		pipe.app[CLIENT].to_write = 100;
		pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
		pipe_run(&pipe, pipe.now + 3 * pipe.delay + pipe.delay / 2);
		CHECK(pipe.hits == 1);
		CHECK(conn_drop(pipe.app[CLIENT].conn, 0, &err));
		pipe.app[CLIENT].to_write = 200;
		pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = false;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK(!pipe_info(&pipe, SERVER).peer_closed);
		CHECK(pipe_info(&pipe, SERVER).end != END_CLEAN);
		pipe_fini(&pipe);
	}
}

/*
 * F9 by one side, and the other closes its subflow before it learns of that: a FIN of Multipath TCP
 * (3.3.3) is not the stream's end. Beside the DATA_FIN it is, and without options, for then the
 * peer has fallen back.
 */
TEST(F9_subflow_closed_before_the_peer_follows)
{
	enum { SUBFLOW, STREAM, BARE, HOWS };
	unsigned int v, how;

	for (v = 0; v < 2; v++)
		for (how = 0; how < HOWS; how++) {
			struct endpoint_config config = pipe_config(versions[v], false);
			struct rule rule =
				strip_all(TO_SERVER, ON_BARE, 2, how == BARE ? UINT64_MAX : 3);
			struct pipe pipe;
			struct err err;

			pipe_init(&pipe, &config, &config, 5);
			pipe.hook = apply;
			pipe.hook_state = &rule;
			pipe.app[CLIENT].to_write = 100;
			pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
			pipe_run(&pipe, pipe.now + 5 * pipe.delay);
			pipe.app[SERVER].to_write = 100;
			pipe_run(&pipe, pipe.now + 2 * pipe.delay + pipe.delay / 2);
			CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_NO_DATA_ACK);
			CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
			if (how == STREAM)
				conn_shutdown(pipe.app[CLIENT].conn);
			pipe_run(&pipe, pipe.now + pipe.delay / 4);
			CHECK(conn_drop(pipe.app[CLIENT].conn, 0, &err));
			pipe_run(&pipe, pipe.now + 60 * NSEC_PER_SEC);
			CHECK_U64(pipe_info(&pipe, SERVER).peer_closed, how != SUBFLOW);
			pipe_fini(&pipe);
		}
}

/* F27, O8: checksums off: the changed byte arrives, the connection does not notice. */
TEST(F27_changed_payload_without_checksums)
{
	struct rule rule = { .ways = TO_SERVER,
		.on = ON_DATA,
		.first = 10,
		.last = 11,
		.path = 0,
		.flip = true };
	struct pipe pipe = run(SPEAKS_V1, false, false, &rule, 60000, 0);

	CHECK(pipe.app[SERVER].corrupt);
	pipe.app[SERVER].corrupt = false;
	expect_mode(&pipe, MODE_MPTCP);
	pipe_fini(&pipe);
}

/* ---- after a fallback ---- */

struct sticky {
	struct rule rule;
	bool fell[2];
	unsigned int options[2];
};

static enum pipe_verdict watch(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct sticky *sticky = pipe->hook_state;
	struct mptcp_opt option;

	if (sticky->fell[from] && has_mptcp(packet)) {
		/* One infinite mapping, and the MP_FAIL of v1, may follow. */
		sticky->options[from]++;
		CHECK(mptcp_find(packet, MP_FAIL, &option, NULL) ||
			(mptcp_find(packet, MP_DSS, &option, NULL) && option.dss.has_mapping &&
				option.dss.length == 0 && option.dss.checksum == 0));
	}
	pipe->hook_state = &sticky->rule;
	apply(pipe, packet, from, path);
	pipe->hook_state = sticky;
	if (pipe_info(pipe, from).mode >= MODE_INFINITE)
		sticky->fell[from] = true;
	return PIPE_PASS;
}

/* F29, F33: after it fell back a side sends one infinite mapping at most, then nothing, ever. */
TEST(F33_no_option_after_fallback)
{
	unsigned int v, how;

	for (v = 0; v < 2; v++)
		for (how = 0; how < 3; how++) {
			struct endpoint_config config = pipe_config(versions[v], how == 2);
			struct sticky sticky = { .rule = { .ways = how == 1 ? TO_CLIENT : TO_SERVER,
							 .on = how == 1 ? ON_ANY : ON_DATA,
							 .first = 1,
							 .last = how == 2 ? 2 : UINT64_MAX,
							 .flip = how == 2,
							 .subtypes = ALL_SUBTYPES,
							 .path = 0 } };
			struct pipe pipe;

			config.join[config.join_count++] = pipe_second.addr;
			pipe_init(&pipe, &config, &config, 6);
			pipe.hook = watch;
			pipe.hook_state = &sticky;
			pipe.app[CLIENT].to_write = 100000;
			pipe.app[SERVER].to_write = 100000;
			pipe_run(&pipe, 60 * NSEC_PER_SEC);
			CHECK(sticky.fell[CLIENT] && sticky.fell[SERVER]);
			CHECK(sticky.options[CLIENT] <= 2 && sticky.options[SERVER] <= 2);
			CHECK(pipe_info(&pipe, CLIENT).subflow_count == 1 ||
				pipe_info(&pipe, CLIENT).subflows[1].state == SUBFLOW_RESET);
			pipe.app[SERVER].corrupt = false;
			expect_tcp(&pipe);
		}
}
