/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which subflows there are: path managers, joins from either end, up to 32 of them, break before
 * make, and joining again where a path may have recovered (F43, F57, O11, O17).
 */
#include "probe/endpoint/pm.h"
#include "tests/unit/endpoint_pipe.h"

static unsigned int open_subflows(const struct pipe *pipe, enum pipe_side side)
{
	struct conn_info info = pipe_info(pipe, side);
	unsigned int i, count = 0;

	for (i = 0; i < info.subflow_count; i++)
		count += info.subflows[i].state == SUBFLOW_OPEN;
	return count;
}

static void begin(struct pipe *pipe, const struct endpoint_config *client,
	const struct endpoint_config *server)
{
	pipe_init(pipe, client, server, 41);
	pipe_quiet(pipe);
}

static void finish(struct pipe *pipe)
{
	pipe_finish(pipe, 200000);
}

TEST(path_managers_by_name)
{
	const struct pm_ops *pm;
	unsigned int count = 0;

	for (pm = pm_list; pm->name != NULL; pm++, count++)
		CHECK(pm_find(pm->name) == pm);
	CHECK_U64(count, 3);
	CHECK(pm_find("full-mesh") && pm_find("ndiffports") && pm_find("none"));
	CHECK(pm_find("no-such") == NULL);
}

/* Three addresses here, three there (one with the first's, two told): nine subflows. */
TEST(full_mesh)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
	struct pipe pipe;
	unsigned int i;

	for (i = 1; i <= 2; i++) {
		client.join[client.join_count++] = addr_v4(198, 18, (uint8_t)i, 1);
		server.announce[server.announce_count++].addr = addr_v4(198, 18, (uint8_t)i, 2);
	}
	begin(&pipe, &client, &server);
	CHECK_U64(open_subflows(&pipe, CLIENT), 9);
	CHECK_U64(open_subflows(&pipe, SERVER), 9);
	finish(&pipe);
}

/* The same for v0, and by the passive opener where it may (swinburne: either end). */
TEST(full_mesh_by_the_server)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, true), server = client;
		struct conn_info info;
		struct pipe pipe;

		client.path_manager = "none";
		client.announce[client.announce_count++].addr = pipe_second.addr;
		server.join_as_server = true;
		begin(&pipe, &client, &server);
		CHECK_U64(open_subflows(&pipe, CLIENT), 2);
		info = pipe_info(&pipe, SERVER);
		CHECK(info.subflows[1].is_join);
		CHECK(addr_equal(&info.subflows[1].remote.addr, &pipe_second.addr));
		CHECK_U64(info.subflows[1].remote.port, pipe_client.port);
		CHECK_U64(info.subflows[1].remote_address_id, 1);
		finish(&pipe);
	}
}

TEST(ndiffports)
{
	unsigned int speaks, wanted;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (wanted = 1; wanted <= ENDPOINT_SUBFLOWS; wanted += 31) {
			struct endpoint_config client = pipe_config(speaks, false), server = client;
			struct conn_info info;
			struct pipe pipe;
			unsigned int i, k;

			client.path_manager = "ndiffports";
			client.subflows_wanted = wanted;
			begin(&pipe, &client, &server);
			CHECK_U64(open_subflows(&pipe, SERVER), wanted);
			info = pipe_info(&pipe, CLIENT);
			for (i = 0; i < info.subflow_count; i++) {
				CHECK_U64(info.subflows[i].address_id, 0);
				CHECK(addr_equal(&info.subflows[i].local.addr, &pipe_client.addr));
				for (k = 0; k < i; k++)
					CHECK(info.subflows[k].local.port !=
						info.subflows[i].local.port);
			}
			finish(&pipe);
		}
}

/* Every join is lost, and then the first subflow, by a RST that may pass. */
static enum pipe_verdict lose_joins(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)path;
	if (from == CLIENT && is_syn(packet) && pipe->hits++ > 0)
		return PIPE_DROP;
	if (from == SERVER && pipe->now >= NSEC_PER_SEC + 500 * NSEC_PER_MS)
		become_reset(packet);
	return PIPE_PASS;
}

