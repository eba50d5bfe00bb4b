/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose fault a connection is that came to nothing: what an end owed, and that it owed nothing. */
#include "tests/unit/play.h"

#define CHECK_BLAME(play, who, expected)                                                  \
	do {                                                                              \
		play_judge(play);                                                         \
		CHECK_U64((play)->judgement.blame[who].packet, expected);                 \
		CHECK_U64((play)->judgement.blame[who].is_at_fault, (expected) != 0);     \
		CHECK_U64((play)->judgement.blame[end_opposite(who)].is_at_fault, false); \
	} while (0)

TEST(blame_who_acknowledges_nothing)
{
	struct play play;
	struct part data;
	uint32_t packet;

	play_init(&play, 1, false);
	play_open_one(&play);
	data = data_part(&play, CLIENT, 0, 1000, 1000);
	play_emit(&play, CLIENT, data);
	packet = play_hear(&play, SERVER, data);
	play_streams(&play, 2000, 1000, 0, 0);
	play_stall(&play, 15 * NSEC_PER_SEC);
	CHECK_BLAME(&play, SERVER, packet);
	play_fini(&play);
}

/* Lost on the way it is nobody's. */
TEST(blame_nobody_for_a_path)
{
	struct play play;

	play_init(&play, 1, false);
	play_open_one(&play);
	play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 1000, 1000));
	play_streams(&play, 2000, 1000, 0, 0);
	play_stall(&play, 15 * NSEC_PER_SEC);
	CHECK_BLAME(&play, SERVER, 0);
	play_fini(&play);
}

/* The subflow acknowledges, the connection never does. */
TEST(blame_who_takes_and_does_not_say)
{
	struct play play;
	uint32_t packet;

	play_init(&play, 1, false);
	play.input.subflows = 2;
	play_open_two(&play);
	play_data(&play, CLIENT, 1, 1000, 1000);
	packet = (uint32_t)play.tap[SERVER].count;
	play_data_ack(&play, SERVER, 1);
	play_streams(&play, 2000, 1000, 0, 0);
	play_stall(&play, 15 * NSEC_PER_SEC);
	CHECK_BLAME(&play, SERVER, packet);
	play_fini(&play);
	/* Of a hole before it the sender is to fill it. */
	play_init(&play, 1, false);
	play.input.subflows = 2;
	play_open_two(&play);
	play_data(&play, CLIENT, 1, 1500, 1000);
	play_data_ack(&play, SERVER, 1);
	play_streams(&play, 2500, 1000, 0, 0);
	play_stall(&play, 15 * NSEC_PER_SEC);
	CHECK_BLAME(&play, SERVER, 0);
	play_fini(&play);
}

/* DATA_ACKs go missing on the way: the server gives them, the client repeats for ever. */
TEST(blame_who_repeats_for_good)
{
	struct part ack = { .subflow = 0 };
	struct play play;
	uint32_t packet = 0;
	int i;

	play_init(&play, 1, false);
	play_open_one(&play);
	for (i = 0; i < 20; i++) {
		packet = play_say(&play, CLIENT, data_part(&play, CLIENT, 0, 1000, 1000));
		play.data_ack[SERVER] = 2000;
		play_emit(&play, SERVER, with(ack, opt_ack(&play, SERVER, 2000)));
		play_hear(&play, CLIENT, ack);
		play_wait(&play, NSEC_PER_SEC);
	}
	play_streams(&play, 3000, 2000, 0, 0);
	play_stall(&play, NSEC_PER_SEC);
	CHECK_BLAME(&play, CLIENT, packet);
	play.input.app[CLIENT].failed = true;
	CHECK_BLAME(&play, CLIENT, 0);
	play_fini(&play);
}

/* All is acknowledged, the window is open, and the rest never comes. */
TEST(blame_who_sends_nothing_more)
{
	struct play play;

	play_init(&play, 1, false);
	play_open_one(&play);
	play_streams(&play, 1000, 1000, 0, 0);
	play_stall(&play, 15 * NSEC_PER_SEC);
	CHECK_BLAME(&play, CLIENT, 0);
	play_streams(&play, 2000, 1000, 0, 0);
	CHECK_BLAME(&play, CLIENT, (uint32_t)play.tap[CLIENT].count);
	play_fini(&play);
}
