/* SPDX-License-Identifier: BSD-2-Clause */
/* F8 to F12 and F15 to F20: each held and broken once. */
#include "tests/unit/play.h"

/* "until one sent segment is acked by a DSS with DATA_ACK: MUST put a DSS mapping (or v1
 * MP_CAPABLE+data) in every segment" */
static uint32_t f8(struct play *play, bool wrong)
{
	play_open(play);
	play_say(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 100)));
	return play_say(play, CLIENT,
		either(wrong, bare_part(play, CLIENT, 0, 100, 100),
			with(bare_part(play, CLIENT, 0, 100, 100),
				opt_map(play, CLIENT, 101, 100, 100))));
}

/* A DATA_ACK that covers nothing does not end it. */
static uint32_t f8_nothing_covered(struct play *play, bool wrong)
{
	play_open(play);
	play_say(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 200)));
	play_say(play, SERVER, ack_part(play, SERVER, 0));
	return play_say(play, CLIENT,
		either(wrong, bare_part(play, CLIENT, 0, 100, 100),
			with(bare_part(play, CLIENT, 0, 100, 100),
				opt_map(play, CLIENT, 1, 0, 200))));
}

TEST(f8_mapping_in_every_segment)
{
	play_both("F8", 1, false, CLIENT, f8);
	play_both("F8", 1, false, CLIENT, f8_nothing_covered);
}

