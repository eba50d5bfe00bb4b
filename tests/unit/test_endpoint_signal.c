/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ADD_ADDR, REMOVE_ADDR, MP_PRIO, MP_FASTCLOSE and MP_TCPRST of both versions (RFC 8684 and RFC
 * 6824, 3.3.8, 3.4, 3.5; RFC 8684 3.6; F57 to F62).
 */
#include "tests/unit/endpoint_pipe.h"

/* What went over the wire, by side and subtype. */
struct seen {
	unsigned int count[2][16];
	struct mptcp_opt last[2][16];
	bool on_reset[2][16];
	unsigned int lose[2][16];            /* so many of a kind are dropped first */
	void (*edit)(struct mptcp_opt *opt); /* of ADD_ADDR on the way */
	unsigned int in_a_row, in_a_row_most;
	uint32_t seq, ack;
};

static void note_run(struct seen *seen, const struct packet *packet, bool signals)
{
	bool repeats = packet_payload_len(packet) == 0 && seen->seq == tcp_seq(packet) &&
		seen->ack == tcp_ack(packet);

	seen->seq = tcp_seq(packet);
	seen->ack = tcp_ack(packet);
	seen->in_a_row = !signals ? 0 : repeats ? seen->in_a_row + 1 : 1;
	if (seen->in_a_row > seen->in_a_row_most)
		seen->in_a_row_most = seen->in_a_row;
}

static enum pipe_verdict watch(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct seen *seen = pipe->hook_state;
	struct tcpopt at = { 0 };
	struct mptcp_opt option;
	bool signals = false;

	while (mptcp_next(packet, &at, &option)) {
		seen->count[from][option.subtype]++;
		seen->last[from][option.subtype] = option;
		seen->on_reset[from][option.subtype] = (tcp_flags(packet) & TCP_RST) != 0;
		signals = signals || option.subtype != MP_DSS;
		if (seen->lose[from][option.subtype] > 0) {
			seen->lose[from][option.subtype]--;
			return PIPE_DROP;
		}
	}
	if (from == SERVER && path == 0)
		note_run(seen, packet, signals);
	if (seen->edit != NULL)
		edit_mptcp(packet, MP_ADD_ADDR, seen->edit);
	return PIPE_PASS;
}

/* Both ends open and quiet, after a first exchange; the server's third address is told of. */
static const struct sockname server_second = { { 4, { 198, 18, 1, 2 } }, 0 };

static void begin(struct pipe *pipe, struct seen *seen, const struct endpoint_config *client,
	const struct endpoint_config *server)
{
	memset(seen, 0, sizeof(*seen));
	pipe_init(pipe, client, server, 31);
	pipe->hook = watch;
	pipe->hook_state = seen;
	pipe_quiet(pipe);
	CHECK_U64(pipe_info(pipe, CLIENT).mode, MODE_MPTCP);
	CHECK(pipe_info(pipe, SERVER).fully_established);
}

static void finish(struct pipe *pipe)
{
	pipe_finish(pipe, 100000);
}

/* ---- ADD_ADDR ---- */

/* The server tells of an address, the client joins it, data goes over both. */
TEST(add_addr_leads_to_a_join)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, true), server = config;
		struct conn_info info;
		struct pipe pipe;
		struct seen seen;

		server.announce[server.announce_count++] = server_second;
		begin(&pipe, &seen, &config, &server);
		CHECK_U64(seen.count[SERVER][MP_ADD_ADDR], 1);
		CHECK_U64(seen.last[SERVER][MP_ADD_ADDR].length, speaks == SPEAKS_V1 ? 16 : 8);
		CHECK_U64(seen.count[CLIENT][MP_ADD_ADDR], speaks == SPEAKS_V1);
		CHECK_U64(seen.last[CLIENT][MP_ADD_ADDR].length, speaks == SPEAKS_V1 ? 8 : 0);
		info = pipe_info(&pipe, CLIENT);
		CHECK_U64(info.addresses_known, 1);
		CHECK_U64(info.subflow_count, 2);
		CHECK_U64(info.subflows[1].state, SUBFLOW_OPEN);
		CHECK(addr_equal(&info.subflows[1].remote.addr, &server_second.addr));
		CHECK_U64(info.subflows[1].remote.port, 80);
		CHECK_U64(info.subflows[1].remote_address_id, 1);
		CHECK_U64(info.subflows[1].address_id, 0);
		info = pipe_info(&pipe, SERVER);
		CHECK_U64(info.addresses_told, 1);
		CHECK_U64(info.addresses_echoed, speaks == SPEAKS_V1);
		CHECK_U64(info.subflows[1].address_id, 1);
		finish(&pipe);
	}
}

