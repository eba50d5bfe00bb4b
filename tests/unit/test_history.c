/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of a connection, told from packets at one place: each cause of a fallback, each
 * count. */
#include "probe/analyze/history.h"
#include "tests/unit/play.h"

struct told {
	struct view view;
	struct history history;
};

static const struct history *tell(struct told *told, const struct play *play)
{
	view_init(&told->view, &play->tap[CLIENT], false);
	history_init(&told->history, &told->view, 0);
	return &told->history;
}

static void forget(struct told *told, struct play *play)
{
	history_fini(&told->history);
	view_fini(&told->view);
	play_fini(play);
}

/* Outcome, rule and the packet that caused it (1 first), told and forgotten. */
static void check_told(struct play *play, const char *outcome, const char *rule, uint32_t packet)
{
	struct told told;
	const struct history *history = tell(&told, play);

	CHECK_TEXT(history_outcome_text(history->outcome), outcome);
	CHECK_TEXT(history->rule == NULL ? "none" : history->rule, rule);
	CHECK_U64(history->cause == VIEW_NONE ? 0 : told.view.facts[history->cause].record + 1,
		packet);
	forget(&told, play);
}

static void open_and_exchange(struct play *play, uint8_t version, bool checksum)
{
	play_init(play, version, checksum);
	play_open(play);
	play_exchange(play, CLIENT, 0, 0, 300);
}

TEST(all_by_mappings)
{
	struct play play;

	open_and_exchange(&play, 1, true);
	play_exchange(&play, SERVER, 0, 0, 300);
	play_close(&play, 300, 300, 1);
	check_told(&play, "mptcp", "none", 0);
}

TEST(refused_and_unanswered)
{
	struct play play;

	play_init(&play, 1, true);
	play_say(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
	check_told(&play, "refused", "none", 1);
	play_init(&play, 1, true);
	play_say(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
	play_say(&play, SERVER, (struct part){ .flags = TCP_RST | TCP_ACK });
	check_told(&play, "refused", "none", 2);
}

/* F2, F3, F5, F7f: one of the three packets is without MP_CAPABLE of its own. */
TEST(plain_from_the_start)
{
	struct part syn = { .flags = TCP_SYN }, synack = { .flags = TCP_SYN | TCP_ACK };
	struct told told;
	struct play play;
	uint8_t version;

	for (version = 0; version < 2; version++) {
		play_init(&play, version, false);
		play_say(&play, CLIENT, with(syn, opt_syn(&play)));
		play_say(&play, SERVER, synack);
		play_say(&play, CLIENT, (struct part){ .payload = 10 });
		tell(&told, &play);
		CHECK_U64(told.history.subflows[0].gaps, 0);
		history_fini(&told.history);
		view_fini(&told.view);
		check_told(&play, "tcp", "F2", 2);

		play_init(&play, version, false);
		play_say(&play, CLIENT, with(syn, opt_syn(&play)));
		play_say(&play, SERVER, with(synack, opt_synack(&play)));
		play_say(&play, CLIENT, (struct part){ .payload = 10 });
		check_told(&play, "tcp", "F3", 3);

		play_init(&play, version, false);
		play_say(&play, CLIENT, with(syn, opt_syn(&play)));
		play_say(&play, CLIENT, syn);
		play_say(&play, SERVER, synack);
		play_say(&play, CLIENT, (struct part){ .payload = 10 });
		check_told(&play, "tcp", "F5", 2);

		play_init(&play, version, false);
		play_say(&play, CLIENT, with(syn, opt_syn(&play)));
		play_say(&play, SERVER, with(synack, opt_syn(&play)));
		play_say(&play, CLIENT, (struct part){ .payload = 10 });
		check_told(&play, "tcp", "F7f", 2);
	}
}

/* F6, F7, F7a: an MP_CAPABLE that may be, or must be, ignored. */
TEST(flawed_capable)
{
	static const struct {
		const char *rule;
		uint8_t version, flags;
	} cases[] = {
		{ "F6", 1, MPC_CHECKSUM },
		{ "F7a", 1, MPC_HMAC | MPC_EXTENSION },
		{ "F7", 2, MPC_HMAC },
	};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct mptcp_opt opt;
		struct play play;

		play_init(&play, 1, false);
		opt = opt_syn(&play);
		opt.capable.flags = cases[i].flags;
		opt.capable.version = cases[i].version;
		play_say(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt));
		play_say(&play, SERVER, (struct part){ .flags = TCP_SYN | TCP_ACK });
		play_say(&play, CLIENT, (struct part){ .payload = 10 });
		check_told(&play, "tcp", cases[i].rule, 2);
	}
}

