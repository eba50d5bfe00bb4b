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

static void run_push(struct event_run *run, const struct event *event)
{
	if (run->count == run->capacity)
		run_grow(run);
	*run_at(run, run->count++) = *event;
	run->last = event->at;
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

/* ---- both ---- */

uint64_t event_post(struct event_queue *queue, struct event event, nsec_t now)
{
	struct event_run *run = NULL;

	event.serial = ++queue->serial;
	if (event.at < now)
		event.at = now;
	/* A timer far ahead would keep all that follows out of its run. */
	if (event.packet != NULL || event.at == now)
		run = run_for(queue, event.at);
	if (run != NULL)
		run_push(run, &event);
	else
		heap_push(queue, &event);
	return event.serial;
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
	struct event_run *run = &queue->runs[queue->next];
	struct event event;

	if (queue->next == EVENT_RUNS)
		return heap_pop(queue);
	event = *run_at(run, 0);
	run->first = (run->first + 1) & (run->capacity - 1);
	run->count--;
	return event;
}
