/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rate.c - lets packets through at a rate, with a queue in front of it; each direction has its own.
 */
#include "mbtest/packet_queue.h"

struct rate {
	int64_t rate, queue;
	nsec_t busy_until[DIRS];
	struct packet_queue queues[DIRS];
};

static const char *const rates[] = { "100000", "400000", "2000000", "10000000", NULL };

static const struct box_param params[] = {
	{ "rate", PARAM_INT, offsetof(struct rate, rate), NULL, 1, INT64_C(1000000000000), rates,
		"bits a second" },
	{ "queue", PARAM_INT, offsetof(struct rate, queue), "100000", 0, INT32_MAX, NULL,
		"a packet that finds more bytes than this waiting is dropped" },
	{ 0 },
};

/* What waits is counted anew: the queue is short, and packets leave it in two places. */
static int64_t waiting(const struct packet_queue *queue)
{
	const struct packet *packet;
	int64_t bytes = 0;

	for (packet = queue->first; packet != NULL; packet = packet->next)
		bytes += packet->length;
	return bytes;
}

static enum verdict rate_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct rate *self = box_state(box);
	nsec_t now = box_now(box);

	packet_queues_release(box, self->queues);
	if (waiting(&self->queues[dir]) > self->queue)
		return box_reason(box, "queue full");
	if (self->busy_until[dir] < now)
		self->busy_until[dir] = now;
	self->busy_until[dir] += (nsec_t)packet->length * 8 * NSEC_PER_SEC / (nsec_t)self->rate;
	packet->at = self->busy_until[dir];
	packet_queue_push(&self->queues[dir], packet);
	packet_queues_release(box, self->queues);
	return BOX_TAKEN;
}

static void rate_wake(struct box *box)
{
	packet_queues_release(box, ((struct rate *)box_state(box))->queues);
}

static void rate_fini(struct box *box)
{
	packet_queues_discard(box, ((struct rate *)box_state(box))->queues);
}

BOX_TYPE(rate) = {
	.help = "lets packets through at a rate, and drops what its queue cannot hold",
	.params = params,
	.state_size = sizeof(struct rate),
	.any_form = true,
	.packet = rate_packet,
	.wake = rate_wake,
	.fini = rate_fini,
};
