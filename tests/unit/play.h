/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * play.h - a connection acted out by hand for the judge's tests: two hosts, up to three subflows,
 * each packet as sent, as received, or both. Keys are the fixed vectors of RFC-style tests:
 * 0123456789abcdef for the client, fedcba9876543210 for the server.
 */
#ifndef TESTS_UNIT_PLAY_H
#define TESTS_UNIT_PLAY_H

#include "tests/unit/play_parts.h"

/* ---- passages ---- */

/* The client's SYN and the server's answer. */
static inline void play_syns(struct play *play)
{
	play_say(play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(play)));
	play_say(play, SERVER, with((struct part){ .flags = TCP_SYN | TCP_ACK }, opt_synack(play)));
}

static inline void play_open(struct play *play)
{
	play_syns(play);
	play_say(play, CLIENT, carrying(opt_third(play)));
}

/* The SYN and the SYN/ACK of a further subflow. */
static inline void play_join_syns(struct play *play, unsigned int subflow)
{
	struct part syn = { .subflow = subflow, .flags = TCP_SYN };
	struct part synack = { .subflow = subflow, .flags = TCP_SYN | TCP_ACK };
	enum end opener = play->by_server[subflow] ? SERVER : CLIENT;

	play_say(play, opener, with(syn, opt_join(play, subflow, JOIN_SYN)));
	play_say(play, end_opposite(opener), with(synack, opt_join(play, subflow, JOIN_SYNACK)));
}

/* A further subflow, opened by the client; the server's ACK of the third packet included. */
static inline void play_join(struct play *play, unsigned int subflow)
{
	struct part part = { .subflow = subflow };
	enum end opener = play->by_server[subflow] ? SERVER : CLIENT;
	enum end other = end_opposite(opener);

	play_join_syns(play, subflow);
	play_say(play, opener, with(part, opt_join(play, subflow, JOIN_ACK)));
	play_say(play, other, with(part, opt_ack(play, other, play->data_ack[other])));
}

/* Data without any option; and under a mapping of its own. */
static inline struct part bare_part(const struct play *play, enum end from, unsigned int subflow,
	uint64_t offset, uint32_t length)
{
	struct part part = { .subflow = subflow, .payload = length, .offset = offset };

	part.seq = play->next[subflow][from];
	return part;
}

static inline struct part data_part(const struct play *play, enum end from, unsigned int subflow,
	uint64_t offset, uint32_t length)
{
	struct part part = bare_part(play, from, subflow, offset, length);

	return with(part, opt_map(play, from, part.seq, offset, length));
}

static inline uint32_t play_data(struct play *play, enum end from, unsigned int subflow,
	uint64_t offset, uint32_t length)
{
	return play_say(play, from, data_part(play, from, subflow, offset, length));
}

/* An ACK with the DATA_ACK of what this end has got. */
static inline struct part ack_part(const struct play *play, enum end from, unsigned int subflow)
{
	return with((struct part){ .subflow = subflow }, opt_ack(play, from, play->data_ack[from]));
}

static inline uint32_t play_data_ack(struct play *play, enum end from, unsigned int subflow)
{
	return play_say(play, from, ack_part(play, from, subflow));
}

static inline struct part reset_part(unsigned int subflow, uint8_t reason)
{
	return with((struct part){ .subflow = subflow, .flags = TCP_RST }, opt_reset(reason));
}

/* Without its MPTCP options. */
static inline struct part stripped(struct part part)
{
	part.option_count = 0;
	return part;
}

/* A packet whose MPTCP options a box took. */
static inline void play_strip(struct play *play, enum end from, struct part part)
{
	play_complete(play, from, &part);
	play_emit(play, from, part);
	play_hear(play, end_opposite(from), stripped(part));
}

/* Data and its DATA_ACK. */
static inline void play_exchange(struct play *play, enum end from, unsigned int subflow,
	uint64_t offset, uint32_t length)
{
	enum end to = end_opposite(from);

	play_data(play, from, subflow, offset, length);
	play->data_ack[to] = offset + length;
	play_data_ack(play, to, subflow);
}

/* One subflow, or two, and the client's first data DATA_ACKed. */
static inline void play_open_one(struct play *play)
{
	play_open(play);
	play_exchange(play, CLIENT, 0, 0, 1000);
}

static inline void play_open_two(struct play *play)
{
	play_open_one(play);
	play_join(play, 1);
}

static inline void play_close_plain(struct play *play)
{
	play_say(play, CLIENT, (struct part){ .flags = TCP_FIN });
	play_say(play, SERVER, (struct part){ .flags = TCP_FIN });
	play_say(play, CLIENT, (struct part){ .flags = 0 });
}