TEST(first_data_without_data_ack)
{
	struct play play;

	play_init(&play, 1, true);
	play_open(&play);
	play_data(&play, CLIENT, 0, 0, 300);
	play_say(&play, SERVER, (struct part){ 0 });
	check_told(&play, "fallback", "F9", 5);

	play_init(&play, 1, true);
	play_open(&play);
	play_data(&play, CLIENT, 0, 0, 300);
	play_say(&play, SERVER, (struct part){ 0 });
	play_say(&play, CLIENT,
		with((struct part){ .payload = 10 }, opt_infinite(&play, CLIENT, 301, 300)));
	check_told(&play, "infinite", "F9", 5);
}

TEST(data_without_mapping)
{
	struct play play;

	play_init(&play, 1, true);
	play_open(&play);
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 0, 100));
	check_told(&play, "fallback", "F4", 4);

	open_and_exchange(&play, 1, true);
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 300, 100));
	check_told(&play, "fallback", "F16", 6);

	open_and_exchange(&play, 1, true);
	play_say(&play, SERVER, bare_part(&play, SERVER, 0, 0, 100));
	check_told(&play, "fallback", "F10", 6);
}

/* F23 where the failed mapping was seen, F24 where only the MP_FAIL tells of it. */
TEST(failed_checksum)
{
	struct play play;
	struct part part;

	open_and_exchange(&play, 1, true);
	part = data_part(&play, CLIENT, 0, 300, 100);
	part.spoil = true;
	play_say(&play, CLIENT, part);
	play_say(&play, SERVER, with((struct part){ 0 }, opt_fail(&play, CLIENT, 300)));
	check_told(&play, "infinite", "F23", 6);

	open_and_exchange(&play, 1, true);
	play_data(&play, CLIENT, 0, 300, 100);
	play_say(&play, SERVER, with((struct part){ 0 }, opt_fail(&play, CLIENT, 300)));
	check_told(&play, "infinite", "F24", 7);
}

TEST(resets)
{
	struct told told;
	const struct history *history;
	struct play play;

	open_and_exchange(&play, 1, true);
	play_join(&play, 1);
	play_say(&play, SERVER,
		with((struct part){ .flags = TCP_RST, .subflow = 1 }, opt_reset(RESET_MIDDLEBOX)));
	history = tell(&told, &play);
	CHECK_TEXT(history_outcome_text(history->outcome), "subflow-closed");
	CHECK(history->subflows[0].reset == VIEW_NONE);
	CHECK(history->subflows[1].reset_by == history->server);
	CHECK(history->subflows[1].reset_has_reason);
	CHECK_U64(history->subflows[1].reset_reason, RESET_MIDDLEBOX);
	forget(&told, &play);

	open_and_exchange(&play, 1, true);
	play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
	check_told(&play, "reset", "none", 6);
}

/* The same 300 bytes on two subflows, then half of others; a retransmission counts for nothing. */
TEST(reinjected_bytes)
{
	struct told told;
	const struct history *history;
	struct play play;
	struct part part;

	open_and_exchange(&play, 1, true);
	play_join(&play, 1);
	part = data_part(&play, CLIENT, 0, 300, 300);
	play_say(&play, CLIENT, part);
	play_say(&play, CLIENT, part);
	play_data(&play, CLIENT, 1, 300, 300);
	play_data(&play, CLIENT, 1, 600, 300);
	play_data(&play, CLIENT, 0, 750, 300);
	history = tell(&told, &play);
	CHECK_U64(history->subflows[0].reinjected_bytes, 150);
	CHECK_U64(history->subflows[1].reinjected_bytes, 300);
	CHECK_U64(history->subflows[0].bytes[history->client], 900);
	CHECK_U64(history->subflows[0].overlaps, 0);
	forget(&told, &play);
}

TEST(gaps_overlaps_and_conflicts)
{
	struct told told;
	const struct history *history;
	struct play play;

	open_and_exchange(&play, 1, false);
	play_join(&play, 1);
	/* A gap of two segments, mappings on both sides of it. */
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 300, 50));
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 350, 50));
	play_data(&play, CLIENT, 0, 400, 100);
	/* On the other subflow: 50 bytes again, first as before, then elsewhere in the stream. */
	play_data(&play, CLIENT, 1, 500, 100);
	play_say(&play, CLIENT,
		with((struct part){ .subflow = 1, .payload = 100, .seq = 51, .offset = 550 },
			opt_map(&play, CLIENT, 51, 550, 100)));
	play_say(&play, CLIENT,
		with((struct part){ .subflow = 1, .payload = 100, .seq = 101, .offset = 600 },
			opt_map(&play, CLIENT, 101, 900, 100)));
	history = tell(&told, &play);
	CHECK_U64(history->subflows[0].gaps, 1);
	CHECK_U64(history->subflows[0].overlaps, 0);
	CHECK_U64(history->subflows[1].gaps, 0);
	CHECK_U64(history->subflows[1].overlaps, 2);
	CHECK_U64(history->subflows[1].conflicts, 1);
	forget(&told, &play);
}

