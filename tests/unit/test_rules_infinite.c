/* SPDX-License-Identifier: BSD-2-Clause */
/* F29 to F34, F63, F64: the infinite mapping, no way back, nothing lost; held and broken. */
#include "tests/unit/play.h"

/* A connection that has just fallen back: the client's infinite mapping at stream offset 1000. */
static uint32_t open_infinite(struct play *play)
{
	play_open_one(play);
	play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
	play_say(play, CLIENT, carrying(opt_fail(play, CLIENT, 1000)));
	return play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1000, 100),
			opt_infinite(play, CLIENT, 1001, 1000)));
}

/* "DSS with Data-Level Length 0, checksum field 0; from its subflow sequence number on, subflow
 * bytes map 1:1 for the rest of the connection" */
static uint32_t f29_checksum(struct play *play, bool wrong)
{
	struct mptcp_opt infinite;

	play_open_one(play);
	infinite = opt_infinite(play, CLIENT, 1001, 1000);
	infinite.dss.checksum = wrong ? 7 : 0;
	return play_say(play, CLIENT, with(bare_part(play, CLIENT, 0, 1000, 100), infinite));
}

static uint32_t f29_mapping_after(struct play *play, bool wrong)
{
	open_infinite(play);
	return play_say(play, CLIENT,
		either(wrong, data_part(play, CLIENT, 0, 1100, 100),
			bare_part(play, CLIENT, 0, 1100, 100)));
}

static uint32_t f29_moved(struct play *play, bool wrong)
{
	play_open_one(play);
	return play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1000, 100),
			opt_infinite(play, CLIENT, 501, wrong ? 600 : 500)));
}

TEST(f29_infinite_mapping)
{
	play_both("F29", 1, true, CLIENT, f29_checksum);
	play_both("F29", 1, true, CLIENT, f29_mapping_after);
	play_both("F29", 1, true, CLIENT, f29_moved);
	play_both("F33", 1, true, CLIENT, f29_mapping_after);
}

/* "after sending it, only subflow ACKs may free the send buffer" */
static uint32_t f30(struct play *play, bool wrong)
{
	uint32_t number;

	open_infinite(play);
	play_say(play, SERVER, (struct part){ .flags = 0 });
	number = play_emit(play, CLIENT, bare_part(play, CLIENT, 0, 1100, 100));
	if (!wrong) {
		play_hear(play, SERVER, (struct part){ .seq = 1101, .payload = 100 });
		play_say(play, SERVER, (struct part){ .flags = 0 });
	}
	play_wait(play, 30 * NSEC_PER_SEC);
	if (wrong)
		play_say(play, CLIENT, (struct part){ .flags = TCP_RST });
	return number;
}

TEST(f30_only_subflow_acks_free)
{
	play_both("F30", 1, true, CLIENT, f30);
}

/* "receiver SHOULD stop sending DATA_ACKs" */
static uint32_t f31(struct play *play, bool wrong)
{
	open_infinite(play);
	play->data_ack[SERVER] = 1100;
	return play_say(play, SERVER,
		wrong ? ack_part(play, SERVER, 0) : (struct part){ .flags = 0 });
}

TEST(f31_no_more_data_acks)
{
	play_both("F31", 1, true, SERVER, f31);
}