/* With a port: the join goes there, whatever listens (F44). */
TEST(add_addr_with_a_port)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false), server = config;
		struct pipe pipe;
		struct seen seen;

		server.announce[server.announce_count] = server_second;
		server.announce[server.announce_count++].port = 5005;
		begin(&pipe, &seen, &config, &server);
		CHECK_U64(seen.last[SERVER][MP_ADD_ADDR].length, speaks == SPEAKS_V1 ? 18 : 10);
		CHECK_U64(seen.last[SERVER][MP_ADD_ADDR].add_addr.port, 5005);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].remote.port, 5005);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].state, SUBFLOW_OPEN);
		CHECK_U64(pipe_info(&pipe, SERVER).addresses_echoed, speaks == SPEAKS_V1);
		finish(&pipe);
	}
}

/* v1: told again until echoed, whichever of the two is lost (RFC 8684 3.4.1); v0 cannot know. */
TEST(add_addr_is_repeated_until_echoed)
{
	unsigned int side;

	for (side = CLIENT; side <= SERVER; side++) {
		struct endpoint_config config = pipe_config(SPEAKS_V1, false);
		struct pipe pipe;
		struct seen seen;
		struct err err;

		config.path_manager = "none";
		begin(&pipe, &seen, &config, &config);
		seen.lose[side][MP_ADD_ADDR] = 2;
		CHECK(conn_announce(pipe.app[SERVER].conn, &server_second, pipe.now, &err));
		pipe_run(&pipe, pipe.now + 12 * NSEC_PER_SEC);
		CHECK_U64(seen.count[SERVER][MP_ADD_ADDR], 3);
		CHECK_U64(seen.count[CLIENT][MP_ADD_ADDR], side == CLIENT ? 3 : 1);
		CHECK_U64(pipe_info(&pipe, SERVER).addresses_echoed, 1);
		CHECK_U64(pipe_info(&pipe, CLIENT).addresses_known, 1);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflow_count, 1);
		finish(&pipe);
	}
}

static void spoil_hmac(struct mptcp_opt *option)
{
	option->add_addr.hmac ^= 1;
}

/* F60: no join, no echo, no harm. */
TEST(F60_add_addr_with_a_wrong_hmac)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe;
	struct seen seen;
	struct err err;

	begin(&pipe, &seen, &config, &config);
	seen.edit = spoil_hmac;
	CHECK(conn_announce(pipe.app[SERVER].conn, &server_second, pipe.now, &err));
	pipe_run(&pipe, pipe.now + 2 * NSEC_PER_SEC);
	CHECK(seen.count[SERVER][MP_ADD_ADDR] > 1);
	CHECK_U64(seen.count[CLIENT][MP_ADD_ADDR], 0);
	CHECK_U64(pipe_info(&pipe, CLIENT).addresses_known, 0);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflow_count, 1);
	CHECK(endpoint_drops(pipe.endpoint[CLIENT], DROP_HMAC) > 1);
	finish(&pipe);
}

