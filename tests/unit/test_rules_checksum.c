/* SPDX-License-Identifier: BSD-2-Clause */
/* F13, F14, F21 to F28: each held and broken once. */
#include "tests/unit/play.h"

/* Client data that a box changes on the way. */
static void play_spoilt(struct play *play, unsigned int subflow, uint64_t offset, uint32_t length)
{
	struct part part = data_part(play, CLIENT, subflow, offset, length);

	if (part.seq == 0)
		part.seq = 1;
	play_emit(play, CLIENT, part);
	part.spoil = true;
	play_hear(play, SERVER, part);
}

/* "DSS has a checksum, none negotiated: v1: MUST reset the subflow [1]" */
static uint32_t f13(struct play *play, bool wrong)
{
	play_open(play);
	play->checksum = true;
	play_data(play, CLIENT, 0, 0, 100);
	play->data_ack[SERVER] = 100;
	return play_say(play, SERVER,
		wrong ? ack_part(play, SERVER, 0) : reset_part(0, RESET_MPTCP));
}

/* "v0: ignore the field" */
static uint32_t f13_v0(struct play *play, bool wrong)
{
	play_open(play);
	play->checksum = true;
	play_data(play, CLIENT, 0, 0, 100);
	play->data_ack[SERVER] = 100;
	return play_say(play, SERVER,
		wrong ? (struct part){ .flags = TCP_RST } : ack_part(play, SERVER, 0));
}

TEST(f13_checksum_unasked)
{
	play_both("F13", 1, false, SERVER, f13);
	play_both("F13", 0, false, SERVER, f13_v0);
}

/* "DSS lacks the checksum, negotiated: MUST reset the subflow [1]" */
static uint32_t f14(struct play *play, bool wrong)
{
	struct part part;

	play_open(play);
	part = data_part(play, CLIENT, 0, 0, 100);
	part.options[0].dss.has_checksum = false;
	play_say(play, CLIENT, part);
	play->data_ack[SERVER] = 100;
	return play_say(play, SERVER,
		wrong ? ack_part(play, SERVER, 0) : reset_part(0, RESET_MPTCP));
}

TEST(f14_checksum_missing)
{
	play_both("F14", 0, true, SERVER, f14);
	play_both("F14", 1, true, SERVER, f14);
}

/* Who has left by the infinite mapping, or by MP_FASTCLOSE, takes no mapping any more; and where
 * FINs went both ways none takes any. */
