/* SPDX-License-Identifier: BSD-2-Clause */
/* F35 to F44: each held and broken once. */
#include "tests/unit/play.h"

static struct part join_part(const struct play *play, enum mp_join_form form)
{
	static const uint16_t flags
		[] = { [JOIN_SYN] = TCP_SYN, [JOIN_SYNACK] = TCP_SYN | TCP_ACK, [JOIN_ACK] = 0 };

	return with((struct part){ .subflow = 1, .flags = flags[form] }, opt_join(play, 1, form));
}

/* "MP_JOIN stripped from SYN, listener present: SYN/ACK without MP_JOIN: MUST RST [1]" */
static uint32_t f35(struct play *play, bool wrong)
{
	play_open_one(play);
	play_emit(play, CLIENT, join_part(play, JOIN_SYN));
	play_hear(play, SERVER, stripped(join_part(play, JOIN_SYN)));
	play_say(play, SERVER, stripped(join_part(play, JOIN_SYNACK)));
	return play_say(play, CLIENT,
		wrong ? (struct part){ .subflow = 1 } : reset_part(1, RESET_MPTCP));
}

TEST(f35_join_lost_from_syn)
{
	play_both("F35", 0, false, CLIENT, f35);
	play_both("F35", 1, true, CLIENT, f35);
}

/* "MP_JOIN stripped from SYN, no listener: normal TCP RST" */
static uint32_t f36(struct play *play, bool wrong)
{
	uint32_t number;

	play_open_one(play);
	play_emit(play, CLIENT, join_part(play, JOIN_SYN));
	number = play_hear(play, SERVER, stripped(join_part(play, JOIN_SYN)));
	if (!wrong)
		play_say(play, SERVER, (struct part){ .subflow = 1, .flags = TCP_RST, .ack = 1 });
	play_wait(play, NSEC_PER_SEC);
	if (wrong)
		play_hear(play, SERVER, stripped(join_part(play, JOIN_SYN)));
	return number;
}

TEST(f36_no_listener)
{
	play_both("F36", 1, false, SERVER, f36);
}

/* "MP_JOIN stripped from SYN/ACK: MUST RST [1]" */
static uint32_t f37(struct play *play, bool wrong)
{
	play_open_one(play);
	play_say(play, CLIENT, join_part(play, JOIN_SYN));
	play_emit(play, SERVER, join_part(play, JOIN_SYNACK));
	play_hear(play, CLIENT, stripped(join_part(play, JOIN_SYNACK)));
	return play_emit(play, CLIENT,
		wrong ? (struct part){ .subflow = 1 } : reset_part(1, RESET_MPTCP));
}

TEST(f37_join_lost_from_synack)
{
	struct play play;

	play_both("F37", 1, false, CLIENT, f37);
	play_init(&play, 1, false);
	f37(&play, false);
	CHECK_IDLE(&play, "F35");
	play_fini(&play);
}

/* "MP_JOIN missing on third ACK: MUST RST [1]" */
static uint32_t f38(struct play *play, bool wrong)
{
	play_open_one(play);
	play_say(play, CLIENT, join_part(play, JOIN_SYN));
	play_say(play, SERVER, join_part(play, JOIN_SYNACK));
	play_emit(play, CLIENT, join_part(play, JOIN_ACK));
	play_hear(play, SERVER, stripped(join_part(play, JOIN_ACK)));
	return play_say(play, SERVER,
		wrong ? (struct part){ .subflow = 1 } : reset_part(1, RESET_MPTCP));
}

TEST(f38_join_lost_from_third)
{
	play_both("F38", 1, false, SERVER, f38);
}

/* "HMAC wrong in SYN/ACK: MUST RST [1]" */
static uint32_t f39(struct play *play, bool wrong)
{
	struct part bad = join_part(play, JOIN_SYNACK);

	play_open_one(play);
	bad.options[0].join.hmac64 ^= 1;
	play_say(play, CLIENT, join_part(play, JOIN_SYN));
	play_emit(play, SERVER, join_part(play, JOIN_SYNACK));
	play_hear(play, CLIENT, bad);
	return play_emit(play, CLIENT,
		wrong ? join_part(play, JOIN_ACK) : reset_part(1, RESET_MPTCP));
}

TEST(f39_wrong_hmac_in_synack)
{
	play_both("F39", 0, false, CLIENT, f39);
	play_both("F39", 1, false, CLIENT, f39);
}

