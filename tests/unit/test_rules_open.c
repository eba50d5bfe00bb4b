/* SPDX-License-Identifier: BSD-2-Clause */
/* O3 to O18: our endpoint's choice, and another one. */
#include "tests/unit/play.h"

/* O3: "hold unmapped bytes up to 64 KiB or the receive window, whichever is less" */
static uint32_t o3(struct play *play, bool wrong)
{
	play_open_one(play);
	play_strip(play, CLIENT, (struct part){ .payload = 100, .offset = 1000, .seq = 1001 });
	if (!wrong)
		play_wait(play, 5 * NSEC_PER_SEC);
	return play_say(play, SERVER, reset_part(0, RESET_MIDDLEBOX));
}

TEST(o3_unmapped_data_is_held)
{
	struct play play;

	play_init(&play, 1, false);
	o3(&play, false);
	CHECK_HELD(&play, "O3");
	CHECK_HELD(&play, "F16");
	play_fini(&play);
	play_init(&play, 1, false);
	CHECK_BROKEN(&play, "O3", SERVER, o3(&play, true));
	play_fini(&play);
}

static void fail_both_ways(struct play *play)
{
	play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
	play_say(play, CLIENT, carrying(opt_fail(play, CLIENT, 1000)));
}

/* O4: "each direction has its own; a side with nothing to send need not send one" */
static uint32_t o4(struct play *play, bool wrong)
{
	struct part part;

	play_open_one(play);
	fail_both_ways(play);
	play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1000, 100),
			opt_infinite(play, CLIENT, 1001, 1000)));
	part = bare_part(play, SERVER, 0, 0, 100);
	return play_say(play, SERVER, wrong ? part : with(part, opt_infinite(play, SERVER, 1, 0)));
}

TEST(o4_infinite_mapping_each_way)
{
	play_both("O4", 1, true, SERVER, o4);
}

/* O5: "fall back alone if the stream is contiguous, else reset" */
static uint32_t o5(struct play *play, bool wrong)
{
	play_open_one(play);
	play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
	play_wait(play, 4 * NSEC_PER_SEC);
	return play_say(play, SERVER,
		wrong ? reset_part(0, RESET_MIDDLEBOX) : bare_part(play, SERVER, 0, 0, 100));
}

TEST(o5_mp_fail_unanswered)
{
	struct play play;

	play_init(&play, 1, true);
	o5(&play, false);
	CHECK_HELD(&play, "O5");
	play_fini(&play);
	play_init(&play, 1, true);
	CHECK_BROKEN(&play, "O5", SERVER, o5(&play, true));
	play_fini(&play);
}