/* F43: while one of several joins of a pair is unanswered no other is sent for them. */
TEST(an_unanswered_join_is_waited_for)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
	struct pipe pipe;

	client.path_manager = "ndiffports";
	client.subflows_wanted = 2;
	pipe_init(&pipe, &client, &server, 7);
	pipe.hook = lose_joins;
	pipe.app[CLIENT].to_write = 10000000;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK(pipe.hits > 4);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflow_count, 2);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[0].state, SUBFLOW_RESET);
	CHECK(pipe_info(&pipe, CLIENT).end != END_CLEAN);
	pipe_fini(&pipe);
}

TEST(no_path_manager)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
	struct sockname second = pipe_second;
	struct pipe pipe;
	struct err err;

	client.path_manager = "none";
	client.join[client.join_count++] = pipe_second.addr;
	server.announce[server.announce_count++].addr = addr_v4(198, 18, 1, 2);
	begin(&pipe, &client, &server);
	CHECK_U64(open_subflows(&pipe, CLIENT), 1);
	second.port = 41000;
	CHECK(conn_join(pipe.app[CLIENT].conn, &second, &pipe_server, pipe.now, &err));
	finish(&pipe);
}

/* Both ends bound the subflows at once; the peer's bound is told by a RST with reason 2. */
TEST(subflows_are_bounded)
{
	unsigned int side;

	for (side = CLIENT; side <= SERVER; side++) {
		struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
		struct pipe pipe;

		client.path_manager = "ndiffports";
		client.subflows_wanted = 8;
		(side == CLIENT ? &client : &server)->subflows_most = 3;
		begin(&pipe, &client, &server);
		CHECK_U64(open_subflows(&pipe, CLIENT), 3);
		CHECK_U64(open_subflows(&pipe, SERVER), 3);
		if (side == SERVER)
			CHECK_U64(pipe_info(&pipe, CLIENT).subflows[7].reset_reason,
				RESET_RESOURCES);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflow_count, side == CLIENT ? 3 : 8);
		finish(&pipe);
	}
}

/* More than 32 in a connection's life: the slots of closed ones are used again. */
TEST(slots_are_used_again)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, true);
	struct sockname second = pipe_second;
	struct pipe pipe;
	struct err err;
	unsigned int i;

	config.path_manager = "none";
	config.time_wait = NSEC_PER_SEC;
	begin(&pipe, &config, &config);
	for (i = 0; i < 80; i++) {
		struct conn_info info;
		unsigned int k;

		second.port = (uint16_t)(41000 + i);
		CHECK(conn_join(pipe.app[CLIENT].conn, &second, &pipe_server, pipe.now, &err));
		pipe.app[CLIENT].to_write += 20000;
		pipe_run(&pipe, pipe.now + 200 * NSEC_PER_MS);
		info = pipe_info(&pipe, CLIENT);
		for (k = 0; k < info.subflow_count; k++)
			if (info.subflows[k].local.port == second.port) {
				CHECK_U64(info.subflows[k].state, SUBFLOW_OPEN);
				CHECK(conn_drop(pipe.app[CLIENT].conn, k, &err));
			}
		pipe_run(&pipe, pipe.now + 100 * NSEC_PER_MS);
		CHECK_U64(open_subflows(&pipe, CLIENT), 1);
		CHECK_U64(open_subflows(&pipe, SERVER), 1);
	}
	pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = false;
	pipe_run(&pipe, pipe.now + 30 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(&pipe));
	pipe_fini(&pipe);
}

/* The last subflow closes, the connection waits, a later one takes over (RFC 8684 3.3.3). */
TEST(break_before_make)
{
	unsigned int speaks, closer;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (closer = CLIENT; closer <= SERVER; closer++) {
			struct endpoint_config config = pipe_config(speaks, true);
			struct sockname second = pipe_second;
			struct pipe pipe;
			struct err err;

			begin(&pipe, &config, &config);
			CHECK(conn_drop(pipe.app[closer].conn, 0, &err));
			pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
			CHECK_U64(open_subflows(&pipe, CLIENT), 0);
			CHECK_U64(open_subflows(&pipe, SERVER), 0);
			CHECK_U64(pipe_info(&pipe, CLIENT).subflows[0].state, SUBFLOW_CLOSED);
			CHECK_U64(pipe_info(&pipe, CLIENT).state, CONN_OPEN);
			CHECK_U64(pipe_info(&pipe, SERVER).state, CONN_OPEN);
			pipe.app[CLIENT].to_write = 50000;
			pipe_run(&pipe, pipe.now + 5 * NSEC_PER_SEC);
			second.port = 41000;
			CHECK(conn_join(pipe.app[CLIENT].conn, &second, &pipe_server, pipe.now,
				&err));
			pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
			CHECK_U64(pipe.app[SERVER].read, 50000);
			finish(&pipe);
		}
}