/* The second segment came, the first did not: an ACK without option, which is O1's to judge. */
TEST(f8_after_a_bare_ack)
{
	unsigned int bare;

	for (bare = 0; bare < 2; bare++) {
		struct part answer = { .ack = 1 };
		struct play play;

		play_init(&play, 1, false);
		play_open(&play);
		play_emit(&play, CLIENT,
			with(bare_part(&play, CLIENT, 0, 0, 100), opt_first(&play, 100)));
		play_data(&play, CLIENT, 0, 100, 100);
		play_say(&play, SERVER, bare ? answer : with(answer, opt_ack(&play, SERVER, 0)));
		play_emit(&play, CLIENT, bare_part(&play, CLIENT, 0, 200, 100));
		CHECK_STATE(&play, "F8", bare ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* First data whose mapping comes with its second half: MAY be held, so leaving is no fault. */
TEST(f8_does_not_blame)
{
	struct play play;
	struct part part;

	play_init(&play, 1, false);
	play_open(&play);
	part = with(bare_part(&play, CLIENT, 0, 0, 200), opt_first(&play, 200));
	play_emit(&play, CLIENT, part);
	part.seq = 1;
	part.payload = 100;
	part.option_count = 0;
	play_hear(&play, SERVER, part);
	play_hear(&play, SERVER,
		with((struct part){ .seq = 101, .payload = 100, .offset = 100 },
			opt_first(&play, 200)));
	play_say(&play, SERVER, bare_part(&play, SERVER, 0, 0, 100));
	CHECK_TEXT(first_broken(&play), "none");
	play_fini(&play);
}

/*
 * "One subflow: after 3 such timeouts v0 falls back" (O2), with a mapping of length 0 and then no
 * options. Data that is not even acknowledged by the subflow is no reason.
 */
TEST(f8_where_data_acks_stop)
{
	unsigned int acked;

	for (acked = 0; acked < 2; acked++) {
		struct part part = { .flags = 0 };
		struct play play;

		play_init(&play, 0, false);
		play_open(&play);
		play_data(&play, CLIENT, 0, 0, 100);
		if (acked)
			play_say(&play, SERVER, ack_part(&play, SERVER, 0));
		play_emit(&play, CLIENT, with(part, opt_infinite(&play, CLIENT, 1, 0)));
		play_emit(&play, CLIENT, bare_part(&play, CLIENT, 0, 100, 100));
		CHECK_STATE(&play, "F8", acked ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* What it sends first after leaving is old data again, bare: the infinite mapping is for new ones.
 */
TEST(f8_old_data_after_leaving)
{
	enum { LEFT, STAYED, NOT_ACKED, CASES };
	unsigned int how;

	for (how = LEFT; how < CASES; how++) {
		struct part again = { .seq = 101, .payload = 100, .offset = 100 };
		struct play play;

		play_init(&play, 0, false);
		play_open(&play);
		play_data(&play, CLIENT, 0, 0, 100);
		play_data(&play, CLIENT, 0, 100, 100);
		if (how != NOT_ACKED)
			play_hear(&play, CLIENT,
				with((struct part){ .ack = 101 }, opt_ack(&play, SERVER, 0)));
		play_emit(&play, CLIENT, again);
		if (how == STAYED)
			play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 200, 100));
		CHECK_STATE(&play, "F8", how == LEFT ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "before a DSS was received over the first subflow: MUST NOT start new subflows" */
static uint32_t f8a(struct play *play, bool wrong)
{
	play_open(play);
	play_say(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 100)));
	if (!wrong)
		play_data_ack(play, SERVER, 0);
	play_join(play, 1);
	return 5;
}

TEST(f8a_no_join_before_a_dss)
{
	play_both("F8a", 1, false, CLIENT, f8a);
}

/* "ACK for data without DATA_ACK: MUST fall back; sends one final mapping of length 0
 * (infinite), then no options" */
static uint32_t f9a(struct play *play, bool wrong)
{
	play_open(play);
	play_strip(play, CLIENT, data_part(play, CLIENT, 0, 0, 100));
	play_say(play, SERVER, (struct part){ .flags = 0 });
	return play_say(play, CLIENT,
		either(wrong, data_part(play, CLIENT, 0, 100, 100),
			with(bare_part(play, CLIENT, 0, 100, 100),
				opt_infinite(play, CLIENT, 101, 100))));
}

/* Only the way back is stripped: the server still speaks MPTCP and has to be told. */
static uint32_t f9_without_telling(struct play *play, bool wrong)
{
	uint32_t number;

	play_open(play);
	play_data(play, CLIENT, 0, 0, 100);
	play->data_ack[SERVER] = 100;
	play_strip(play, SERVER, ack_part(play, SERVER, 0));
	play_strip(play, SERVER, ack_part(play, SERVER, 0));
	if (!wrong)
		play_say(play, CLIENT,
			with(bare_part(play, CLIENT, 0, 100, 100),
				opt_infinite(play, CLIENT, 101, 100)));
	number = play_say(play, CLIENT, bare_part(play, CLIENT, 0, wrong ? 100 : 200, 100));
	if (wrong)
		play_strip(play, SERVER, ack_part(play, SERVER, 0));
	return number;
}

/* "sender is B (A's MP_CAPABLE+data was received, B's data are acked without DATA_ACK)" */
static uint32_t f9b(struct play *play, bool wrong)
{
	play_open(play);
	play_say(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 100)));
	play->data_ack[SERVER] = 100;
	play_strip(play, SERVER, data_part(play, SERVER, 0, 0, 300));
	play_say(play, CLIENT, (struct part){ .flags = 0 });
	return play_say(play, SERVER,
		either(wrong, ack_part(play, SERVER, 0),
			with(bare_part(play, SERVER, 0, 300, 100),
				opt_infinite(play, SERVER, 301, 300))));
}

/* What came with a DATA_ACK before confirmed nothing: it covered nothing. */
static uint32_t f9_nothing_covered(struct play *play, bool wrong)
{
	play_open(play);
	play_say(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 200)));
	play_say(play, SERVER, ack_part(play, SERVER, 0));
	play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 100, 100), opt_map(play, CLIENT, 1, 0, 200)));
	play_say(play, SERVER, (struct part){ .flags = 0 });
	return play_say(play, CLIENT,
		either(wrong, data_part(play, CLIENT, 0, 200, 100),
			with(bare_part(play, CLIENT, 0, 200, 100),
				opt_infinite(play, CLIENT, 201, 200))));
}

TEST(f9_first_data_acked_bare)
{
	play_both("F9", 1, false, CLIENT, f9a);
	play_both("F9", 0, true, CLIENT, f9a);
	play_both("F9", 1, false, CLIENT, f9_without_telling);
	play_both("F9", 1, false, CLIENT, f9_nothing_covered);
	play_both("F9a", 1, true, CLIENT, f9a);
	play_both("F9b", 1, false, SERVER, f9b);
}

