/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segment.h - what a subflow has sent and may have to send again. One segment is one mapping, for
 * good: it is retransmitted with the mapping it was first sent with (RFC 8684 3.3.1; F52, F55) and
 * the same bounds, unless the path takes only smaller packets: then it is cut, and all pieces carry
 * the mapping of the whole (F46). Segments stay until they are acknowledged on both levels, so that
 * data acknowledged by the subflow but not by the connection can be told from data in flight.
 */
#ifndef PROBE_ENDPOINT_SEGMENT_H
#define PROBE_ENDPOINT_SEGMENT_H

#include "probe/base/nsec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SEG_IN_FLIGHT = 0x01, /* counted in the subflow's in_flight */
	SEG_SACKED = 0x02,
	SEG_LOST = 0x04,          /* to be sent again */
	SEG_RETRANSMITTED = 0x08, /* ever: gives no round-trip sample */
	SEG_FIN = 0x10,
	SEG_MAPPED = 0x20,     /* carries a DSS mapping, or MP_CAPABLE with data */
	SEG_INFINITE = 0x40,   /* carries the infinite mapping */
	SEG_REINJECTED = 0x80, /* its data was handed to other subflows */
};

struct segment {
	uint64_t offset; /* of the first payload byte in the connection's stream */
	nsec_t sent_at;  /* last transmission */
	uint32_t seq;
	uint16_t length; /* payload bytes */
	uint16_t flags;  /* SEG_* */
	/* a piece: of what it was cut from */
	uint16_t whole;  /* payload bytes; 0: it is no piece */
	uint16_t before; /* of these, ahead of the piece */
	uint16_t sum;    /* their sum, when there are DSS checksums */
};

/* head..una: acknowledged by the subflow only; una..tail: outstanding. Indices only grow. */
struct segment_queue {
	struct segment *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t head, una, tail;
};

static inline struct segment *segment_at(const struct segment_queue *queue, size_t index)
{
	return &queue->slots[index & (queue->capacity - 1)];
}

/* Sequence number after a segment. */
static inline uint32_t segment_end(const struct segment *segment)
{
	return segment->seq + segment->length + ((segment->flags & SEG_FIN) != 0);
}

void segment_queue_fini(struct segment_queue *queue);

/* A new slot at the tail; valid until the next push. */
struct segment *segment_push(struct segment_queue *queue);

/*
 * Cut a segment into pieces of most bytes of payload and a rest; sum is that of its payload, if
 * nobody cut it before. Returns how many it is now, from the same index on.
 */
size_t segment_cut(struct segment_queue *queue, size_t index, uint16_t most, uint16_t sum);

#endif