/* Nobody joins: an error to both applications within the connection's time-out (O11). */
TEST(break_and_no_make)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe;
	struct err err;

	config.path_manager = "none";
	begin(&pipe, &config, &config);
	CHECK(conn_drop(pipe.app[CLIENT].conn, 0, &err));
	pipe_run(&pipe, pipe.now + 2 * config.connection_timeout);
	CHECK_U64(pipe_info(&pipe, CLIENT).end, END_TIMEOUT);
	CHECK_U64(pipe_info(&pipe, SERVER).end, END_TIMEOUT);
	pipe_fini(&pipe);
}

/* The handshake passes, no mapping and no DATA_ACK does. */
static enum pipe_verdict strip_dss(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)from, (void)path;
	pipe->hits +=
		strip_mptcp(packet, packet_payload_len(packet) > 0 ? ALL_SUBTYPES : 1u << MP_DSS);
	return PIPE_PASS;
}

/*
 * Before the first contact (F8) nobody knows whether options pass: a FIN that closes but the only
 * subflow could come bare, and end the stream for a peer that has fallen back. So it is a RST; once
 * the stream has ended it is FIN.
 */
TEST(break_before_first_contact)
{
	unsigned int speaks, closer, ends;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (closer = CLIENT; closer <= SERVER; closer++)
			for (ends = 0; ends < 2; ends++) {
				struct endpoint_config config = pipe_config(speaks, false);
				struct pipe pipe;
				struct pipe_app *app = &pipe.app[closer];
				struct err err;

				pipe_init(&pipe, &config, &config, 41);
				pipe.hook = strip_dss;
				app->to_write = 100;
				pipe.app[!closer].hold_open = app->hold_open = true;
				pipe_run(&pipe, pipe.now + (2 + closer) * pipe.delay + 1);
				CHECK_U64(pipe_info(&pipe, closer).mode, MODE_MPTCP);
				CHECK_U64(app->written, 100);
				if (ends)
					conn_shutdown(app->conn);
				pipe_run(&pipe, pipe.now + 1);
				CHECK(conn_drop(app->conn, 0, &err));
				pipe_run(&pipe, pipe.now + 60 * NSEC_PER_SEC);
				CHECK(pipe.hits > 0);
				CHECK_U64(pipe_info(&pipe, !closer).peer_closed, ends);
				CHECK_U64(pipe_info(&pipe, closer).subflows[0].reset_by_us, !ends);
				if (ends)
					CHECK_U64(pipe.app[!closer].read, 100);
				pipe_fini(&pipe);
			}
}

/* ---- joining again ---- */

/* Both ends of the first subflow get a RST, as a middlebox would send it, with an option or not. */
static void reset_both(struct pipe *pipe, const struct mptcp_opt *option)
{
	const struct sockname *from[2] = { &pipe_client, &pipe_server };
	struct packet *packet = packet_new(PACKET_SMALL);
	uint8_t bytes[TCPOPT_SPACE];
	int side;

	for (side = 0; side < 2; side++) {
		const uint32_t *numbers = pipe->hook_state;
		struct tcp_header header = { .src = *from[side],
			.dst = *from[!side],
			.seq = numbers[side],
			.flags = TCP_RST };

		packet_init_tcp(packet, &header);
		if (option != NULL)
			tcpopt_append(packet, bytes, mptcp_emit(option, bytes));
		packet_finish(packet);
		packet_parse(packet);
		endpoint_input(pipe->endpoint[!side], packet, pipe->now);
	}
	packet_free(packet);
}

/* The next sequence number of each side on the first subflow. */
static enum pipe_verdict note_numbers(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	uint32_t *numbers = pipe->hook_state;
	struct mptcp_opt option;

	(void)path;
	if (tcp_sport(packet) == pipe_client.port || tcp_dport(packet) == pipe_client.port)
		numbers[from] = tcp_seq(packet) + packet_payload_len(packet) +
			((tcp_flags(packet) & TCP_SYN) != 0);
	if (is_syn(packet) && mptcp_find(packet, MP_JOIN, &option, NULL))
		pipe->hits++;
	return PIPE_PASS;
}

