/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.c - the event queue of a network. Its order is (at, serial) and nothing else, so that a
 * run is a function of what was posted.
 */
#include "mbtest/net/node.h"

#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { RING_FIRST = 64 };

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->serial < b->serial);
}

void event_queue_fini(struct event_queue *queue)
{
	free(queue->heap);
	free(queue->ring);
	memset(queue, 0, sizeof(*queue));
}

static void ring_grow(struct event_queue *queue)
{
	size_t capacity = queue->ring_capacity == 0 ? RING_FIRST : 2 * queue->ring_capacity, i;
	struct event *ring = xcalloc(capacity, sizeof(*ring));

	for (i = 0; i < queue->ring_count; i++)
		ring[i] = queue->ring[(queue->ring_first + i) & (queue->ring_capacity - 1)];
	free(queue->ring);
	queue->ring = ring;
	queue->ring_capacity = capacity;
	queue->ring_first = 0;
}

static void heap_push(struct event_queue *queue, const struct event *event)
{
	size_t at = queue->heap_count++, parent;

	queue->heap = xgrow(queue->heap, at, &queue->heap_capacity, sizeof(*queue->heap));
	for (; at > 0; at = parent) {
		parent = (at - 1) / 2;
		if (!is_before(event, &queue->heap[parent]))
			break;
		queue->heap[at] = queue->heap[parent];
	}
	queue->heap[at] = *event;
}

static struct event heap_pop(struct event_queue *queue)
{
	struct event top = queue->heap[0], last = queue->heap[--queue->heap_count];
	size_t at = 0, child;

	for (;;) {
		child = 2 * at + 1;
		if (child >= queue->heap_count)
			break;
		if (child + 1 < queue->heap_count &&
			is_before(&queue->heap[child + 1], &queue->heap[child]))
			child++;
		if (!is_before(&queue->heap[child], &last))
			break;
		queue->heap[at] = queue->heap[child];
		at = child;
	}
	queue->heap[at] = last;
	return top;
}

uint64_t event_post(struct event_queue *queue, struct event event, nsec_t now)
{
	event.serial = ++queue->serial;
	if (event.at > now) {
		heap_push(queue, &event);
		return event.serial;
	}
	/* The moment never goes back, so the ring is in order of (at, serial) by itself. */
	event.at = now;
	if (queue->ring_count == queue->ring_capacity)
		ring_grow(queue);
	queue->ring[(queue->ring_first + queue->ring_count++) & (queue->ring_capacity - 1)] = event;
	return event.serial;
}

static bool ring_is_next(const struct event_queue *queue)
{
	return queue->ring_count > 0 &&
		(queue->heap_count == 0 ||
			is_before(&queue->ring[queue->ring_first], &queue->heap[0]));
}

const struct event *event_peek(const struct event_queue *queue)
{
	if (ring_is_next(queue))
		return &queue->ring[queue->ring_first];
	return queue->heap_count > 0 ? &queue->heap[0] : NULL;
}

struct event event_pop(struct event_queue *queue)
{
	struct event event;

	if (!ring_is_next(queue))
		return heap_pop(queue);
	event = queue->ring[queue->ring_first];
	queue->ring_first = (queue->ring_first + 1) & (queue->ring_capacity - 1);
	queue->ring_count--;
	return event;
}