/* Its own first data are acknowledged bare while it waits: it leaves for that, by RST (F9, F64). */
TEST(o5_own_data_acknowledged_bare)
{
	unsigned int bare;

	for (bare = 0; bare < 2; bare++) {
		struct play play;

		play_init(&play, 1, true);
		play_open_one(&play);
		play_data(&play, SERVER, 0, 0, 100);
		play_say(&play, SERVER, carrying(opt_fail(&play, CLIENT, 1000)));
		if (bare)
			play_say(&play, CLIENT, (struct part){ .flags = 0 });
		play_say(&play, SERVER, reset_part(0, RESET_MIDDLEBOX));
		CHECK_STATE(&play, "O5", bare ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* Either has closed the subflow, or all by MP_FASTCLOSE: no fallback is left to make. */
TEST(o5_closed_beneath)
{
	enum { OPEN, BARE, CLOSED, CLOSED_HERE, ABORTED, CASES };
	unsigned int how;

	for (how = OPEN; how < CASES; how++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct part fin = { .flags = TCP_FIN };
		struct play play;

		play_init(&play, 0, true);
		play_open_one(&play);
		close.fastclose_key = play.key[SERVER];
		play_say(&play, SERVER, carrying(opt_fail(&play, CLIENT, 1000)));
		if (how == BARE || how == CLOSED)
			play_say(&play, CLIENT,
				how == BARE ? fin : with(fin, opt_ack(&play, CLIENT, 0)));
		if (how == CLOSED_HERE)
			play_say(&play, SERVER, with(fin, opt_ack(&play, SERVER, 1000)));
		if (how == ABORTED)
			play_say(&play, CLIENT, carrying(close));
		play_say(&play, SERVER, (struct part){ .flags = TCP_RST });
		CHECK_STATE(&play, "O5", how >= CLOSED ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O6: "delivers each stream byte once, from its last in-order byte" */
static uint32_t o6(struct play *play, bool wrong)
{
	uint32_t number;

	play_open_one(play);
	fail_both_ways(play);
	number = play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1000, 100), opt_infinite(play, CLIENT, 501, 500)));
	play_streams(play, 1100, wrong ? 1600 : 1100, 0, 0);
	return number;
}

TEST(o6_retroactive_mapping)
{
	play_both("O6", 1, true, SERVER, o6);
}

/* O9: "at most one MP_FAIL a round trip" */
static uint32_t o9(struct play *play, bool wrong)
{
	play_open_one(play);
	play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
	if (!wrong)
		play_wait(play, 20 * NSEC_PER_MS);
	else
		play->now -= 2 * NSEC_PER_MS;
	return play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
}

TEST(o9_one_mp_fail_a_round_trip)
{
	struct play play;

	play_init(&play, 1, true);
	o9(&play, false);
	CHECK_HELD(&play, "O9");
	play_fini(&play);
	play_init(&play, 1, true);
	CHECK_BROKEN(&play, "O9", SERVER, o9(&play, true));
	play_fini(&play);
}

/* O12: "answer so that A repeats its keys, do not fall back" */
static uint32_t o12(struct play *play, bool wrong)
{
	play_syns(play);
	play_emit(play, CLIENT, carrying(opt_third(play)));
	play_emit(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 100)));
	play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 100, 100), opt_map(play, CLIENT, 101, 100, 100)));
	play_say(play, SERVER, (struct part){ .ack = 1 });
	play_say(play, CLIENT,
		with((struct part){ .payload = 100, .seq = 1 }, opt_first(play, 100)));
	if (!wrong)
		play->data_ack[SERVER] = 200;
	return play_say(play, SERVER,
		wrong ? bare_part(play, SERVER, 0, 0, 100) : ack_part(play, SERVER, 0));
}

TEST(o12_keys_lost)
{
	struct play play;

	play_both("O12", 1, false, SERVER, o12);
	play_init(&play, 1, false);
	o12(&play, false);
	CHECK_IDLE(&play, "F3");
	play_fini(&play);
}

/*
 * "Answer so that A repeats its keys": who asked as often as a SYN/ACK is repeated anyway may go on
 * as F3 says. F8 asks nothing of it, nor do keys that come when it has left.
 */