/* RFC 7323 5.3: what a packet with a newer timestamp has overtaken TCP may refuse. */
TEST(f31_overtaken)
{
	unsigned int overtaken;

	for (overtaken = 0; overtaken < 2; overtaken++) {
		struct part infinite = { .seq = 1101, .stamp = 10, .echo = 1 };
		struct part data = { .stamp = overtaken ? 12 : 10, .echo = 1 };
		struct play play;

		play_init(&play, 1, false);
		play_open(&play);
		play_exchange(&play, CLIENT, 0, 0, 1000);
		data.seq = 1001;
		data.offset = 1000;
		data.payload = 100;
		play_hear(&play, SERVER, data);
		infinite = with(infinite, opt_infinite(&play, CLIENT, 1001, 1000));
		play_hear(&play, SERVER, infinite);
		play_emit(&play, SERVER, ack_part(&play, SERVER, 0));
		CHECK_STATE(&play, "F31", overtaken ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* RFC 7323 5.3: who refused an MP_FAIL that was overtaken answers it with no other. */
TEST(f24_overtaken)
{
	unsigned int overtaken;

	for (overtaken = 0; overtaken < 2; overtaken++) {
		struct part fail = { .seq = 1, .ack = 1001, .stamp = 10, .echo = 1 };
		struct part ack = { .seq = 1, .ack = 1001, .stamp = overtaken ? 12 : 10 };
		struct play play;

		play_init(&play, 1, true);
		play_open(&play);
		play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 0, 1000));
		ack.echo = 1;
		play_hear(&play, CLIENT, with(ack, opt_ack(&play, SERVER, 0)));
		play_hear(&play, CLIENT, with(fail, opt_fail(&play, CLIENT, 0)));
		play_emit(&play, CLIENT, ack_part(&play, CLIENT, 0));
		play_wait(&play, 2 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F24", overtaken ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O12: what comes before the keys is not taken, an infinite mapping neither; F31 asks nothing. */
TEST(f31_infinite_before_the_keys)
{
	unsigned int early;

	for (early = 0; early < 2; early++) {
		struct part infinite = { .seq = 101 };
		struct play play;
		uint32_t packet;

		play_init(&play, 0, false);
		play_syns(&play);
		play_hear(&play, SERVER, data_part(&play, CLIENT, 0, 0, 100));
		infinite = with(infinite, opt_infinite(&play, CLIENT, 101, 100));
		if (early)
			play_hear(&play, SERVER, infinite);
		play_hear(&play, SERVER, with((struct part){ .seq = 1 }, opt_third(&play)));
		if (!early)
			play_hear(&play, SERVER, infinite);
		play_hear(&play, SERVER,
			with((struct part){ .payload = 100, .seq = 1 },
				opt_map(&play, CLIENT, 1, 0, 100)));
		play.data_ack[SERVER] = 100;
		packet = play_emit(&play, SERVER, carrying(opt_ack(&play, SERVER, 100)));
		if (early)
			CHECK_IDLE(&play, "F31");
		else
			CHECK_BROKEN(&play, "F31", SERVER, packet);
		play_fini(&play);
	}
}

/* "only one subflow may carry data; all others must be terminated" */
static uint32_t f32(struct play *play, bool wrong)
{
	play_open_two(play);
	play_exchange(play, CLIENT, 1, 1000, 100);
	play_say(play, CLIENT,
		with((struct part){ .subflow = 1, .flags = TCP_RST },
			opt_reset(RESET_UNSPECIFIED)));
	play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1100, 100),
			opt_infinite(play, CLIENT, 1001, 1100)));
	return play_say(play, CLIENT, bare_part(play, CLIENT, wrong ? 1 : 0, 1200, 100));
}

TEST(f32_one_subflow_only)
{
	play_both("F32", 1, true, CLIENT, f32);
}

/* "never back to MPTCP, no new subflows" */
static uint32_t f33(struct play *play, bool wrong)
{
	open_infinite(play);
	if (wrong)
		play_say(play, CLIENT,
			with((struct part){ .subflow = 1, .flags = TCP_SYN },
				opt_join(play, 1, JOIN_SYN)));
	return (uint32_t)play->tap[CLIENT].count;
}

TEST(f33_no_way_back)
{
	play_both("F33", 1, true, CLIENT, f33);
}

/*
 * F34: beside others it ended its subflow alone, and the connection may join again. So it may where
 * the mapping was answered by a reset at once: it was not taken.
 */
TEST(f33_infinite_beside_others)
{
	enum { TAKEN, BESIDE, REFUSED, CASES };
	unsigned int how;

	for (how = TAKEN; how < CASES; how++) {
		unsigned int beside = how == BESIDE;
		struct play play;
		uint32_t packet;

		play_init(&play, 1, false);
		play_open_one(&play);
		if (beside)
			play_join(&play, 1);
		play_hear(&play, CLIENT,
			with((struct part){ .subflow = beside },
				opt_infinite(&play, SERVER, 1, 0)));
		if (how != TAKEN)
			play_say(&play, CLIENT,
				with((struct part){ .subflow = beside, .flags = TCP_RST },
					opt_reset(RESET_MPTCP)));
		packet = play_say(&play, CLIENT,
			with((struct part){ .subflow = 2, .flags = TCP_SYN },
				opt_join(&play, 2, JOIN_SYN)));
		if (how != TAKEN)
			CHECK_IDLE(&play, "F33");
		else
			CHECK_BROKEN(&play, "F33", CLIENT, packet);
		play_fini(&play);
	}
}

/* O13: the newer SYN counts, and it was answered with MP_CAPABLE. */
TEST(f33_answered_anew)
{
	struct part syn = { .flags = TCP_SYN }, answer = { .flags = TCP_SYN | TCP_ACK };
	unsigned int anew;

	for (anew = 0; anew < 2; anew++) {
		struct mptcp_opt crypto_less;
		struct play play;

		play_init(&play, 1, false);
		crypto_less = opt_syn(&play);
		crypto_less.capable.flags = 0;
		play_hear(&play, SERVER, with(syn, crypto_less));
		play_emit(&play, SERVER, answer);
		if (anew) {
			play_hear(&play, SERVER, with(syn, opt_syn(&play)));
			play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		}
		play_hear(&play, SERVER, with((struct part){ .seq = 1 }, opt_third(&play)));
		play_emit(&play, SERVER, data_part(&play, SERVER, 0, 0, 100));
		CHECK_STATE(&play, "F33", anew ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "infinite mapping while other subflows live: receiver: reset that subflow" */
static uint32_t f34(struct play *play, bool wrong)
{
	uint32_t number;

	play_open_two(play);
	play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1000, 100),
			opt_infinite(play, CLIENT, 1001, 1000)));
	number = play_say(play, SERVER,
		either(wrong, (struct part){ .flags = 0 },
			with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MPTCP))));
	play_wait(play, 2 * NSEC_PER_SEC);
	/* Whatever ends it later makes it no better. */
	if (wrong)
		play_say(play, SERVER, (struct part){ .flags = TCP_RST });
	return number;
}

