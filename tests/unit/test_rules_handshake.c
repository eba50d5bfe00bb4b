/* SPDX-License-Identifier: BSD-2-Clause */
/* F1 to F7f: each held and broken once, as the rules say it of the first subflow's handshake. */
#include "tests/unit/play.h"

/* "SYN arrives without MP_CAPABLE: plain TCP; SYN/ACK MUST NOT carry MP_CAPABLE" */
static uint32_t f1(struct play *play, bool wrong)
{
	struct part answer = { .flags = TCP_SYN | TCP_ACK };
	uint32_t number;

	play_emit(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_hear(play, SERVER, (struct part){ .flags = TCP_SYN });
	number = play_say(play, SERVER, wrong ? with(answer, opt_synack(play)) : answer);
	play_say(play, CLIENT, (struct part){ .flags = 0 });
	return number;
}

TEST(f1_plain_syn)
{
	play_both("F1", 0, false, SERVER, f1);
	play_both("F1", 1, false, SERVER, f1);
}

/* "SYN had MP_CAPABLE, SYN/ACK has none: plain TCP; third ACK and later carry no MPTCP option" */
static uint32_t f2(struct play *play, bool wrong)
{
	struct part third = { .flags = 0 };

	play_say(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_emit(play, SERVER,
		with((struct part){ .flags = TCP_SYN | TCP_ACK }, opt_synack(play)));
	play_hear(play, CLIENT, (struct part){ .flags = TCP_SYN | TCP_ACK });
	return play_say(play, CLIENT, wrong ? with(third, opt_third(play)) : third);
}

TEST(f2_plain_synack)
{
	play_both("F2", 1, true, CLIENT, f2);
}

/* "third packet (ACK) lacks MP_CAPABLE: MUST fall back" */
static uint32_t f3(struct play *play, bool wrong)
{
	struct part answer = { .flags = 0 };

	play_syns(play);
	play_emit(play, CLIENT, carrying(opt_third(play)));
	play_hear(play, SERVER, (struct part){ .flags = 0 });
	play_say(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 100)));
	return play_say(play, SERVER, wrong ? with(answer, opt_ack(play, SERVER, 100)) : answer);
}

TEST(f3_plain_third_packet)
{
	play_both("F3", 1, false, SERVER, f3);
}

/* "A's first data lacks MP_CAPABLE+data / DSS: path not capable: fall back" */
static uint32_t f4(struct play *play, bool wrong)
{
	play_open(play);
	play_emit(play, CLIENT, with(bare_part(play, CLIENT, 0, 0, 100), opt_first(play, 100)));
	play_hear(play, SERVER, (struct part){ .seq = 1, .payload = 100 });
	play_say(play, SERVER, (struct part){ .flags = 0 });
	play_wait(play, 3 * NSEC_PER_SEC);
	return play_say(play, SERVER,
		wrong ? data_part(play, SERVER, 0, 0, 50) : bare_part(play, SERVER, 0, 0, 50));
}

TEST(f4_bare_first_data)
{
	play_both("F4", 1, false, SERVER, f4);
}

