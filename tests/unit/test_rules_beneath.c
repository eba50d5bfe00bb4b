/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rules_beneath.c - what TCP itself makes of a packet comes before any rule of Multipath TCP:
 * it is dropped unread, or answered without a look at its options (RFC 8684 3; F58). Each test acts
 * out the case next to it that is wrong, too.
 */
#include "tests/unit/play.h"

/* RFC 8684 3: "only after standard TCP validity checks": then there is no MP_FAIL to answer. */
TEST(f24_fail_outside_the_window)
{
	unsigned int outside;

	for (outside = 0; outside < 2; outside++) {
		struct part fail = { .seq = outside ? 1 << 30 : 0 };
		struct play play;
		uint32_t packet;

		play_init(&play, 1, true);
		play_open_one(&play);
		play_hear(&play, CLIENT, with(fail, opt_fail(&play, CLIENT, 500)));
		play.got[0][CLIENT] = play.next[0][SERVER];
		play_wait(&play, NSEC_PER_SEC);
		packet = play_data(&play, CLIENT, 0, 1000, 1000);
		play_wait(&play, NSEC_PER_SEC);
		if (outside)
			CHECK_IDLE(&play, "F24");
		else
			CHECK_BROKEN(&play, "F24", CLIENT, packet);
		play_fini(&play);
	}
}

/* RFC 9293 3.10.7.4: a RST outside the window is dropped, and the subflow lives on. */
TEST(outcome_reset_outside_the_window)
{
	unsigned int outside;

	for (outside = 0; outside < 2; outside++) {
		struct part reset = { .subflow = 1,
			.flags = TCP_RST,
			.seq = outside ? 1 << 30 : 0 };
		struct play play;

		play_init(&play, 1, false);
		play_open_two(&play);
		play_hear(&play, CLIENT, reset);
		play_exchange(&play, CLIENT, 0, 1000, 1000);
		play_close(&play, 2000, 0, outside ? 2 : 1);
		play_streams(&play, 2000, 2000, 0, 0);
		play.input.subflows = 2;
		CHECK_OUTCOME(&play, outside ? "mptcp" : "subflow-closed");
		play_fini(&play);
	}
}

/* RFC 9293 3.10.7.4: an ACK of what was never sent is dropped, too: F9 has nothing to say. */
TEST(f9_ack_of_nothing)
{
	unsigned int sent;

	for (sent = 0; sent < 2; sent++) {
		struct part ack = { .ack = sent ? 1001 : 5001 };
		struct play play;
		uint32_t packet;

		play_init(&play, 1, false);
		play_open(&play);
		play_data(&play, CLIENT, 0, 0, 1000);
		play_hear(&play, CLIENT, ack);
		play_wait(&play, NSEC_PER_SEC);
		packet = play_data(&play, CLIENT, 0, 1000, 1000);
		if (sent)
			CHECK_BROKEN(&play, "F9", CLIENT, packet);
		else
			CHECK_IDLE(&play, "F9");
		play_fini(&play);
	}
}