TEST(f34_infinite_beside_others)
{
	play_both("F34", 1, true, SERVER, f34);
}

/* "bytes accepted before the fallback are all sent on the surviving TCP subflow before its FIN" */
static uint32_t f63(struct play *play, bool wrong)
{
	uint32_t number;

	open_infinite(play);
	if (!wrong)
		play_say(play, CLIENT, bare_part(play, CLIENT, 0, 1100, 100));
	play_say(play, SERVER, (struct part){ .flags = 0 });
	number = play_say(play, CLIENT, (struct part){ .flags = TCP_FIN });
	play_say(play, SERVER, (struct part){ .flags = TCP_FIN });
	play_streams(play, 1200, wrong ? 1100 : 1200, 0, 0);
	return number;
}

TEST(f63_nothing_accepted_is_lost)
{
	play_both("F63", 0, true, CLIENT, f63);
	play_both("F63", 1, true, CLIENT, f63);
}

/* "otherwise the peer's data-level retransmissions enter the stream as new bytes" */
static uint32_t f64(struct play *play, bool wrong)
{
	struct part part;
	uint32_t number;

	play_open_one(play);
	part = data_part(play, CLIENT, 0, 1000, 100);
	play_emit(play, CLIENT, part);
	part.option_count = 0;
	play_hear(play, SERVER, part);
	number = (uint32_t)play->tap[SERVER].count;
	if (!wrong) {
		play_say(play, SERVER,
			with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MIDDLEBOX)));
		play_streams(play, 1100, 1000, 0, 0);
		play->input.app[SERVER].ended = false;
		return 0;
	}
	play_say(play, SERVER, (struct part){ .flags = 0 });
	part = data_part(play, CLIENT, 0, 1000, 100);
	play_emit(play, CLIENT, part);
	part.option_count = 0;
	play_hear(play, SERVER, part);
	play_streams(play, 1100, 1200, 0, 0);
	return number;
}

TEST(f64_one_sided_fallback)
{
	struct play play;

	play_init(&play, 1, false);
	CHECK_U64(f64(&play, true), 6);
	CHECK_BROKEN(&play, "F64", SERVER, 6);
	CHECK_OUTCOME(&play, "corrupt");
	play_fini(&play);
	/* Both revert: the client by F9, and it says so. */
	play_init(&play, 1, false);
	play_open(&play);
	play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 0, 100));
	play_hear(&play, SERVER, (struct part){ .seq = 1, .payload = 100 });
	play_say(&play, SERVER, (struct part){ .flags = 0 });
	play_say(&play, CLIENT,
		with(bare_part(&play, CLIENT, 0, 100, 100), opt_infinite(&play, CLIENT, 101, 100)));
	play_streams(&play, 200, 200, 0, 0);
	CHECK_HELD(&play, "F64");
	play_fini(&play);
}

/* The way of the server's data strips every DSS; the client tells so by ACKs without DATA_ACK. */
static void server_data_stripped(struct play *play, bool told)
{
	struct part part;

	play_open(play);
	play_say(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 100)));
	play->data_ack[SERVER] = 100;
	play_say(play, SERVER, ack_part(play, SERVER, 0));
	part = data_part(play, SERVER, 0, 0, 300);
	play_emit(play, SERVER, part);
	part.option_count = 0;
	play_hear(play, CLIENT, part);
	part = told ? (struct part){ .flags = 0 } : ack_part(play, CLIENT, 0);
	play_emit(play, CLIENT, part);
	part.option_count = 0;
	play_hear(play, SERVER, part);
	part = data_part(play, SERVER, 0, 0, 300);
	play_emit(play, SERVER, part);
	part.option_count = 0;
	play_hear(play, CLIENT, part);
	play_say(play, CLIENT, bare_part(play, CLIENT, 0, 100, 100));
	play_streams(play, 200, 200, 300, 600);
}

/* F9 made the server fall back at the client's bare ACK; it re-sent instead. */
TEST(f64_does_not_blame)
{
	struct play play;

	play_init(&play, 1, false);
	server_data_stripped(&play, true);
	CHECK_BROKEN(&play, "F9b", SERVER, 8);
	CHECK_HELD(&play, "F64");
	play_fini(&play);
	/* An ACK that the path made bare is no word of the client's. */
	play_init(&play, 1, false);
	server_data_stripped(&play, false);
	CHECK_BROKEN(&play, "F64", CLIENT, 6);
	play_fini(&play);
}
