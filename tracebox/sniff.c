/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/sniff.h"

#include "probe/base/alloc.h"
#include "probe/machine.h"
#include "probe/wire/capture.h"
#include "tracebox/channel.h"

#include <assert.h>
#include <stdlib.h>

struct sniffer {
	bool open;
	struct flow flow;
	struct capture queue;
	size_t next; /* of the queue, to be taken */
};

struct sniff {
	struct sniffer list[SNIFFERS];
};

struct sniff *sniff_new(void)
{
	return xcalloc(1, sizeof(struct sniff));
}

void sniff_free(struct sniff *sniff)
{
	for (unsigned int i = 0; i < SNIFFERS; i++)
		sniff_remove(sniff, i);
	free(sniff);
}

bool sniff_add(struct sniff *sniff, const struct flow *flow, unsigned int *number)
{
	for (*number = 0; *number < SNIFFERS; ++*number) {
		struct sniffer *sniffer = &sniff->list[*number];

		if (sniffer->open)
			continue;
		*sniffer = (struct sniffer){ .open = true, .flow = *flow };
		capture_init(&sniffer->queue);
		return true;
	}
	return false;
}

void sniff_remove(struct sniff *sniff, unsigned int number)
{
	struct sniffer *sniffer;

	assert(number < SNIFFERS);
	sniffer = &sniff->list[number];
	if (sniffer->open)
		capture_fini(&sniffer->queue);
	sniffer->open = false;
}

bool sniff_wants(const struct sniff *sniff)
{
	for (unsigned int i = 0; i < SNIFFERS; i++)
		if (sniff->list[i].open)
			return true;
	return false;
}

void sniff_input(struct sniff *sniff, const struct packet *packet)
{
	if (packet->form == PACKET_MALFORMED)
		return;
	for (unsigned int i = 0; i < SNIFFERS; i++) {
		struct sniffer *sniffer = &sniff->list[i];

		if (sniffer->open && sniffer->queue.count < SNIFF_QUEUE &&
			flow_has(&sniffer->flow, packet))
			capture_add(&sniffer->queue, packet, 0, 0, false);
	}
}

/* ---- waiting: a machine that sends nothing and ends ---- */

struct waiting {
	const struct sniffer *sniffer;
	nsec_t wait, until; /* until NSEC_NEVER: not begun, or without end */
	bool over;
};

static void waiting_input(void *self, const struct packet *packet, nsec_t now)
{
	(void)self;
	(void)packet;
	(void)now;
}

static bool waiting_output(void *self, struct packet *packet, nsec_t now)
{
	struct waiting *waiting = self;

	(void)packet;
	if (waiting->until == NSEC_NEVER && waiting->wait != NSEC_NEVER)
		waiting->until = now + waiting->wait;
	waiting->over = now >= waiting->until;
	return false;
}

static nsec_t waiting_deadline(const void *self)
{
	const struct waiting *waiting = self;

	if (waiting->over)
		return NSEC_NEVER;
	return waiting->until == NSEC_NEVER && waiting->wait != NSEC_NEVER ? 0 : waiting->until;
}

static bool has_waiting(const struct sniffer *sniffer)
{
	return sniffer->next < sniffer->queue.count;
}

static bool waiting_done(void *self)
{
	const struct waiting *waiting = self;

	return waiting->over || has_waiting(waiting->sniffer);
}

bool sniff_take(struct sniff *sniff, unsigned int number, const struct channel *channel,
	nsec_t wait, struct packet *packet, struct err *err)
{
	static const struct machine_ops ops = { waiting_input, waiting_output, waiting_deadline };
	struct sniffer *sniffer = &sniff->list[number];
	struct waiting waiting = { .sniffer = sniffer, .wait = wait, .until = NSEC_NEVER };
	bool fits;

	assert(number < SNIFFERS && sniffer->open);
	if (!has_waiting(sniffer) &&
		!channel->ops->run(channel->self, NULL, (struct machine){ &ops, &waiting },
			waiting_done, &waiting, err))
		return false;
	if (!has_waiting(sniffer))
		return false;
	fits = capture_get(&sniffer->queue, sniffer->next++, packet);
	if (!has_waiting(sniffer)) {
		capture_clear(&sniffer->queue);
		sniffer->next = 0;
	}
	return fits;
}
