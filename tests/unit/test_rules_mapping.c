/* SPDX-License-Identifier: BSD-2-Clause */
/* F45 to F56: each held and broken once. */
#include "tests/unit/play.h"

/* What a server does that finds fault, or not. */
static uint32_t answer(struct play *play, bool wrong, uint64_t upto)
{
	play->data_ack[SERVER] = upto;
	return play_say(play, SERVER,
		wrong ? reset_part(0, RESET_MIDDLEBOX) : ack_part(play, SERVER, 0));
}

/* "mapping longer than the segment, rest in following segments without DSS: legal" */
static uint32_t f45(struct play *play, bool wrong)
{
	play_open_one(play);
	play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1000, 100),
			opt_map(play, CLIENT, 1001, 1000, 200)));
	play_say(play, CLIENT, bare_part(play, CLIENT, 0, 1100, 100));
	return answer(play, wrong, 1200);
}

TEST(f45_mapping_over_two_segments)
{
	play_both("F45", 0, true, SERVER, f45);
	play_both("F45", 1, false, SERVER, f45);
}

/* A segment of 200 bytes of which a box makes two, that keep its options or do not. */
static void split(struct play *play, bool first_keeps, bool last_keeps)
{
	struct part half = data_part(play, CLIENT, 0, 1000, 200);

	play_emit(play, CLIENT, half);
	half.payload = 100;
	play_hear(play, SERVER, first_keeps ? half : stripped(half));
	half.offset += 100;
	half.seq += 100;
	play_hear(play, SERVER, last_keeps ? half : stripped(half));
}

/* "segment split, DSS copied on all parts: identical duplicate mapping must be accepted" */
static uint32_t f46(struct play *play, bool wrong)
{
	play_open_one(play);
	split(play, true, true);
	return answer(play, wrong, 1200);
}

TEST(f46_copied_mapping)
{
	play_both("F46", 1, true, SERVER, f46);
}

