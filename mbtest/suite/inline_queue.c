/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inline_queue.c - boxes on an NFQUEUE. Each packet the kernel hands over gets its verdict when it,
 * or nothing of it, leaves the boxes; what boxes make themselves goes out by a raw socket, marked,
 * so that a rule can let it by.
 */
#include "mbtest/flow.h"
#include "mbtest/suite/inline.h"
#include "probe/io/inject.h"
#include "probe/io/nfqueue.h"

#include <errno.h>
#include <poll.h>

enum {
	OWN_MARK = 0x6d62, /* "mb": of packets that boxes made; the man page names it */
	BATCH = 64,
};

struct queue {
	struct inline_run *run;
	struct nfqueue *nfqueue;
	struct inject *inject;
	struct flow_table flows; /* a byte each: they are only there */
	struct addr server;
	struct err failure; /* the first, of sending */
	bool failed;
};

static void queue_fail(struct queue *queue, const struct err *err)
{
	if (!queue->failed)
		queue->failure = *err;
	queue->failed = true;
}

static void queue_send(void *self, const struct packet *packet, enum dir dir)
{
	struct queue *queue = self;
	struct err err = { "" };

	(void)dir;
	if (packet->ticket != 0) {
		if (!nfqueue_verdict(queue->nfqueue, packet->ticket, packet, &err))
			queue_fail(queue, &err);
	} else if (packet->form == PACKET_MALFORMED || !inject_send(queue->inject, packet, &err)) {
		queue->run->counts.refused++;
	}
}

static void queue_dropped(void *self, const struct packet *packet)
{
	struct queue *queue = self;
	struct err err;

	if (packet->ticket != 0 && !nfqueue_verdict(queue->nfqueue, packet->ticket, NULL, &err))
		queue_fail(queue, &err);
}

/* Who opened the connection is the client; of one not seen to open, who was seen first. */
static enum dir direction_of(struct queue *queue, const struct packet *packet)
{
	struct addr src, dst;
	enum dir dir = TO_SERVER;

	if (packet->form == PACKET_MALFORMED)
		return TO_SERVER;
	if (queue->server.version != 0) {
		packet_addrs(packet, &src, &dst);
		return addr_equal(&dst, &queue->server) ? TO_SERVER : TO_CLIENT;
	}
	if (packet->form != PACKET_TCP && packet->form != PACKET_UDP)
		return TO_SERVER;
	if (flow_find(&queue->flows, packet, TO_SERVER) != NULL)
		return TO_SERVER;
	if (flow_find(&queue->flows, packet, TO_CLIENT) != NULL)
		return TO_CLIENT;
	if (packet->form == PACKET_TCP && (tcp_flags(packet) & TCP_SYN) != 0 &&
		(tcp_flags(packet) & TCP_ACK) != 0)
		dir = TO_CLIENT;
	flow_add(&queue->flows, packet, dir);
	return dir;
}

/* One that the kernel could not hand over whole: no box can have it. */
static void packet_cut(struct queue *queue, const struct packet *packet)
{
	struct err err;
	bool ok;

	if (queue->run->plan.fail_open) {
		queue->run->counts.passed++;
		ok = nfqueue_pass(queue->nfqueue, packet->ticket, &err);
	} else {
		queue->run->counts.refused++;
		ok = nfqueue_verdict(queue->nfqueue, packet->ticket, NULL, &err);
	}
	if (!ok)
		queue_fail(queue, &err);
}

static bool queue_drain(struct queue *queue, struct err *err)
{
	nsec_t now = inline_now(queue->run);
	struct err failure = { "" };
	bool is_cut;

	for (unsigned int i = 0; i < BATCH && !queue->failed; i++) {
		struct packet *packet = inline_packet(queue->run, PACKET_LARGE);

		if (!nfqueue_read(queue->nfqueue, packet, &is_cut, &failure)) {
			pipeline_give(queue->run->pipeline, packet);
			return failure.text[0] == '\0' || err_set(err, "%s", failure.text);
		}
		if (is_cut) {
			packet_cut(queue, packet);
			pipeline_give(queue->run->pipeline, packet);
		} else {
			inline_input(queue->run, packet, direction_of(queue, packet), now);
		}
	}
	return !queue->failed || err_set(err, "%s", queue->failure.text);
}

static bool queue_loop(struct queue *queue, struct err *err)
{
	struct pollfd watches[] = {
		{ .fd = nfqueue_fd(queue->nfqueue), .events = POLLIN },
		{ .fd = queue->run->plan.stop, .events = POLLIN },
	};
	bool go_on = true;

	for (;;) {
		nsec_t wait = inline_turn(queue->run, &go_on);
		struct timespec timeout = { .tv_sec = (time_t)(wait / NSEC_PER_SEC),
			.tv_nsec = (long)(wait % NSEC_PER_SEC) };

		if (!go_on)
			return err_set(err, "%s", queue->run->failure.text);
		if (ppoll(watches, 2, &timeout, NULL) < 0 && errno != EINTR)
			return err_set_errno(err, "cannot wait for packets");
		if (watches[1].revents != 0)
			return true;
		if (watches[0].revents != 0 && !queue_drain(queue, err))
			return false;
	}
}

bool inline_queue(struct inline_run *run, const struct inline_plan *plan, uint16_t number,
	const struct addr *server, struct err *err)
{
	struct queue queue = { .run = run, .server = *server };
	bool ok;

	run->send = queue_send;
	run->dropped = queue_dropped;
	run->self = &queue;
	flow_table_init(&queue.flows, 1);
	queue.nfqueue = nfqueue_open(number, plan->fail_open, err);
	if (queue.nfqueue != NULL)
		queue.inject = inject_open(NULL, err);
	ok = queue.inject != NULL && inject_mark(queue.inject, OWN_MARK, err) &&
		inline_begin(run, plan, err) && queue_loop(&queue, err);
	/* What boxes still hold is dropped by the kernel with the queue. */
	run->dropped = NULL;
	nfqueue_close(queue.nfqueue);
	inject_close(queue.inject);
	flow_table_fini(&queue.flows);
	return ok;
}
