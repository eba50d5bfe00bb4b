/* SPDX-License-Identifier: BSD-2-Clause */
/* F57, F58, F59 and F61: each held and broken once. */
#include "tests/unit/play.h"

static struct mptcp_opt opt_remove(uint8_t id)
{
	struct mptcp_opt opt = { .subtype = MP_REMOVE_ADDR };

	opt.remove_addr.count = 1;
	opt.remove_addr.ids[0] = id;
	return opt;
}

/* The server's address that ends in this byte. */
static struct mptcp_opt opt_add(uint8_t last)
{
	struct mptcp_opt opt = { .subtype = MP_ADD_ADDR };

	opt.add_addr.is_v0 = true;
	opt.add_addr.addr = addr_v4(198, 18, 100, last);
	return opt;
}

static struct part join_syn(const struct play *play, uint16_t source_port)
{
	struct part part = { .subflow = 1, .flags = TCP_SYN, .source_port = source_port };

	return with(part, opt_join(play, 1, JOIN_SYN));
}

/* "T=0: SHOULD NOT try this path again" */
static uint32_t f57(struct play *play, bool wrong)
{
	struct part reset = { .subflow = 1, .flags = TCP_RST, .ack = 1 };

	play_open_one(play);
	play_say(play, CLIENT, join_syn(play, 0));
	play_say(play, SERVER, with(reset, opt_reset(RESET_PROHIBITED)));
	play_wait(play, NSEC_PER_SEC);
	return wrong ? play_emit(play, CLIENT, join_syn(play, 41001)) : 0;
}

TEST(f57_path_reset_for_good)
{
	play_both("F57", 1, false, CLIENT, f57);
}

TEST(f57_transient_is_no_ban)
{
	struct part reset = { .subflow = 1, .flags = TCP_RST, .ack = 1 };
	struct mptcp_opt why = opt_reset(RESET_PROHIBITED);
	struct play play;

	why.tcprst.transient = true;
	play_init(&play, 1, false);
	play_open_one(&play);
	play_say(&play, CLIENT, join_syn(&play, 0));
	play_say(&play, SERVER, with(reset, why));
	play_wait(&play, NSEC_PER_SEC);
	play_emit(&play, CLIENT, join_syn(&play, 41001));
	CHECK_IDLE(&play, "F57");
	play_fini(&play);
}

