/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delay.c - keeps packets for a time; the order of those it keeps stays, those it does not keep
 * overtake them.
 */
#include "mbtest/packet_queue.h"

struct delay {
	nsec_t time, jitter;
	struct packet_queue queues[DIRS];
};

static const struct box_param params[] = {
	{ "time", PARAM_TIME, offsetof(struct delay, time), NULL, 0, 3600 * (int64_t)NSEC_PER_SEC,
		NULL, "how long" },
	{ "jitter", PARAM_TIME, offsetof(struct delay, jitter), "0", 0,
		3600 * (int64_t)NSEC_PER_SEC, NULL, "at random up to so much more" },
	{ 0 },
};

static enum verdict delay_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct delay *self = box_state(box);

	packet->at = box_now(box) + self->time;
	if (self->jitter > 0)
		packet->at += rng_below(box_rng(box), self->jitter + 1);
	packet_queue_push(&self->queues[dir], packet);
	packet_queues_release(box, self->queues);
	return BOX_TAKEN;
}

static void delay_wake(struct box *box)
{
	packet_queues_release(box, ((struct delay *)box_state(box))->queues);
}

static void delay_fini(struct box *box)
{
	packet_queues_discard(box, ((struct delay *)box_state(box))->queues);
}

BOX_TYPE(delay) = {
	.help = "delays packets",
	.params = params,
	.state_size = sizeof(struct delay),
	.any_form = true,
	.packet = delay_packet,
	.wake = delay_wake,
	.fini = delay_fini,
};
