/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rules_explored.c - wires that mbtest explore met and nobody had thought of: what a rule does
 * not ask of a host. Where it can, a test acts out the case next to it that is wrong, too.
 */
#include "tests/unit/play.h"

static struct mptcp_opt opt_data_fin(const struct play *play, enum end from, uint64_t offset)
{
	struct mptcp_opt fin = opt_map(play, from, 0, offset, 1);

	fin.dss.data_fin = true;
	fin.dss.checksum = checksum_finish(checksum_dss(fin.dss.dsn, 0, 1));
	return fin;
}

/* F9: "without DATA_ACK". Whatever else is on the ACK, or came before it, who falls back may. */
TEST(f8_acked_by_another_option_or_after_fin)
{
	unsigned int how;

	for (how = 0; how < 3; how++) {
		struct part ack = { .flags = 0 };
		struct play play;

		play_init(&play, 0, false);
		play_open(&play);
		play_data(&play, SERVER, 0, 0, 1000);
		if (how == 0)
			play_say(&play, CLIENT, with(ack, opt_third(&play)));
		ack.flags = how == 1 ? TCP_FIN : 0;
		if (how == 1)
			play_say(&play, CLIENT, ack);
		play_say(&play, SERVER, carrying(opt_infinite(&play, SERVER, 1, 0)));
		play_say(&play, SERVER, bare_part(&play, SERVER, 0, 1000, 100));
		CHECK_STATE(&play, "F8", how < 2 ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* 3.3.3: a bare DATA_FIN covers no data. Who ignores a spoilt one gets it again. */
TEST(f23_spoilt_data_fin)
{
	struct mptcp_opt fin;
	struct play play;

	play_init(&play, 1, true);
	play_open_one(&play);
	fin = opt_data_fin(&play, CLIENT, 1000);
	fin.dss.checksum ^= 1;
	play_say(&play, CLIENT, carrying(fin));
	play_wait(&play, 2 * NSEC_PER_SEC);
	play_data_ack(&play, SERVER, 0);
	CHECK_IDLE(&play, "F23");
	CHECK_SOUND(&play);
	play_fini(&play);
}

/* F52: the first mapping binds, so that a copy with another checksum fails nothing. */
TEST(f23_spoilt_copy)
{
	unsigned int split;

	for (split = 0; split < 2; split++) {
		struct part copy;
		struct play play;

		play_init(&play, 1, true);
		play_open_one(&play);
		if (!split)
			play_exchange(&play, CLIENT, 0, 1000, 1000);
		copy = bare_part(&play, CLIENT, 0, 1000, 1000);
		copy.seq = 1001;
		copy = with(copy, opt_map(&play, CLIENT, 1001, 1000, 1000));
		if (split) {
			copy.payload = 500;
			play_hear(&play, SERVER, copy);
			copy.seq += 500;
			copy.offset += 500;
		}
		copy.options[0].dss.checksum ^= 1;
		play_hear(&play, SERVER, copy);
		play.data_ack[SERVER] = 2000;
		play_wait(&play, 2 * NSEC_PER_SEC);
		play_data_ack(&play, SERVER, 0);
		CHECK_IDLE(&play, "F23");
		play_fini(&play);
	}
}

/* F4 is about the first data; here it is mapped, and what another segment brought is not (F49). */
TEST(f4_first_data_half_mapped)
{
	unsigned int mapped;

	for (mapped = 0; mapped < 2; mapped++) {
		struct play play;
		struct part part;

		play_init(&play, 0, false);
		play_open(&play);
		part = bare_part(&play, CLIENT, 0, 0, 1400);
		if (mapped)
			part = with(part, opt_map(&play, CLIENT, 1, 0, 1000));
		play_hear(&play, SERVER, part);
		play_wait(&play, 3 * NSEC_PER_SEC);
		play_emit(&play, SERVER, data_part(&play, SERVER, 0, 0, 100));
		CHECK_STATE(&play, "F4", mapped ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F25: with a hole before the failed mapping the only subflow is reset. */
TEST(f23_hole_before_the_failure)
{
	unsigned int hole;

	for (hole = 0; hole < 2; hole++) {
		struct play play;
		struct part bad;

		play_init(&play, 1, true);
		play_open(&play);
		play_exchange(&play, SERVER, 0, 0, 1000);
		if (hole)
			play_say(&play, SERVER, bare_part(&play, SERVER, 0, 1000, 500));
		bad = data_part(&play, SERVER, 0, hole ? 1500 : 1000, 500);
		bad.spoil = true;
		play_say(&play, SERVER, bad);
		play_emit(&play, CLIENT,
			with(with((struct part){ .flags = TCP_RST },
				     opt_fail(&play, SERVER, hole ? 1500 : 1000)),
				opt_reset(RESET_MIDDLEBOX)));
		play_wait(&play, 2 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F23", hole ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* One packet fills the gap in front of a mapping that fails, and what it completes comes first. */
TEST(f25_gap_before_the_failure)
{
	unsigned int gap;

	for (gap = 0; gap < 2; gap++) {
		struct part first, bad;
		struct play play;

		play_init(&play, 1, true);
		play_open(&play);
		play_exchange(&play, SERVER, 0, 0, 1000);
		play_join(&play, 1);
		play_hear(&play, CLIENT, (struct part){ .flags = TCP_RST });
		first = data_part(&play, SERVER, 1, 1000, 500);
		first.seq = 1;
		bad = with((struct part){ .subflow = 1,
				   .payload = 500,
				   .offset = 1500 + !gap * 500 },
			opt_map(&play, SERVER, 501, 1500 + !gap * 500, 500));
		bad.seq = 501;
		bad.spoil = true;
		play_hear(&play, CLIENT, bad);
		play_hear(&play, CLIENT, first);
		play_emit(&play, CLIENT,
			with((struct part){ .subflow = 1 }, opt_fail(&play, SERVER, 1500)));
		play_wait(&play, 2 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F25", gap ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F1: it was the second SYN that was answered, and that one had MP_CAPABLE. */
TEST(f1_option_comes_with_the_second_syn)
{
	unsigned int second;

	for (second = 0; second < 2; second++) {
		struct part syn = { .flags = TCP_SYN }, answer = { .flags = TCP_SYN | TCP_ACK };
		struct play play;

		play_init(&play, 1, false);
		play_hear(&play, SERVER, syn);
		play_emit(&play, SERVER, answer);
		if (second)
			play_hear(&play, SERVER, with(syn, opt_syn(&play)));
		play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		CHECK_STATE(&play, "F1", second ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O12, then F3: data with DSS before the keys, and then a packet with neither, which decides. */
TEST(f3_bare_packet_after_early_data)
{
	struct play play;

	play_init(&play, 0, false);
	play_syns(&play);
	play_hear(&play, SERVER, data_part(&play, CLIENT, 0, 0, 100));
	play_hear(&play, SERVER, (struct part){ .seq = 101 });
	play_emit(&play, SERVER, (struct part){ .payload = 100, .ack = 1 });
	CHECK_HELD(&play, "F3");
	CHECK_IDLE(&play, "O12");
	CHECK_SOUND(&play);
	play_fini(&play);
}

/* O9: which of two SYN/ACKs was answered nobody knows, nor how long a round trip takes. */
TEST(o9_round_trip_unknown)
{
	unsigned int known;

	for (known = 0; known < 2; known++) {
		struct part answer = { .flags = TCP_SYN | TCP_ACK }, fail = { .flags = 0 };
		struct play play;
		struct part bad;

		play_init(&play, 1, true);
		play_say(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
		play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		play_wait(&play, NSEC_PER_SEC);
		if (!known)
			play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		play_wait(&play, NSEC_PER_SEC);
		play_hear(&play, SERVER, carrying(opt_third(&play)));
		bad = data_part(&play, CLIENT, 0, 0, 500);
		bad.spoil = true;
		play_hear(&play, SERVER, bad);
		play_emit(&play, SERVER, with(fail, opt_fail(&play, CLIENT, 0)));
		play_wait(&play, NSEC_PER_SEC);
		play_emit(&play, SERVER, with(fail, opt_fail(&play, CLIENT, 0)));
		CHECK_STATE(&play, "O9", known ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* F54: a mapping that begins before the stream and reaches into it is not outside. */
TEST(f54_mapping_from_before_the_stream)
{
	struct mptcp_opt early;
	struct play play;

	play_init(&play, 1, false);
	play_open(&play);
	early = opt_map(&play, CLIENT, 1, 0, 1000);
	early.dss.dsn -= 500;
	play_say(&play, CLIENT, with(bare_part(&play, CLIENT, 0, 0, 1000), early));
	play.data_ack[SERVER] = 500;
	play_data_ack(&play, SERVER, 0);
	CHECK_IDLE(&play, "F54");
	CHECK_SOUND(&play);
	play_fini(&play);
}

/* O12: what came before the keys was not taken; a later copy was, and that one failed. */
TEST(f46_copy_of_what_came_before_the_keys)
{
	enum { BOTH_GOOD, SECOND_BAD, BOTH_BAD, CASES };
	unsigned int how;

	for (how = 0; how < CASES; how++) {
		struct play play;
		struct part part;

		play_init(&play, 0, true);
		play_syns(&play);
		part = data_part(&play, CLIENT, 0, 0, 100);
		part.seq = 1;
		part.options[0] = opt_map(&play, CLIENT, 1, 0, 100);
		part.spoil = how == BOTH_BAD;
		play_hear(&play, SERVER, part);
		play_hear(&play, SERVER, with((struct part){ .seq = 101 }, opt_third(&play)));
		part.spoil = how != BOTH_GOOD;
		play_hear(&play, SERVER, part);
		part = (struct part){ .flags = TCP_RST };
		play_emit(&play, SERVER, with(part, opt_fail(&play, CLIENT, 0)));
		CHECK_STATE(&play, "F46", how == BOTH_GOOD ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* O2: a DATA_ACK says nothing by its absence where one has come, ahead of the subflow's ACK. */
TEST(f9_data_ack_ahead_of_the_subflow)
{
	unsigned int ahead;

	for (ahead = 0; ahead < 2; ahead++) {
		struct part ack = { .ack = 1 };
		struct play play;
		uint32_t packet;

		play_init(&play, 0, false);
		play_open(&play);
		play_data(&play, CLIENT, 0, 0, 500);
		play_hear(&play, CLIENT, with(ack, opt_ack(&play, SERVER, ahead ? 500 : 0)));
		play_say(&play, SERVER, (struct part){ .flags = 0 });
		play_wait(&play, NSEC_PER_SEC);
		packet = play_data(&play, CLIENT, 0, 500, 500);
		if (ahead)
			CHECK_IDLE(&play, "F9");
		else
			CHECK_BROKEN(&play, "F9", CLIENT, packet);
		play_fini(&play);
	}
}

/* F52: a mapping that reaches back over bytes delivered under another has none to sum up. */
TEST(f23_mapping_over_delivered_bytes)
{
	unsigned int over;

	for (over = 0; over < 2; over++) {
		uint32_t back = over ? 200 : 0;
		struct play play;
		struct part part;

		play_init(&play, 1, true);
		play_open_one(&play);
		play_exchange(&play, CLIENT, 0, 1000, 1000);
		part = bare_part(&play, CLIENT, 0, 2000, 500);
		part = with(part, opt_map(&play, CLIENT, 2001 - back, 2000, 500));
		part.options[0].dss.checksum ^= 1;
		play_say(&play, CLIENT, part);
		play_wait(&play, 2 * NSEC_PER_SEC);
		play_data_ack(&play, SERVER, 0);
		CHECK_STATE(&play, "F23", over ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F4, F48: who leaves MPTCP at the first bare data may do so by sending its own again, bare. */
TEST(f48_left_before_the_mapping_came)
{
	unsigned int left;

	for (left = 0; left < 2; left++) {
		struct play play;
		struct part part;

		play_init(&play, 1, false);
		play_open(&play);
		play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 0, 500));
		play_hear(&play, CLIENT, (struct part){ .payload = 500 });
		part = (struct part){ .payload = 500, .offset = 500, .seq = 501 };
		play_hear(&play, CLIENT, with(part, opt_map(&play, SERVER, 1, 0, 1000)));
		play_emit(&play, CLIENT, (struct part){ .flags = 0 });
		play_wait(&play, 3 * NSEC_PER_SEC);
		if (left)
			play_emit(&play, CLIENT, (struct part){ .seq = 1, .payload = 500 });
		else
			play_data_ack(&play, CLIENT, 0);
		CHECK_STATE(&play, "F48", left ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/*
 * F4, F48: who still answers a stray with a DATA_ACK has not left MPTCP yet; who then acknowledges
 * bare, for good, has left: before the mapping came, or wrongly, with the mapping at hand.
 */
TEST(f48_left_after_a_stray)
{
	unsigned int had_mapping;

	for (had_mapping = 0; had_mapping < 2; had_mapping++) {
		struct part last = { .payload = 100, .offset = 900, .seq = 901 };
		struct play play;

		play_init(&play, 0, false);
		play_open(&play);
		play_exchange(&play, CLIENT, 0, 0, 100);
		play_hear(&play, CLIENT, (struct part){ .payload = 500 });
		play_emit(&play, CLIENT, ack_part(&play, CLIENT, 0));
		play_hear(&play, CLIENT,
			(struct part){ .payload = 400, .offset = 500, .seq = 501 });
		last = with(last, opt_map(&play, SERVER, 1, 0, 1000));
		if (had_mapping)
			play_hear(&play, CLIENT, last);
		play_emit(&play, CLIENT, (struct part){ .flags = 0 });
		if (!had_mapping)
			play_hear(&play, CLIENT, last);
		play_emit(&play, CLIENT, (struct part){ .flags = 0 });
		play_wait(&play, 3 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F48", had_mapping ? RULE_BROKEN : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

/* F51: in v1 a mapping that does not touch its segment is none; in v0 it may come with any. */
TEST(f48_mapping_beside_its_segment)
{
	unsigned int version;

	for (version = 0; version < 2; version++) {
		struct play play;
		struct part part;

		play_init(&play, (uint8_t)version, false);
		play_open(&play);
		play_exchange(&play, SERVER, 0, 0, 100);
		play_hear(&play, CLIENT,
			(struct part){ .payload = 500, .offset = 100, .seq = 101 });
		part = (struct part){ .payload = 500, .offset = 600, .seq = 601 };
		play_hear(&play, CLIENT, with(part, opt_map(&play, SERVER, 101, 100, 500)));
		play_wait(&play, 3 * NSEC_PER_SEC);
		play_data_ack(&play, CLIENT, 0);
		CHECK_STATE(&play, "F48", version ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F31: what an infinite mapping overtakes is DATA_ACKed no more. */
TEST(f48_infinite_mapping_behind)
{
	unsigned int infinite;

	for (infinite = 0; infinite < 2; infinite++) {
		struct part part = { .payload = 500, .offset = 600, .seq = 601 };
		struct play play;

		play_init(&play, 0, false);
		play_open(&play);
		play_exchange(&play, SERVER, 0, 0, 100);
		play_hear(&play, CLIENT,
			(struct part){ .payload = 500, .offset = 100, .seq = 101 });
		play_hear(&play, CLIENT, with(part, opt_map(&play, SERVER, 101, 100, 1000)));
		part = (struct part){ .payload = 500, .offset = 1100, .seq = 1101 };
		if (infinite)
			part = with(part, opt_infinite(&play, SERVER, 101, 100));
		play_hear(&play, CLIENT, part);
		play_wait(&play, 3 * NSEC_PER_SEC);
		play_emit(&play, CLIENT, (struct part){ .flags = 0 });
		CHECK_STATE(&play, "F48", infinite ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O2: the DATA_ACK of a mapping that the subflow acknowledged is missing, whatever is on its way.
 */
TEST(f46_data_acks_stopped_behind)
{
	unsigned int acked;

	for (acked = 0; acked < 2; acked++) {
		struct part ack = { .ack = 501 }, reset = { .flags = TCP_RST };
		struct play play;

		play_init(&play, 1, false);
		play_open(&play);
		play_data(&play, SERVER, 0, 0, 1000);
		play.next[0][SERVER] = 1;
		play_data(&play, SERVER, 0, 0, 1000);
		play.data_ack[CLIENT] = 1000;
		play_data(&play, CLIENT, 0, 0, 500);
		play_data(&play, CLIENT, 0, 500, 500);
		play_say(&play, SERVER, with(ack, opt_ack(&play, SERVER, acked ? 500 : 0)));
		play_say(&play, CLIENT, with(reset, opt_reset(RESET_MIDDLEBOX)));
		CHECK_STATE(&play, "F46", acked ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* F54: where the window lies the peer's key says; of two it is not known which one counts. */
TEST(f54_key_in_doubt)
{
	unsigned int doubt;

	for (doubt = 0; doubt < 2; doubt++) {
		struct part syn = { .flags = TCP_SYN }, answer = { .flags = TCP_SYN | TCP_ACK };
		struct mptcp_opt option;
		struct play play;

		play_init(&play, 0, false);
		option = opt_syn(&play);
		option.capable.sender_key ^= doubt;
		play_hear(&play, SERVER, with(syn, option));
		play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		play_hear(&play, SERVER, with(syn, opt_syn(&play)));
		play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		play_hear(&play, SERVER, carrying(opt_third(&play)));
		play.next[0][CLIENT] = 1;
		if (!doubt) {
			play_exchange(&play, CLIENT, 0, 0, 100);
			play.idsn[CLIENT] += (uint64_t)1 << 40;
		}
		play_data(&play, CLIENT, 0, doubt ? 0 : 100, 100);
		play_say(&play, SERVER,
			with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MIDDLEBOX)));
		CHECK_STATE(&play, "F54", doubt ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O12: a copy of data that came before the keys fails, and behind it is a byte that has no mapping.
 */
TEST(f49_failed_copy_of_early_data)
{
	unsigned int early;

	for (early = 0; early < 2; early++) {
		struct part part = { .seq = 1, .payload = 100, .spoil = early };
		struct part third = { .seq = 101 };
		struct play play;

		play_init(&play, 0, true);
		play_syns(&play);
		part = with(part, opt_map(&play, CLIENT, 1, 0, 98));
		if (early)
			play_hear(&play, SERVER, part);
		play_hear(&play, SERVER, with(third, opt_third(&play)));
		play_hear(&play, SERVER, part);
		part = (struct part){ .flags = 0 };
		play_emit(&play, SERVER, with(part, opt_fail(&play, CLIENT, 0)));
		CHECK_STATE(&play, "F49", early ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F14: a DSS without the checksum that was agreed on is reset, before or after DATA_ACKs stop. */
TEST(o2_checksum_missing)
{
	unsigned int missing;

	for (missing = 0; missing < 2; missing++) {
		struct part ack = { .ack = 501 }, reset = { .flags = TCP_RST };
		struct play play;

		play_init(&play, 0, true);
		play_open(&play);
		play_exchange(&play, CLIENT, 0, 0, 500);
		play_data(&play, CLIENT, 0, 500, 500);
		ack.ack = 1001;
		play_say(&play, SERVER, ack);
		play_data(&play, CLIENT, 0, 1000, 500);
		ack.ack = 1501;
		play_say(&play, SERVER, ack);
		play.checksum = !missing;
		play_data(&play, SERVER, 0, 0, 100);
		play_emit(&play, CLIENT, reset);
		CHECK_STATE(&play, "O2", missing ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F4 comes first where the first data is bare: a mapping behind it may fail unseen. */
TEST(f26_mapping_behind_bare_data)
{
	unsigned int bare;

	for (bare = 0; bare < 2; bare++) {
		uint32_t first = bare ? 50 : 0;
		struct play play;
		struct part part;

		play_init(&play, 1, true);
		play_open(&play);
		part = bare_part(&play, CLIENT, 0, 0, 100);
		part = with(part, opt_map(&play, CLIENT, 1 + first, first, 100 - first));
		part.options[0].dss.checksum ^= 1;
		play_hear(&play, SERVER, part);
		play_emit(&play, SERVER, data_part(&play, SERVER, 0, 0, 100));
		CHECK_STATE(&play, "F26", bare ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* Of the copies of a byte the first one counts, also where a later one spans more than it. */
TEST(f46_failed_before_a_late_copy)
{
	unsigned int spoilt;

	for (spoilt = 0; spoilt < 2; spoilt++) {
		struct part whole, bad, reset = reset_part(0, RESET_MIDDLEBOX);
		struct play play;

		play_init(&play, 1, true);
		play_open_two(&play);
		whole = data_part(&play, CLIENT, 0, 1000, 1000);
		bad = data_part(&play, CLIENT, 0, 2000, 100);
		bad.seq = 2001;
		bad.options[0] = opt_map(&play, CLIENT, 2001, 2000, 100);
		bad.spoil = spoilt;
		play_hear(&play, SERVER, bad);
		whole.payload = 900;
		play_hear(&play, SERVER, whole);
		whole.seq += 900;
		whole.offset += 900;
		whole.payload = 100;
		play_hear(&play, SERVER, whole);
		play_emit(&play, SERVER, with(reset, opt_fail(&play, CLIENT, 2000)));
		whole.seq -= 900;
		whole.offset -= 900;
		whole.payload = 1000;
		play_hear(&play, SERVER, whole);
		CHECK_STATE(&play, "F46", spoilt ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}
