/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outside.c - see outside.h. The server's edge has a machine that only keeps what comes; time goes
 * on when the driver says so.
 */
#include "mbtest/net/outside.h"

#include "mbtest/net/node.h"
#include "mbtest/packet_queue.h"
#include "probe/base/alloc.h"

#include <stdlib.h>

struct outside {
	struct net *net;
	struct packet_queue leaving;
};

/* ---- the machine at the server's end ---- */

static void end_input(void *self, const struct packet *packet, nsec_t now)
{
	struct outside *outside = self;

	(void)now;
	packet_queue_push(&outside->leaving, packet_clone(packet));
}

static bool end_output(void *self, struct packet *packet, nsec_t now)
{
	(void)self, (void)packet, (void)now;
	return false;
}

static nsec_t end_deadline(const void *self)
{
	(void)self;
	return NSEC_NEVER;
}

/* ---- the whole as a machine ---- */

static void run_to(struct net *net, nsec_t now)
{
	net_run(net, now, NULL, NULL);
	if (net->now < now)
		net->now = now;
}

static void outside_input(void *self, const struct packet *packet, nsec_t now)
{
	struct outside *outside = self;

	/* What is captured may be told a little late. */
	run_to(outside->net, now > outside->net->now ? now : outside->net->now);
	edge_put(outside->net->edges[SERVER], packet_clone(packet));
}

static bool outside_output(void *self, struct packet *packet, nsec_t now)
{
	struct outside *outside = self;
	struct packet *next;

	run_to(outside->net, now);
	next = packet_queue_pop(&outside->leaving);
	if (next == NULL)
		return false;
	packet_copy(packet, next);
	packet_free(next);
	return true;
}

static nsec_t outside_deadline(const void *self)
{
	const struct outside *outside = self;
	const struct event *next = event_peek(&outside->net->queue);

	return next == NULL ? NSEC_NEVER : next->at;
}

struct machine outside_machine(struct outside *outside)
{
	static const struct machine_ops ops = { outside_input, outside_output, outside_deadline };

	return (struct machine){ &ops, outside };
}

struct outside *outside_new(struct net *net)
{
	static const struct machine_ops ops = { end_input, end_output, end_deadline };
	struct outside *outside = xcalloc(1, sizeof(*outside));

	outside->net = net;
	net_set_machine(net, SERVER, (struct machine){ &ops, outside }, NULL, NULL, NULL);
	return outside;
}

void outside_free(struct outside *outside)
{
	struct packet *packet;

	if (outside == NULL)
		return;
	while ((packet = packet_queue_pop(&outside->leaving)) != NULL)
		packet_free(packet);
	free(outside);
}