/* "data is acked at subflow level, not DATA_ACKed" */
static uint32_t f10(struct play *play, bool wrong)
{
	play_open(play);
	play_strip(play, CLIENT, data_part(play, CLIENT, 0, 0, 100));
	play->data_ack[SERVER] = wrong ? 100 : 0;
	return play_say(play, SERVER,
		wrong ? ack_part(play, SERVER, 0) : (struct part){ .flags = 0 });
}

TEST(f10_unmapped_first_data)
{
	play_both("F10", 1, false, SERVER, f10);
}

/* "the same on an MP_JOIN subflow: MUST reset the subflow" */
static uint32_t f11(struct play *play, bool wrong)
{
	play_open_two(play);
	play_say(play, CLIENT, data_part(play, CLIENT, 1, 1000, 100));
	play_strip(play, SERVER, ack_part(play, SERVER, 1));
	return play_say(play, CLIENT,
		either(wrong, data_part(play, CLIENT, 1, 1100, 100),
			with((struct part){ .subflow = 1, .flags = TCP_RST },
				opt_reset(RESET_MIDDLEBOX))));
}

TEST(f11_joined_subflow_acked_bare)
{
	play_both("F11", 0, false, CLIENT, f11);
	play_both("F11", 1, true, CLIENT, f11);
}