/* "expected to retry eventually without the option" */
static uint32_t f5(struct play *play, bool wrong)
{
	uint32_t number = 0;
	unsigned int i;

	for (i = 0; i < (wrong ? 7u : 3u); i++) {
		number = play_emit(play, CLIENT,
			with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
		play_wait(play, NSEC_PER_SEC);
	}
	if (!wrong)
		play_emit(play, CLIENT, (struct part){ .flags = TCP_SYN });
	return number;
}

TEST(f5_unanswered_syns)
{
	play_both("F5", 1, false, CLIENT, f5);
}

static struct mptcp_opt flags(struct mptcp_opt opt, uint8_t value)
{
	opt.capable.flags = value;
	return opt;
}

/* "all crypto bits zero: treat as invalid; v1: B MUST answer without MP_CAPABLE" */
static uint32_t f6(struct play *play, bool wrong)
{
	struct part answer = { .flags = TCP_SYN | TCP_ACK };

	play_emit(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_hear(play, SERVER, with((struct part){ .flags = TCP_SYN }, flags(opt_syn(play), 0)));
	return play_say(play, SERVER, wrong ? with(answer, opt_synack(play)) : answer);
}

TEST(f6_no_algorithm)
{
	play_both("F6", 0, false, SERVER, f6);
	play_both("F6", 1, false, SERVER, f6);
}

/* v0: a SYN/ACK with flag B is ignored (F7a), whatever it lacks: the next one counts. */
TEST(f6_ignored_answer)
{
	unsigned int lacks;

	for (lacks = 0; lacks < 2; lacks++) {
		struct part answer = { .flags = TCP_SYN | TCP_ACK };
		struct play play;

		play_init(&play, 0, false);
		play_say(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
		play_hear(&play, CLIENT, with(answer, flags(opt_synack(&play), MPC_EXTENSION)));
		play_wait(&play, NSEC_PER_SEC);
		play_hear(&play, CLIENT,
			with(answer, flags(opt_synack(&play), lacks ? 0 : MPC_HMAC)));
		play_say(&play, CLIENT, carrying(opt_third(&play)));
		play_exchange(&play, CLIENT, 0, 0, 1000);
		CHECK_STATE(&play, "F6", lacks ? RULE_BROKEN : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

/* "answer with own version <= offered; A receiving a version higher than offered: plain TCP" */
static uint32_t f7(struct play *play, bool wrong)
{
	struct mptcp_opt higher = opt_synack(play);
	struct part third = { .flags = 0 };

	higher.capable.version = 1;
	play_say(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_emit(play, SERVER,
		with((struct part){ .flags = TCP_SYN | TCP_ACK }, opt_synack(play)));
	play_hear(play, CLIENT, with((struct part){ .flags = TCP_SYN | TCP_ACK }, higher));
	return play_say(play, CLIENT, wrong ? with(third, opt_third(play)) : third);
}

TEST(f7_version_above_the_offer)
{
	play_both("F7", 0, false, CLIENT, f7);
}

/* "answer with own version <= offered": a newer offer is no reason to leave */
TEST(f7_newer_offer)
{
	struct play play;
	struct mptcp_opt newer;

	play_init(&play, 1, false);
	newer = opt_syn(&play);
	newer.capable.version = 3;
	play_emit(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
	play_hear(&play, SERVER, with((struct part){ .flags = TCP_SYN }, newer));
	play_say(&play, SERVER,
		with((struct part){ .flags = TCP_SYN | TCP_ACK }, opt_synack(&play)));
	play_say(&play, CLIENT, carrying(opt_third(&play)));
	play_exchange(&play, CLIENT, 0, 0, 1000);
	CHECK_HELD(&play, "F7");
	CHECK_SOUND(&play);
	play_fini(&play);
}

/* "B flag set, not understood: v1: ignore the MP_CAPABLE" */
static uint32_t f7a(struct play *play, bool wrong)
{
	struct part answer = { .flags = TCP_SYN | TCP_ACK };

	play_emit(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_hear(play, SERVER,
		with((struct part){ .flags = TCP_SYN },
			flags(opt_syn(play), MPC_HMAC | MPC_EXTENSION)));
	return play_say(play, SERVER, wrong ? with(answer, opt_synack(play)) : answer);
}

/* "v0: ignore the SYN silently (peer retries without)" */
static uint32_t f7a_v0(struct play *play, bool wrong)
{
	play_emit(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_hear(play, SERVER,
		with((struct part){ .flags = TCP_SYN },
			flags(opt_syn(play), MPC_HMAC | MPC_EXTENSION)));
	return wrong ? play_say(play, SERVER, (struct part){ .flags = TCP_SYN | TCP_ACK }) : 0;
}

TEST(f7a_flag_b)
{
	play_both("F7a", 1, false, SERVER, f7a);
	play_both("F7a", 0, false, SERVER, f7a_v0);
}

/* A SYN that could be answered came first: it is its SYN/ACK that the timer repeats. */
TEST(f7a_ignored_beside_another)
{
	unsigned int first;

	for (first = 0; first < 2; first++) {
		struct part answer = { .flags = TCP_SYN | TCP_ACK }, syn = { .flags = TCP_SYN };
		struct play play;

		play_init(&play, 0, false);
		if (first) {
			play_say(&play, CLIENT, with(syn, opt_syn(&play)));
			play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		}
		play_hear(&play, SERVER,
			with(syn, flags(opt_syn(&play), MPC_HMAC | MPC_EXTENSION)));
		play_wait(&play, NSEC_PER_SEC);
		play_say(&play, SERVER, with(answer, opt_synack(&play)));
		CHECK_STATE(&play, "F7a", first ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "A=1 received, host does not want checksums: fall back; v0: checksums MUST then be used" */
static uint32_t f7b(struct play *play, bool wrong)
{
	play_emit(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_hear(play, SERVER,
		with((struct part){ .flags = TCP_SYN },
			flags(opt_syn(play), MPC_HMAC | MPC_CHECKSUM)));
	play_say(play, SERVER, with((struct part){ .flags = TCP_SYN | TCP_ACK }, opt_synack(play)));
	play_say(play, CLIENT, carrying(flags(opt_third(play), MPC_HMAC | MPC_CHECKSUM)));
	play->checksum = !wrong;
	return play_emit(play, SERVER, data_part(play, SERVER, 0, 0, 50));
}

/*
 * "This decision is confirmed by the setting of the A bit in the third packet": where that confirms
 * none after a SYN that wants them nobody can tell what was agreed on (F7b, F14).
 */
TEST(f7b_third_packet_against_the_syn)
{
	unsigned int confirmed;

	for (confirmed = 0; confirmed < 2; confirmed++) {
		uint8_t third = MPC_HMAC | (confirmed ? MPC_CHECKSUM : 0);
		struct play play;

		play_init(&play, 1, false);
		play_say(&play, CLIENT,
			with((struct part){ .flags = TCP_SYN },
				flags(opt_syn(&play), MPC_HMAC | MPC_CHECKSUM)));
		play_say(&play, SERVER,
			with((struct part){ .flags = TCP_SYN | TCP_ACK }, opt_synack(&play)));
		play_say(&play, CLIENT, carrying(flags(opt_third(&play), third)));
		play_exchange(&play, CLIENT, 0, 0, 100);
		play_exchange(&play, SERVER, 0, 0, 100);
		CHECK(rule_finding(play_judge(&play), "F7b")->of[SERVER] ==
			(confirmed ? RULE_BROKEN : RULE_HELD));
		CHECK(rule_finding(play_judge(&play), "F14")->of[SERVER] ==
			(confirmed ? RULE_BROKEN : RULE_NOT_EXERCISED));
		play_fini(&play);
	}
}

TEST(f7b_checksums_required)
{
	play_both("F7b", 0, false, SERVER, f7b);
	play_both("F7b", 1, false, SERVER, f7b);
}

/* v0: a SYN/ACK with flag B is ignored (F7a), and asks for no checksums: the next one may. */
TEST(f7b_ignored_answer)
{
	unsigned int asks;

	for (asks = 0; asks < 2; asks++) {
		struct part answer = { .flags = TCP_SYN | TCP_ACK };
		struct play play;

		play_init(&play, 0, false);
		play_say(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
		play_hear(&play, CLIENT,
			with(answer,
				flags(opt_synack(&play), MPC_HMAC | MPC_CHECKSUM | MPC_EXTENSION)));
		play_wait(&play, NSEC_PER_SEC);
		play_hear(&play, CLIENT,
			with(answer,
				flags(opt_synack(&play), MPC_HMAC | (asks ? MPC_CHECKSUM : 0))));
		play_say(&play, CLIENT, carrying(opt_third(&play)));
		play_exchange(&play, CLIENT, 0, 0, 1000);
		CHECK_STATE(&play, "F7b", asks ? RULE_BROKEN : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}

/* "A flag differs from what was sent: the two ends disagree, and then F13/F14 apply" */
static uint32_t f7c(struct play *play, bool wrong)
{
	struct mptcp_opt cleared = flags(opt_syn(play), MPC_HMAC);
	uint32_t number;

	play_emit(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_hear(play, SERVER, with((struct part){ .flags = TCP_SYN }, cleared));
	play_say(play, SERVER,
		with((struct part){ .flags = TCP_SYN | TCP_ACK },
			flags(opt_synack(play), MPC_HMAC)));
	play_emit(play, CLIENT, carrying(opt_third(play)));
	play_hear(play, SERVER, carrying(flags(opt_third(play), MPC_HMAC)));
	play_data(play, CLIENT, 0, 0, 100);
	number = play_say(play, SERVER,
		either(wrong, carrying(opt_ack(play, SERVER, 100)),
			with((struct part){ .flags = TCP_RST }, opt_reset(RESET_MPTCP))));
	return number;
}

TEST(f7c_flag_a_changed)
{
	play_both("F7c", 1, true, SERVER, f7c);
	play_both("F13", 1, true, SERVER, f7c);
}

/* "C flag set (v1): MUST NOT open subflows to that address/port" */
static uint32_t f7d(struct play *play, bool wrong)
{
	play_say(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_say(play, SERVER,
		with((struct part){ .flags = TCP_SYN | TCP_ACK },
			flags(opt_synack(play), MPC_HMAC | MPC_NO_JOIN)));
	play_say(play, CLIENT, carrying(opt_third(play)));
	play_exchange(play, CLIENT, 0, 0, 100);
	if (!wrong)
		return 0;
	play_join(play, 1);
	return (uint32_t)play->tap[CLIENT].count - 3;
}

TEST(f7d_flag_c)
{
	play_both("F7d", 1, false, CLIENT, f7d);
}

/* "anything else compromised (bad echo key): stop MPTCP, no more MPTCP options" */
static uint32_t f7e(struct play *play, bool wrong)
{
	struct mptcp_opt third = opt_third(play);
	struct part answer = { .flags = 0 };

	third.capable.receiver_key++;
	play_syns(play);
	play_emit(play, CLIENT, carrying(opt_third(play)));
	play_hear(play, SERVER, carrying(third));
	return play_say(play, SERVER, wrong ? with(answer, opt_ack(play, SERVER, 0)) : answer);
}

/* "corrupted option" */
static uint32_t f7e_undecodable(struct play *play, bool wrong)
{
	struct part synack = { .flags = TCP_SYN | TCP_ACK,
		.raw = { 30, 7, 1, 2, 3, 4, 5 },
		.raw_length = 7 };
	struct part third = { .flags = 0 };

	play_say(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_emit(play, SERVER,
		with((struct part){ .flags = TCP_SYN | TCP_ACK }, opt_synack(play)));
	play_hear(play, CLIENT, synack);
	return play_say(play, CLIENT, wrong ? with(third, opt_third(play)) : third);
}

TEST(f7e_compromised)
{
	play_both("F7e", 1, false, SERVER, f7e);
	play_both("F7e", 1, false, CLIENT, f7e_undecodable);
}

/* A RST undoes the half-open connection; the next SYN gets another key, and that one is echoed. */
TEST(f7e_undone_by_reset)
{
	unsigned int undone;

	for (undone = 0; undone < 2; undone++) {
		struct part answer = { .flags = TCP_SYN | TCP_ACK };
		struct play play;

		play_init(&play, 1, false);
		play.key[SERVER]++;
		play_say(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
		play_emit(&play, SERVER, with(answer, opt_synack(&play)));
		play.key[SERVER]--;
		if (undone) {
			play_hear(&play, SERVER,
				(struct part){ .flags = TCP_RST, .seq = 1, .no_ack = true });
			play_say(&play, CLIENT,
				with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
			play_say(&play, SERVER, with(answer, opt_synack(&play)));
		}
		play_say(&play, CLIENT, carrying(opt_third(&play)));
		play_exchange(&play, CLIENT, 0, 0, 1000);
		CHECK_STATE(&play, "F7e", undone ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "SYN/ACK mirrors A's own MP_CAPABLE: v1 invalid, F2; v0: SHOULD treat key == own key as F2" */
static uint32_t f7f(struct play *play, bool wrong)
{
	struct part third = { .flags = 0 };

	play->input.speaks_mptcp[SERVER] = false;
	play_say(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_emit(play, SERVER, (struct part){ .flags = TCP_SYN | TCP_ACK });
	play_hear(play, CLIENT, with((struct part){ .flags = TCP_SYN | TCP_ACK }, opt_syn(play)));
	return play_say(play, CLIENT, wrong ? with(third, opt_third(play)) : third);
}

TEST(f7f_mirrored)
{
	play_both("F7f", 0, false, CLIENT, f7f);
	play_both("F7f", 1, false, CLIENT, f7f);
}
