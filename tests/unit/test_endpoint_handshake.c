/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The handshake of the first subflow under interference: F1 to F7f, O12 to O14, E0 to E4. Each test
 * names the rule; both ends must agree on the mode and lose no byte (F63).
 */
#include "tests/unit/endpoint_pipe.h"

/* Run with a hook and say what both ends ended in. */
static struct pipe run(struct endpoint_config client, struct endpoint_config server, pipe_hook hook,
	uint64_t up, uint64_t down)
{
	struct pipe pipe;

	pipe_init(&pipe, &client, &server, 3);
	pipe.hook = hook;
	pipe.app[CLIENT].to_write = up;
	pipe.app[SERVER].to_write = down;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	return pipe;
}

static void expect(struct pipe *pipe, enum conn_mode mode, enum fallback_reason client,
	enum fallback_reason server)
{
	CHECK(pipe_is_clean(pipe));
	CHECK(pipe->hits > 0);
	CHECK_U64(pipe_info(pipe, CLIENT).mode, mode);
	CHECK_U64(pipe_info(pipe, SERVER).mode, mode);
	CHECK_TEXT(fallback_text(pipe_info(pipe, CLIENT).fallback), fallback_text(client));
	CHECK_TEXT(fallback_text(pipe_info(pipe, SERVER).fallback), fallback_text(server));
	pipe_fini(pipe);
}

/* Both versions, sent by client, server and both. */
static void each(pipe_hook hook, enum conn_mode mode, enum fallback_reason client,
	enum fallback_reason server)
{
	unsigned int speaks, how;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (how = 1; how < 4; how++) {
			struct endpoint_config config = pipe_config(speaks, how == 3);
			struct pipe pipe =
				run(config, config, hook, how & 1 ? 50000 : 0, how & 2 ? 30000 : 0);

			expect(&pipe, mode, client, server);
		}
}

static enum pipe_verdict strip_syn(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)path;
	if (from == CLIENT && is_syn(packet))
		pipe->hits += strip_mptcp(packet, ALL_SUBTYPES);
	else
		CHECK(!has_mptcp(packet));
	return PIPE_PASS;
}

TEST(F1_capable_stripped_from_syn)
{
	each(strip_syn, MODE_TCP, FALLBACK_SYNACK_PLAIN, FALLBACK_SYN_PLAIN);
}

static enum pipe_verdict strip_synack(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)path;
	if (is_synack(packet))
		pipe->hits += strip_mptcp(packet, ALL_SUBTYPES);
	else if (!is_syn(packet))
		CHECK(!has_mptcp(packet));
	(void)from;
	return PIPE_PASS;
}

TEST(F2_capable_stripped_from_synack)
{
	each(strip_synack, MODE_TCP, FALLBACK_SYNACK_PLAIN, FALLBACK_ACK_PLAIN);
}

static enum pipe_verdict strip_third(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)path;
	if (from == CLIENT && !is_syn(packet) && packet_payload_len(packet) == 0 && pipe->hits == 0)
		pipe->hits += strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

/* F3, E0, E4: the server is plain TCP; the client follows by F9, or F4 when the server sends. */
TEST(F3_capable_stripped_from_third_packet)
{
	unsigned int speaks, how;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (how = 1; how < 4; how++) {
			struct endpoint_config config = pipe_config(speaks, how == 3);
			struct pipe pipe = run(config, config, strip_third, how & 1 ? 50000 : 0,
				how & 2 ? 30000 : 0);

			CHECK(pipe_is_clean(&pipe));
			CHECK_U64(pipe.hits, 1);
			CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_ACK_PLAIN);
			CHECK(pipe_info(&pipe, CLIENT).fallback ==
					(how == 1 ? FALLBACK_NO_DATA_ACK
						  : FALLBACK_NO_FIRST_MAPPING) ||
				how == 3);
			CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_TCP);
			pipe_fini(&pipe);
		}
}

/* The client closes but a subflow, and by FIN, which ours does not where nothing is confirmed. */
static enum pipe_verdict strip_third_and_close(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	if (from == CLIENT && tcp_flags(packet) & TCP_RST)
		become_subflow_fin(packet);
	return strip_third(pipe, packet, from, path);
}