/* IPv6 with a port is 32 bytes: beside timestamps there is no room, so its ACK goes without. */
TEST(add_addr_that_needs_all_room)
{
	unsigned int timestamps;

	for (timestamps = 0; timestamps < 2; timestamps++) {
		struct endpoint_config config = pipe_config(SPEAKS_V1, false);
		struct sockname name = { .port = 5006 };
		struct pipe pipe;
		struct seen seen;
		struct err err;

		CHECK(addr_parse(&name.addr, "fd00:32::2"));
		config.timestamps = timestamps;
		begin(&pipe, &seen, &config, &config);
		CHECK(conn_announce(pipe.app[SERVER].conn, &name, pipe.now, &err));
		pipe_run(&pipe, pipe.now + NSEC_PER_SEC / 2);
		CHECK_U64(seen.count[SERVER][MP_ADD_ADDR], 1);
		CHECK_U64(seen.count[CLIENT][MP_ADD_ADDR], 1);
		CHECK_U64(seen.last[SERVER][MP_ADD_ADDR].length, 30);
		CHECK_U64(seen.last[CLIENT][MP_ADD_ADDR].length, 22);
		CHECK_U64(pipe_info(&pipe, SERVER).addresses_echoed, 1);
		finish(&pipe);
	}
}

static void announce_six(struct pipe *pipe, struct seen *seen)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct sockname name = server_second;
	struct err err;

	config.path_manager = "none";
	begin(pipe, seen, &config, &config);
	seen->in_a_row = seen->in_a_row_most = 0;
	for (name.addr.bytes[2] = 10; name.addr.bytes[2] < 16; name.addr.bytes[2]++)
		CHECK(conn_announce(pipe->app[SERVER].conn, &name, pipe->now, &err));
}

/* F59: many signals at once make no more than two duplicate ACKs in a row. */
TEST(F59_two_duplicate_acks_in_a_row)
{
	struct pipe pipe;
	struct seen seen;

	announce_six(&pipe, &seen);
	pipe_run(&pipe, pipe.now + 100 * NSEC_PER_MS);
	CHECK_U64(seen.in_a_row_most, 2);
	pipe_run(&pipe, pipe.now + 10 * NSEC_PER_SEC);
	CHECK_U64(pipe_info(&pipe, SERVER).addresses_echoed, 6);
	CHECK_U64(pipe_info(&pipe, CLIENT).addresses_known, 6);
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].retransmissions, 0);
	finish(&pipe);
	/* Nor does a third ride on the ACK of a DATA_FIN. */
	announce_six(&pipe, &seen);
	conn_shutdown(pipe.app[CLIENT].conn);
	pipe_run(&pipe, pipe.now + 100 * NSEC_PER_MS);
	CHECK_U64(seen.in_a_row_most, 2);
	pipe_fini(&pipe);
}

/* ---- REMOVE_ADDR ---- */

/* Two addresses in one option; their subflows close, the data goes on elsewhere. */
TEST(remove_addr_of_several)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, false), server = client;
		struct addr gone[2] = { pipe_second.addr, pipe_second.addr };
		struct pipe pipe;
		struct seen seen;
		struct err err;

		gone[1].bytes[2] = 2;
		client.join[client.join_count++] = gone[0];
		client.join[client.join_count++] = gone[1];
		begin(&pipe, &seen, &client, &server);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_OPEN);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[2].state, SUBFLOW_OPEN);
		CHECK(conn_withdraw(pipe.app[CLIENT].conn, gone, 2, &err));
		CHECK(!conn_withdraw(pipe.app[CLIENT].conn, gone, 2, &err));
		pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
		CHECK_U64(seen.count[CLIENT][MP_REMOVE_ADDR], 1);
		CHECK_U64(seen.last[CLIENT][MP_REMOVE_ADDR].length, 5);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_CLOSED);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[2].state, SUBFLOW_CLOSED);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[2].state, SUBFLOW_CLOSED);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[0].state, SUBFLOW_OPEN);
		finish(&pipe);
	}
}

/* The client takes back the address of the second path, where this happens. */
static void withdraw_second(struct pipe *pipe, struct seen *seen, pipe_hook hook)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
	struct err err;

	client.join[client.join_count++] = pipe_second.addr;
	begin(pipe, seen, &client, &server);
	pipe->hook = hook;
	CHECK(conn_withdraw(pipe->app[CLIENT].conn, &pipe_second.addr, 1, &err));
	pipe_run(pipe, pipe->now + 3 * NSEC_PER_SEC);
}

