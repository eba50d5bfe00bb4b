/* SPDX-License-Identifier: BSD-2-Clause */
/* What a host that is not ours is held to: only what it sent knowing better, and what came of it.
 */
#include "tests/unit/play.h"

/* A client that is not ours: its reactions may take a while. */
static void play_foreign(struct play *play, enum end end)
{
	play_init(play, 1, false);
	play->input.is_ours[end] = false;
}

/* Data of the client, and an ACK of it without DATA_ACK, with a timestamp. */
static void acked_bare(struct play *play, uint32_t stamp)
{
	struct part bare = { .stamp = stamp };

	play_open(play);
	play_data(play, CLIENT, 0, 0, 1000);
	play_say(play, SERVER, bare);
}

/* New data of the client under a mapping, with what it echoes. */
static uint32_t goes_on(struct play *play, uint32_t echo)
{
	struct part part = data_part(play, CLIENT, 0, 1000, 1000);

	part.stamp = 5;
	part.echo = echo;
	return play_say(play, CLIENT, part);
}

TEST(f9_an_echoed_timestamp_is_knowledge)
{
	struct play play;
	uint32_t packet;

	play_foreign(&play, CLIENT);
	acked_bare(&play, 7);
	packet = goes_on(&play, 7);
	CHECK_BROKEN(&play, "F9", CLIENT, packet);
	play_fini(&play);
	/* It echoes another one: the bare ACK may still be under way to it. */
	play_foreign(&play, CLIENT);
	acked_bare(&play, 7);
	goes_on(&play, 6);
	CHECK_HELD(&play, "F9");
	play_fini(&play);
}

TEST(f9_an_echo_of_what_came_before_is_none)
{
	struct part early = { .stamp = 7 };
	struct play play;

	play_foreign(&play, CLIENT);
	play_open(&play);
	play_say(&play, SERVER, early);
	play_data(&play, CLIENT, 0, 0, 1000);
	play_say(&play, SERVER, early);
	goes_on(&play, 7);
	CHECK_HELD(&play, "F9");
	play_fini(&play);
}

/* RFC 7323 5.3: TCP drops the ACK of a box that lags behind the peer's clock, and F9 with it. */
TEST(f9_what_a_newer_timestamp_overtook_may_be_refused)
{
	unsigned int overtaken;

	for (overtaken = 0; overtaken < 2; overtaken++) {
		struct part newest = { .stamp = 7 };
		struct play play;

		play_init(&play, 0, false);
		play_open(&play);
		play_say(&play, SERVER, newest);
		play_data(&play, CLIENT, 0, 0, 1000);
		play_say(&play, SERVER, (struct part){ .stamp = overtaken ? 6 : 7 });
		goes_on(&play, 7);
		CHECK_STATE(&play, "F9", overtaken ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* "will send one final Data Sequence Mapping": who sends bare data has left and did not. */
TEST(f9_who_sends_bare_data_has_left)
{
	struct play play;
	uint32_t packet;

	play_foreign(&play, CLIENT);
	acked_bare(&play, 0);
	packet = play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 1000, 1000));
	play_emit(&play, SERVER, with((struct part){ .subflow = 0 }, opt_ack(&play, SERVER, 1000)));
	CHECK_BROKEN(&play, "F9a", CLIENT, packet);
	play_fini(&play);
}

/* The path takes the peer's options, and it speaks MPTCP until the bare data comes; or it does not.
 */
TEST(f9_a_peer_that_does_not_know_is_told)
{
	static const bool speaks[] = { false, true };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct part bare = { .ack = 1001 }, ack = bare;
		struct play play;
		uint32_t packet;

		play_foreign(&play, CLIENT);
		play_open(&play);
		play_data(&play, CLIENT, 0, 0, 1000);
		play_emit(&play, SERVER,
			speaks[i] ? with(ack, opt_ack(&play, SERVER, 1000)) : bare);
		play_hear(&play, CLIENT, bare);
		packet = play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 1000, 1000));
		if (speaks[i])
			CHECK_BROKEN(&play, "F9", CLIENT, packet);
		else
			CHECK_HELD(&play, "F9");
		play_fini(&play);
	}
}

/* The ACK without DATA_ACK carries the infinite mapping of a peer that leaves. */
TEST(f9_a_peer_that_leaves_acks_no_data)
{
	struct play play;
	uint32_t packet;
	struct mptcp_opt infinite;

	play_foreign(&play, CLIENT);
	play_open(&play);
	play_data(&play, CLIENT, 0, 0, 1000);
	infinite = opt_infinite(&play, SERVER, 1, 0);
	infinite.dss.has_ack = false;
	play_say(&play, SERVER, with((struct part){ .stamp = 7 }, infinite));
	packet = goes_on(&play, 7);
	CHECK_BROKEN(&play, "F9", CLIENT, packet);
	play_fini(&play);
}

/* The data had been acknowledged with a DATA_ACK before the bare bytes were taken, if not seen. */
TEST(f16_by_sequence_number)
{
	struct play play;
	struct part first;
	uint32_t packet;

	play_foreign(&play, SERVER);
	play_open(&play);
	first = bare_part(&play, CLIENT, 0, 0, 1000);
	play_say(&play, CLIENT, with(first, opt_first(&play, 1000)));
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 1000, 1000));
	play_say(&play, SERVER, with((struct part){ .ack = 1001 }, opt_ack(&play, SERVER, 1000)));
	play_say(&play, SERVER, (struct part){ .subflow = 0 });
	packet = play_say(&play, SERVER, bare_part(&play, SERVER, 0, 0, 1000));
	play_streams(&play, 2000, 1000, 1000, 1000);
	CHECK_BROKEN(&play, "F16", SERVER, packet);
	play_fini(&play);
}