/* "HMAC wrong in ACK: MUST RST [1]" */
static uint32_t f40(struct play *play, bool wrong)
{
	struct part bad = join_part(play, JOIN_ACK);

	play_open_one(play);
	bad.options[0].join.hmac160[19] ^= 1;
	play_say(play, CLIENT, join_part(play, JOIN_SYN));
	play_say(play, SERVER, join_part(play, JOIN_SYNACK));
	play_emit(play, CLIENT, join_part(play, JOIN_ACK));
	play_hear(play, SERVER, bad);
	return play_say(play, SERVER,
		either(wrong, with((struct part){ .subflow = 1 }, opt_ack(play, SERVER, 1000)),
			reset_part(1, RESET_MPTCP)));
}

TEST(f40_wrong_hmac_in_third)
{
	play_both("F40", 0, false, SERVER, f40);
	play_both("F40", 1, false, SERVER, f40);
}

/* SYNs whose nonces differ: the HMACs tell which was answered. */
TEST(f40_join_asked_twice)
{
	unsigned int wrong;

	for (wrong = 0; wrong < 2; wrong++) {
		struct part syn = { .subflow = 1, .flags = TCP_SYN };
		struct part synack = { .subflow = 1, .flags = TCP_SYN | TCP_ACK };
		struct part third = { .subflow = 1 };
		struct play play;
		uint32_t packet;

		play_init(&play, 1, false);
		play_open_one(&play);
		syn = with(syn, opt_join(&play, 1, JOIN_SYN));
		synack = with(synack, opt_join(&play, 1, JOIN_SYNACK));
		third = with(third, opt_join(&play, 1, JOIN_ACK));
		third.options[0].join.hmac160[0] ^= (uint8_t)wrong;
		play_say(&play, CLIENT, syn);
		play_say(&play, SERVER, synack);
		syn.options[0].join.nonce++;
		play_hear(&play, SERVER, syn);
		play_emit(&play, SERVER, synack);
		play_hear(&play, SERVER, third);
		packet = play_say(&play, SERVER,
			with((struct part){ .subflow = 1 }, opt_ack(&play, SERVER, 1000)));
		if (wrong)
			CHECK_BROKEN(&play, "F40", SERVER, packet);
		else
			CHECK_IDLE(&play, "F40");
		play_fini(&play);
	}
}

/* O13: the newer SYN of a half-open connection counts, and the key that it brings. */
TEST(f7a_f40_newer_syn)
{
	unsigned int version;

	for (version = 0; version < 2; version++) {
		struct part syn = { .flags = TCP_SYN }, odd,
			    answer = { .flags = TCP_SYN | TCP_ACK };
		struct play play;

		play_init(&play, (uint8_t)version, false);
		syn = with(syn, opt_syn(&play));
		odd = syn;
		if (version == 0)
			odd.options[0].capable.sender_key++;
		else
			odd.options[0].capable.flags |= MPC_EXTENSION;
		play_emit(&play, CLIENT, syn);
		play_hear(&play, SERVER, odd);
		play_emit(&play, SERVER, version == 0 ? with(answer, opt_synack(&play)) : answer);
		play_wait(&play, NSEC_PER_SEC);
		play_say(&play, CLIENT, syn);
		play_say(&play, SERVER, with(answer, opt_synack(&play)));
		play_say(&play, CLIENT, carrying(opt_third(&play)));
		play_exchange(&play, CLIENT, 0, 0, 1000);
		play_join(&play, 1);
		CHECK_IDLE(&play, "F7a");
		CHECK_IDLE(&play, "F40");
		play_fini(&play);
	}
}

/* "unknown token: MUST RST (v1 [1])" */
static uint32_t f41(struct play *play, bool wrong)
{
	struct part bad = join_part(play, JOIN_SYN);
	struct part reset = reset_part(1, RESET_MPTCP);

	reset.ack = 1;
	play_open_one(play);
	bad.options[0].join.token ^= 1;
	play_emit(play, CLIENT, join_part(play, JOIN_SYN));
	play_hear(play, SERVER, bad);
	return play_say(play, SERVER, wrong ? join_part(play, JOIN_SYNACK) : reset);
}

TEST(f41_unknown_token)
{
	play_both("F41", 1, false, SERVER, f41);
}