/* RFC 5961 3.2: a RST behind a gap is challenged, and its reason not read (F58). */
TEST(f57_reset_behind_a_gap)
{
	unsigned int gap;

	for (gap = 0; gap < 2; gap++) {
		struct part reset = { .subflow = 1, .flags = TCP_RST };
		struct part syn = { .subflow = 1, .flags = TCP_SYN, .source_port = 50001 };
		struct play play;

		play_init(&play, 1, false);
		play_open_two(&play);
		if (gap)
			play_emit(&play, SERVER, data_part(&play, SERVER, 1, 0, 100));
		else
			play_data(&play, SERVER, 1, 0, 100);
		play_data(&play, SERVER, 1, 100, 100);
		play_say(&play, SERVER, with(reset, opt_reset(RESET_MIDDLEBOX)));
		play_wait(&play, NSEC_PER_SEC);
		play_emit(&play, CLIENT, with(syn, opt_join(&play, 1, JOIN_SYN)));
		CHECK_STATE(&play, "F57", gap ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* A NAT gave MP_FASTCLOSE other ports: it is of no connection, and this one goes on. */
TEST(f62_close_from_another_port)
{
	unsigned int other;

	for (other = 0; other < 2; other++) {
		struct part part = { .subflow = other, .seq = 1001, .ack = 1 };
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct play play;

		play_init(&play, 0, false);
		play_open_one(&play);
		close.fastclose_key = play.key[SERVER];
		play_hear(&play, SERVER, with(part, close));
		play_wait(&play, 2 * NSEC_PER_SEC);
		play_emit(&play, SERVER, data_part(&play, SERVER, 0, 0, 100));
		CHECK_STATE(&play, "F62", other ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* RFC 9293 3.10.7.1: on a subflow that is over any packet is answered by RST. */
TEST(f62_close_of_a_subflow_that_is_over)
{
	unsigned int over;

	for (over = 0; over < 2; over++) {
		struct part part = { .subflow = 1, .flags = TCP_RST };
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE, .fastclose_key = 1 };
		struct play play;

		play_init(&play, 0, false);
		play_open_two(&play);
		if (over)
			play_emit(&play, CLIENT, part);
		play_wait(&play, NSEC_PER_SEC);
		play_hear(&play, CLIENT, with((struct part){ .subflow = 1 }, close));
		play_emit(&play, CLIENT, part);
		CHECK_STATE(&play, "F62", over ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* Both abort: a subflow's RST goes out with this host's own MP_FASTCLOSE on another. */
TEST(f62_beside_its_own_close)
{
	unsigned int own;

	for (own = 0; own < 2; own++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE, .fastclose_key = 1 };
		struct play play;

		play_init(&play, 0, false);
		play_open_two(&play);
		play_hear(&play, CLIENT, carrying(close));
		close.fastclose_key = play.key[SERVER];
		play_wait(&play, NSEC_PER_MS);
		play_emit(&play, CLIENT, (struct part){ .subflow = 1, .flags = TCP_RST });
		if (own)
			play.now -= NSEC_PER_MS;
		play_emit(&play, CLIENT, carrying(close));
		CHECK_STATE(&play, "F62", own ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* RFC 7323 5.3: a packet whose timestamp is older than one that was echoed is dropped, too. */
TEST(f31_infinite_mapping_of_old)
{
	unsigned int old;

	for (old = 0; old < 2; old++) {
		struct part heard = { .stamp = 7, .echo = 1 }, answer = { .stamp = 1, .echo = 7 };
		struct part next = { .stamp = old ? 6 : 8, .echo = 1 };
		struct play play;

		play_init(&play, 1, false);
		play_open_one(&play);
		play_hear(&play, SERVER, heard);
		play_emit(&play, SERVER, answer);
		play_hear(&play, SERVER, with(next, opt_infinite(&play, CLIENT, 1001, 1000)));
		play_wait(&play, NSEC_PER_SEC);
		play_data_ack(&play, SERVER, 0);
		CHECK_STATE(&play, "F31", old ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* RFC 9293 3.10.7.4: after a RST in SYN-RECEIVED the same SYN is another connection's. */
TEST(f7e_syn_again_after_a_reset)
{
	unsigned int again;

	for (again = 0; again < 2; again++) {
		struct part syn = { .flags = TCP_SYN }, answer = { .flags = TCP_SYN | TCP_ACK };
		struct play play;

		play_init(&play, 1, false);
		play.key[SERVER] = 0x1111111111111111;
		play_hear(&play, SERVER, with(syn, opt_syn(&play)));
		play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		play.key[SERVER] = 0xfedcba9876543210;
		if (again) {
			play_hear(&play, SERVER, (struct part){ .flags = TCP_RST, .seq = 1 });
			play_hear(&play, SERVER, with(syn, opt_syn(&play)));
			play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		}
		play_hear(&play, SERVER, carrying(opt_third(&play)));
		play_exchange(&play, CLIENT, 0, 0, 100);
		CHECK_STATE(&play, "F7e", again ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}