/* The checksum of the first mapping fails, and the client has nothing more to say by MPTCP. */
static void left_for_a_checksum(struct play *play)
{
	struct part spoilt;

	play_init(play, 1, true);
	play->input.is_ours[CLIENT] = false;
	play_open(play);
	spoilt = data_part(play, SERVER, 0, 0, 1000);
	spoilt.spoil = true;
	play_hear(play, CLIENT, spoilt);
	play_emit(play, CLIENT, (struct part){ .ack = 1001 });
}

static struct part join_syn(const struct play *play)
{
	return with((struct part){ .subflow = 1, .flags = TCP_SYN }, opt_join(play, 1, JOIN_SYN));
}

TEST(f33_no_join_after_leaving_in_silence)
{
	struct play play;
	uint32_t packet;

	left_for_a_checksum(&play);
	play_wait(&play, NSEC_PER_SEC);
	packet = play_say(&play, CLIENT, join_syn(&play));
	CHECK_BROKEN(&play, "F33", CLIENT, packet);
	play_fini(&play);
	/* Two interfaces at the same time: which came first nobody knows. */
	left_for_a_checksum(&play);
	play_say(&play, CLIENT, join_syn(&play));
	CHECK_HELD(&play, "F33");
	play_fini(&play);
	/* It has not left when it still speaks MPTCP. */
	left_for_a_checksum(&play);
	play_say(&play, CLIENT, join_syn(&play));
	play_emit(&play, CLIENT, with((struct part){ .ack = 1001 }, opt_ack(&play, CLIENT, 0)));
	CHECK(rule_finding(play_judge(&play), "F33")->state != RULE_BROKEN);
	play_fini(&play);
}

/* The application is told of the refusal, and nothing else ended the connection. */
static uint32_t refused_join(struct play *play, bool first_too)
{
	struct part reset = { .subflow = 1, .flags = TCP_RST, .ack = 1 };
	uint32_t packet;

	play_open_one(play);
	play_say(play, CLIENT, join_syn(play));
	play_emit(play, SERVER, reset);
	packet = play_hear(play, CLIENT, reset);
	if (first_too)
		play_say(play, SERVER, (struct part){ .flags = TCP_RST });
	play->input.app[CLIENT].failed = true;
	play->input.app[CLIENT].finished = false;
	return packet;
}

TEST(f56_a_refused_join_ends_itself)
{
	struct play play;
	uint32_t packet;

	play_foreign(&play, CLIENT);
	packet = refused_join(&play, false);
	CHECK_BROKEN(&play, "F56", CLIENT, packet);
	play_fini(&play);
	play_foreign(&play, CLIENT);
	refused_join(&play, true);
	CHECK(rule_finding(play_judge(&play), "F56")->state != RULE_BROKEN);
	play_fini(&play);
}

/* Two segments in one with the mapping of the first; the other one's bytes come by subflow 1. */
static void coalesced(struct play *play, bool in_the_place_of_others)
{
	struct part both;
	uint8_t *bytes;

	play_foreign(play, SERVER);
	play->input.subflows = 2;
	play_open_two(play);
	both = bare_part(play, CLIENT, 0, 1000, 2000);
	play_say(play, CLIENT, with(both, opt_map(play, CLIENT, both.seq, 1000, 1000)));
	play_data(play, CLIENT, 1, 2000, 1000);
	play_streams(play, 3000, 3000, 0, 0);
	bytes = (uint8_t *)(uintptr_t)play->input.app[SERVER].received;
	if (in_the_place_of_others)
		memmove(bytes + 2000, bytes + 1500, 1000);
}

TEST(f49_bytes_in_the_place_of_others)
{
	struct play play;

	coalesced(&play, false);
	CHECK_HELD(&play, "F49");
	play_fini(&play);
	coalesced(&play, true);
	CHECK_STATE(&play, "F49", RULE_BROKEN);
	CHECK_U64(rule_finding(&play.judgement, "F49")->end, SERVER);
	play_fini(&play);
}

/* A mapping that does not touch its segment may count for nothing (F51): its bytes are unmapped. */
TEST(f45_a_stray_mapping_is_a_ground)
{
	static const bool strays[] = { false, true };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct play play;
		struct part part, reset = { .subflow = 0, .flags = TCP_RST };

		play_init(&play, 1, false);
		play.input.subflows = 2;
		play_open_two(&play);
		part = bare_part(&play, CLIENT, 0, 1000, 1000);
		play_say(&play, CLIENT, with(part, opt_map(&play, CLIENT, part.seq, 1000, 1005)));
		part = bare_part(&play, CLIENT, 0, 2000, 5);
		if (strays[i])
			part = with(part, opt_map(&play, CLIENT, part.seq + 5, 2000, 5));
		play_say(&play, CLIENT, part);
		part = bare_part(&play, CLIENT, 0, 2005, 500);
		play_say(&play, CLIENT,
			with(part,
				opt_map(&play, CLIENT, part.seq + (strays[i] ? 5 : 0), 2005, 500)));
		play_emit(&play, SERVER, with(reset, opt_reset(RESET_MIDDLEBOX)));
		play_streams(&play, 3000, 3000, 0, 0);
		CHECK_STATE(&play, "F45", strays[i] ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}
