/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ladder.c - see ladder.h. Quadratic in what a ladder shows, which is bounded.
 */
#include "mbtest/ladder.h"

#include "probe/base/bytes.h"
#include "probe/wire/packet.h"
#include "probe/wire/tcpopt.h"

#include <string.h>

enum {
	LOOKED_AT = LADDER_ARROWS, /* records of one tap */
	PATHS = 8,
	FIT_CERTAIN = 3,
	WHAT = TCP_SYN | TCP_FIN | TCP_RST,
};

/* One record as it is compared. */
struct trace {
	nsec_t at;
	uint16_t path, flags;
	bool outgoing, is_tcp, used;
	uint32_t seq, length;
	uint32_t id, timestamp; /* what tells a packet from its repetition, if no box changed it */
	uint32_t partner;       /* of an outgoing one, when certain */
};

struct traces {
	struct trace list[LOOKED_AT];
	size_t count;
	bool is_cut;         /* the tap has more */
	size_t known[PATHS]; /* of what was sent before it is known whether it arrived */
};

/* Read the records of a tap; numbers become relative to the last SYN in their direction. */
static void read_tap(const struct capture *tap, struct traces *traces)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	uint32_t isn[PATHS][2], echo;
	size_t i;

	memset(isn, 0, sizeof(isn));
	memset(traces->known, 0, sizeof(traces->known));
	traces->count = tap->count < LOOKED_AT ? tap->count : LOOKED_AT;
	traces->is_cut = traces->count < tap->count;
	for (i = 0; i < traces->count; i++) {
		const struct capture_record *record = &tap->records[i];
		struct trace *trace = &traces->list[i];
		uint32_t *base = &isn[record->path % PATHS][record->outgoing];

		memset(trace, 0, sizeof(*trace));
		trace->at = record->at;
		trace->path = record->path;
		trace->outgoing = record->outgoing;
		trace->length = record->length;
		trace->partner = LADDER_NONE;
		if (!capture_get(tap, i, packet) || packet->form != PACKET_TCP)
			continue;
		trace->is_tcp = true;
		trace->flags = tcp_flags(packet) & WHAT;
		if (trace->flags & TCP_SYN)
			*base = tcp_seq(packet);
		trace->seq = tcp_seq(packet) - *base;
		trace->length = packet_payload_len(packet);
		trace->id = packet->version == 4 ? get_be16(packet_data(packet) + 4) : 0;
		tcpopt_timestamp(packet, &trace->timestamp, &echo);
	}
	packet_free(packet);
}

/* How well a received record fits a sent one: 0 not at all. */
static unsigned int fit(const struct trace *sent, const struct trace *received)
{
	if (received->used || received->outgoing || received->at < sent->at ||
		received->path != sent->path || received->is_tcp != sent->is_tcp)
		return 0;
	if (sent->is_tcp &&
		(received->seq != sent->seq ||
			((received->flags ^ sent->flags) & (TCP_SYN | TCP_RST))))
		return 0;
	if (received->length != sent->length || received->flags != sent->flags)
		return 1;
	return received->id == sent->id && received->timestamp == sent->timestamp ? FIT_CERTAIN : 2;
}

static uint32_t find(const struct trace *sent, const struct traces *other, unsigned int least)
{
	uint32_t best = LADDER_NONE, i;
	unsigned int value = least - 1;

	for (i = 0; i < other->count && value < FIT_CERTAIN; i++) {
		unsigned int now = fit(sent, &other->list[i]);

		if (now > value) {
			value = now;
			best = i;
		}
	}
	return best;
}

/* Pair what is certain first: else a lost packet would take its repetition's arrival. */
static void pair(struct traces *from, struct traces *to)
{
	size_t i;

	for (i = 0; i < from->count; i++) {
		struct trace *trace = &from->list[i];

		if (trace->outgoing && trace->is_tcp)
			trace->partner = find(trace, to, FIT_CERTAIN);
		if (trace->partner == LADDER_NONE)
			continue;
		to->list[trace->partner].used = true;
		from->known[trace->path % PATHS] = i;
	}
}

/* Whether the other end of this arrow may lie behind where that tap was cut off. */
static bool is_beyond(const struct trace *trace, const struct traces *own,
	const struct traces *other)
{
	if (!other->is_cut)
		return false;
	return trace->outgoing ? trace > &own->list[own->known[trace->path % PATHS]]
			       : trace->at > other->list[other->count - 1].at;
}

static void add(struct ladder *ladder, const struct trace *trace, enum end from, uint32_t sent,
	uint32_t received)
{
	if (ladder->count == LADDER_ARROWS) {
		ladder->more++;
		return;
	}
	ladder->arrows[ladder->count++] =
		(struct ladder_arrow){ from, trace->path, sent, received, trace->seq };
}

/* The next unused record of a tap in time. */
static uint32_t next_of(struct traces *traces, uint32_t at)
{
	while (at < traces->count && traces->list[at].used)
		at++;
	return at;
}

void ladder_make(struct ladder *ladder, const struct capture *const tap[ENDS])
{
	struct traces traces[ENDS];
	uint32_t next[ENDS] = { 0, 0 };

	memset(ladder, 0, sizeof(*ladder));
	read_tap(tap[CLIENT], &traces[CLIENT]);
	read_tap(tap[SERVER], &traces[SERVER]);
	pair(&traces[CLIENT], &traces[SERVER]);
	pair(&traces[SERVER], &traces[CLIENT]);
	for (;;) {
		struct traces *near, *far;
		struct trace *trace;
		enum end end;

		next[CLIENT] = next_of(&traces[CLIENT], next[CLIENT]);
		next[SERVER] = next_of(&traces[SERVER], next[SERVER]);
		if (next[CLIENT] == traces[CLIENT].count && next[SERVER] == traces[SERVER].count)
			break;
		end = next[SERVER] == traces[SERVER].count ||
				(next[CLIENT] < traces[CLIENT].count &&
					traces[CLIENT].list[next[CLIENT]].at <=
						traces[SERVER].list[next[SERVER]].at)
			? CLIENT
			: SERVER;
		near = &traces[end];
		far = &traces[end_opposite(end)];
		trace = &near->list[next[end]];
		trace->used = true;
		if (trace->outgoing && trace->partner == LADDER_NONE)
			trace->partner = find(trace, far, 1);
		if (trace->partner != LADDER_NONE)
			far->list[trace->partner].used = true;
		if (trace->partner == LADDER_NONE && is_beyond(trace, near, far))
			ladder->more++;
		else if (trace->outgoing)
			add(ladder, trace, end, next[end], trace->partner);
		else
			add(ladder, trace, end_opposite(end), LADDER_NONE, next[end]);
	}
	ladder->more += tap[CLIENT]->count - traces[CLIENT].count;
	ladder->more += tap[SERVER]->count - traces[SERVER].count;
}