static struct mptcp_opt opt_address(const struct play *play, uint8_t id, bool echo)
{
	struct mptcp_opt opt = { .subtype = MP_ADD_ADDR };

	opt.add_addr.address_id = id;
	opt.add_addr.addr = addr_v4(198, 18, 32, 2);
	opt.add_addr.echo = echo;
	opt.add_addr.is_v0 = play->version == 0;
	opt.add_addr.has_hmac = play->version == 1 && !echo;
	opt.add_addr.hmac =
		key_add_addr_hmac(play->key[SERVER], play->key[CLIENT], id, &opt.add_addr.addr, 0);
	return opt;
}

TEST(addresses)
{
	struct mptcp_opt bad, remove = { .subtype = MP_REMOVE_ADDR };
	struct told told;
	const struct history *history;
	struct play play;

	open_and_exchange(&play, 1, true);
	bad = opt_address(&play, 6, false);
	bad.add_addr.hmac ^= 1;
	remove.remove_addr.count = 2;
	remove.remove_addr.ids[0] = 5;
	remove.remove_addr.ids[1] = 250;
	play_say(&play, SERVER, with((struct part){ 0 }, opt_address(&play, 5, false)));
	play_say(&play, SERVER, with((struct part){ 0 }, opt_address(&play, 5, false)));
	play_say(&play, SERVER, with((struct part){ 0 }, bad));
	play_say(&play, CLIENT, with((struct part){ 0 }, opt_address(&play, 5, true)));
	play_say(&play, SERVER, with((struct part){ 0 }, remove));
	history = tell(&told, &play);
	CHECK_U64(history->address_count, 4);
	CHECK_TEXT(hmac_text(history->addresses[0].hmac), "ok");
	CHECK(history->addresses[0].echoed && history->addresses[0].by == history->server);
	CHECK_U64(history->addresses[0].times, 2);
	CHECK_TEXT(hmac_text(history->addresses[1].hmac), "bad");
	CHECK(!history->addresses[1].echoed);
	CHECK_U64(history->addresses[2].op, ADDRESS_REMOVE);
	CHECK_U64(history->addresses[3].id, 250);
	forget(&told, &play);
}

/* A capture that began in mid-connection: no keys, no version, and nobody is blamed. */
TEST(began_late)
{
	struct told told;
	const struct history *history;
	struct play play;

	play_init(&play, 1, true);
	play.next[0][CLIENT] = play.got[0][SERVER] = 5001;
	play.next[0][SERVER] = play.got[0][CLIENT] = 7001;
	play_data_ack(&play, CLIENT, 0);
	play_exchange(&play, CLIENT, 0, 5000, 300);
	play_exchange(&play, SERVER, 0, 7000, 300);
	history = tell(&told, &play);
	CHECK_U64(history->subflows[0].bytes[history->client], 300);
	CHECK_U64(history->subflows[0].bytes[history->server], 300);
	CHECK_U64(history->subflows[0].checksums_unverified, 0);
	CHECK_TEXT(history_outcome_text(history->outcome), "mptcp");
	CHECK(!history->has_version);
	CHECK_U64(history->subflows[0].checksum_failures, 0);
	CHECK_U64(history->subflows[0].gaps, 0);
	forget(&told, &play);
}

/* It began with the third packet: that one has both keys. */
TEST(began_with_the_third_packet)
{
	struct told told;
	const struct history *history;
	struct play play;

	play_init(&play, 1, true);
	play.next[0][CLIENT] = play.got[0][SERVER] = 1;
	play.next[0][SERVER] = play.got[0][CLIENT] = 1;
	play_say(&play, CLIENT, with((struct part){ 0 }, opt_third(&play)));
	play_exchange(&play, CLIENT, 0, 0, 300);
	play_exchange(&play, SERVER, 0, 0, 200);
	play_join(&play, 1);
	history = tell(&told, &play);
	CHECK(history->has_version && history->connection->version == 1);
	CHECK_U64(history->connection->token[history->client], 0x55c53f5d);
	CHECK_U64(history->connection->token[history->server], 0x18f9781b);
	CHECK_TEXT(hmac_text(told.view.subflows[1].hmac_ack), "ok");
	CHECK_U64(history->subflows[0].bytes[history->server], 200);
	CHECK_U64(history->subflows[0].gaps, 0);
	CHECK_TEXT(history_outcome_text(history->outcome), "mptcp");
	forget(&told, &play);
}
