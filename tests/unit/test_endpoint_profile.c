/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The survey's implementations: each answer that shows on the wire or in what is delivered, from
 * draft-eardley-mptcp-implementations-survey-02, questions 3 to 5 and 8.
 */
#include "probe/endpoint/profile.h"
#include "tests/unit/endpoint_pipe.h"

/* What a side sent, by subtype, and facts of it. */
struct seen {
	unsigned int count[2][16];
	bool wide_ack[2], wide_dsn[2];
	unsigned int strip; /* subtypes lost on the way to the client, and to the server */
};

static enum pipe_verdict watch(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct seen *seen = pipe->hook_state;
	struct tcpopt at = { 0 };
	struct mptcp_opt option;

	(void)path;
	while (mptcp_next(packet, &at, &option)) {
		seen->count[from][option.subtype]++;
		if (option.subtype != MP_DSS)
			continue;
		seen->wide_ack[from] |= option.dss.has_ack && option.dss.ack_wide;
		seen->wide_dsn[from] |= option.dss.has_mapping && option.dss.dsn_wide;
	}
	if (seen->strip > 0 && from == SERVER)
		strip_mptcp(packet, seen->strip);
	return PIPE_PASS;
}

static void begin(struct pipe *pipe, struct seen *seen, struct endpoint_config client,
	struct endpoint_config server, const char *of_client, const char *of_server)
{
	memset(seen, 0, sizeof(*seen));
	if (of_client != NULL)
		profile_apply(profile_find(of_client), &client);
	if (of_server != NULL)
		profile_apply(profile_find(of_server), &server);
	pipe_init(pipe, &client, &server, 71);
	pipe->hook = watch;
	pipe->hook_state = seen;
	pipe->app[CLIENT].to_write = pipe->app[SERVER].to_write = 30000;
	pipe->app[CLIENT].hold_open = pipe->app[SERVER].hold_open = true;
	pipe_run(pipe, 2 * NSEC_PER_SEC);
}

static unsigned int open_subflows(const struct pipe *pipe)
{
	struct conn_info info = pipe_info(pipe, SERVER);
	unsigned int i, count = 0;

	for (i = 0; i < info.subflow_count; i++)
		count += info.subflows[i].state == SUBFLOW_OPEN;
	return count;
}

TEST(profiles_by_name)
{
	const struct profile *profile;
	unsigned int count = 0;

	for (profile = profile_list; profile->name != NULL; profile++, count++)
		CHECK(profile_find(profile->name) == profile);
	CHECK_U64(count, 4);
	CHECK(profile_find("linux") == NULL);
}

/* Each with each: a clean connection in v0, whatever is left out. */
TEST(every_pair_works)
{
	const struct profile *client, *server;

	for (client = profile_list; client->name != NULL; client++)
		for (server = profile_list; server->name != NULL; server++) {
			struct endpoint_config config = pipe_config(SPEAKS_V0, false);
			struct pipe pipe;
			struct seen seen;

			config.join[config.join_count++] = pipe_second.addr;
			begin(&pipe, &seen, config, config, client->name, server->name);
			pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = false;
			pipe_run(&pipe, 30 * NSEC_PER_SEC);
			CHECK(pipe_is_clean(&pipe));
			CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
			pipe_fini(&pipe);
		}
}

/*
 * 3.3: 4 bytes by default; an 8-byte DSN gets an 8-byte DATA_ACK, but not from UCLouvain. Two have
 * 8-byte DSNs too and answer in kind, Anon's sends them when the lower half wraps.
 */
TEST(widths_of_numbers)
{
	static const struct {
		const char *name;
		bool wide_dsn, wide_ack;
	} cases[] = { { "uclouvain", false, false }, { "swinburne", true, true },
		{ "anon", false, true }, { "citrix", true, true } };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct endpoint_config config = pipe_config(SPEAKS_V0, false);
		struct pipe pipe;
		struct seen seen;

		begin(&pipe, &seen, config, config, NULL, cases[i].name);
		CHECK(seen.wide_dsn[CLIENT]);
		CHECK_U64(seen.wide_dsn[SERVER], cases[i].wide_dsn);
		CHECK_U64(seen.wide_ack[SERVER], cases[i].wide_ack);
		pipe_fini(&pipe);
	}
}

/* 3.2: who starts subflows, how many there may be, and from which port (5.4). */
TEST(who_joins)
{
	static const struct {
		const char *name;
		unsigned int most;
	} limits[] = { { "uclouvain", 32 }, { "swinburne", 8 }, { "citrix", 6 } };
	struct endpoint_config config = pipe_config(SPEAKS_V0, false), many = config;
	struct pipe pipe;
	struct seen seen;
	size_t i;

	many.path_manager = "ndiffports";
	many.subflows_wanted = 32;
	for (i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		begin(&pipe, &seen, many, config, NULL, limits[i].name);
		CHECK_U64(open_subflows(&pipe), limits[i].most);
		pipe_fini(&pipe);
	}
	config.join[config.join_count++] = pipe_second.addr;
	begin(&pipe, &seen, config, config, "uclouvain", "uclouvain");
	CHECK_U64(open_subflows(&pipe), 2);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[1].local.port, pipe_client.port);
	pipe_fini(&pipe);
	begin(&pipe, &seen, config, config, "anon", "anon");
	CHECK_U64(open_subflows(&pipe), 2);
	CHECK(pipe_info(&pipe, CLIENT).subflows[1].local.port != pipe_client.port);
	CHECK(pipe_info(&pipe, SERVER).subflows[1].backup);
	pipe_fini(&pipe);
	begin(&pipe, &seen, config, config, "citrix", "citrix");
	CHECK_U64(open_subflows(&pipe), 1);
	pipe_fini(&pipe);
	config.path_manager = "none"; /* the server starts it, from its second address */
	begin(&pipe, &seen, config, config, NULL, "swinburne");
	CHECK_U64(open_subflows(&pipe), 2);
	pipe_fini(&pipe);
	begin(&pipe, &seen, config, config, NULL, "uclouvain");
	CHECK_U64(open_subflows(&pipe), 1);
	pipe_fini(&pipe);
}

