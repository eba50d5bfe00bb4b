/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_pool.h - packets that are not in use, kept by who passes packets through boxes, so that
 * none is allocated once it runs.
 */
#ifndef MBTEST_PACKET_POOL_H
#define MBTEST_PACKET_POOL_H

#include "probe/wire/packet.h"

/* Packets at rest, of the two sizes; zeroed, it is empty. */
struct packet_pool {
	struct packet *small, *large;
};

/* An empty packet of one of two sizes, that which holds capacity bytes. */
struct packet *pool_take(struct packet_pool *pool, uint32_t capacity);
void pool_give(struct packet_pool *pool, struct packet *packet);
void pool_fini(struct packet_pool *pool);

#endif