/* The server tells of its first address so often while that subflow stands. */
static void expect_after_reset(unsigned int speaks, const struct mptcp_opt *option,
	unsigned int told, bool rejoins)
{
	struct sockname first = { pipe_server.addr, 0 };
	struct err err;
	struct endpoint_config config = pipe_config(speaks, true);
	uint32_t numbers[2];
	struct pipe pipe;

	pipe_init(&pipe, &config, &config, 41);
	pipe.hook = note_numbers;
	pipe.hook_state = numbers;
	pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 3000;
	pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
	while (told-- > 0) {
		pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
		CHECK(conn_announce(pipe.app[SERVER].conn, &first, pipe.now, &err));
	}
	pipe_run(&pipe, pipe.now + 2 * NSEC_PER_SEC);
	reset_both(&pipe, option);
	pipe.app[CLIENT].to_write = 50000;
	pipe_run(&pipe, pipe.now + 5 * NSEC_PER_SEC);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[0].state, SUBFLOW_RESET);
	CHECK_U64(pipe.hits, rejoins);
	if (rejoins) {
		CHECK_U64(pipe.app[SERVER].read, 50000);
		finish(&pipe);
		return;
	}
	CHECK_U64(pipe_info(&pipe, CLIENT).end, END_RESET);
	CHECK_U64(pipe_info(&pipe, SERVER).end, END_RESET);
	pipe_fini(&pipe);
}

/* O17, F57: v1 tries again after a RST that says it may pass, or that says nothing. */
TEST(F57_O11_O17_rejoin)
{
	struct mptcp_opt option = { .subtype = MP_TCPRST };

	expect_after_reset(SPEAKS_V1, NULL, 0, true);
	option.tcprst = (struct mp_tcprst){ .transient = true, .reason = RESET_PERFORMANCE };
	expect_after_reset(SPEAKS_V1, &option, 0, true);
	option.tcprst = (struct mp_tcprst){ .reason = RESET_PROHIBITED };
	expect_after_reset(SPEAKS_V1, &option, 0, false);
	expect_after_reset(SPEAKS_V1, &option, 3, false);
	expect_after_reset(SPEAKS_V0, NULL, 0, false);
}

static enum pipe_verdict refuse_joins(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct mptcp_opt option;

	(void)from, (void)path;
	if (!is_syn(packet) || !mptcp_find(packet, MP_JOIN, &option, NULL))
		return PIPE_PASS;
	pipe->hits++;
	return PIPE_DROP;
}

static enum pipe_verdict count_joins(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct mptcp_opt option;

	(void)from, (void)path;
	pipe->hits += is_syn(packet) && mptcp_find(packet, MP_JOIN, &option, NULL);
	return PIPE_PASS;
}

/* More pairs of addresses than slots, and none is let in: no pair is forgotten and tried again. */
TEST(refused_pairs_are_not_tried_for_ever)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
	struct pipe pipe;
	unsigned int i;

	for (i = 1; i <= ENDPOINT_JOINS; i++) {
		client.join[client.join_count++] = addr_v4(198, 18, (uint8_t)i, 1);
		server.announce[server.announce_count++].addr = addr_v4(198, 18, (uint8_t)i, 2);
	}
	server.subflows_most = 2;
	pipe_init(&pipe, &client, &server, 41);
	pipe.hook = count_joins;
	pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 3000;
	pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
	pipe_run(&pipe, 20 * NSEC_PER_SEC);
	/* Refusals are few at a time, so some SYNs come twice. */
	CHECK(pipe.hits >= 8 && pipe.hits < 2 * ENDPOINT_SUBFLOWS);
	finish(&pipe);
}

/* F43: an address that never answered is left alone, until the peer tells of it again. */
TEST(F43_not_tried_again_but_on_request)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false), server = config;
	struct pipe pipe;
	struct err err;
	uint64_t tries;

	server.announce[server.announce_count++].addr = addr_v4(198, 18, 1, 2);
	config.connection_timeout = server.connection_timeout = 100 * NSEC_PER_SEC;
	pipe_init(&pipe, &config, &server, 41);
	pipe.hook = refuse_joins;
	pipe.app[CLIENT].to_write = 3000;
	pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
	pipe_run(&pipe, 30 * NSEC_PER_SEC);
	tries = pipe.hits;
	CHECK(tries > 1);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflow_count, 2);
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK_U64(pipe.hits, tries);
	pipe.hook = NULL;
	CHECK(conn_announce(pipe.app[SERVER].conn, server.announce, pipe.now, &err));
	pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
	CHECK_U64(open_subflows(&pipe, CLIENT), 2);
	finish(&pipe);
}

