/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_data.c - how each subflow of a connection fared: its mappings and checksums counted, and
 * how much of its data had been mapped elsewhere before (reinjection).
 */
#include "probe/analyze/parts.h"
#include "probe/base/alloc.h"

#include <stdlib.h>

/* A DSN farther than this from the first is not of the stream. */
#define STREAM_BYTES ((uint64_t)1 << 48)

/* A stretch of the data stream, as one mapping placed it; rank: who was announced first. */
struct stretch {
	uint64_t first, end;
	uint32_t rank;
	uint32_t subflow; /* index in the history */
	uint64_t owned;   /* bytes that no mapping of a lower rank had */
};

/* ---- which stretch had each byte first ---- */

static int stretch_compare(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* A heap of indices of stretches, the lowest rank on top. */
struct heap {
	const struct stretch *stretches;
	uint32_t *indices;
	size_t count;
};

static uint32_t heap_rank(const struct heap *heap, size_t at)
{
	return heap->stretches[heap->indices[at]].rank;
}

static void heap_swap(struct heap *heap, size_t a, size_t b)
{
	uint32_t index = heap->indices[a];

	heap->indices[a] = heap->indices[b];
	heap->indices[b] = index;
}

static void heap_push(struct heap *heap, uint32_t index)
{
	size_t at = heap->count++;

	heap->indices[at] = index;
	while (at > 0 && heap_rank(heap, at) < heap_rank(heap, (at - 1) / 2)) {
		heap_swap(heap, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void heap_pop(struct heap *heap)
{
	size_t at = 0, child;

	heap->indices[0] = heap->indices[--heap->count];
	while ((child = 2 * at + 1) < heap->count) {
		if (child + 1 < heap->count && heap_rank(heap, child + 1) < heap_rank(heap, child))
			child++;
		if (heap_rank(heap, at) <= heap_rank(heap, child))
			break;
		heap_swap(heap, at, child);
		at = child;
	}
}

/* Sweep over the stream; of the stretches over a byte, that of the lowest rank owns it. */
static void stretches_own(struct stretch *stretches, size_t count)
{
	struct heap heap = { .stretches = stretches };
	uint64_t at = 0;
	size_t next = 0;

	heap.indices = xcalloc(count, sizeof(*heap.indices));
	while (next < count || heap.count > 0) {
		uint64_t stop;
		struct stretch *top;

		if (heap.count == 0 && stretches[next].first > at)
			at = stretches[next].first;
		while (next < count && stretches[next].first <= at)
			heap_push(&heap, (uint32_t)next++);
		top = &stretches[heap.indices[0]];
		stop = next < count && stretches[next].first < top->end ? stretches[next].first
									: top->end;
		if (stop > at) {
			top->owned += stop - at;
			at = stop;
		}
		while (heap.count > 0 && stretches[heap.indices[0]].end <= at)
			heap_pop(&heap);
	}
	free(heap.indices);
}

/* ---- the mappings of a connection as stretches ---- */

static uint64_t stream_base(const struct history *history, enum way way)
{
	const struct connection_view *connection = history->connection;

	if (connection->has_key[way])
		return connection->idsn[way] + 1;
	return connection->dsn_end[way] - STREAM_BYTES / 2;
}

/* One flow's mappings; what it repeats at the same place is a retransmission of TCP's. */
static void flow_stretches(const struct history *history, uint32_t number, enum way way,
	struct stretch *stretches, size_t *count)
{
	const struct view *view = history->view;
	const struct flow *flow = &view->subflows[history->subflows[number].index].flow[way];
	uint64_t base = stream_base(history, way);
	const struct mapping *top = NULL;
	uint32_t i;

	for (i = 0; i < flow->order_count; i++) {
		uint32_t index = view->order[flow->order + i], known = 0;
		const struct mapping *mapping = &view->mappings[index];
		uint64_t first = mapping->dsn - base;

		if (mapping->length == 0 || first >= STREAM_BYTES)
			continue;
		if (top != NULL && mapping->dsn - mapping->ssn == top->dsn - top->ssn &&
			mapping->ssn < top->ssn + top->length)
			known = top->ssn + top->length - mapping->ssn;
		if (known >= mapping->length)
			continue;
		top = mapping;
		stretches[(*count)++] = (struct stretch){ .first = first + known,
			.end = first + mapping->length,
			.rank = index,
			.subflow = number };
	}
}

static void count_reinjections(struct history *history)
{
	struct stretch *stretches = xcalloc(history->view->mapping_count, sizeof(*stretches));
	enum way way;

	for (way = SENT; way < WAYS; way++) {
		size_t count = 0, i;

		for (i = 0; i < history->subflow_count; i++)
			flow_stretches(history, (uint32_t)i, way, stretches, &count);
		qsort(stretches, count, sizeof(*stretches), stretch_compare);
		stretches_own(stretches, count);
		for (i = 0; i < count; i++)
			history->subflows[stretches[i].subflow].reinjected_bytes +=
				stretches[i].end - stretches[i].first - stretches[i].owned;
	}
	free(stretches);
}

/* ---- counts ---- */

static void count_checksum(const struct history *history, const struct mapping *mapping,
	struct history_subflow *subflow)
{
	const struct connection_view *connection = history->connection;

	/* Version 0 ignores a checksum that nobody asked for (RFC 6824 3.3). */
	if (!mapping->has_checksum || mapping->infinite ||
		(connection->has_version && connection->version == 0 && !connection->flag_a))
		return;
	switch ((enum mapping_state)mapping->state) {
	case MAPPING_BAD:
		subflow->checksum_failures++;
		break;
	case MAPPING_INCOMPLETE:
	case MAPPING_AMBIGUOUS:
	case MAPPING_CUT:
		subflow->checksums_unverified++;
		break;
	case MAPPING_UNCHECKED:
	case MAPPING_GOOD:
		break;
	}
}

static void count_flow(const struct history *history, const struct flow *flow,
	struct history_subflow *subflow)
{
	const struct view *view = history->view;
	uint32_t i;

	for (i = 0; i < flow->order_count; i++) {
		const struct mapping *mapping = &view->mappings[view->order[flow->order + i]];

		subflow->mappings += !mapping->infinite;
		count_checksum(history, mapping, subflow);
	}
	subflow->gaps += flow->gaps;
	subflow->overlaps += flow->overlaps;
	subflow->conflicts += flow->conflicts;
}

static void note_reset(const struct view *view, const struct subflow_view *from,
	struct history_subflow *subflow)
{
	uint32_t sent = from->flow[SENT].rst, received = from->flow[RECEIVED].rst;
	const struct mptcp_opt *opt;

	subflow->reset = sent < received ? sent : received;
	subflow->reset_by = sent < received ? SENT : RECEIVED;
	if (subflow->reset == VIEW_NONE)
		return;
	opt = view_option(view, &view->facts[subflow->reset], MP_TCPRST);
	subflow->reset_has_reason = opt != NULL;
	subflow->reset_reason = opt != NULL ? opt->tcprst.reason : 0;
}

/* Both sides have sent more than SYNs and RSTs, or it was so when the capture began. */
static bool subflow_was_open(const struct view *view, const struct subflow_view *subflow)
{
	uint32_t i;

	if (subflow->third != VIEW_NONE)
		return true;
	for (i = subflow->first; i != VIEW_NONE; i = view->facts[i].next)
		if (!(view->facts[i].flags & (TCP_SYN | TCP_RST)))
			return true;
	return false;
}

void history_subflows(struct history *history)
{
	const struct view *view = history->view;
	uint32_t index;
	size_t at = 0;
	enum way way;

	history->subflow_count = history->connection->subflow_count;
	history->subflows = xcalloc(history->subflow_count, sizeof(*history->subflows));
	for (index = history->connection->subflow; index != VIEW_NONE;
		index = view->subflows[index].sibling) {
		const struct subflow_view *from = &view->subflows[index];
		struct history_subflow *subflow = &history->subflows[at++];

		subflow->index = index;
		subflow->packets = from->fact_count;
		subflow->was_open = subflow_was_open(view, from);
		note_reset(view, from, subflow);
		for (way = SENT; way < WAYS; way++) {
			subflow->bytes[way] = from->flow[way].bytes;
			count_flow(history, &from->flow[way], subflow);
		}
	}
	count_reinjections(history);
}