/* O10: with MP_FAIL on the only subflow left the connection goes on as TCP, joined or not. */
TEST(f11_after_mp_fail)
{
	unsigned int alone;

	for (alone = 0; alone < 2; alone++) {
		struct part fail = { .subflow = 1, .ack = 1 };
		struct play play;

		play_init(&play, 0, true);
		play_open_two(&play);
		if (alone)
			play_say(&play, SERVER, (struct part){ .flags = TCP_RST });
		play_data(&play, CLIENT, 1, 1000, 100);
		play_hear(&play, CLIENT, with(fail, opt_fail(&play, CLIENT, 1000)));
		play_hear(&play, CLIENT, (struct part){ .subflow = 1, .ack = 101 });
		play_emit(&play, CLIENT, bare_part(&play, CLIENT, 1, 1000, 100));
		CHECK_STATE(&play, "F11", alone ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "lost options on data of any non-first subflow: not DATA_ACKed" */
static uint32_t f12(struct play *play, bool wrong)
{
	play_open_two(play);
	play_strip(play, CLIENT, data_part(play, CLIENT, 1, 1000, 100));
	play->data_ack[SERVER] = wrong ? 1100 : 1000;
	return play_say(play, SERVER, ack_part(play, SERVER, 1));
}

TEST(f12_unmapped_data_on_a_join)
{
	play_both("F12", 0, false, SERVER, f12);
}

/* "mappings stop arriving, >= 2 subflows: SHOULD reset that subflow; data is re-sent elsewhere" */
static uint32_t f15(struct play *play, bool wrong)
{
	uint32_t number;

	play_open_two(play);
	play_strip(play, CLIENT, data_part(play, CLIENT, 0, 1000, 100));
	number = (uint32_t)play->tap[SERVER].count;
	play_say(play, SERVER, with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MIDDLEBOX)));
	play_exchange(play, CLIENT, 1, 1000, 100);
	play_streams(play, 1100, wrong ? 1200 : 1100, 0, 0);
	play->input.app[SERVER].ended = wrong;
	return number;
}

/*
 * Two segments made one with one mapping: bytes outside it, taken for the stream's, were in their
 * right place. Reset the subflow was; what is to be said is that they were DATA_ACKed.
 */
TEST(f15_reset_but_data_acked)
{
	unsigned int said;

	for (said = 0; said < 2; said++) {
		struct part joined;
		struct play play;
		uint32_t packet;

		play_init(&play, 1, false);
		play_open_two(&play);
		joined = bare_part(&play, CLIENT, 0, 1000, 200);
		joined = with(joined, opt_map(&play, CLIENT, joined.seq, 1000, 100));
		play_emit(&play, CLIENT, joined);
		play_hear(&play, SERVER, joined);
		play_say(&play, SERVER, (struct part){ .flags = TCP_RST });
		play.data_ack[SERVER] = said ? 1200 : 1100;
		packet = play_data_ack(&play, SERVER, 1);
		play_streams(&play, 1200, 1200, 0, 0);
		if (said)
			CHECK_BROKEN(&play, "F15", SERVER, packet);
		else
			CHECK_HELD(&play, "F15");
		CHECK_STATE(&play, "F53", RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

TEST(f15_mappings_stop_on_one_of_two)
{
	play_both("F15", 1, false, SERVER, f15);
}

/* "only one subflow left or ever: treat as broken, reset. Fallback is not allowed here" */
static uint32_t f16(struct play *play, bool wrong)
{
	play_open_one(play);
	play_strip(play, CLIENT, data_part(play, CLIENT, 0, 1000, 100));
	if (!wrong) {
		play_say(play, SERVER,
			with((struct part){ .flags = TCP_RST, .window = 100 },
				opt_reset(RESET_MIDDLEBOX)));
		play_streams(play, 1100, 1000, 0, 0);
		play->input.app[SERVER].ended = false;
		return 0;
	}
	return play_say(play, SERVER, bare_part(play, SERVER, 0, 0, 100));
}

/* The same without a word: the application simply gets the bytes. */
static uint32_t f16_delivered(struct play *play, bool wrong)
{
	play_open_one(play);
	play_strip(play, CLIENT, data_part(play, CLIENT, 0, 1000, 100));
	play_streams(play, 1100, wrong ? 1100 : 1000, 0, 0);
	play->input.app[SERVER].ended = wrong;
	return (uint32_t)play->tap[SERVER].count;
}

TEST(f16_mappings_stop_on_the_only_subflow)
{
	play_both("F16", 1, false, SERVER, f16);
	play_both("F16", 0, true, SERVER, f16);
	play_both("F16", 1, false, SERVER, f16_delivered);
}

/* v0, O2: the DATA_ACKs for its own data repeat an old number: who leaves for that takes all. */
TEST(f16_where_data_acks_stand_still)
{
	unsigned int stand;

	for (stand = 0; stand < 2; stand++) {
		struct play play;

		play_init(&play, 0, false);
		play_open_one(&play);
		play_exchange(&play, SERVER, 0, 0, 100);
		play_data(&play, SERVER, 0, 100, 400);
		play.data_ack[CLIENT] = stand ? 100 : 500;
		play_data_ack(&play, CLIENT, 0);
		play_strip(&play, CLIENT, data_part(&play, CLIENT, 0, 1000, 100));
		play_wait(&play, 3 * NSEC_PER_SEC);
		play_say(&play, SERVER,
			with(bare_part(&play, SERVER, 0, 500, 100),
				opt_infinite(&play, SERVER, 1, 0)));
		play_streams(&play, 1100, 1100, 600, 600);
		CHECK_STATE(&play, "F16", stand ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* The infinite mapping comes with a copy of old data: who holds bytes for it may take it. */
TEST(f16_infinite_mapping_on_old_data)
{
	unsigned int infinite;

	for (infinite = 0; infinite < 2; infinite++) {
		struct play play;
		struct part old;

		play_init(&play, 1, false);
		play_open(&play);
		play_exchange(&play, CLIENT, 0, 0, 1000);
		play_strip(&play, CLIENT, data_part(&play, CLIENT, 0, 1000, 100));
		play_say(&play, SERVER, ack_part(&play, SERVER, 0));
		old = (struct part){ .seq = 501, .offset = 500, .payload = 500 };
		if (infinite)
			old = with(old, opt_infinite(&play, CLIENT, 1, 0));
		old.options[0].dss.has_ack = false;
		play_say(&play, CLIENT, old);
		play_streams(&play, 1100, 1100, 0, 0);
		CHECK_STATE(&play, "F16", infinite ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* A mapping that comes late still counts (F48), and E5 may fall back: nothing was confirmed. */
TEST(f16_does_not_blame)
{
	struct play play;

	play_init(&play, 1, false);
	play_open_one(&play);
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 1000, 100));
	play_say(&play, CLIENT,
		with(bare_part(&play, CLIENT, 0, 1100, 100),
			opt_map(&play, CLIENT, 1001, 1000, 200)));
	play_streams(&play, 1200, 1200, 0, 0);
	CHECK_IDLE(&play, "F16");
	play_fini(&play);

	play_init(&play, 1, false);
	play_open(&play);
	play_exchange(&play, CLIENT, 0, 0, 500);
	play_strip(&play, SERVER, data_part(&play, SERVER, 0, 0, 1000));
	play_say(&play, CLIENT, (struct part){ .flags = 0 });
	play_say(&play, CLIENT,
		with(bare_part(&play, CLIENT, 0, 500, 100), opt_infinite(&play, CLIENT, 501, 500)));
	play_streams(&play, 600, 600, 1000, 1000);
	CHECK_IDLE(&play, "F16");
	CHECK_HELD(&play, "F10");
	CHECK_SOUND(&play);
	play_fini(&play);
}

/* "DATA_ACKs stop, >= 2 subflows: connection-level retransmission, re-send elsewhere" */
static uint32_t f17(struct play *play, bool wrong)
{
	uint32_t number = 0;
	unsigned int i;

	play_open_two(play);
	for (i = 0; i < 3; i++) {
		play_say(play, CLIENT, data_part(play, CLIENT, 0, 1000 + 100 * i, 100));
		play_strip(play, SERVER, (struct part){ .flags = 0 });
		number = number == 0 ? (uint32_t)play->tap[CLIENT].count : number;
	}
	play_wait(play, 2 * NSEC_PER_SEC);
	if (!wrong)
		play_exchange(play, CLIENT, 1, 1000, 300);
	play_wait(play, 11 * NSEC_PER_SEC);
	return number;
}

TEST(f17_data_acks_stop_on_one_of_two)
{
	play_both("F17", 1, false, CLIENT, f17);
}

/* "no explicit rule": it is noted, nothing can break it. */
TEST(f18_data_acks_stop_on_the_only_subflow)
{
	struct play play;
	unsigned int i;

	play_init(&play, 1, false);
	play_open_one(&play);
	CHECK_IDLE(&play, "F18");
	for (i = 0; i < 2; i++) {
		play_say(&play, CLIENT, data_part(&play, CLIENT, 0, 1000 + 100 * i, 100));
		play_strip(&play, SERVER, (struct part){ .flags = 0 });
	}
	CHECK_HELD(&play, "F18");
	CHECK_HELD(&play, "O2");
	play_fini(&play);
}

/* "some mappings lost but all subflow bytes stay covered: connection goes on" */
static uint32_t f19(struct play *play, bool wrong)
{
	struct part part;

	play_open_one(play);
	part = with(bare_part(play, CLIENT, 0, 1000, 100), opt_map(play, CLIENT, 1001, 1000, 200));
	play_say(play, CLIENT, part);
	part.seq = 1101;
	part.offset = 1100;
	play_strip(play, CLIENT, part);
	play->data_ack[SERVER] = 1200;
	return play_say(play, SERVER,
		either(wrong, with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MIDDLEBOX)),
			ack_part(play, SERVER, 0)));
}

TEST(f19_some_mappings_lost)
{
	play_both("F19", 1, false, SERVER, f19);
}

/* "some DATA_ACKs lost: survives, slower" */
static uint32_t f20(struct play *play, bool wrong)
{
	play_open_one(play);
	play_data(play, CLIENT, 0, 1000, 100);
	play->data_ack[SERVER] = 1100;
	play_strip(play, SERVER, ack_part(play, SERVER, 0));
	play_exchange(play, CLIENT, 0, 1100, 100);
	return play_say(play, CLIENT,
		either(wrong, with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MIDDLEBOX)),
			data_part(play, CLIENT, 0, 1200, 100)));
}

TEST(f20_some_data_acks_lost)
{
	play_both("F20", 1, false, CLIENT, f20);
}

/* All bytes are acknowledged, the last never DATA_ACKed: that a DATA_ACK came is no excuse (O2). */
TEST(f20_is_not_for_data_acks_that_stand_still)
{
	struct play play;

	play_init(&play, 1, false);
	play_open_one(&play);
	play_data(&play, CLIENT, 0, 1000, 100);
	play_strip(&play, SERVER, ack_part(&play, SERVER, 0));
	play_data_ack(&play, SERVER, 0);
	play_say(&play, CLIENT,
		with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MIDDLEBOX)));
	CHECK_IDLE(&play, "F20");
	play_fini(&play);
}
