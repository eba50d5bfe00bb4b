/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/packet_queue.h"

void packet_queue_push(struct packet_queue *queue, struct packet *packet)
{
	packet->next = NULL;
	if (queue->first == NULL)
		queue->first = packet;
	else
		queue->last->next = packet;
	queue->last = packet;
}

struct packet *packet_queue_pop(struct packet_queue *queue)
{
	struct packet *packet = queue->first;

	if (packet != NULL)
		queue->first = packet->next;
	return packet;
}

void packet_queues_release(struct box *box, struct packet_queue queues[static DIRS])
{
	nsec_t next = NSEC_NEVER;
	enum dir dir;

	for (dir = TO_SERVER; dir < DIRS; dir++) {
		while (queues[dir].first != NULL && queues[dir].first->at <= box_now(box))
			box_release(box, packet_queue_pop(&queues[dir]), dir);
		if (queues[dir].first != NULL)
			next = nsec_min(next, queues[dir].first->at);
	}
	box_wake_at(box, next);
}

void packet_queues_discard(struct box *box, struct packet_queue queues[static DIRS])
{
	struct packet *packet;
	enum dir dir;

	for (dir = TO_SERVER; dir < DIRS; dir++) {
		while ((packet = packet_queue_pop(&queues[dir])) != NULL)
			box_discard(box, packet, dir, "the run ended");
	}
}