static enum pipe_verdict dead_second(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	watch(pipe, packet, from, path);
	return path == 1 && pipe->now >= 2 * NSEC_PER_SEC ? PIPE_DROP : PIPE_PASS;
}

/* The address is gone before anything could be said on it: probed, then ended (RFC 8684 3.4.2). */
TEST(remove_addr_of_a_dead_path)
{
	struct pipe pipe;
	struct seen seen;

	withdraw_second(&pipe, &seen, dead_second);
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_RESET);
	CHECK(pipe_info(&pipe, SERVER).subflows[1].reset_by_us);
	finish(&pipe);
}

static void other_id(struct mptcp_opt *option)
{
	option->remove_addr.ids[0] = 77;
}

static enum pipe_verdict misname(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	watch(pipe, packet, from, path);
	edit_mptcp(packet, MP_REMOVE_ADDR, other_id);
	return path == 1 && pipe->now >= 2 * NSEC_PER_SEC ? PIPE_DROP : PIPE_PASS;
}

/* F61: an unknown ID is nobody's; a subflow whose path answers stays although its ID was named. */
TEST(F61_remove_addr_of_an_unknown_id)
{
	struct pipe pipe;
	struct seen seen;

	withdraw_second(&pipe, &seen, misname);
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_OPEN);
	pipe.hook = watch;
	finish(&pipe);
}

static enum pipe_verdict forge_remove(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct mptcp_opt option = { .subtype = MP_REMOVE_ADDR, .remove_addr = { 1, { 1 } } };
	uint8_t bytes[TCPOPT_SPACE];

	if (from == SERVER || path == 1 || pipe->now < 2 * NSEC_PER_SEC || pipe->hits > 0 ||
		packet_payload_len(packet) > 0)
		return PIPE_PASS;
	strip_mptcp(packet, ALL_SUBTYPES);
	pipe->hits += tcpopt_append(packet, bytes, mptcp_emit(&option, bytes));
	packet_finish(packet);
	packet_parse(packet);
	return PIPE_PASS;
}

TEST(remove_addr_of_a_path_that_lives)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
	struct pipe pipe;
	struct seen seen;

	client.join[client.join_count++] = pipe_second.addr;
	begin(&pipe, &seen, &client, &server);
	pipe.hook = forge_remove;
	pipe.app[SERVER].to_write = 50000;
	pipe_run(&pipe, pipe.now + 4 * NSEC_PER_SEC);
	CHECK_U64(pipe.hits, 1);
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_OPEN);
	finish(&pipe);
}

/* ---- MP_PRIO and B ---- */

/* New data goes where the peer wants it, and back again when it says so. */
TEST(mp_prio_moves_data)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, false), server = client;
		uint64_t first, second;
		struct pipe pipe;
		struct seen seen;
		struct err err;

		client.join[client.join_count++] = pipe_second.addr;
		begin(&pipe, &seen, &client, &server);
		CHECK(conn_set_backup(pipe.app[CLIENT].conn, 0, true, &err));
		pipe_run(&pipe, pipe.now + 50 * NSEC_PER_MS);
		CHECK_U64(seen.count[CLIENT][MP_PRIO], 1);
		CHECK_U64(seen.last[CLIENT][MP_PRIO].length, 3);
		CHECK(pipe_info(&pipe, SERVER).subflows[0].backup);
		CHECK(!pipe_info(&pipe, SERVER).subflows[1].backup);
		first = pipe_info(&pipe, SERVER).subflows[0].bytes_sent;
		pipe.app[SERVER].to_write = 200000;
		pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
		CHECK_U64(pipe.app[CLIENT].read, 200000);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].bytes_sent, first);
		CHECK(conn_set_backup(pipe.app[CLIENT].conn, 0, false, &err));
		CHECK(conn_set_backup(pipe.app[CLIENT].conn, 1, true, &err));
		pipe_run(&pipe, pipe.now + 50 * NSEC_PER_MS);
		CHECK(!pipe_info(&pipe, SERVER).subflows[0].backup);
		second = pipe_info(&pipe, SERVER).subflows[1].bytes_sent;
		pipe.app[SERVER].to_write = 400000;
		pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].bytes_sent, second);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].bytes_sent, first + 200000);
		pipe.app[SERVER].hold_open = false;
		pipe.app[CLIENT].to_write = 100000;
		pipe.app[CLIENT].hold_open = false;
		pipe_run(&pipe, pipe.now + 30 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		pipe_fini(&pipe);
	}
}

