/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow.h - what a box remembers about each TCP connection it sees: a table from the two addresses
 * and ports to a record of the caller's, bounded; when full, the oldest record gives way.
 */
#ifndef MBTEST_FLOW_H
#define MBTEST_FLOW_H

#include "mbtest/dir.h"
#include "probe/wire/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLOW_MAX = 4096 };

struct flow_key {
	uint64_t words[5]; /* addresses of client and server side, ports */
};

struct flow_table {
	size_t size; /* bytes of one entry */
	uint8_t *entries;
	uint32_t *buckets; /* index of the first entry plus one; 0: none */
	uint32_t count, capacity;
	uint32_t oldest;                   /* next to give way */
	uint32_t last;                     /* found last */
	void (*record_fini)(void *record); /* may be NULL: what a record holds is let go */
};

/* A table of records of record_size bytes each. */
void flow_table_init(struct flow_table *table, size_t record_size);
void flow_table_fini(struct flow_table *table);

/*
 * The record of a packet's connection, NULL when there is none. The packet has ports (TCP or UDP).
 * Valid until the next flow_add.
 */
void *flow_find(struct flow_table *table, const struct packet *packet, enum dir dir);

/* The record of a packet's connection; zeroed when it is new. */
void *flow_add(struct flow_table *table, const struct packet *packet, enum dir dir);

/* The i-th record, for walking through all; count of them is table->count. */
void *flow_at(const struct flow_table *table, uint32_t i);

#endif