/* A mapping on an empty packet touches nothing (F51): what it names may be reset for. */
TEST(f46_mapping_on_an_empty_packet)
{
	unsigned int stray;

	for (stray = 0; stray < 2; stray++) {
		struct part copy, reset = { .flags = TCP_RST };
		struct mptcp_opt fin;
		struct play play;

		play_init(&play, 1, false);
		play_open_one(&play);
		copy = data_part(&play, CLIENT, 0, 1000, 100);
		play_say(&play, CLIENT, copy);
		play_say(&play, CLIENT, copy);
		play.data_ack[SERVER] = 1100;
		play_data_ack(&play, SERVER, 0);
		fin = opt_map(&play, CLIENT, 0, 1100, 1500);
		fin.dss.data_fin = true;
		if (stray)
			play_say(&play, CLIENT, with((struct part){ .flags = 0 }, fin));
		play_say(&play, SERVER, with(reset, opt_reset(RESET_MIDDLEBOX)));
		CHECK_STATE(&play, "F46", stray ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O2: its own data lacked DATA_ACKs when it reset, whatever another subflow brought afterwards. */
TEST(f46_data_acks_missing_at_the_reset)
{
	unsigned int missing;

	for (missing = 0; missing < 2; missing++) {
		struct part copy;
		struct play play;

		play_init(&play, 1, false);
		play_open_one(&play);
		play_exchange(&play, SERVER, 0, 0, 1000);
		copy = data_part(&play, CLIENT, 0, 1000, 100);
		play_say(&play, CLIENT, copy);
		play_say(&play, CLIENT, copy);
		play.data_ack[SERVER] = 1100;
		play_data(&play, SERVER, 0, 1000, 500);
		play.data_ack[CLIENT] = missing ? 1000 : 1500;
		play_data_ack(&play, CLIENT, 0);
		play_say(&play, SERVER, reset_part(0, RESET_MIDDLEBOX));
		play_join(&play, 1);
		play_exchange(&play, SERVER, 1, 1000, 500);
		CHECK_STATE(&play, "F46", missing ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "segment split, DSS on the first part only: legal" */
static uint32_t f47(struct play *play, bool wrong)
{
	play_open_one(play);
	split(play, true, false);
	return answer(play, wrong, 1200);
}

TEST(f47_mapping_on_the_first_part)
{
	play_both("F47", 1, true, SERVER, f47);
}

/* "segment split, DSS on the last part only: MAY be held until the mapping comes" */
static uint32_t f48(struct play *play, bool wrong)
{
	play_open_one(play);
	split(play, false, true);
	play->data_ack[SERVER] = wrong ? 1300 : 1200;
	return play_say(play, SERVER, ack_part(play, SERVER, 0));
}

TEST(f48_mapping_on_the_last_part)
{
	play_both("F48", 1, true, SERVER, f48);
}

/*
 * F52, O15: bytes that had a mapping keep it; a late one that says otherwise is not F48's. Nor is
 * one that lies wholly before its segment (F51), or has a checksum that was not agreed on (F13).
 */
TEST(f48_second_mapping_or_fallback)
{
	enum { LATE, SECOND, BEFORE, LEFT, MISFIT, CASES };
	unsigned int how;

	for (how = LATE; how < CASES; how++) {
		struct part first, last;
		struct play play;

		play_init(&play, 1, false);
		play_open_one(&play);
		if (how == SECOND)
			play_exchange(&play, CLIENT, 0, 1000, 100);
		first = bare_part(&play, CLIENT, 0, how == SECOND ? 1100 : 1000, 100);
		play_hear(&play, SERVER, first);
		last = first;
		last.seq += 100;
		last.offset += 100;
		last = with(last,
			opt_map(&play, CLIENT, how == SECOND ? 1051 : first.seq, first.offset,
				how == BEFORE ? 100 : 200));
		last.options[0].dss.has_checksum = how == MISFIT;
		play_hear(&play, SERVER, last);
		if (how == LEFT)
			play_say(&play, SERVER,
				with(bare_part(&play, SERVER, 0, 0, 100),
					opt_infinite(&play, SERVER, 1, 0)));
		play_wait(&play, 3 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F48",
			how == LATE           ? RULE_BROKEN
				: how == LEFT ? RULE_HELD
					      : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

/* F7e: first data numbered far from its key may be the key's fault, not a window's (F54). */
TEST(f54_first_data_far_from_the_key)
{
	struct part part;
	struct play play;

	play_init(&play, 0, false);
	play_open(&play);
	part = data_part(&play, CLIENT, 0, 0, 100);
	part.options[0].dss.dsn += (uint64_t)1 << 40;
	play_hear(&play, SERVER, part);
	play_say(&play, SERVER,
		with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MIDDLEBOX)));
	CHECK_IDLE(&play, "F54");
	play_fini(&play);
}

/* "two segments coalesced, one of two DSS lost: unmapped; not a checksum failure" */
static uint32_t f49(struct play *play, bool wrong)
{
	struct part first, second;

	play_open_one(play);
	first = data_part(play, CLIENT, 0, 1000, 100);
	play_emit(play, CLIENT, first);
	second = data_part(play, CLIENT, 0, 1100, 100);
	play_emit(play, CLIENT, second);
	first.payload = 200;
	play_hear(play, SERVER, first);
	return play_say(play, SERVER,
		either(wrong, carrying(opt_fail(play, CLIENT, 1000)), (struct part){ .flags = 0 }));
}

TEST(f49_coalesced_one_mapping_lost)
{
	play_both("F49", 1, true, SERVER, f49);
}

static struct mptcp_opt narrow(struct mptcp_opt opt)
{
	opt.dss.has_ack = false;
	opt.dss.dsn_wide = false;
	opt.dss.dsn &= UINT32_MAX;
	return opt;
}

/* "two segments coalesced, both DSS kept: both apply" (32-bit fields) */
static uint32_t f50(struct play *play, bool wrong)
{
	struct part part;

	play_open_one(play);
	play_emit(play, CLIENT, data_part(play, CLIENT, 0, 1000, 100));
	play_emit(play, CLIENT, data_part(play, CLIENT, 0, 1100, 100));
	part = with(bare_part(play, CLIENT, 0, 1000, 200),
		narrow(opt_map(play, CLIENT, 1001, 1000, 100)));
	part.seq = 1001;
	part = with(part, narrow(opt_map(play, CLIENT, 1101, 1100, 100)));
	play_hear(play, SERVER, part);
	return answer(play, wrong, 1200);
}

/* F14: without the checksums agreed on they end the subflow, and need not be taken. */
TEST(f50_without_checksums)
{
	unsigned int lack, i;

	for (lack = 0; lack < 2; lack++) {
		struct part part;
		struct play play;

		play_init(&play, 0, true);
		play_open_one(&play);
		part = with(bare_part(&play, CLIENT, 0, 1000, 200),
			narrow(opt_map(&play, CLIENT, 1001, 1000, 100)));
		part = with(part, narrow(opt_map(&play, CLIENT, 1101, 1100, 100)));
		for (i = 0; i < 2; i++)
			part.options[i].dss.has_checksum = !lack;
		play_say(&play, CLIENT, part);
		play_wait(&play, 20 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F50", lack ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

TEST(f50_coalesced_both_mappings)
{
	struct play play;

	play_both("F50", 1, true, SERVER, f50);
	play_init(&play, 1, true);
	f50(&play, false);
	play_streams(&play, 1200, 1200, 0, 0);
	CHECK_IDLE(&play, "F16");
	CHECK_HELD(&play, "O15");
	play_fini(&play);
}

/* "mapping starts before/after the segment, no overlap: v1: sender MUST NOT" */
static uint32_t f51(struct play *play, bool wrong)
{
	struct part part;

	play_open_one(play);
	/* On the way a box put the mapping of another segment there: that is not the sender's. */
	part = data_part(play, CLIENT, 0, 1000, 100);
	play_emit(play, CLIENT, part);
	part.options[0].dss.ssn += 5000;
	play_hear(play, SERVER, part);
	if (!wrong)
		return 0;
	return play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1100, 100),
			opt_map(play, CLIENT, 1301, 1300, 100)));
}

TEST(f51_mapping_beside_its_segment)
{
	play_both("F51", 1, false, CLIENT, f51);
}

/* "sender MUST NOT change a declared mapping" */
static uint32_t f52(struct play *play, bool wrong)
{
	struct part part;

	play_open_one(play);
	part = data_part(play, CLIENT, 0, 1000, 100);
	play_say(play, CLIENT, part);
	part.options[0].dss.dsn += 4;
	if (wrong)
		return play_emit(play, CLIENT, part);
	return play_hear(play, SERVER, part);
}

TEST(f52_mapping_declared_anew)
{
	play_both("F52", 1, false, CLIENT, f52);
}

/* "same DSN on two subflows: first received wins, later SHOULD be ignored" */
static uint32_t f53(struct play *play, bool wrong)
{
	play_open_one(play);
	play_join(play, 1);
	play_data(play, CLIENT, 0, 1000, 100);
	play_data(play, CLIENT, 1, 1000, 100);
	play_streams(play, 1100, wrong ? 1200 : 1100, 0, 0);
	return (uint32_t)play->tap[SERVER].count;
}

TEST(f53_same_data_twice)
{
	play_both("F53", 1, false, SERVER, f53);
}

/* More was delivered than came mapped, and none of it twice: it came unmapped, on the join. */
TEST(f53_beside_unmapped_bytes)
{
	unsigned int whole;

	for (whole = 0; whole < 2; whole++) {
		struct part joined;
		struct play play;

		play_init(&play, 1, false);
		play_open_two(&play);
		play_data(&play, CLIENT, 0, 1000, 100);
		play_data(&play, CLIENT, 1, 1000, 100);
		joined = bare_part(&play, CLIENT, 1, 1100, 200);
		joined = with(joined, opt_map(&play, CLIENT, joined.seq, 1100, 100));
		play_say(&play, CLIENT, joined);
		play_streams(&play, whole ? 1300 : 1200, 1300, 0, 0);
		CHECK_STATE(&play, "F53", whole ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "DSN outside the window: drop, send no DATA_ACK; no reset" */
static uint32_t f54(struct play *play, bool wrong)
{
	struct part part;

	play_open_one(play);
	part = data_part(play, CLIENT, 0, 1000, 100);
	play_emit(play, CLIENT, part);
	part.options[0].dss.dsn += (uint64_t)1 << 36;
	play_hear(play, SERVER, part);
	return answer(play, wrong, 1000);
}

TEST(f54_outside_the_window)
{
	play_both("F54", 1, false, SERVER, f54);
}

/* "MUST still be retransmitted on the original subflow with the original mapping" */
static uint32_t f55(struct play *play, bool wrong)
{
	struct part lost;
	uint32_t number;

	play_open_one(play);
	play_join(play, 1);
	lost = data_part(play, CLIENT, 0, 1000, 100);
	number = play_emit(play, CLIENT, lost);
	play_wait(play, NSEC_PER_SEC);
	play_exchange(play, CLIENT, 1, 1000, 100);
	if (!wrong) {
		play_say(play, CLIENT, lost);
		play_data_ack(play, SERVER, 0);
	}
	play_wait(play, 20 * NSEC_PER_SEC);
	if (wrong)
		play_say(play, CLIENT, (struct part){ .flags = TCP_RST });
	return number;
}

/* Timers double: who sends again after one, three and seven seconds has not forgotten. */
TEST(f55_timers_double)
{
	struct part lost;
	struct play play;
	unsigned int i;

	play_init(&play, 1, false);
	play_open_one(&play);
	play_join(&play, 1);
	lost = data_part(&play, CLIENT, 0, 1000, 100);
	play_emit(&play, CLIENT, lost);
	play_exchange(&play, CLIENT, 1, 1000, 100);
	for (i = 0; i < 4; i++) {
		play_wait(&play, NSEC_PER_SEC << i);
		play_emit(&play, CLIENT, lost);
	}
	play_wait(&play, 16 * NSEC_PER_SEC);
	CHECK_HELD(&play, "F55");
	play_fini(&play);
}

TEST(f55_still_owed_to_its_subflow)
{
	play_both("F55", 1, false, CLIENT, f55);
}

/* "RST closes only its subflow; connection stays at data level" */
static uint32_t f56(struct play *play, bool wrong)
{
	play_open_one(play);
	play_join(play, 1);
	play_exchange(play, CLIENT, 1, 1000, 100);
	play_hear(play, CLIENT, (struct part){ .subflow = 1, .flags = TCP_RST, .seq = 1 });
	if (wrong)
		return play_say(play, CLIENT, reset_part(0, RESET_UNSPECIFIED));
	play_exchange(play, CLIENT, 0, 1100, 100);
	return 0;
}

TEST(f56_reset_ends_its_subflow_only)
{
	play_both("F56", 1, false, CLIENT, f56);
}

/* The other had its own reason: the stream ended in the midst of a mapping. */
TEST(f56_cut_short)
{
	unsigned int cut;

	for (cut = 0; cut < 2; cut++) {
		struct play play;
		struct part part;

		play_init(&play, 0, false);
		play_open_one(&play);
		play_join(&play, 1);
		part = with(bare_part(&play, SERVER, 0, 0, 50), opt_map(&play, SERVER, 1, 0, 100));
		part.payload = cut ? 50 : 100;
		play_say(&play, SERVER, part);
		play_hear(&play, CLIENT, (struct part){ .subflow = 1, .flags = TCP_RST, .seq = 1 });
		play_say(&play, SERVER, (struct part){ .flags = TCP_FIN });
		play_say(&play, CLIENT, (struct part){ .flags = TCP_RST });
		CHECK_STATE(&play, "F56", cut ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}
