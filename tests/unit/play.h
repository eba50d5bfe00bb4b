/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * play.h - a connection acted out by hand for the judge's tests: two hosts, up to three subflows,
 * each packet as sent, as received, or both. Keys are the fixed vectors of RFC-style tests:
 * 0123456789abcdef for the client, fedcba9876543210 for the server.
 */
#ifndef TESTS_UNIT_PLAY_H
#define TESTS_UNIT_PLAY_H

#include "mbtest/judge/judge.h"
#include "probe/base/alloc.h"
#include "probe/endpoint/key.h"
#include "probe/wire/checksum.h"
#include "probe/wire/mptcp.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { PLAY_SUBFLOWS = 3, PLAY_OPTIONS = 3, PLAY_STREAM = 1 << 18 };

/* A packet of the play. ack 0: all that the sender of this packet has got on the subflow. */
struct part {
	unsigned int subflow;
	uint16_t flags;     /* TCP_ACK is added but for a SYN or when no_ack */
	uint32_t payload;   /* bytes of the sender's stream ... */
	uint64_t offset;    /* ... from here on */
	uint32_t seq, ack;  /* relative; seq 0: the next */
	uint16_t window;    /* 0: 65535 */
	bool no_ack, spoil; /* spoil: one byte of the payload is changed */
	struct mptcp_opt options[PLAY_OPTIONS];
	unsigned int option_count;
	uint8_t raw[40]; /* an option of kind 30 that is none */
	uint8_t raw_length;
	uint16_t port;        /* 0: as usual; the server's port otherwise */
	uint16_t source_port; /* 0: as usual; the client's otherwise */
	uint32_t stamp, echo; /* a TCP timestamp, and the one it echoes; 0: none */
};

struct play {
	struct capture tap[ENDS];
	nsec_t now;
	uint8_t version;
	bool checksum;
	uint64_t key[ENDS], idsn[ENDS];
	uint32_t next[PLAY_SUBFLOWS][ENDS]; /* sequence number each end sends next */
	uint32_t got[PLAY_SUBFLOWS][ENDS];  /* and has received up to */
	bool by_server[PLAY_SUBFLOWS];      /* who opened it */
	uint64_t data_ack[ENDS];            /* stream bytes each end has DATA_ACKed */
	struct judge_input input;           /* what the tests may change */
	uint64_t delivered[ENDS];           /* bytes each application got, right ones */
	struct judgement judgement;
};

static inline struct stream_plan play_plan(enum end sender)
{
	struct stream_plan plan = { .sender = sender, .length = PLAY_STREAM };

	return plan;
}

static inline void play_init(struct play *play, uint8_t version, bool checksum)
{
	enum end end;

	memset(play, 0, sizeof(*play));
	play->version = version;
	play->checksum = checksum;
	play->key[CLIENT] = 0x0123456789abcdef;
	play->key[SERVER] = 0xfedcba9876543210;
	play->now = NSEC_PER_SEC;
	for (end = CLIENT; end < ENDS; end++) {
		capture_init(&play->tap[end]);
		play->idsn[end] = key_digest(version, play->key[end]).idsn;
		play->input.tap[end] = &play->tap[end];
		play->input.speaks_mptcp[end] = true;
		play->input.is_ours[end] = true;
		play->input.app[end].opened = true;
		play->input.app[end].ended = true;
		play->input.app[end].finished = true;
		play->input.stream[end].sender = end;
	}
	play->input.version = version;
	play->input.checksum = checksum;
	play->input.subflows = 1;
}

static inline void play_fini(struct play *play)
{
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		capture_fini(&play->tap[end]);
		free((void *)(uintptr_t)play->input.app[end].received);
	}
}

static inline void play_wait(struct play *play, nsec_t time)
{
	play->now += time;
}

static inline struct sockname play_name(const struct play *play, enum end end,
	const struct part *part)
{
	struct sockname name = { addr_v4(198, 18, 100, 2), part->port != 0 ? part->port : 80 };

	if (play->by_server[part->subflow] && end == SERVER)
		name.port = (uint16_t)(50000 + part->subflow);
	if (end == SERVER)
		return name;
	name.addr = addr_v4(198, 18, (uint8_t)(part->subflow + 1), 2);
	name.port = (uint16_t)(40000 + part->subflow);
	if (part->source_port != 0)
		name.port = part->source_port;
	return name;
}