/* The client knows nothing of F3 yet: its FIN that closes but a subflow (3.3.3) ends no stream. */
TEST(F3_subflow_closed_before_the_client_follows)
{
	unsigned int speaks, ends;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (ends = 0; ends < 2; ends++) {
			struct endpoint_config config = pipe_config(speaks, false);
			struct pipe pipe;
			struct err err;

			pipe_init(&pipe, &config, &config, 5);
			pipe.hook = strip_third_and_close;
			pipe.app[CLIENT].to_write = 100;
			pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
			pipe_run(&pipe, pipe.now + 2 * pipe.delay + pipe.delay / 2);
			CHECK_U64(pipe.hits, 1);
			if (ends)
				conn_shutdown(pipe.app[CLIENT].conn);
			pipe_run(&pipe, pipe.now + pipe.delay / 4);
			CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
			CHECK(conn_drop(pipe.app[CLIENT].conn, 0, &err));
			pipe_run(&pipe, pipe.now + 60 * NSEC_PER_SEC);
			CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_ACK_PLAIN);
			CHECK_U64(pipe_info(&pipe, SERVER).peer_closed, ends);
			pipe_fini(&pipe);
		}
}

static enum pipe_verdict drop_capable_syn(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from, (void)path;
	if (!is_syn(packet) || !has_mptcp(packet))
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

/* F5, E2: two SYNs with MP_CAPABLE are repeated, the fourth comes without; at 1, 3 and 7 s. */
TEST(F5_syns_with_capable_dropped)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe = run(config, config, drop_capable_syn, 5000, 5000);

	CHECK_U64(pipe.hits, 3);
	expect(&pipe, MODE_TCP, FALLBACK_SYN_UNANSWERED, FALLBACK_SYN_PLAIN);
}

static enum pipe_verdict drop_capable_synack(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from, (void)path;
	if (!is_synack(packet) || !has_mptcp(packet))
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

/* O13, E1, E2b: the server answers the newer, plain SYN and drops the older half-open state. */
TEST(O13_synacks_with_capable_dropped)
{
	each(drop_capable_synack, MODE_TCP, FALLBACK_SYN_UNANSWERED, FALLBACK_SYN_PLAIN);
}

static void clear_crypto(struct mptcp_opt *option)
{
	option->capable.flags &= (uint8_t)~0x3fu;
}

static enum pipe_verdict no_crypto_syn(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from, (void)path;
	if (is_syn(packet))
		pipe->hits += edit_mptcp(packet, MP_CAPABLE, clear_crypto);
	return PIPE_PASS;
}

TEST(F6_no_crypto_bit_in_syn)
{
	each(no_crypto_syn, MODE_TCP, FALLBACK_SYNACK_PLAIN, FALLBACK_CRYPTO);
}

static enum pipe_verdict no_crypto_synack(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from, (void)path;
	if (is_synack(packet))
		pipe->hits += edit_mptcp(packet, MP_CAPABLE, clear_crypto);
	return PIPE_PASS;
}

TEST(F6_no_crypto_bit_in_synack)
{
	each(no_crypto_synack, MODE_TCP, FALLBACK_CRYPTO, FALLBACK_ACK_PLAIN);
}

static void other_version(struct mptcp_opt *option)
{
	option->capable.version = 3;
}

static enum pipe_verdict version_synack(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from, (void)path;
	if (is_synack(packet))
		pipe->hits += edit_mptcp(packet, MP_CAPABLE, other_version);
	return PIPE_PASS;
}

TEST(F7_version_in_synack_unusable)
{
	each(version_synack, MODE_TCP, FALLBACK_VERSION, FALLBACK_ACK_PLAIN);
}

static enum pipe_verdict count_all(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)packet, (void)from, (void)path;
	pipe->hits++;
	return PIPE_PASS;
}

TEST(F7_versions_of_two_hosts)
{
	static const struct {
		unsigned int client, server;
		enum conn_mode mode;
		uint8_t version;
	} cases[] = {
		{ SPEAKS_V0, SPEAKS_V0 | SPEAKS_V1, MODE_MPTCP, 0 },
		{ SPEAKS_V0 | SPEAKS_V1, SPEAKS_V0 | SPEAKS_V1, MODE_MPTCP, 1 },
		{ SPEAKS_V1, SPEAKS_V0, MODE_TCP, 0 },
		{ SPEAKS_V0, SPEAKS_V1, MODE_TCP, 0 },
		{ SPEAKS_TCP, SPEAKS_V1, MODE_TCP, 0 },
		{ SPEAKS_V1, SPEAKS_TCP, MODE_TCP, 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pipe pipe = run(pipe_config(cases[i].client, false),
			pipe_config(cases[i].server, false), count_all, 3000, 3000);

		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, cases[i].mode);
		CHECK_U64(pipe_info(&pipe, SERVER).mode, cases[i].mode);
		if (cases[i].mode == MODE_MPTCP)
			CHECK_U64(pipe_info(&pipe, SERVER).version, cases[i].version);
		pipe_fini(&pipe);
	}
}