TEST(f14_after_leaving)
{
	unsigned int left;

	for (left = 0; left < 4; left++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct part fin = { .flags = TCP_FIN };
		struct play play;
		struct part part;

		play_init(&play, 0, true);
		play_open(&play);
		play_exchange(&play, SERVER, 0, 0, 100);
		close.fastclose_key = play.key[CLIENT];
		if (left == 3)
			play_say(&play, CLIENT, with(fin, opt_ack(&play, CLIENT, 100)));
		if (left == 3)
			play_say(&play, SERVER, with(fin, opt_ack(&play, SERVER, 0)));
		else if (left > 0)
			play_say(&play, SERVER,
				with((struct part){ .flags = 0 },
					left > 1 ? close : opt_infinite(&play, SERVER, 1, 0)));
		part = data_part(&play, CLIENT, 0, 0, 100);
		part.options[0].dss.has_checksum = false;
		play_say(&play, CLIENT, part);
		play_say(&play, SERVER, (struct part){ .flags = 0 });
		CHECK_STATE(&play, "F14", left ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F4, F48: whoever acknowledges the first data bare, and goes on so, has left when the mapping
 * comes. */
TEST(f14_left_before_the_mapping_came)
{
	unsigned int stays;

	for (stays = 0; stays < 2; stays++) {
		struct part last = { .payload = 500, .offset = 500, .seq = 501 };
		struct play play;

		play_init(&play, 0, true);
		play_open(&play);
		play_hear(&play, SERVER, (struct part){ .payload = 500 });
		play_emit(&play, SERVER, (struct part){ .flags = 0 });
		last = with(last, opt_map(&play, CLIENT, 1, 0, 1000));
		last.options[0].dss.has_checksum = false;
		play_hear(&play, SERVER, last);
		play.data_ack[SERVER] = 1000;
		play_emit(&play, SERVER,
			stays ? ack_part(&play, SERVER, 0) : (struct part){ .flags = 0 });
		CHECK_STATE(&play, "F14", stays ? RULE_BROKEN : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

/* "mapping fails its checksum, >= 2 subflows: MUST reset this subflow at once, RST carries MP_FAIL
 * with the 64-bit DSN of the start of the mapping" */
static uint32_t f21(struct play *play, bool wrong)
{
	play_open_two(play);
	play_spoilt(play, 1, 1000, 100);
	if (wrong)
		return play_say(play, SERVER, ack_part(play, SERVER, 1));
	play_say(play, SERVER, with(reset_part(1, RESET_MIDDLEBOX), opt_fail(play, CLIENT, 1000)));
	play_exchange(play, CLIENT, 0, 1000, 100);
	return 0;
}

static uint32_t f21_bare_reset(struct play *play, bool wrong)
{
	struct part part = reset_part(1, RESET_MIDDLEBOX);

	play_open_two(play);
	play_spoilt(play, 1, 1000, 100);
	return play_say(play, SERVER, wrong ? part : with(part, opt_fail(play, CLIENT, 1000)));
}

static uint32_t f21_other_number(struct play *play, bool wrong)
{
	play_open_two(play);
	play_spoilt(play, 1, 1000, 100);
	return play_say(play, SERVER,
		with(reset_part(1, RESET_MIDDLEBOX), opt_fail(play, CLIENT, wrong ? 1001 : 1000)));
}

/* "MUST NOT DATA_ACK it" */
static uint32_t f21_acked(struct play *play, bool wrong)
{
	play_open_two(play);
	play_spoilt(play, 1, 1000, 100);
	play_say(play, SERVER, with(reset_part(1, RESET_MIDDLEBOX), opt_fail(play, CLIENT, 1000)));
	play->data_ack[SERVER] = wrong ? 1100 : 1000;
	return play_say(play, SERVER, ack_part(play, SERVER, 0));
}

TEST(f21_failed_on_one_of_two)
{
	play_both("F21", 0, true, SERVER, f21);
	play_both("F21", 1, true, SERVER, f21);
	play_both("F21", 1, true, SERVER, f21_bare_reset);
	play_both("F21", 1, true, SERVER, f21_other_number);
	play_both("F21", 1, true, SERVER, f21_acked);
}

/* What comes behind an RST is a stray: it is answered by an RST that says nothing. */
TEST(f21_behind_a_reset)
{
	unsigned int dead;

	for (dead = 0; dead < 2; dead++) {
		struct play play;

		play_init(&play, 1, true);
		play_open_two(&play);
		if (dead)
			play_hear(&play, SERVER,
				(struct part){ .subflow = 1, .flags = TCP_RST, .seq = 1 });
		play_spoilt(&play, 1, 1000, 100);
		play_say(&play, SERVER, (struct part){ .subflow = 1, .flags = TCP_RST });
		CHECK_STATE(&play, "F21", dead ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* Numbers from before the stream fail like any; every DATA_ACK is beyond them. */
TEST(f21_number_from_before_the_stream)
{
	struct mptcp_opt fail;
	struct play play;
	struct part part;

	play_init(&play, 1, true);
	play_open_two(&play);
	part = data_part(&play, CLIENT, 1, 1000, 100);
	part.options[0].dss.dsn -= 1001;
	play_say(&play, CLIENT, part);
	fail = opt_fail(&play, CLIENT, 0);
	fail.fail_dsn--;
	play_say(&play, SERVER, with(reset_part(1, RESET_MIDDLEBOX), fail));
	play_data_ack(&play, SERVER, 0);
	CHECK_HELD(&play, "F21");
	play_fini(&play);
}

/* "receiver of that RST+MP_FAIL: re-sends unacked data on other subflows" */
static uint32_t f22(struct play *play, bool wrong)
{
	uint32_t number;

	play_open_two(play);
	play_spoilt(play, 1, 1000, 100);
	play_say(play, SERVER, with(reset_part(1, RESET_MIDDLEBOX), opt_fail(play, CLIENT, 1000)));
	number = (uint32_t)play->tap[CLIENT].count;
	/* Other data makes no difference, nor does the end of the wait. */
	play_data(play, CLIENT, 0, 1100, 100);
	play_data_ack(play, SERVER, 0);
	if (!wrong)
		play_exchange(play, CLIENT, 0, 1000, 100);
	play_wait(play, 20 * NSEC_PER_SEC);
	if (wrong)
		play_say(play, CLIENT, reset_part(0, RESET_UNSPECIFIED));
	return number;
}

TEST(f22_data_lost_with_a_reset)
{
	play_both("F22", 1, true, CLIENT, f22);
}

/* The other subflow waits for an ACK that never comes, or has this host's own FIN behind what it
 * carried: nothing can be re-sent there. */
TEST(f22_beside_one_that_stands_still)
{
	enum { IDLE, STANDS, CLOSED, CASES };
	unsigned int how;

	for (how = IDLE; how < CASES; how++) {
		struct part fin = { .flags = TCP_FIN };
		struct play play;

		play_init(&play, 1, true);
		play_open_two(&play);
		play_data(&play, CLIENT, 0, 1000, 100);
		play.data_ack[SERVER] = 1100;
		if (how == CLOSED)
			play_say(&play, CLIENT, with(fin, opt_ack(&play, CLIENT, 0)));
		play_data_ack(&play, SERVER, how == STANDS ? 1 : 0);
		play_spoilt(&play, 1, 1100, 100);
		play_say(&play, SERVER,
			with(reset_part(1, RESET_MIDDLEBOX), opt_fail(&play, CLIENT, 1100)));
		play_wait(&play, 20 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F22", how == IDLE ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* "mapping fails, exactly one subflow: sends MP_FAIL on a subflow ACK (no RST)" */
static uint32_t f23(struct play *play, bool wrong)
{
	play_open_one(play);
	play_spoilt(play, 0, 1000, 100);
	return play_say(play, SERVER,
		either(wrong, reset_part(0, RESET_MIDDLEBOX),
			carrying(opt_fail(play, CLIENT, 1000))));
}

/* An endpoint that ignores the failure shows itself by its DATA_ACK. */
static uint32_t f23_ignored(struct play *play, bool wrong)
{
	play_open_one(play);
	play_spoilt(play, 0, 1000, 100);
	if (!wrong)
		return play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
	play->data_ack[SERVER] = 1100;
	return play_say(play, SERVER, ack_part(play, SERVER, 0));
}

TEST(f23_failed_on_the_only_one)
{
	play_both("F23", 0, true, SERVER, f23);
	play_both("F23", 1, true, SERVER, f23);
	play_both("F23", 1, true, SERVER, f23_ignored);
}

/* Behind MP_FASTCLOSE, on an ACK in v0, a host takes nothing any more. */
TEST(f23_behind_an_own_fastclose)
{
	unsigned int closes;

	for (closes = 0; closes < 2; closes++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct play play;

		play_init(&play, 0, true);
		play_open_one(&play);
		close.fastclose_key = play.key[CLIENT];
		if (closes)
			play_emit(&play, SERVER, carrying(close));
		play_spoilt(&play, 0, 1000, 100);
		play_wait(&play, 2 * NSEC_PER_SEC);
		CHECK_STATE(&play, "F23", closes ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* One packet completes two that fail, and the later one was announced first: no hole (F25). */
TEST(f25_two_failed_at_once)
{
	unsigned int hole;

	for (hole = 0; hole < 2; hole++) {
		struct play play;
		struct part first, second;

		play_init(&play, 1, true);
		play_open_two(&play);
		first = data_part(&play, CLIENT, 0, hole ? 1100 : 1000, 100);
		second = data_part(&play, CLIENT, 0, hole ? 1200 : 1100, 100);
		second.seq += 100;
		second.options[0] = opt_map(&play, CLIENT, second.seq, second.offset, 100);
		second.spoil = first.spoil = true;
		play_say(&play, CLIENT, reset_part(1, RESET_UNSPECIFIED));
		play_hear(&play, SERVER, second);
		play_hear(&play, SERVER, first);
		play_emit(&play, SERVER,
			with(ack_part(&play, SERVER, 0), opt_fail(&play, CLIENT, first.offset)));
		CHECK_STATE(&play, "F25", hole ? RULE_BROKEN : RULE_HELD);
		play_fini(&play);
	}
}

/* F29: the packet that completes the mapping has the peer's infinite one, which maps its bytes. */
TEST(f23_completed_under_the_infinite_mapping)
{
	unsigned int infinite;

	for (infinite = 0; infinite < 2; infinite++) {
		struct play play;
		struct part cut, rest;

		play_init(&play, 0, true);
		play_open_one(&play);
		cut = data_part(&play, CLIENT, 0, 1000, 100);
		cut.payload = 96;
		play_hear(&play, SERVER, cut);
		rest = (struct part){ .seq = 1097, .payload = 50, .offset = 1100 };
		if (infinite)
			rest = with(rest, opt_infinite(&play, CLIENT, 1001, 1000));
		play_hear(&play, SERVER, rest);
		play_emit(&play, SERVER, (struct part){ .flags = 0 });
		play_wait(&play, NSEC_PER_SEC);
		play_emit(&play, SERVER, bare_part(&play, SERVER, 0, 0, 10));
		CHECK_STATE(&play, "F23", infinite ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* A mapping over three segments, the last one changed; and the same bytes twice, differing. */
TEST(f23_mapping_over_several_segments)
{
	struct play play;
	struct part part;

	play_init(&play, 1, true);
	play_open_one(&play);
	part = with(bare_part(&play, CLIENT, 0, 1000, 101),
		opt_map(&play, CLIENT, 1001, 1000, 303));
	play_say(&play, CLIENT, part);
	part = bare_part(&play, CLIENT, 0, 1101, 101);
	play_say(&play, CLIENT, part);
	part = bare_part(&play, CLIENT, 0, 1202, 101);
	play_emit(&play, CLIENT, part);
	part.spoil = true;
	play_hear(&play, SERVER, part);
	play_say(&play, SERVER, carrying(opt_fail(&play, CLIENT, 1000)));
	CHECK_HELD(&play, "F23");
	play_fini(&play);

	/* The retransmission of a spoilt segment: which copy counted is not for the judge to say.
	 */
	play_init(&play, 1, true);
	play_open_one(&play);
	part = data_part(&play, CLIENT, 0, 1000, 100);
	play_spoilt(&play, 0, 1000, 100);
	play_say(&play, CLIENT, part);
	CHECK_IDLE(&play, "F23");
	play_fini(&play);
}

/* "MP_FAIL received on the only subflow: sends a DSS with infinite mapping on the first new
 * packet" */
static uint32_t f24(struct play *play, bool wrong)
{
	play_open_one(play);
	play_spoilt(play, 0, 1000, 100);
	play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
	play_say(play, CLIENT, carrying(opt_fail(play, CLIENT, 1000)));
	return play_say(play, CLIENT,
		either(wrong, data_part(play, CLIENT, 0, 1100, 100),
			with(bare_part(play, CLIENT, 0, 1100, 100),
				opt_infinite(play, CLIENT, 1101, 1100))));
}

/* "v1 MUST also answer MP_FAIL; v0 only one direction" */
static uint32_t f24_answer(struct play *play, bool wrong)
{
	uint32_t number;

	play_open_one(play);
	play_spoilt(play, 0, 1000, 100);
	play_say(play, SERVER, carrying(opt_fail(play, CLIENT, 1000)));
	if (!wrong)
		play_say(play, CLIENT, carrying(opt_fail(play, CLIENT, 1000)));
	number = play_say(play, CLIENT,
		with(bare_part(play, CLIENT, 0, 1100, 100),
			opt_infinite(play, CLIENT, 1101, 1100)));
	play_wait(play, NSEC_PER_SEC);
	return number;
}

TEST(f24_mp_fail_received)
{
	struct play play;

	play_both("F24", 0, true, CLIENT, f24);
	play_both("F24", 1, true, CLIENT, f24);
	play_both("F24", 1, true, CLIENT, f24_answer);
	play_init(&play, 0, true);
	f24_answer(&play, true);
	CHECK_HELD(&play, "F24");
	play_fini(&play);
}

/* F7e: first data whose MP_CAPABLE has another version are bare: who leaves for that answers
 * nothing. */
TEST(f24_first_data_in_another_version)
{
	unsigned int other;

	for (other = 0; other < 2; other++) {
		struct mptcp_opt first;
		struct part part;
		struct play play;

		play_init(&play, 1, true);
		play_open(&play);
		play_data(&play, SERVER, 0, 0, 500);
		first = opt_first(&play, 100);
		first.capable.version = (uint8_t)!other;
		part = with(bare_part(&play, CLIENT, 0, 0, 100), first);
		part.ack = 1;
		play_say(&play, CLIENT, part);
		play_emit(&play, SERVER, (struct part){ .flags = 0 });
		part = carrying(opt_fail(&play, SERVER, 0));
		play_say(&play, CLIENT, with(part, opt_ack(&play, CLIENT, 0)));
		play_say(&play, SERVER,
			with(bare_part(&play, SERVER, 0, 500, 100),
				opt_infinite(&play, SERVER, 1, 0)));
		play_wait(&play, NSEC_PER_SEC);
		CHECK_STATE(&play, "F24", other ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "data not contiguous (re-sending data of a subflow closed uncleanly): MUST reset with MP_FAIL" */
static uint32_t f25(struct play *play, bool wrong)
{
	struct part lost, reset = reset_part(1, RESET_UNSPECIFIED);

	play_open_two(play);
	lost = data_part(play, CLIENT, 1, 1000, 100);
	lost.seq = 1;
	play_emit(play, CLIENT, lost);
	/* The next byte, or it would be challenged (RFC 5961 3.2). */
	reset.seq = 1;
	play_say(play, CLIENT, reset);
	play_spoilt(play, 0, 1100, 100);
	return play_say(play, SERVER,
		with(wrong ? (struct part){ .flags = 0 } : reset_part(0, RESET_MIDDLEBOX),
			opt_fail(play, CLIENT, 1100)));
}

TEST(f25_failed_with_a_hole)
{
	play_both("F25", 1, true, SERVER, f25);
}

/* "failure on the very first mapping: MP_FAIL where keys and IDSN are known" */
static uint32_t f26(struct play *play, bool wrong)
{
	play_open(play);
	play_spoilt(play, 0, 0, 100);
	play->data_ack[SERVER] = wrong ? 100 : 0;
	return play_say(play, SERVER,
		either(wrong, ack_part(play, SERVER, 0), carrying(opt_fail(play, CLIENT, 0))));
}

TEST(f26_first_mapping_fails)
{
	struct play play;

	play_both("F26", 0, true, SERVER, f26);
	play_both("F26", 1, true, SERVER, f26);
	/* "accepted: fallback if both sides revert" */
	play_init(&play, 1, true);
	play_open(&play);
	play_spoilt(&play, 0, 0, 100);
	play_say(&play, SERVER, (struct part){ .flags = 0 });
	play_say(&play, SERVER, bare_part(&play, SERVER, 0, 0, 100));
	CHECK_HELD(&play, "F26");
	CHECK_IDLE(&play, "F23");
	play_fini(&play);
}

static const uint8_t edited_bytes[] = "12345678";

/* "checksums off and payload changed: mechanism cannot be used" */
static uint32_t f27(struct play *play, bool wrong)
{
	static const struct stream_edit edit = { TO_SERVER, edited_bytes, edited_bytes + 1, 4, 4 };

	play->input.edits = &edit;
	play->input.edit_count = 1;
	play_open(play);
	play_spoilt(play, 0, 0, 100);
	play->data_ack[SERVER] = 100;
	return play_say(play, SERVER,
		either(wrong, carrying(opt_fail(play, CLIENT, 0)), ack_part(play, SERVER, 0)));
}

TEST(f27_payload_changed_unseen)
{
	play_both("F27", 1, false, SERVER, f27);
	play_both("O8", 1, false, SERVER, f27);
}

/* "payload length changed, checksums off: only what F15/F16 see" */
static uint32_t f28(struct play *play, bool wrong)
{
	static const struct stream_edit edit = { TO_SERVER, edited_bytes, edited_bytes, 2, 7 };
	struct part part;

	play->input.edits = &edit;
	play->input.edit_count = 1;
	play_open_one(play);
	part = data_part(play, CLIENT, 0, 1000, 100);
	play_emit(play, CLIENT, part);
	part.payload = 105;
	play_hear(play, SERVER, part);
	play_streams(play, 1100, wrong ? 1105 : 1100, 0, 0);
	return (uint32_t)play->tap[SERVER].count;
}

TEST(f28_length_changed_unseen)
{
	play_both("F28", 1, false, SERVER, f28);
}