/* Lay out a packet of the play; ISNs are 1000 for the client and 2000 for the server. */
static inline struct packet *play_packet(const struct play *play, enum end from,
	const struct part *part)
{
	static const uint32_t isn[ENDS] = { 1000, 2000 };
	enum end to = end_opposite(from);
	struct packet *packet = packet_new(PACKET_LARGE);
	struct tcp_header header = { .src = play_name(play, from, part),
		.dst = play_name(play, to, part),
		.flags = part->flags };
	struct stream_plan plan = play_plan(from);
	uint8_t bytes[TCPOPT_SPACE], *payload;
	unsigned int i;

	header.seq = isn[from] + part->seq;
	header.window = part->window != 0 ? part->window : 65535;
	if (part->flags & TCP_ACK)
		header.ack = isn[to] + part->ack;
	packet_init_tcp(packet, &header);
	for (i = 0; i < part->option_count; i++) {
		uint32_t length = mptcp_emit(&part->options[i], bytes);

		tcpopt_append(packet, bytes, length);
	}
	if (part->raw_length > 0)
		tcpopt_append(packet, part->raw, part->raw_length);
	if (part->stamp > 0) {
		uint8_t option[10] = { TCPOPT_TIMESTAMP, sizeof(option) };

		put_be32(option + 2, part->stamp);
		put_be32(option + 6, part->echo);
		tcpopt_append(packet, option, sizeof(option));
	}
	payload = packet_append_payload(packet, part->payload);
	stream_fill(&plan, part->offset, payload, part->payload);
	if (part->spoil)
		payload[part->payload / 2] ^= 0x55;
	packet_finish(packet);
	packet_parse(packet);
	return packet;
}

/* Fill in what a part leaves out. */
static inline void play_complete(const struct play *play, enum end from, struct part *part)
{
	unsigned int subflow = part->subflow;

	if (part->seq == 0 && !(part->flags & TCP_SYN))
		part->seq = play->next[subflow][from] > 0 ? play->next[subflow][from] : 1;
	if (part->no_ack || ((part->flags & TCP_SYN) && !(part->flags & TCP_ACK)))
		return;
	part->flags |= TCP_ACK;
	if (part->ack == 0)
		part->ack = play->got[subflow][from] > 0 ? play->got[subflow][from] : 1;
}

static inline uint32_t part_end(const struct part *part)
{
	return part->seq + part->payload + ((part->flags & TCP_SYN) != 0) +
		((part->flags & TCP_FIN) != 0);
}

static inline uint32_t play_emit(struct play *play, enum end from, struct part part)
{
	struct packet *packet;

	play_complete(play, from, &part);
	packet = play_packet(play, from, &part);
	capture_add(&play->tap[from], packet, play->now, (uint16_t)part.subflow, true);
	packet_free(packet);
	play->now += NSEC_PER_MS;
	if (!(part.flags & TCP_RST) && part_end(&part) > play->next[part.subflow][from])
		play->next[part.subflow][from] = part_end(&part);
	return (uint32_t)play->tap[from].count;
}

static inline uint32_t play_hear(struct play *play, enum end to, struct part part)
{
	enum end from = end_opposite(to);
	struct packet *packet;

	play_complete(play, from, &part);
	packet = play_packet(play, from, &part);
	capture_add(&play->tap[to], packet, play->now, (uint16_t)part.subflow, false);
	packet_free(packet);
	play->now += NSEC_PER_MS;
	if (!(part.flags & TCP_RST) && part_end(&part) > play->got[part.subflow][to])
		play->got[part.subflow][to] = part_end(&part);
	return (uint32_t)play->tap[to].count;
}

/* Sent, and received as it was; the packet's number in the sender's tap. */
static inline uint32_t play_say(struct play *play, enum end from, struct part part)
{
	uint32_t number;

	play_complete(play, from, &part);
	number = play_emit(play, from, part);
	play_hear(play, end_opposite(from), part);
	return number;
}

/* ---- options ---- */

static inline struct part with(struct part part, struct mptcp_opt opt)
{
	part.options[part.option_count++] = opt;
	return part;
}

/* An ACK on the first subflow that carries an option and no data. */
static inline struct part carrying(struct mptcp_opt opt)
{
	return with((struct part){ .flags = 0 }, opt);
}

static inline struct mptcp_opt opt_capable(const struct play *play, bool sender, bool receiver,
	enum end from)
{
	struct mptcp_opt opt = { .subtype = MP_CAPABLE };

	opt.capable.version = play->version;
	opt.capable.flags = (uint8_t)(MPC_HMAC | (play->checksum ? MPC_CHECKSUM : 0));
	opt.capable.has_sender_key = sender;
	opt.capable.sender_key = play->key[from];
	opt.capable.has_receiver_key = receiver;
	opt.capable.receiver_key = play->key[end_opposite(from)];
	return opt;
}