/* "told of once more, an address may be tried again"; another port makes it another path. */
TEST(f57_another_path_or_an_invitation)
{
	enum { SAME, OTHER_PORT, INVITED, INVITED_ELSEWHERE, CASES };
	unsigned int how;

	for (how = SAME; how < CASES; how++) {
		struct part reset = { .subflow = 1, .flags = TCP_RST, .ack = 1 };
		struct part again;
		struct play play;

		play_init(&play, 0, false);
		play_open_one(&play);
		play_say(&play, CLIENT, join_syn(&play, 0));
		play_say(&play, SERVER, with(reset, opt_reset(RESET_PROHIBITED)));
		play_wait(&play, NSEC_PER_SEC);
		if (how >= INVITED)
			play_say(&play, SERVER, carrying(opt_add(how == INVITED ? 2 : 9)));
		play_wait(&play, NSEC_PER_SEC);
		again = join_syn(&play, 41001);
		again.port = how == OTHER_PORT ? 8081 : 0;
		play_emit(&play, CLIENT, again);
		CHECK_STATE(&play, "F57",
			how == SAME || how == INVITED_ELSEWHERE ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* "signals are processed only after standard TCP validity checks" */
static uint32_t f58(struct play *play, bool wrong)
{
	struct part forged = { .seq = 1 << 30 };

	play_open_one(play);
	play_hear(play, SERVER, with(forged, opt_fail(play, SERVER, 0)));
	play->got[0][SERVER] = play->next[0][CLIENT];
	return play_say(play, SERVER,
		either(wrong, with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MIDDLEBOX)),
			with((struct part){ .subflow = 0 }, opt_ack(play, SERVER, 1000))));
}

TEST(f58_outside_the_window)
{
	struct play play;
	uint32_t packet;

	play_init(&play, 1, false);
	f58(&play, false);
	CHECK_HELD(&play, "F58");
	play_fini(&play);
	play_init(&play, 1, false);
	packet = f58(&play, true);
	CHECK_BROKEN(&play, "F58", SERVER, packet);
	play_fini(&play);
}

/* The peer's first data is numbered far from where its key says: it leaves for that (F7e). */
TEST(f58_leaves_for_another_cause)
{
	unsigned int odd;

	for (odd = 0; odd < 2; odd++) {
		struct part first, forged = { .seq = 1 << 30 };
		struct play play;

		play_init(&play, 1, false);
		play_open(&play);
		first = data_part(&play, CLIENT, 0, 0, 100);
		if (odd)
			first.options[0].dss.dsn ^= 1ull << 40;
		play_hear(&play, SERVER, first);
		play_hear(&play, SERVER, with(forged, opt_fail(&play, SERVER, 0)));
		play.got[0][SERVER] = 101;
		play_emit(&play, SERVER, carrying(opt_infinite(&play, SERVER, 1, 0)));
		CHECK_STATE(&play, "F58", odd ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "SHOULD NOT send more than two in a row" */
static uint32_t f59(struct play *play, bool wrong)
{
	uint32_t packet = 0;
	unsigned int i;

	play_open_one(play);
	play_emit(play, CLIENT, data_part(play, CLIENT, 0, 1000, 100));
	for (i = 0; i < 3; i++) {
		packet = play_say(play, SERVER,
			with((struct part){ .subflow = 0 }, opt_remove((uint8_t)(20 + i))));
		if (!wrong)
			play_wait(play, NSEC_PER_SEC);
	}
	return packet;
}

TEST(f59_two_in_a_row)
{
	play_both("F59", 1, false, SERVER, f59);
}

/* "REMOVE_ADDR of unknown ID: silently ignore" */
static uint32_t f61(struct play *play, bool wrong)
{
	play_open_one(play);
	play_say(play, SERVER, with((struct part){ .subflow = 0 }, opt_remove(77)));
	return play_say(play, CLIENT,
		either(wrong, with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MPTCP)),
			data_part(play, CLIENT, 0, 1000, 100)));
}

TEST(f61_unknown_address)
{
	play_both("F61", 1, false, CLIENT, f61);
}

/* The RST that refuses a further subflow's SYN is about that one. */
TEST(f61_beside_a_refused_join)
{
	unsigned int refused;

	for (refused = 0; refused < 2; refused++) {
		struct part reset = { .subflow = refused, .flags = TCP_RST };
		struct play play;

		play_init(&play, 0, false);
		play_open_one(&play);
		play_say(&play, SERVER, with((struct part){ .subflow = 0 }, opt_remove(77)));
		play.by_server[1] = true;
		play_say(&play, SERVER,
			with((struct part){ .subflow = 1, .flags = TCP_SYN },
				opt_join(&play, 1, JOIN_SYN)));
		play_say(&play, CLIENT, reset);
		CHECK_STATE(&play, "F61", refused ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* A subflow that FINs have closed both ways answers strays with RST, whatever they carry. */
TEST(f61_behind_the_fins)
{
	unsigned int closed;

	for (closed = 0; closed < 2; closed++) {
		struct part fin = { .flags = TCP_FIN };
		struct play play;

		play_init(&play, 0, false);
		play_open_one(&play);
		play_say(&play, SERVER, with(fin, opt_ack(&play, SERVER, 1000)));
		if (closed)
			play_say(&play, CLIENT, with(fin, opt_ack(&play, CLIENT, 0)));
		play_say(&play, SERVER, carrying(opt_remove(77)));
		play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
		CHECK_STATE(&play, "F61", closed ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* A v0 MP_FASTCLOSE is answered by RST (RFC 6824 3.5), if its key is right. */
TEST(f61_beside_a_fastclose)
{
	unsigned int right;

	for (right = 0; right < 2; right++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct play play;

		play_init(&play, 0, false);
		play_open_one(&play);
		close.fastclose_key = play.key[CLIENT] ^ !right;
		play_say(&play, SERVER, carrying(opt_remove(77)));
		play_say(&play, SERVER, carrying(close));
		play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
		CHECK_STATE(&play, "F61", right ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* The application has all ended at once, or a subflow closed, whatever its host was told. */
TEST(f61_beside_an_abort)
{
	unsigned int aborts;

	for (aborts = 0; aborts < 3; aborts++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct play play;

		play_init(&play, 1, false);
		play_open_one(&play);
		close.fastclose_key = play.key[SERVER];
		play_say(&play, SERVER, carrying(opt_remove(77)));
		if (aborts == 1)
			play.input.app[CLIENT].aborted_at = play.now;
		if (aborts == 2)
			play.input.app[CLIENT].closed_at = play.now;
		play_say(&play, CLIENT, with((struct part){ .flags = TCP_RST }, close));
		CHECK_STATE(&play, "F61", aborts ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* Who takes back an address of its own ends the subflows from there (3.4.2). */
TEST(f61_beside_an_address_of_its_own)
{
	unsigned int own;

	for (own = 0; own < 2; own++) {
		struct play play;

		play_init(&play, 1, false);
		play_open_two(&play);
		play_say(&play, SERVER, carrying(opt_remove(77)));
		play_say(&play, CLIENT, reset_part(1, RESET_PROHIBITED));
		play_say(&play, CLIENT, carrying(opt_remove(own ? 1 : 9)));
		CHECK_STATE(&play, "F61", own ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* MP_FASTCLOSE ends it all, MP_FAIL must be told: behind two other signals neither is a third. */
TEST(f59_behind_two)
{
	static const struct row {
		enum mptcp_subtype last;
		unsigned int times;
		bool idle; /* the peer has no data outstanding: no ACK is a duplicate (RFC 5681 2)
			    */
		enum rule_state state;
	} rows[] = {
		{ MP_REMOVE_ADDR, 1, false, RULE_BROKEN },
		{ MP_REMOVE_ADDR, 1, true, RULE_HELD },
		{ MP_FASTCLOSE, 1, false, RULE_HELD },
		{ MP_FAIL, 1, false, RULE_HELD },
		{ MP_FAIL, 2, false, RULE_BROKEN },
	};
	unsigned int i, time;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mptcp_opt last = { .subtype = rows[i].last };
		struct play play;

		play_init(&play, 0, false);
		play_open_one(&play);
		if (!rows[i].idle)
			play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 1000, 100));
		if (last.subtype == MP_REMOVE_ADDR)
			last = opt_remove(22);
		if (last.subtype == MP_FASTCLOSE)
			last.fastclose_key = play.key[CLIENT];
		play_say(&play, SERVER, carrying(opt_remove(20)));
		play_say(&play, SERVER, carrying(opt_remove(21)));
		for (time = 0; time < rows[i].times; time++)
			play_say(&play, SERVER, carrying(last));
		CHECK_STATE(&play, "F59", rows[i].state);
		play_fini(&play);
	}
}