/* Port usage of the survey (5.4): the first subflow's port again where the address differs. */
TEST(joins_from_the_same_port)
{
	unsigned int same;

	for (same = 0; same < 2; same++) {
		struct endpoint_config client = pipe_config(SPEAKS_V0, false), server = client;
		struct pipe pipe;

		client.same_port = same;
		client.join[client.join_count++] = pipe_second.addr;
		begin(&pipe, &client, &server);
		CHECK_U64(open_subflows(&pipe, CLIENT), 2);
		CHECK((pipe_info(&pipe, CLIENT).subflows[1].local.port == pipe_client.port) ==
			same);
		finish(&pipe);
	}
}

/* F7d from our side: the C flag keeps the peer from our first address, not from others. */
TEST(F7d_flag_c_of_ours)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
	struct pipe pipe;

	client.join[client.join_count++] = pipe_second.addr;
	server.forbid_join = true;
	begin(&pipe, &client, &server);
	CHECK_U64(open_subflows(&pipe, CLIENT), 1);
	finish(&pipe);
	server.announce[server.announce_count++].addr = addr_v4(198, 18, 1, 2);
	begin(&pipe, &client, &server);
	CHECK_U64(open_subflows(&pipe, CLIENT), 3);
	finish(&pipe);
}

/* The client joins; that side has the second subflow as a backup. */
static void begin_with_backup(struct pipe *pipe, enum pipe_side side)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;

	client.join[client.join_count++] = pipe_second.addr;
	(side == CLIENT ? &client : &server)->join_backup = true;
	begin(pipe, &client, &server);
}

/* B in MP_JOIN of either side: data stays on the first subflow while it can. */
TEST(join_as_backup)
{
	unsigned int side;

	for (side = CLIENT; side <= SERVER; side++) {
		struct pipe pipe;

		begin_with_backup(&pipe, side);
		pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 100000;
		pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
		CHECK(pipe_info(&pipe, CLIENT).subflows[1].backup);
		CHECK(pipe_info(&pipe, SERVER).subflows[1].backup);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].bytes_sent, 0);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].bytes_sent, 0);
		finish(&pipe);
	}
}

static enum pipe_verdict strip_way_back(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	if (from == SERVER && path == 0)
		pipe->hits += strip_mptcp(packet, 1u << MP_DSS);
	return PIPE_PASS;
}

/* F17: what the first subflow acknowledges and never DATA_ACKs is for the backup, too. */
TEST(backup_where_data_acks_stop)
{
	unsigned int side;

	for (side = CLIENT; side <= SERVER; side++) {
		struct pipe pipe;

		begin_with_backup(&pipe, side);
		pipe.app[CLIENT].to_write = 5000;
		pipe_run(&pipe, pipe.now + NSEC_PER_SEC);
		pipe.hook = strip_way_back;
		pipe.app[CLIENT].to_write = 50000;
		pipe_run(&pipe, pipe.now + 10 * NSEC_PER_SEC);
		CHECK(pipe.hits > 0);
		CHECK_U64(pipe.app[SERVER].read, 50000);
		CHECK(pipe_info(&pipe, CLIENT).subflows[1].bytes_sent > 0);
		finish(&pipe);
	}
}

static enum pipe_verdict lose_acks_of_second(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)packet;
	return from == SERVER && path == 1 && pipe->hits++ < 6 ? PIPE_DROP : PIPE_PASS;
}

/*
 * A subflow whose ACKs are lost holds bytes that the stream has left behind, to send them again
 * (F55), until no room is left. Its ACK then says nothing new of the stream, but makes room.
 */
TEST(bytes_held_by_one_subflow)
{
	struct endpoint_config client = pipe_config(SPEAKS_V1, false), server = client;
	struct pipe pipe;

	client.join[client.join_count++] = pipe_second.addr;
	client.scheduler = "round-robin";
	client.send_buffer = 4000;
	begin(&pipe, &client, &server);
	pipe.hook = lose_acks_of_second;
	pipe.app[CLIENT].to_write = 200000;
	pipe_run(&pipe, pipe.now + 30 * NSEC_PER_SEC);
	CHECK_U64(pipe.app[SERVER].read, 200000);
	pipe_fini(&pipe);
}
