/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rules_explored_join.c - wires of several subflows that mbtest explore met: what a rule does
 * not ask of a host beside another subflow, and does ask in the case next to it.
 */
#include "tests/unit/play.h"

/* F21 needs two subflows: a join is none before its third packet is acknowledged (F42). */
TEST(f21_join_not_yet_established)
{
	unsigned int established;

	for (established = 0; established < 2; established++) {
		struct play play;
		struct part bad;

		play_init(&play, 1, true);
		play_open(&play);
		play_exchange(&play, SERVER, 0, 0, 1000);
		if (established) {
			play_join(&play, 1);
		} else {
			play_join_syns(&play, 1);
			play_emit(&play, CLIENT,
				with((struct part){ .subflow = 1 }, opt_join(&play, 1, JOIN_ACK)));
		}
		bad = data_part(&play, SERVER, 0, 1000, 500);
		bad.spoil = true;
		play_hear(&play, CLIENT, bad);
		play_emit(&play, CLIENT, carrying(opt_fail(&play, SERVER, 1000)));
		play_wait(&play, 2 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F21", established ? RULE_BROKEN : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

/* F42, F9: beside a join whose third packet was not acked yet the first subflow is the only one. */
TEST(f15_join_not_yet_established)
{
	unsigned int established;

	for (established = 0; established < 2; established++) {
		struct part part = { .subflow = 1 };
		struct play play;

		play_init(&play, 0, false);
		play_open(&play);
		play_exchange(&play, SERVER, 0, 0, 1000);
		play_data(&play, CLIENT, 0, 0, 500);
		play_join_syns(&play, 1);
		play_say(&play, CLIENT, with(part, opt_join(&play, 1, JOIN_ACK)));
		if (established)
			play_say(&play, SERVER, with(part, opt_ack(&play, SERVER, 0)));
		play_hear(&play, CLIENT, bare_part(&play, SERVER, 0, 1000, 500));
		play_emit(&play, CLIENT, carrying(opt_infinite(&play, CLIENT, 501, 500)));
		play_streams(&play, 500, 500, 1500, 1500);
		CHECK_STATE(&play, "F15", established ? RULE_BROKEN : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

/* F32, F34: an infinite mapping beside other subflows costs its own one; the others go on. */
TEST(f32_infinite_beside_others)
{
	unsigned int reset;

	for (reset = 0; reset < 2; reset++) {
		struct play play;

		play_init(&play, 1, false);
		play_open_two(&play);
		play_say(&play, SERVER, carrying(opt_infinite(&play, SERVER, 1, 0)));
		if (reset)
			play_say(&play, CLIENT,
				with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MPTCP)));
		play_wait(&play, NSEC_PER_SEC);
		play_data(&play, CLIENT, 1, 1000, 100);
		CHECK_STATE(&play, "F32", reset ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F43: "SHOULD NOT retry": two joins that are sent together are one try. */
TEST(f43_two_joins_at_once)
{
	unsigned int later;

	for (later = 0; later < 2; later++) {
		struct part syn = { .subflow = 1, .flags = TCP_SYN };
		struct play play;

		play_init(&play, 1, false);
		play_open_one(&play);
		play_emit(&play, CLIENT, with(syn, opt_join(&play, 1, JOIN_SYN)));
		play_wait(&play, later ? 2 * NSEC_PER_SEC : 0);
		syn.source_port = 50001;
		play_emit(&play, CLIENT, with(syn, opt_join(&play, 1, JOIN_SYN)));
		CHECK_STATE(&play, "F43", later ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* F9: where fallback is no longer open, for a subflow was added, a bare ACK may cost the first. */
TEST(f46_first_of_two_acked_bare)
{
	unsigned int bare;

	for (bare = 0; bare < 2; bare++) {
		struct part ack = { .flags = 0 }, reset = { .flags = TCP_RST };
		struct play play;

		play_init(&play, 1, true);
		play_open(&play);
		play_data(&play, SERVER, 0, 0, 1000);
		play.next[0][SERVER] = 1;
		play_data(&play, SERVER, 0, 0, 1000);
		play.data_ack[CLIENT] = 1000;
		play_data_ack(&play, CLIENT, 0);
		play_join(&play, 1);
		play_data(&play, CLIENT, 0, 0, 500);
		play_say(&play, SERVER, bare ? ack : with(ack, opt_ack(&play, SERVER, 500)));
		play_say(&play, CLIENT, with(reset, opt_reset(RESET_MIDDLEBOX)));
		play_exchange(&play, CLIENT, 1, 0, 500);
		CHECK_STATE(&play, "F46", bare ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/*
 * F11, 3.4.2, 3.5, a time-out, FINs both ways, or the application: what else ends a subflow soon
 * after another was reset.
 */
TEST(f56_another_reason)
{
	enum {
		NO_REASON,
		ACKED_BARE,
		CLOSED_FAST,
		TIMED_OUT,
		CLOSED,
		WITHDRAWN,
		BY_APPLICATION,
		CASES
	};
	unsigned int how, i;

	for (how = 0; how < CASES; how++) {
		struct part reset = { .subflow = 1, .flags = TCP_RST }, ack = { .subflow = 1 };
		struct part fin = { .subflow = 1, .flags = TCP_FIN };
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct mptcp_opt gone = { .subtype = MP_REMOVE_ADDR };
		struct play play;
		uint32_t packet;

		play_init(&play, 1, false);
		close.fastclose_key = play.key[SERVER];
		gone.remove_addr.count = 1;
		gone.remove_addr.ids[0] = 1;
		play_open_two(&play);
		for (i = 0; i < (how == TIMED_OUT ? 4 : 1); i++) {
			play.next[1][CLIENT] = 1;
			play_data(&play, CLIENT, 1, 1000, 500);
		}
		play_hear(&play, CLIENT, (struct part){ .flags = TCP_RST });
		if (how == ACKED_BARE)
			play_say(&play, SERVER, ack);
		if (how == CLOSED) {
			play_say(&play, SERVER, with(fin, opt_ack(&play, SERVER, 1500)));
			play_say(&play, CLIENT, with(fin, opt_ack(&play, CLIENT, 1000)));
		}
		if (how == WITHDRAWN)
			play_say(&play, SERVER, carrying(gone));
		if (how == BY_APPLICATION)
			play.input.app[CLIENT].closed_at = play.now;
		packet = play_say(&play, CLIENT, with(reset, opt_reset(RESET_MIDDLEBOX)));
		if (how == CLOSED_FAST) {
			play.now -= 2 * NSEC_PER_MS;
			play_emit(&play, CLIENT, carrying(close));
		}
		play_wait(&play, 2 * NSEC_PER_SEC);
		if (how == NO_REASON)
			CHECK_BROKEN(&play, "F56", CLIENT, packet);
		else
			CHECK_HELD(&play, "F56");
		play_fini(&play);
	}
}

/* O9: a RST answers MP_FAIL, and the next one is about data of another subflow. */
TEST(o9_fail_on_the_next_subflow)
{
	unsigned int next;

	for (next = 0; next < 2; next++) {
		struct part fail = { .flags = 0 };
		struct play play;

		play_init(&play, 1, true);
		play_open(&play);
		play_exchange(&play, SERVER, 0, 0, 1000);
		play_join(&play, 1);
		play_say(&play, CLIENT, with(fail, opt_fail(&play, SERVER, 1000)));
		if (next)
			play_hear(&play, CLIENT, (struct part){ .flags = TCP_RST });
		play.now -= NSEC_PER_MS + 1;
		fail.subflow = next;
		play_say(&play, CLIENT, with(fail, opt_fail(&play, SERVER, 1000)));
		CHECK_STATE(&play, "O9", next ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* 3.5: after MP_FASTCLOSE nothing is repeated, however long its own repeats take. */
TEST(f55_closed_fast)
{
	unsigned int closed;

	for (closed = 0; closed < 2; closed++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct play play;

		play_init(&play, 0, false);
		close.fastclose_key = play.key[SERVER];
		play_open_two(&play);
		play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 1000, 500));
		play_exchange(&play, CLIENT, 1, 1000, 500);
		play_wait(&play, 6 * NSEC_PER_SEC);
		if (closed)
			play_emit(&play, CLIENT, carrying(close));
		play_wait(&play, 6 * NSEC_PER_SEC);
		play_emit(&play, CLIENT, carrying(close));
		CHECK_STATE(&play, "F55", closed ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F42: on a join whose third packet was never acknowledged nothing can be re-sent (F22). */
TEST(f22_beside_a_join_not_yet_established)
{
	unsigned int established;

	for (established = 0; established < 2; established++) {
		struct part bad, third = { .subflow = 1 };
		struct play play;

		play_init(&play, 1, true);
		play_open_one(&play);
		play_join_syns(&play, 1);
		play_say(&play, CLIENT, with(third, opt_join(&play, 1, JOIN_ACK)));
		if (established)
			play_data_ack(&play, SERVER, 1);
		bad = data_part(&play, CLIENT, 0, 1000, 100);
		play_complete(&play, CLIENT, &bad);
		play_emit(&play, CLIENT, bad);
		bad.spoil = true;
		play_hear(&play, SERVER, bad);
		play_say(&play, SERVER,
			with(reset_part(0, RESET_MIDDLEBOX), opt_fail(&play, CLIENT, 1000)));
		play_wait(&play, 20 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F22", established ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}