static inline struct mptcp_opt opt_syn(const struct play *play)
{
	return opt_capable(play, play->version == 0, false, CLIENT);
}

static inline struct mptcp_opt opt_synack(const struct play *play)
{
	return opt_capable(play, true, false, SERVER);
}

static inline struct mptcp_opt opt_third(const struct play *play)
{
	return opt_capable(play, true, true, CLIENT);
}

static inline uint16_t play_checksum(const struct play *play, enum end from, uint32_t ssn,
	uint64_t offset, uint32_t length)
{
	struct stream_plan plan = play_plan(from);
	uint8_t *bytes = xmalloc(length + 1);
	uint64_t sum;

	stream_fill(&plan, offset, bytes, length);
	sum = checksum_add(0, bytes, length);
	sum += checksum_dss(play->idsn[from] + 1 + offset, ssn, (uint16_t)length);
	free(bytes);
	return checksum_finish(sum);
}

/* MP_CAPABLE with data: SSN 1, the stream's first bytes. */
static inline struct mptcp_opt opt_first(const struct play *play, uint32_t length)
{
	struct mptcp_opt opt = opt_third(play);

	opt.capable.has_data_length = true;
	opt.capable.data_length = (uint16_t)length;
	opt.capable.has_checksum = play->checksum;
	opt.capable.checksum = play_checksum(play, CLIENT, 1, 0, length);
	return opt;
}

static inline struct mptcp_opt opt_ack(const struct play *play, enum end from, uint64_t upto)
{
	struct mptcp_opt opt = { .subtype = MP_DSS };

	opt.dss.has_ack = opt.dss.ack_wide = true;
	opt.dss.ack = play->idsn[end_opposite(from)] + 1 + upto;
	return opt;
}

/* A mapping and the DATA_ACK of what this end has got. */
static inline struct mptcp_opt opt_map(const struct play *play, enum end from, uint32_t ssn,
	uint64_t offset, uint32_t length)
{
	struct mptcp_opt opt = opt_ack(play, from, play->data_ack[from]);

	opt.dss.has_mapping = opt.dss.dsn_wide = true;
	opt.dss.dsn = play->idsn[from] + 1 + offset;
	opt.dss.ssn = ssn;
	opt.dss.length = (uint16_t)length;
	opt.dss.has_checksum = play->checksum;
	opt.dss.checksum = play_checksum(play, from, ssn, offset, length);
	return opt;
}

static inline struct mptcp_opt opt_infinite(const struct play *play, enum end from, uint32_t ssn,
	uint64_t offset)
{
	struct mptcp_opt opt = opt_map(play, from, ssn, offset, 0);

	opt.dss.checksum = 0;
	return opt;
}

static inline struct mptcp_opt opt_fail(const struct play *play, enum end sender_of_data,
	uint64_t offset)
{
	struct mptcp_opt opt = { .subtype = MP_FAIL };

	opt.fail_dsn = play->idsn[sender_of_data] + 1 + offset;
	return opt;
}

static inline struct mptcp_opt opt_reset(uint8_t reason)
{
	struct mptcp_opt opt = { .subtype = MP_TCPRST };

	opt.tcprst.reason = reason;
	return opt;
}

/* Nonces are 11223344 for the client and aabbccdd for the server. */
static inline struct mptcp_opt opt_join(const struct play *play, unsigned int subflow,
	enum mp_join_form form)
{
	static const uint32_t nonce[ENDS] = { 0x11223344, 0xaabbccdd };
	enum end opener = play->by_server[subflow] ? SERVER : CLIENT;
	enum end other = end_opposite(opener);
	enum end signer = form == JOIN_SYNACK ? other : opener;
	enum end reader = end_opposite(signer);
	struct mptcp_opt opt = { .subtype = MP_JOIN };
	uint8_t hmac[20];

	key_join_hmac(play->version, play->key[signer], play->key[reader], nonce[signer],
		nonce[reader], hmac);
	opt.join.form = form;
	opt.join.address_id = (uint8_t)subflow;
	opt.join.token = key_digest(play->version, play->key[other]).token;
	opt.join.nonce = nonce[signer];
	opt.join.hmac64 = key_join_hmac64(hmac);
	memcpy(opt.join.hmac160, hmac, sizeof(hmac));
	return opt;
}

/* The wrong thing to do, or the right one. */
static inline struct part either(bool wrong, struct part bad, struct part good)
{
	return wrong ? bad : good;
}

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

static inline uint32_t play_data_ack(struct play *play, enum end from, unsigned int subflow)
{
	struct part part = { .subflow = subflow };

	return play_say(play, from, with(part, opt_ack(play, from, play->data_ack[from])));
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