/* 3.4, 3.5, 8.5: what each sends when asked to, and what it does on hearing it. */
TEST(signals_sent_and_heeded)
{
	static const struct {
		const char *name;
		bool add, remove, prio, fastclose, hears_add, hears_prio, hears_fastclose;
	} cases[] = {
		{ "uclouvain", true, true, true, true, true, true, true },
		{ "swinburne", false, false, false, false, false, false, false },
		{ "anon", false, true, true, true, false, true, true },
		{ "citrix", false, true, true, true, false, true, true },
	};
	struct sockname third = { addr_v4(198, 18, 3, 1), 0 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct endpoint_config config = pipe_config(SPEAKS_V0, false);
		struct pipe pipe;
		struct seen seen;
		struct err err;

		begin(&pipe, &seen, config, config, cases[i].name, cases[i].name);
		CHECK(conn_announce(pipe.app[CLIENT].conn, &third, pipe.now, &err) == cases[i].add);
		CHECK(conn_set_backup(pipe.app[CLIENT].conn, 0, true, &err) == cases[i].prio);
		pipe_run(&pipe, pipe.now + 100 * NSEC_PER_MS);
		conn_withdraw(pipe.app[CLIENT].conn, &pipe_client.addr, 1, &err);
		pipe_run(&pipe, pipe.now + 100 * NSEC_PER_MS);
		CHECK_U64(seen.count[CLIENT][MP_ADD_ADDR] > 0, cases[i].add);
		CHECK_U64(seen.count[CLIENT][MP_PRIO] > 0, cases[i].prio);
		CHECK_U64(seen.count[CLIENT][MP_REMOVE_ADDR] > 0, cases[i].remove);
		pipe_fini(&pipe);
		begin(&pipe, &seen, config, config, NULL, cases[i].name);
		CHECK(conn_announce(pipe.app[CLIENT].conn, &third, pipe.now, &err));
		CHECK(conn_set_backup(pipe.app[CLIENT].conn, 0, true, &err));
		pipe_run(&pipe, pipe.now + 100 * NSEC_PER_MS);
		CHECK_U64(pipe_info(&pipe, SERVER).addresses_known, cases[i].hears_add);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].backup, cases[i].hears_prio);
		conn_abort(pipe.app[SERVER].conn);
		pipe_run(&pipe, pipe.now + 5 * NSEC_PER_SEC);
		CHECK_U64(seen.count[SERVER][MP_FASTCLOSE] > 0, cases[i].fastclose);
		pipe_fini(&pipe);
		begin(&pipe, &seen, config, config, NULL, cases[i].name);
		conn_abort(pipe.app[CLIENT].conn);
		pipe_run(&pipe, pipe.now + 2 * pipe.delay);
		CHECK_U64(seen.count[CLIENT][MP_FASTCLOSE] > 0, true);
		CHECK_U64(pipe_info(&pipe, SERVER).end == END_RESET, cases[i].hears_fastclose);
		pipe_fini(&pipe);
	}
}

/* 4: DATA_ACKs lost from the start: UCLouvain and Citrix fall back, the others do not notice. */
TEST(data_acks_lost)
{
	static const struct {
		const char *name;
		bool falls_back;
	} cases[] = { { "uclouvain", true }, { "swinburne", false }, { "anon", false },
		{ "citrix", true } };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct endpoint_config config = pipe_config(SPEAKS_V0, false), client = config;
		struct pipe pipe;
		struct seen seen = { .strip = 1u << MP_DSS };

		profile_apply(profile_find(cases[i].name), &client);
		pipe_init(&pipe, &client, &config, 71);
		pipe.hook = watch;
		pipe.hook_state = &seen;
		pipe.app[CLIENT].to_write = 30000;
		pipe.app[CLIENT].hold_open = true;
		pipe_run(&pipe, NSEC_PER_SEC + 150 * NSEC_PER_MS);
		CHECK_U64(pipe_info(&pipe, CLIENT).mode == MODE_TCP, cases[i].falls_back);
		pipe_fini(&pipe);
	}
}

/* 3.3e, 4.5: Swinburne's has no checksums, asked for or not. */
TEST(checksums)
{
	const struct profile *profile;

	for (profile = profile_list; profile->name != NULL; profile++) {
		struct endpoint_config config = pipe_config(SPEAKS_V0, true);
		struct pipe pipe;
		struct seen seen;

		begin(&pipe, &seen, config, config, NULL, profile->name);
		CHECK_U64(pipe_info(&pipe, SERVER).checksum,
			strcmp(profile->name, "swinburne") != 0);
		pipe_fini(&pipe);
	}
}
