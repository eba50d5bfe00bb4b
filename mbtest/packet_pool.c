/* SPDX-License-Identifier: BSD-2-Clause */
/* packet_pool.c - see packet_pool.h. */
#include "mbtest/packet_pool.h"

#include <assert.h>

struct packet *pool_take(struct packet_pool *pool, uint32_t capacity)
{
	bool is_small = capacity <= PACKET_SMALL;
	struct packet **list = is_small ? &pool->small : &pool->large;
	struct packet *packet = *list;

	assert(capacity <= PACKET_LARGE + PACKET_HEADROOM);
	if (packet == NULL)
		return packet_new(is_small ? PACKET_SMALL : PACKET_LARGE + PACKET_HEADROOM);
	*list = packet->next;
	packet_init(packet, packet->own_capacity);
	return packet;
}

void pool_give(struct packet_pool *pool, struct packet *packet)
{
	struct packet **list = packet->own_capacity == PACKET_SMALL ? &pool->small : &pool->large;

	packet->buf = packet->own; /* what was borrowed is no concern of its any more */
	packet->next = *list;
	*list = packet;
}

static void list_free(struct packet *packet)
{
	struct packet *next;

	for (; packet != NULL; packet = next) {
		next = packet->next;
		packet_free(packet);
	}
}

void pool_fini(struct packet_pool *pool)
{
	list_free(pool->small);
	list_free(pool->large);
	pool->small = pool->large = NULL;
}