/* A backup carries data for want of others, so the only subflow does. */
TEST(mp_prio_of_the_only_subflow)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe;
	struct seen seen;
	struct err err;

	begin(&pipe, &seen, &config, &config);
	CHECK(conn_set_backup(pipe.app[CLIENT].conn, 0, true, &err));
	CHECK(conn_set_backup(pipe.app[SERVER].conn, 0, true, &err));
	finish(&pipe);
}

/* The four-byte form is v0's alone: it names an address, on any subflow (RFC 6824 3.3.8). */
static enum pipe_verdict forge_prio(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct mptcp_opt option = { .subtype = MP_PRIO, .prio = { true, true, 1 } };
	uint8_t bytes[TCPOPT_SPACE];

	if (from == SERVER || path == 1 || pipe->now < 2 * NSEC_PER_SEC || pipe->hits > 0 ||
		packet_payload_len(packet) > 0)
		return PIPE_PASS;
	pipe->hits += tcpopt_append(packet, bytes, mptcp_emit(&option, bytes));
	packet_finish(packet);
	packet_parse(packet);
	return PIPE_PASS;
}

TEST(mp_prio_with_an_address_id)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, false), server = client;
		struct pipe pipe;
		struct seen seen;

		client.join[client.join_count++] = pipe_second.addr;
		begin(&pipe, &seen, &client, &server);
		pipe.hook = forge_prio;
		pipe.app[SERVER].to_write = 30000;
		pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
		CHECK_U64(pipe.hits, 1);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].backup, speaks == SPEAKS_V0);
		CHECK(!pipe_info(&pipe, SERVER).subflows[0].backup);
		finish(&pipe);
	}
}

/* Several subflows from one address: v0 says it once by the address, v1 on each (App. E). */
TEST(mp_prio_of_an_address)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, false), server = client;
		struct pipe pipe;
		struct seen seen;
		struct err err;
		unsigned int i;

		client.path_manager = "ndiffports";
		client.subflows_wanted = 3;
		begin(&pipe, &seen, &client, &server);
		CHECK(!conn_set_address_backup(pipe.app[CLIENT].conn, &pipe_second.addr, true,
			&err));
		CHECK(conn_set_address_backup(pipe.app[CLIENT].conn, &pipe_client.addr, true,
			&err));
		pipe_run(&pipe, pipe.now + 50 * NSEC_PER_MS);
		CHECK_U64(seen.count[CLIENT][MP_PRIO], speaks == SPEAKS_V0 ? 1 : 3);
		CHECK_U64(seen.last[CLIENT][MP_PRIO].length, speaks == SPEAKS_V0 ? 4 : 3);
		for (i = 0; i < 3; i++) {
			CHECK(pipe_info(&pipe, SERVER).subflows[i].backup);
			CHECK(pipe_info(&pipe, CLIENT).subflows[i].backup);
		}
		CHECK(conn_set_address_backup(pipe.app[CLIENT].conn, &pipe_client.addr, false,
			&err));
		pipe_run(&pipe, pipe.now + 50 * NSEC_PER_MS);
		for (i = 0; i < 3; i++)
			CHECK(!pipe_info(&pipe, SERVER).subflows[i].backup);
		finish(&pipe);
	}
}

/* ---- MP_FASTCLOSE ---- */

