/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice.h - payload edited as application gateways do it: what was changed once is changed again
 * in every retransmission, however it is cut, and sequence and acknowledgement numbers (SACK
 * blocks too) are shifted for the rest of the connection when lengths differ.
 *
 * Only bytes that come for the first time can be given an edit: what has passed has passed.
 */
#ifndef MBTEST_SPLICE_H
#define MBTEST_SPLICE_H

#include "mbtest/box.h"
#include "mbtest/flow.h"

enum {
	SPLICE_BYTES = 256,
	SPLICE_GROWTH = 256,
	SPLICE_EDITS = 16384, /* of one direction of a connection; then no more are made */
};

/* old_length bytes at offset became new_length bytes; stream offsets as they came to the box. */
struct splice_edit {
	uint64_t offset;
	uint32_t old_length, new_length;
	int64_t shift;        /* sum of new less old lengths of the edits before */
	const uint8_t *bytes; /* the new ones; NULL: they are in byte */
	uint8_t byte;
};

/* One direction of a connection. */
struct splice {
	bool is_known;
	uint32_t first;            /* sequence number of stream byte 0 */
	uint64_t top;              /* end of the bytes that have come */
	struct splice_edit *edits; /* in order */
	size_t count, capacity;
};

/* A connection, as a record of a flow table. */
struct spliced {
	struct splice dirs[DIRS];
};

void splice_table_init(struct flow_table *table);

/* The connection of a TCP packet, begun where it is first seen; SYNs begin it anew. */
struct spliced *splice_track(struct flow_table *table, const struct packet *packet, enum dir dir);

/* Stream offset of a packet's first payload byte. */
uint64_t splice_offset(const struct splice *splice, const struct packet *packet);

/*
 * Edit old_length bytes at an offset, none of which has come before, and declare it; bytes of
 * length 1 are copied, others borrowed for the life of the box. False, and nothing done, when there
 * are too many.
 */
bool splice_add(struct box *box, struct splice *splice, enum dir dir, uint64_t offset,
	const uint8_t *old_bytes, uint32_t old_length, const uint8_t *new_bytes,
	uint32_t new_length);

/* Make a packet what the edits of its connection make of it; the verdict for it. */
enum verdict splice_apply(struct box *box, struct spliced *spliced, struct packet *packet,
	enum dir dir);

#endif