static void set_b(struct mptcp_opt *option)
{
	option->capable.flags |= MPC_EXTENSION;
}

static enum pipe_verdict b_syn(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from, (void)path;
	if (is_syn(packet))
		pipe->hits += edit_mptcp(packet, MP_CAPABLE, set_b);
	return PIPE_PASS;
}

/* F7a: v1 ignores the option, v0 the SYN, so that the client comes back without (F5). */
TEST(F7a_flag_b_in_syn)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe = run(config, config, b_syn, 5000, 5000);

	expect(&pipe, MODE_TCP, FALLBACK_SYNACK_PLAIN, FALLBACK_FLAG_B);
	config = pipe_config(SPEAKS_V0, false);
	pipe = run(config, config, b_syn, 5000, 5000);
	CHECK_U64(pipe.hits, 3);
	expect(&pipe, MODE_TCP, FALLBACK_SYN_UNANSWERED, FALLBACK_SYN_PLAIN);
}

/* F7b: v1 ignores an option that wants checksums it does not want; v0 must use them. */
TEST(F7b_checksum_refused)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, true);
	struct endpoint_config server = pipe_config(SPEAKS_V1, false);
	struct pipe pipe;

	server.refuse_checksum = true;
	pipe = run(client, server, count_all, 5000, 5000);
	expect(&pipe, MODE_TCP, FALLBACK_SYNACK_PLAIN, FALLBACK_CHECKSUM_UNWANTED);
	client.speaks = server.speaks = SPEAKS_V0;
	pipe = run(client, server, count_all, 5000, 5000);
	CHECK(pipe_info(&pipe, SERVER).checksum);
	expect(&pipe, MODE_MPTCP, FALLBACK_NONE, FALLBACK_NONE);
}

/* Checksums are used when either side asks (RFC 8684 3.1). */
TEST(checksum_asked_for_by_one_side)
{
	struct pipe pipe = run(pipe_config(SPEAKS_V1, false), pipe_config(SPEAKS_V1, true),
		count_all, 5000, 5000);

	CHECK(pipe_info(&pipe, CLIENT).checksum && pipe_info(&pipe, SERVER).checksum);
	expect(&pipe, MODE_MPTCP, FALLBACK_NONE, FALLBACK_NONE);
}

static void other_key(struct mptcp_opt *option)
{
	option->capable.receiver_key ^= 1;
}

static enum pipe_verdict key_in_third(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)path;
	if (from == CLIENT && !is_syn(packet))
		pipe->hits += edit_mptcp(packet, MP_CAPABLE, other_key);
	return PIPE_PASS;
}

/* F7e: a bad echo of the key; the server stops MPTCP, the client follows by F9 or F4. */
TEST(F7e_bad_key_echo)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe = run(config, config, key_in_third, 50000, 0);

	expect(&pipe, MODE_TCP, FALLBACK_NO_DATA_ACK, FALLBACK_COMPROMISED);
	config = pipe_config(SPEAKS_V0, true);
	pipe = run(config, config, key_in_third, 0, 50000);
	expect(&pipe, MODE_TCP, FALLBACK_NO_FIRST_MAPPING, FALLBACK_COMPROMISED);
}

static enum pipe_verdict mirror(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct mptcp_opt *in_syn = pipe->hook_state;
	uint8_t bytes[TCPOPT_SPACE];

	(void)from, (void)path;
	if (in_syn == NULL)
		in_syn = pipe->hook_state = xcalloc(1, sizeof(*in_syn));
	if (is_syn(packet)) {
		mptcp_find(packet, MP_CAPABLE, in_syn, NULL);
	} else if (is_synack(packet)) {
		CHECK(tcpopt_append(packet, bytes, mptcp_emit(in_syn, bytes)));
		packet_finish(packet);
		pipe->hits++;
	}
	return PIPE_PASS;
}

