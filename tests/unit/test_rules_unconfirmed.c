/* SPDX-License-Identifier: BSD-2-Clause */
/* O1 and O2: ACKs without DATA_ACK, of no data and of some. */
#include "tests/unit/play.h"

/* After a DATA_ACK three segments are acknowledged without. */
static void acked_bare(struct play *play)
{
	unsigned int i;

	play_open_one(play);
	for (i = 0; i < 3; i++) {
		play_data(play, CLIENT, 0, 1000 + 100 * i, 100);
		play_say(play, SERVER, (struct part){ .flags = 0 });
	}
}

/* O1: "harmless: only an ACK for data counts" */
static uint32_t o1(struct play *play, bool wrong)
{
	play_open(play);
	play_say(play, SERVER, (struct part){ .flags = 0 });
	return play_say(play, CLIENT,
		either(wrong, bare_part(play, CLIENT, 0, 0, 100),
			with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 100))));
}

TEST(o1_bare_ack_of_nothing)
{
	play_both("O1", 1, false, CLIENT, o1);
}

/* A reset for another reason: data that the subflow acknowledged was never DATA_ACKed (O2). */
TEST(o1_reset_where_data_acks_stop)
{
	unsigned int acked;

	for (acked = 0; acked < 2; acked++) {
		struct play play;

		play_init(&play, 1, false);
		play_open(&play);
		play_say(&play, SERVER, (struct part){ .flags = 0 });
		play_data(&play, CLIENT, 0, 0, 1000);
		play.data_ack[SERVER] = acked ? 1000 : 500;
		play_data_ack(&play, SERVER, 0);
		play_say(&play, CLIENT, reset_part(0, RESET_MIDDLEBOX));
		CHECK_STATE(&play, "O1", acked ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* O2: "wait; one subflow: after 3 such timeouts v0 falls back, v1 resets" */
static uint32_t o2(struct play *play, bool wrong)
{
	unsigned int i;

	play_open_one(play);
	for (i = 0; i < 3; i++) {
		play_data(play, CLIENT, 0, 1000 + 100 * i, 100);
		play->data_ack[SERVER] = 1100 + 100 * i;
		play_strip(play, SERVER, ack_part(play, SERVER, 0));
	}
	play_wait(play, 3 * NSEC_PER_SEC);
	return play_say(play, CLIENT,
		wrong ? bare_part(play, CLIENT, 0, 1300, 100) : reset_part(0, RESET_MIDDLEBOX));
}

TEST(o2_data_acks_stop)
{
	play_both("O2", 1, false, CLIENT, o2);
}

/* DATA_ACKs stop, then MP_FAIL comes: that is what the fallback follows (F24). */
TEST(o2_not_when_mp_fail_came)
{
	struct play play;
	unsigned int i;

	play_init(&play, 1, true);
	play_open_one(&play);
	for (i = 0; i < 3; i++) {
		play_data(&play, CLIENT, 0, 1000 + 100 * i, 100);
		play.data_ack[SERVER] = 1100 + 100 * i;
		play_strip(&play, SERVER, ack_part(&play, SERVER, 0));
	}
	play_say(&play, SERVER, carrying(opt_fail(&play, CLIENT, 1200)));
	play_say(&play, CLIENT,
		with(bare_part(&play, CLIENT, 0, 1300, 100),
			opt_infinite(&play, CLIENT, 1301, 1300)));
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 1400, 100));
	CHECK_HELD(&play, "O2");
	play_fini(&play);
}

/* F9 before O2: data was acked bare before any DATA_ACK came, and the host leaves for that. */
TEST(o2_not_when_f9_came_first)
{
	struct part ack = { .flags = 0 };
	struct play play;
	unsigned int i;

	play_init(&play, 1, false);
	play_open(&play);
	play_data(&play, CLIENT, 0, 0, 1000);
	play_data(&play, CLIENT, 0, 1000, 1000);
	play_data(&play, CLIENT, 0, 2000, 1000);
	ack.ack = 1001;
	play_hear(&play, CLIENT, ack);
	play_hear(&play, CLIENT, with(ack, opt_ack(&play, SERVER, 1000)));
	for (i = 2; i < 4; i++) {
		ack.ack = 1000 * i + 1;
		play_hear(&play, CLIENT, ack);
	}
	play_say(&play, CLIENT,
		with(bare_part(&play, CLIENT, 0, 3000, 100), opt_infinite(&play, CLIENT, 1, 0)));
	CHECK_IDLE(&play, "O2");
	CHECK_HELD(&play, "F9");
	play_fini(&play);
}

/* RFC 6824 3.5: MP_FASTCLOSE is answered with RST, and so it ends what waits for DATA_ACKs. */
TEST(o2_fastclose)
{
	unsigned int closed;

	for (closed = 0; closed < 2; closed++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct play play;
		uint32_t packet;

		play_init(&play, 0, false);
		acked_bare(&play);
		close.fastclose_key = play.key[CLIENT];
		if (closed)
			play_say(&play, SERVER, carrying(close));
		packet = play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
		if (closed)
			CHECK_HELD(&play, "O2");
		else
			CHECK_BROKEN(&play, "O2", CLIENT, packet);
		play_fini(&play);
	}
}

/* After v0's fallback (O2, F18) it is TCP that may reset. */
TEST(o2_reset_after_the_fallback)
{
	unsigned int left;

	for (left = 0; left < 2; left++) {
		struct play play;
		uint32_t packet;

		play_init(&play, 0, false);
		acked_bare(&play);
		if (left)
			play_say(&play, CLIENT, carrying(opt_infinite(&play, CLIENT, 1001, 1000)));
		packet = play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
		if (left)
			CHECK_HELD(&play, "O2");
		else
			CHECK_BROKEN(&play, "O2", CLIENT, packet);
		play_fini(&play);
	}
}

/* Once all is DATA_ACKed it is TCP's, too: a FIN repeated in vain, say. */
TEST(o2_reset_after_the_last_data_ack)
{
	unsigned int confirmed;

	for (confirmed = 0; confirmed < 2; confirmed++) {
		struct play play;
		struct mptcp_opt fin;

		play_init(&play, 0, false);
		acked_bare(&play);
		fin = opt_map(&play, CLIENT, 0, 1300, 1);
		fin.dss.data_fin = true;
		play_say(&play, CLIENT, carrying(fin));
		play.data_ack[SERVER] = 1300 + confirmed;
		play_data_ack(&play, SERVER, 0);
		play_say(&play, CLIENT, (struct part){ .flags = TCP_FIN });
		play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
		CHECK_STATE(&play, "O2", confirmed ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F10: the first data to come had no mapping before the infinite one: reason enough to leave. */
TEST(o2_not_when_first_data_came_bare)
{
	unsigned int bare;

	for (bare = 0; bare < 2; bare++) {
		struct play play;

		play_init(&play, 1, false);
		acked_bare(&play);
		if (bare)
			play_say(&play, SERVER, bare_part(&play, SERVER, 0, 0, 500));
		play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 1300, 100));
		play_say(&play, SERVER,
			with(bare_part(&play, SERVER, 0, 500, 100),
				opt_infinite(&play, SERVER, 1, 0)));
		CHECK_STATE(&play, "O2", bare ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* The first mapping is half there: acknowledged with the first DATA_ACK number, nothing covered. */
static void half_acked(struct play *play)
{
	struct part part;

	play_open(play);
	part = with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 200));
	play_say(play, CLIENT, part);
	play_say(play, SERVER, ack_part(play, SERVER, 0));
	play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 100, 100), opt_map(play, CLIENT, 1, 0, 200)));
}

/* A DATA_ACK that covers no data confirms nothing: bare ACKs after it are F9's, not O2's. */
TEST(o2_not_before_data_are_confirmed)
{
	struct play play;

	play_init(&play, 1, false);
	half_acked(&play);
	play_say(&play, SERVER, (struct part){ .flags = 0 });
	play_say(&play, CLIENT,
		with(bare_part(&play, CLIENT, 0, 200, 100), opt_infinite(&play, CLIENT, 201, 200)));
	play_say(&play, SERVER, (struct part){ .flags = 0 });
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 300, 100));
	play_streams(&play, 400, 400, 0, 0);
	CHECK_IDLE(&play, "O2");
	CHECK_HELD(&play, "F9a");
	CHECK_TEXT(first_broken(&play), "none");
	play_fini(&play);
}