static void expect_fastclose(unsigned int speaks, bool on_ack, enum pipe_side closer)
{
	struct endpoint_config client = pipe_config(speaks, false), server;
	struct pipe pipe;
	struct seen seen;

	client.fastclose_on_ack = on_ack;
	server = client;
	client.join[client.join_count++] = pipe_second.addr;
	begin(&pipe, &seen, &client, &server);
	seen.lose[closer][MP_FASTCLOSE] = on_ack;
	conn_abort(pipe.app[closer].conn);
	pipe_run(&pipe, pipe.now + 5 * NSEC_PER_SEC);
	CHECK_U64(pipe_info(&pipe, closer).end, END_ABORTED);
	CHECK_U64(pipe_info(&pipe, !closer).end, END_RESET);
	/* Option R on every subflow; option A on one, repeated because it was lost. */
	CHECK_U64(seen.count[closer][MP_FASTCLOSE], 2);
	CHECK_U64(seen.on_reset[closer][MP_FASTCLOSE], !on_ack);
	CHECK_U64(endpoint_deadline(pipe.endpoint[CLIENT]), NSEC_NEVER);
	CHECK_U64(endpoint_deadline(pipe.endpoint[SERVER]), NSEC_NEVER);
	pipe_fini(&pipe);
}

TEST(fastclose_both_ways)
{
	unsigned int closer;

	for (closer = CLIENT; closer <= SERVER; closer++) {
		expect_fastclose(SPEAKS_V0, true, closer);
		expect_fastclose(SPEAKS_V1, true, closer);
		expect_fastclose(SPEAKS_V1, false, closer);
	}
}

static void other_key(struct mptcp_opt *option)
{
	option->fastclose_key ^= 1;
}

static enum pipe_verdict spoil_key(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from, (void)path;
	pipe->hits += edit_mptcp(packet, MP_FASTCLOSE, other_key);
	/* Plain ones may not reach the rest: this is about the option alone. */
	return tcp_flags(packet) & TCP_RST && !has_mptcp(packet) ? PIPE_DROP : PIPE_PASS;
}

/* F62: a wrong key closes nothing; only the subflow with the RST ends (F56). */
TEST(F62_fastclose_with_a_wrong_key)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe;
	struct seen seen;

	config.fastclose_on_ack = true;
	begin(&pipe, &seen, &config, &config);
	pipe.hook = spoil_key;
	conn_abort(pipe.app[CLIENT].conn);
	pipe_run(&pipe, pipe.now + 100 * NSEC_PER_MS);
	CHECK(pipe.hits > 0);
	CHECK_U64(pipe_info(&pipe, SERVER).state, CONN_OPEN);
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].state, SUBFLOW_OPEN);
	pipe_fini(&pipe);
}

/* F58: MPTCP's signals count only in packets that TCP accepts. */
static enum pipe_verdict outside(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct mptcp_opt option;

	(void)from, (void)path;
	if (!mptcp_find(packet, MP_FASTCLOSE, &option, NULL))
		return tcp_flags(packet) & TCP_RST ? PIPE_DROP : PIPE_PASS;
	packet_write32(packet, packet->l4 + 4, tcp_seq(packet) - 5000000);
	packet_finish(packet);
	packet_parse(packet);
	pipe->hits++;
	return PIPE_PASS;
}

TEST(F58_fastclose_outside_the_window)
{
	unsigned int on_ack;

	for (on_ack = 0; on_ack < 2; on_ack++) {
		struct endpoint_config config = pipe_config(SPEAKS_V1, false);
		struct pipe pipe;
		struct seen seen;

		config.fastclose_on_ack = on_ack;
		begin(&pipe, &seen, &config, &config);
		pipe.hook = outside;
		conn_abort(pipe.app[CLIENT].conn);
		pipe_run(&pipe, pipe.now + 100 * NSEC_PER_MS);
		CHECK(pipe.hits > 0);
		CHECK_U64(pipe_info(&pipe, SERVER).state, CONN_OPEN);
		pipe_fini(&pipe);
	}
}
