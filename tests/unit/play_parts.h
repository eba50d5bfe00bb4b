/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * play_parts.h - what a play is made of: two hosts, their packets as sent, as received, or both,
 * and the options that they carry.
 */
#ifndef TESTS_UNIT_PLAY_PARTS_H
#define TESTS_UNIT_PLAY_PARTS_H

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

#endif