/* F7f: a server without MPTCP behind a box that copies options. */
TEST(F7f_mirrored_capable)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct pipe pipe = run(pipe_config(speaks, false), pipe_config(SPEAKS_TCP, false),
			mirror, 5000, 5000);

		free(pipe.hook_state);
		expect(&pipe, MODE_TCP, FALLBACK_MIRRORED, FALLBACK_NOT_ASKED);
	}
}

static enum pipe_verdict lose_third_and_first_data(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)path;
	if (from == SERVER || is_syn(packet) || pipe->hits >= 2)
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

/* O12: the first packet to arrive has a DSS but no keys; nothing is wrong with the path. */
TEST(O12_third_ack_and_first_data_lost)
{
	each(lose_third_and_first_data, MODE_MPTCP, FALLBACK_NONE, FALLBACK_NONE);
}

static enum pipe_verdict lose_keys(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct tcpopt at = { 0 };
	struct mptcp_opt option;

	(void)path;
	if (from == SERVER || is_syn(packet) || !mptcp_next(packet, &at, &option) ||
		option.subtype != MP_CAPABLE)
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

/* O12 ends one day: a path that never lets the keys through carries plain TCP (F3, then F9). */
TEST(O12_keys_never_come)
{
	struct endpoint_config config = pipe_config(SPEAKS_V0, false);
	struct pipe pipe = run(config, config, lose_keys, 50000, 30000);

	expect(&pipe, MODE_TCP, FALLBACK_NO_DATA_ACK, FALLBACK_ACK_PLAIN);
}

static enum pipe_verdict lose_synack(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from, (void)path;
	if (!is_synack(packet) || pipe->hits > 0)
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

TEST(synack_lost)
{
	each(lose_synack, MODE_MPTCP, FALLBACK_NONE, FALLBACK_NONE);
}

static enum pipe_verdict delay_capable_syn(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)from;
	if (!is_syn(packet))
		return PIPE_PASS;
	if (!has_mptcp(packet)) {
		/* The plain SYN, and right behind it the delayed one with the option. */
		pipe->hits++;
		pipe_send(pipe, packet, path);
		pipe_send(pipe, pipe->hook_state, path);
		return PIPE_DROP;
	}
	if (pipe->hook_state == NULL)
		pipe->hook_state = packet_clone(packet);
	return PIPE_DROP;
}

TEST(O14_delayed_capable_syn_after_a_plain_one)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe = run(config, config, delay_capable_syn, 5000, 5000);

	CHECK_U64(pipe.hits, 1);
	CHECK(pipe_is_clean(&pipe));
	CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_TCP);
	CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_TCP);
	packet_free(pipe.hook_state);
	pipe_fini(&pipe);
}

static enum pipe_verdict swallow(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)packet, (void)from, (void)path;
	pipe->hits++;
	return PIPE_DROP;
}

/* A path that swallows everything: an error within the connection time-out. */
TEST(unanswered)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe = run(config, config, swallow, 5000, 5000);

	CHECK_U64(pipe_info(&pipe, CLIENT).end, END_UNANSWERED);
	CHECK(endpoint_deadline(pipe.endpoint[CLIENT]) == NSEC_NEVER);
	pipe_fini(&pipe);
}

static void other_port(struct packet *packet, uint16_t port, uint32_t offset)
{
	packet_write16(packet, packet->l4 + offset, port);
	packet_finish(packet);
}

static enum pipe_verdict to_closed_port(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)path;
	pipe->hits++;
	other_port(packet, from == CLIENT ? 81 : 80, from == CLIENT ? 2 : 0);
	if (from == CLIENT) {
		/* The pipe's router looks at the port: hand it over directly. */
		endpoint_input(pipe->endpoint[SERVER], packet, pipe->now);
		return PIPE_DROP;
	}
	return PIPE_PASS;
}

TEST(refused)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe = run(config, config, to_closed_port, 5000, 5000);

	CHECK_U64(pipe_info(&pipe, CLIENT).end, END_REFUSED);
	CHECK_U64(pipe.hits, 2);
	CHECK_U64(endpoint_drops(pipe.endpoint[SERVER], DROP_NO_CONNECTION), 1);
	pipe_fini(&pipe);
}
