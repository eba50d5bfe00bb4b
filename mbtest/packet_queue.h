/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_queue.h - packets a box keeps, first in, first out; packet->at says until when.
 */
#ifndef MBTEST_PACKET_QUEUE_H
#define MBTEST_PACKET_QUEUE_H

#include "mbtest/box.h"

/* Zeroed, it is empty. */
struct packet_queue {
	struct packet *first, *last;
};

void packet_queue_push(struct packet_queue *queue, struct packet *packet);
struct packet *packet_queue_pop(struct packet_queue *queue);

/* Send on those of both directions whose time has come, and ask to be woken for the next. */
void packet_queues_release(struct box *box, struct packet_queue queues[static DIRS]);

/* The run is over: let go what is left. */
void packet_queues_discard(struct box *box, struct packet_queue queues[static DIRS]);

#endif