TEST(o12_keys_never_came)
{
	unsigned int often, late;

	for (often = 0; often < 2; often++)
		for (late = 0; late < 2; late++) {
			struct part answer = { .flags = TCP_SYN | TCP_ACK };
			struct part early = { .seq = 101, .offset = 100, .payload = 100 };
			unsigned int asked = often ? 5 : 4;
			struct play play;

			play_init(&play, 0, false);
			play_say(&play, CLIENT,
				with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
			play_emit(&play, SERVER, with(answer, opt_synack(&play)));
			play_hear(&play, SERVER,
				with(early, opt_map(&play, CLIENT, 101, 100, 100)));
			while (asked-- > 0)
				play_emit(&play, SERVER, with(answer, opt_synack(&play)));
			play_emit(&play, SERVER, bare_part(&play, SERVER, 0, 0, 100));
			if (late)
				play_hear(&play, SERVER,
					with((struct part){ .seq = 201 }, opt_third(&play)));
			CHECK_STATE(&play, "O12", often ? RULE_HELD : RULE_BROKEN);
			CHECK_IDLE(&play, "F8");
			play_fini(&play);
		}
}

/* O13: a newer SYN came without MP_CAPABLE, and so went the answer: what DSS and keys say is late.
 */
TEST(o12_left_for_a_newer_syn)
{
	unsigned int newer;

	for (newer = 0; newer < 2; newer++) {
		struct part syn = { .flags = TCP_SYN }, answer = { .flags = TCP_SYN | TCP_ACK };
		struct play play;

		play_init(&play, 0, false);
		play_say(&play, CLIENT, with(syn, opt_syn(&play)));
		play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		if (newer) {
			play_hear(&play, SERVER, syn);
			play_emit(&play, SERVER, answer);
		}
		play_hear(&play, SERVER, data_part(&play, CLIENT, 0, 0, 100));
		play_emit(&play, SERVER, bare_part(&play, SERVER, 0, 0, 100));
		play_hear(&play, SERVER, with((struct part){ .seq = 101 }, opt_third(&play)));
		CHECK_STATE(&play, "O12", newer ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* Keys late, and the host's own data acked: without an option, with another one, or DATA_ACKed. */
TEST(o12_left_for_another_reason)
{
	enum { CONFIRMED, ACKED_BY_ANOTHER, UNCONFIRMED, CASES };
	unsigned int how;

	for (how = CONFIRMED; how < CASES; how++) {
		struct part ack = { .flags = 0 };
		struct play play;

		play_init(&play, 0, false);
		play_syns(&play);
		play_say(&play, CLIENT, data_part(&play, CLIENT, 0, 0, 100));
		play_say(&play, CLIENT, carrying(opt_third(&play)));
		play_data(&play, SERVER, 0, 0, 100);
		play_data(&play, SERVER, 0, 100, 100);
		if (how == ACKED_BY_ANOTHER)
			ack = with(ack, opt_third(&play));
		else
			ack = with(ack, opt_ack(&play, CLIENT, how == CONFIRMED ? 200 : 100));
		play_say(&play, CLIENT, ack);
		play_say(&play, SERVER, (struct part){ .flags = TCP_RST });
		CHECK_STATE(&play, "O12", how == CONFIRMED ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/*
 * An application that aborts ends the connection by RST, where its stack has no MP_FASTCLOSE; one
 * that closes the only subflow does before the first contact, where FIN could end the stream (F8).
 */
TEST(o12_reset_of_an_application_that_ends_it)
{
	enum { ABORTS, CLOSES, ABORTS_LATER, CLOSES_LATER, CASES };
	unsigned int how;

	for (how = 0; how < CASES; how++) {
		bool later = how >= ABORTS_LATER;
		struct play play;

		play_init(&play, 0, false);
		play_syns(&play);
		play_say(&play, CLIENT, data_part(&play, CLIENT, 0, 0, 100));
		play_say(&play, CLIENT, carrying(opt_third(&play)));
		if (how == ABORTS || how == ABORTS_LATER)
			play.input.app[SERVER].aborted_at = play.now + later;
		else
			play.input.app[SERVER].closed_at = play.now + later;
		play_say(&play, SERVER, (struct part){ .flags = TCP_RST });
		CHECK_STATE(&play, "O12", later ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* O13: "B answers the newer SYN; the older half-open state is dropped" */
static uint32_t o13(struct play *play, bool wrong)
{
	struct part answer = { .flags = TCP_SYN | TCP_ACK };

	play_say(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_emit(play, SERVER, with(answer, opt_synack(play)));
	play_wait(play, NSEC_PER_SEC);
	play_say(play, CLIENT, (struct part){ .flags = TCP_SYN });
	return play_emit(play, SERVER, wrong ? with(answer, opt_synack(play)) : answer);
}

TEST(o13_newer_syn_without)
{
	play_both("O13", 1, false, SERVER, o13);
}

/* O14: "the third packet decides" */
static uint32_t o14(struct play *play, bool wrong)
{
	struct part answer = { .flags = TCP_SYN | TCP_ACK }, data;

	play_emit(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_say(play, CLIENT, (struct part){ .flags = TCP_SYN });
	play_say(play, SERVER, answer);
	play_hear(play, SERVER, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_say(play, CLIENT, (struct part){ .flags = 0 });
	data = bare_part(play, SERVER, 0, 0, 100);
	return play_say(play, SERVER, wrong ? with(data, opt_map(play, SERVER, 1, 0, 100)) : data);
}

TEST(o14_third_packet_decides)
{
	play_both("O14", 1, false, SERVER, o14);
}

/* O15: "F ignored without M; an empty DSS is ignored" */
static uint32_t o15(struct play *play, bool wrong)
{
	struct mptcp_opt empty = { .subtype = MP_DSS };

	play_open_one(play);
	play_say(play, CLIENT, carrying(empty));
	return play_say(play, SERVER,
		wrong ? reset_part(0, RESET_MPTCP) : ack_part(play, SERVER, 0));
}

TEST(o15_odd_dss)
{
	play_both("O15", 1, false, SERVER, o15);
}

/* O16: "MP_JOIN during fallback in progress: refused [3]" */
static uint32_t o16(struct play *play, bool wrong)
{
	struct part reset = reset_part(1, RESET_PROHIBITED);

	reset.ack = 1;
	play_open_one(play);
	play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
	play_say(play, CLIENT,
		with((struct part){ .subflow = 1, .flags = TCP_SYN }, opt_join(play, 1, JOIN_SYN)));
	return play_say(play, SERVER,
		either(wrong,
			with((struct part){ .subflow = 1, .flags = TCP_SYN | TCP_ACK },
				opt_join(play, 1, JOIN_SYNACK)),
			reset));
}

TEST(o16_join_during_fallback)
{
	struct play play;

	play_init(&play, 1, true);
	o16(&play, false);
	CHECK_HELD(&play, "O16");
	play_fini(&play);
	play_init(&play, 1, true);
	CHECK_BROKEN(&play, "O16", SERVER, o16(&play, true));
	play_fini(&play);
}

/* A box took the option from the SYN's copy: what answers that is no join. */
TEST(o16_join_that_lost_its_option)
{
	unsigned int stripped;

	for (stripped = 0; stripped < 2; stripped++) {
		struct part answer = { .subflow = 1, .flags = TCP_SYN | TCP_ACK };
		struct play play;

		play_init(&play, 1, true);
		play_open_one(&play);
		play_say(&play, SERVER, carrying(opt_fail(&play, CLIENT, 1000)));
		play_say(&play, CLIENT,
			with((struct part){ .subflow = 1, .flags = TCP_SYN },
				opt_join(&play, 1, JOIN_SYN)));
		if (!stripped)
			answer = with(answer, opt_join(&play, 1, JOIN_SYNACK));
		play_say(&play, SERVER, answer);
		CHECK_STATE(&play, "O16", stripped ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O18: an MP_FAIL that names none of this host's data was edited, and starts no fallback. */
TEST(o16_edited_fail)
{
	unsigned int own;

	for (own = 0; own < 2; own++) {
		struct play play;

		play_init(&play, 1, true);
		play_open_one(&play);
		play_exchange(&play, SERVER, 0, 0, 100);
		play_hear(&play, SERVER, carrying(opt_fail(&play, SERVER, own ? 0 : 100000)));
		play_join_syns(&play, 1);
		CHECK_STATE(&play, "O16", own ? RULE_BROKEN : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

/* "Data not contiguous: reset with MP_FAIL; sender MAY join a new subflow" (F25): no fallback. */
TEST(o16_join_after_the_reset)
{
	unsigned int reset;

	for (reset = 0; reset < 2; reset++) {
		struct play play;

		play_init(&play, 0, true);
		play_open_one(&play);
		play_say(&play, SERVER, carrying(opt_fail(&play, CLIENT, 1000)));
		if (reset)
			play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
		play_join(&play, 1);
		CHECK_STATE(&play, "O16", reset ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O17: an RST without MP_TCPRST; a later connection would show more. */
TEST(o17_bare_reset)
{
	struct play play;

	play_init(&play, 1, false);
	play_open_one(&play);
	CHECK_IDLE(&play, "O17");
	play_hear(&play, CLIENT, (struct part){ .flags = TCP_RST });
	CHECK_HELD(&play, "O17");
	play_fini(&play);
}

/* O18: "ignored: its DSN or DATA_ACK is implausible" */
static uint32_t o18(struct play *play, bool wrong)
{
	struct part echo = { .seq = 1, .payload = 100 };

	play_open_one(play);
	echo = with(echo, opt_map(play, CLIENT, 1, 0, 100));
	play_hear(play, CLIENT, echo);
	return play_say(play, CLIENT,
		wrong ? reset_part(0, RESET_MIDDLEBOX) : data_part(play, CLIENT, 0, 1000, 100));
}

TEST(o18_mirrored_dss)
{
	play_both("O18", 1, false, CLIENT, o18);
}