/* DATA_FINs and their DATA_ACKs on the first subflow, then FINs on all that are open. */
static inline void play_close(struct play *play, uint64_t by_client, uint64_t by_server,
	unsigned int subflows)
{
	const uint64_t length[ENDS] = { by_client, by_server };
	enum end end;
	unsigned int i;

	for (end = CLIENT; end < ENDS; end++) {
		struct mptcp_opt fin = opt_map(play, end, 0, length[end], 1);
		uint64_t sum = checksum_dss(fin.dss.dsn, 0, 1);

		fin.dss.data_fin = true;
		fin.dss.checksum = checksum_finish(sum);
		play_say(play, end, carrying(fin));
	}
	play->data_ack[CLIENT] = by_server + 1;
	play->data_ack[SERVER] = by_client + 1;
	play_data_ack(play, CLIENT, 0);
	play_data_ack(play, SERVER, 0);
	for (i = 0; i < subflows; i++) {
		for (end = CLIENT; end < ENDS; end++)
			play_say(play, end,
				with((struct part){ .subflow = i, .flags = TCP_FIN },
					opt_ack(play, end, play->data_ack[end])));
		play_say(play, CLIENT,
			with((struct part){ .subflow = i },
				opt_ack(play, CLIENT, play->data_ack[CLIENT])));
	}
}

/* ---- the end ---- */

/* Both applications wait for so long, and the deadline comes. */
static inline void play_stall(struct play *play, nsec_t silence)
{
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		play->input.app[end].ended = play->input.app[end].finished = false;
		play->input.app[end].last_progress = play->now;
	}
	play_wait(play, silence);
	play->input.timed_out = true;
	play->input.now = play->now;
}

/* What each sent and how much of it, unharmed, the other received. */
static inline void play_streams(struct play *play, uint64_t by_client, uint64_t at_server,
	uint64_t by_server, uint64_t at_client)
{
	const uint64_t received[ENDS] = { at_client, at_server };
	enum end end;

	play->input.stream[CLIENT].length = by_client;
	play->input.stream[SERVER].length = by_server;
	for (end = CLIENT; end < ENDS; end++) {
		struct stream_plan plan = play_plan(end_opposite(end));
		uint8_t *bytes = xmalloc(received[end] + 1);

		free((void *)(uintptr_t)play->input.app[end].received);
		stream_fill(&plan, 0, bytes, received[end]);
		play->input.app[end].received = bytes;
		play->input.app[end].received_length = received[end];
	}
}

static inline const struct judgement *play_judge(struct play *play)
{
	if (play->input.now < play->now)
		play->input.now = play->now;
	if (play->input.app[CLIENT].last_progress == 0)
		play->input.app[CLIENT].last_progress = play->now;
	judge(&play->input, &play->judgement);
	return &play->judgement;
}

static inline const struct rule_finding *rule_finding(const struct judgement *judgement,
	const char *rule)
{
	unsigned int index = 0;

	CHECK(rule_find(rule, &index));
	return &judgement->rules[index];
}

/* No rule may be broken. Names the first that is. */
static inline const char *first_broken(struct play *play)
{
	const struct judgement *judgement = play_judge(play);
	unsigned int i;

	for (i = 0; i < rule_count(); i++)
		if (judgement->rules[i].state == RULE_BROKEN)
			return rule_info(i)->name;
	return "none";
}

/*
 * A rule's two sides. act plays it out, rightly or wrongly, and returns the number of the packet
 * at fault in the tap of who.
 */
static inline void play_both(const char *rule, uint8_t version, bool checksum, enum end who,
	uint32_t (*act)(struct play *play, bool wrong))
{
	const struct rule_finding *finding;
	struct play play;
	uint32_t packet;

	play_init(&play, version, checksum);
	act(&play, false);
	finding = rule_finding(play_judge(&play), rule);
	CHECK_U64(finding->state, RULE_HELD);
	CHECK_TEXT(finding->why, "");
	CHECK_TEXT(first_broken(&play), "none");
	play_fini(&play);
	play_init(&play, version, checksum);
	packet = act(&play, true);
	finding = rule_finding(play_judge(&play), rule);
	CHECK_U64(finding->state, RULE_BROKEN);
	CHECK_U64(finding->end, who);
	CHECK_U64(finding->packet, packet);
	CHECK(finding->why[0] != '\0');
	play_fini(&play);
}

#define CHECK_STATE(play, rule, wanted) \
	CHECK_U64(rule_finding(play_judge(play), rule)->state, wanted)
#define CHECK_HELD(play, rule) CHECK_STATE(play, rule, RULE_HELD)
#define CHECK_IDLE(play, rule) CHECK_STATE(play, rule, RULE_NOT_EXERCISED)
#define CHECK_BROKEN(play, rule, who, number)                                             \
	do {                                                                              \
		uint32_t wanted_number = (number);                                        \
		CHECK_STATE(play, rule, RULE_BROKEN);                                     \
		CHECK_U64(rule_finding(&(play)->judgement, rule)->end, who);              \
		CHECK_U64(rule_finding(&(play)->judgement, rule)->packet, wanted_number); \
	} while (0)
#define CHECK_OUTCOME(play, name) CHECK_TEXT(outcome_text(play_judge(play)->outcome), name)
#define CHECK_SOUND(play)         CHECK_TEXT(first_broken(play), "none")

#endif
