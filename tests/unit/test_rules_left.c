/* SPDX-License-Identifier: BSD-2-Clause */
/* O7, O10 and O11: each held and broken once. */
#include "tests/unit/play.h"

/* A join that is a backup from its SYN on. */
static void join_backup(struct play *play)
{
	struct part part = { .subflow = 1, .flags = TCP_SYN };
	struct mptcp_opt opt = opt_join(play, 1, JOIN_SYN);

	opt.join.backup = true;
	play_say(play, CLIENT, with(part, opt));
	part.flags = TCP_SYN | TCP_ACK;
	play_say(play, SERVER, with(part, opt_join(play, 1, JOIN_SYNACK)));
	part.flags = 0;
	play_say(play, CLIENT, with(part, opt_join(play, 1, JOIN_ACK)));
	play_say(play, SERVER, with(part, opt_ack(play, SERVER, play->data_ack[SERVER])));
}

/* "reset that subflow" */
static uint32_t o7(struct play *play, bool wrong)
{
	struct part data;

	play_open_one(play);
	join_backup(play);
	play_say(play, CLIENT, (struct part){ .flags = TCP_RST });
	data = data_part(play, CLIENT, 1, 1000, 100);
	play_emit(play, CLIENT, data);
	data.option_count = 0;
	play_hear(play, SERVER, data);
	return play_say(play, SERVER,
		wrong ? (struct part){ .subflow = 1 } : reset_part(1, RESET_MIDDLEBOX));
}

TEST(o7_backup_without_options)
{
	struct play play;
	uint32_t packet;

	play_init(&play, 1, false);
	o7(&play, false);
	CHECK_HELD(&play, "O7");
	play_fini(&play);
	play_init(&play, 1, false);
	packet = o7(&play, true);
	CHECK_BROKEN(&play, "O7", SERVER, packet);
	play_fini(&play);
}

/* The peer's MP_FAIL had sent the connection back to TCP (F24) before the first bare data came. */
TEST(o7_after_mp_fail)
{
	unsigned int fails;

	for (fails = 0; fails < 2; fails++) {
		struct part data;
		struct play play;

		play_init(&play, 0, true);
		play_open_one(&play);
		join_backup(&play);
		play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
		play_data(&play, SERVER, 1, 0, 100);
		data = (struct part){ .subflow = 1 };
		if (fails)
			play_say(&play, CLIENT, with(data, opt_fail(&play, SERVER, 0)));
		play_say(&play, SERVER, with(data, opt_infinite(&play, SERVER, 1, 0)));
		data.payload = 100;
		data.offset = 1000;
		play_say(&play, CLIENT, data);
		data.payload = 0;
		play_say(&play, SERVER, data);
		CHECK_STATE(&play, "O7", fails ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "for MP_FAIL, the only remaining subflow counts as single if the stream is contiguous" */
static uint32_t o10(struct play *play, bool wrong)
{
	struct part bad;

	play_open_two(play);
	play_say(play, CLIENT, (struct part){ .flags = TCP_RST });
	bad = data_part(play, CLIENT, 1, 1000, 100);
	play_emit(play, CLIENT, bad);
	bad.spoil = true;
	play_hear(play, SERVER, bad);
	return play_say(play, SERVER,
		wrong ? with(reset_part(1, RESET_MIDDLEBOX), opt_fail(play, CLIENT, 1000))
		      : with((struct part){ .subflow = 1 }, opt_fail(play, CLIENT, 1000)));
}

TEST(o10_the_only_one_left)
{
	play_both("O10", 1, true, SERVER, o10);
}

/* "rejoin, else an error to the application within the connection timeout" */
static uint32_t o11(struct play *play, bool wrong)
{
	play_open_one(play);
	play->input.app[CLIENT].failed = play->input.app[SERVER].failed = !wrong;
	play->input.timed_out = wrong;
	return play_say(play, CLIENT, (struct part){ .flags = TCP_RST });
}

TEST(o11_none_left)
{
	play_both("O11", 1, false, CLIENT, o11);
}