/* "ACK/MP_JOIN not acknowledged: retransmit it, no data before (PRE_ESTABLISHED)" */
static uint32_t f42(struct play *play, bool wrong)
{
	uint32_t number;

	play_open_one(play);
	play_say(play, CLIENT, join_part(play, JOIN_SYN));
	play_say(play, SERVER, join_part(play, JOIN_SYNACK));
	play_say(play, CLIENT, join_part(play, JOIN_ACK));
	if (!wrong)
		play_data_ack(play, SERVER, 1);
	number = play_data(play, CLIENT, 1, 1000, 100);
	play->data_ack[SERVER] = 1100;
	play_data_ack(play, SERVER, 1);
	return number;
}

static uint32_t f42_repeat(struct play *play, bool wrong)
{
	uint32_t number;

	play_open_one(play);
	play_say(play, CLIENT, join_part(play, JOIN_SYN));
	play_say(play, SERVER, join_part(play, JOIN_SYNACK));
	number = play_emit(play, CLIENT, join_part(play, JOIN_ACK));
	play_wait(play, NSEC_PER_SEC);
	if (!wrong) {
		play_say(play, CLIENT, join_part(play, JOIN_ACK));
		play_data_ack(play, SERVER, 1);
	}
	play_wait(play, 20 * NSEC_PER_SEC);
	return number;
}

TEST(f42_third_packet_of_a_join)
{
	play_both("F42", 1, false, CLIENT, f42);
	play_both("F42", 1, false, CLIENT, f42_repeat);
}

/* "MP_JOIN SYN dropped: SHOULD NOT retry that address/port in this connection" */
static uint32_t f43(struct play *play, bool wrong)
{
	struct part again;

	play_open_one(play);
	play_emit(play, CLIENT, join_part(play, JOIN_SYN));
	play_wait(play, NSEC_PER_SEC);
	play_emit(play, CLIENT, join_part(play, JOIN_SYN));
	if (!wrong)
		return 0;
	/* From another port: the address is the same. */
	again = join_part(play, JOIN_SYN);
	again.source_port = 40777;
	return play_emit(play, CLIENT, again);
}

TEST(f43_join_dropped)
{
	play_both("F43", 1, false, CLIENT, f43);
}

/* "MP_JOIN SYN to a port without listener but valid token: token demultiplexing MUST be used" */
static uint32_t f44(struct play *play, bool wrong)
{
	struct part syn = join_part(play, JOIN_SYN), answer = join_part(play, JOIN_SYNACK);

	play_open_one(play);
	syn.port = answer.port = 5005;
	play_say(play, CLIENT, syn);
	if (wrong)
		answer = (struct part){ .subflow = 1, .flags = TCP_RST, .ack = 1, .port = 5005 };
	return play_say(play, SERVER, answer);
}

TEST(f44_token_needs_no_listener)
{
	play_both("F44", 1, false, SERVER, f44);
}

/* Whoever ends the connection by MP_FASTCLOSE has no token any more. */
TEST(f44_after_mp_fastclose)
{
	unsigned int closed;

	for (closed = 0; closed < 2; closed++) {
		struct mptcp_opt close = { .subtype = MP_FASTCLOSE };
		struct part reset = { .subflow = 1, .flags = TCP_RST, .ack = 1, .port = 5005 };
		struct part syn;
		struct play play;

		play_init(&play, 0, false);
		syn = join_part(&play, JOIN_SYN);
		syn.port = 5005;
		close.fastclose_key = play.key[CLIENT];
		play_open_one(&play);
		if (closed)
			play_emit(&play, SERVER, carrying(close));
		play_say(&play, CLIENT, syn);
		play_say(&play, SERVER, reset);
		CHECK_STATE(&play, "F44", closed ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* A join by the server is judged at the client, too. */
TEST(server_joins)
{
	struct play play;

	play_init(&play, 1, false);
	play.by_server[1] = true;
	play.input.subflows = 2;
	play_open_one(&play);
	play_join(&play, 1);
	play_exchange(&play, CLIENT, 1, 1000, 100);
	play_close(&play, 1100, 0, 2);
	play_streams(&play, 1100, 1100, 0, 0);
	CHECK_OUTCOME(&play, "mptcp");
	CHECK_HELD(&play, "F42");
	CHECK_U64(play.judgement.subflows_opened, 2);
	CHECK_SOUND(&play);
	play_fini(&play);
}
