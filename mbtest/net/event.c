/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * event.c - the event queue of a network. Its order is (at, serial) and nothing else, so that a
 * run is a function of what was posted.
 */
#include "mbtest/net/node.h"

#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { RUN_LEAST = 64 };

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->serial < b->serial);
}

void event_queue_fini(struct event_queue *queue)
{
	unsigned int i;

	for (i = 0; i < EVENT_RUNS; i++)
		free(queue->runs[i].events);
	free(queue->heap);
	memset(queue, 0, sizeof(*queue));
}

/* ---- runs ---- */

static struct event *run_at(const struct event_run *run, size_t index)
{
	return &run->events[(run->first + index) & (run->capacity - 1)];
}

static void run_grow(struct event_run *run)
{
	struct event_run grown = { .count = run->count };
	size_t i;

	grown.capacity = run->capacity == 0 ? RUN_LEAST : 2 * run->capacity;
	grown.events = xcalloc(grown.capacity, sizeof(*grown.events));
	for (i = 0; i < run->count; i++)
		grown.events[i] = *run_at(run, i);
	free(run->events);
	*run = grown;
}

/* The place for one more event behind the others. */
static struct event *run_place(struct event_run *run, nsec_t at)
{
	if (run->count == run->capacity)
		run_grow(run);
	run->last = at;
	return run_at(run, run->count++);
}

/* The run whose last event is the latest that is not after a moment; else an empty one; or NULL. */
static struct event_run *run_for(struct event_queue *queue, nsec_t at)
{
	struct event_run *best = NULL, *empty = NULL;
	unsigned int i;

	for (i = 0; i < EVENT_RUNS; i++) {
		struct event_run *run = &queue->runs[i];

		if (run->count == 0)
			empty = run;
		else if (run->last <= at && (best == NULL || run->last > best->last))
			best = run;
	}
	return best != NULL ? best : empty;
}

/* ---- the heap ---- */

/* The place for an event that was posted after all that are there. */
static struct event *heap_place(struct event_queue *queue, nsec_t when)
{
	size_t at = queue->heap_count++, parent;

	queue->heap = xgrow(queue->heap, at, &queue->heap_capacity, sizeof(*queue->heap));
	for (; at > 0; at = parent) {
		parent = (at - 1) / 2;
		if (queue->heap[parent].at <= when)
			break;
		queue->heap[at] = queue->heap[parent];
	}
	return &queue->heap[at];
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

/* ---- both ---- */

uint64_t event_post(struct node *node, struct packet *packet, uint16_t path, enum dir dir,
	nsec_t at)
{
	struct event_queue *queue = &node->net->queue;
	nsec_t now = node->net->now;
	struct event_run *run = NULL;
	struct event *event;

	if (at < now)
		at = now;
	/* A timer far ahead would keep all that follows out of its run. */
	if (packet != NULL || at == now)
		run = run_for(queue, at);
	/* In its place at once: copied before it has settled in memory, it would be waited for. */
	event = run != NULL ? run_place(run, at) : heap_place(queue, at);
	queue->count++;
	event->at = at;
	event->serial = ++queue->serial;
	event->node = node;
	event->packet = packet;
	event->path = path;
	event->dir = (uint8_t)dir;
	return event->serial;
}

const struct event *event_peek(struct event_queue *queue)
{
	const struct event *next = queue->heap_count > 0 ? &queue->heap[0] : NULL;
	unsigned int i;

	queue->next = EVENT_RUNS;
	for (i = 0; i < EVENT_RUNS; i++) {
		const struct event_run *run = &queue->runs[i];

		if (run->count == 0 || (next != NULL && !is_before(run_at(run, 0), next)))
			continue;
		next = run_at(run, 0);
		queue->next = i;
	}
	return next;
}

struct event event_pop(struct event_queue *queue)
{
	struct event_run *run;
	struct event event;

	queue->count--;
	if (queue->next == EVENT_RUNS)
		return heap_pop(queue);
	run = &queue->runs[queue->next];
	event = *run_at(run, 0);
	run->first = (run->first + 1) & (run->capacity - 1);
	run->count--;
	return event;
}
