/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settle.c - once all packets are read: each flow's bytes in order and once, the mappings laid
 * over them, checksums verified, and what is covered by nothing.
 *
 * Everything is sorted and then swept, so that no capture, however odd, costs more than n log n
 * and a bounded number of looks per mapping.
 */
#include "probe/analyze/parts.h"

#include "probe/base/alloc.h"
#include "probe/wire/checksum.h"

#include <stdlib.h>
#include <string.h>

enum {
	LOOKS_FREE = 1 << 20, /* looks at pieces while verifying, whatever the capture's size */
	LOOKS_FACTOR = 64,    /* and so many more for each piece and mapping */
	OFFSETS_BITS = 48,    /* a DSN farther than this from the IDSN is not of the stream */
};

static int piece_compare(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->flow != y->flow)
		return x->flow < y->flow ? -1 : 1;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return x->fact < y->fact ? -1 : x->fact > y->fact;
}

/* Flows alternate in a capture: deal the pieces out by flow first, mostly in order then. */
static void pieces_sort(struct view *view)
{
	size_t flows = 2 * view->subflow_count, i, at = 0;
	struct piece *sorted;
	uint32_t *next;
	bool in_order = true;

	if (view->piece_count == 0)
		return;
	sorted = xmalloc(view->piece_count * sizeof(*sorted));
	next = xcalloc(flows, sizeof(*next));
	for (i = 0; i < view->piece_count; i++)
		next[view->pieces[i].flow]++;
	for (i = 0; i < flows; i++) {
		uint32_t count = next[i];

		next[i] = (uint32_t)at;
		at += count;
	}
	for (i = 0; i < view->piece_count; i++)
		sorted[next[view->pieces[i].flow]++] = view->pieces[i];
	for (i = 1; i < view->piece_count && in_order; i++)
		in_order = piece_compare(&sorted[i - 1], &sorted[i]) <= 0;
	if (!in_order)
		qsort(sorted, view->piece_count, sizeof(*sorted), piece_compare);
	free(view->pieces);
	free(next);
	view->pieces = sorted;
	view->piece_capacity = view->piece_count;
}

/* End of a piece's bytes as far as the capture kept them. */
static uint32_t piece_kept_end(const struct view *view, const struct piece *piece)
{
	const struct capture_record *record =
		&view->capture->records[view->facts[piece->fact].record];
	size_t end = record->offset + record->length;
	size_t kept = end > piece->offset ? end - piece->offset : 0;

	return piece->seq + (kept < piece->length ? (uint32_t)kept : piece->length);
}

/* Two copies of the same bytes: do they say the same? */
static bool pieces_agree(const struct view *view, const struct piece *a, const struct piece *b)
{
	uint32_t first = a->seq > b->seq ? a->seq : b->seq;
	uint32_t a_end = piece_kept_end(view, a), b_end = piece_kept_end(view, b);
	uint32_t end = a_end < b_end ? a_end : b_end;
	const uint8_t *bytes = view->capture->bytes;

	return end <= first ||
		memcmp(bytes + a->offset + (first - a->seq), bytes + b->offset + (first - b->seq),
			end - first) == 0;
}

/* Without its bytes before seq. */
static void piece_cut_front(struct piece *piece, uint32_t seq)
{
	piece->offset += seq - piece->seq;
	piece->length -= seq - piece->seq;
	piece->seq = seq;
}

/* Cut overlaps, so that each byte stands in one piece: the copy that came first. */
static void pieces_cut(struct view *view)
{
	struct piece *pieces = view->pieces;
	size_t kept = 0, i;

	for (i = 0; i < view->piece_count; i++) {
		struct piece piece = pieces[i], *top = kept > 0 ? &pieces[kept - 1] : NULL;
		struct flow *flow = &view->subflows[piece.flow / 2].flow[piece.flow % 2];

		if (top != NULL && top->flow == piece.flow && piece.seq < top->seq + top->length) {
			uint32_t top_end = top->seq + top->length;

			piece.doubted = !pieces_agree(view, top, &piece);
			top->doubted = top->doubted || piece.doubted;
			if (piece.fact < top->fact && piece.seq + piece.length >= top_end) {
				/* What is before the top stands in another piece. */
				if (piece.seq < top->seq)
					piece_cut_front(&piece, top->seq);
				flow->bytes -= top_end - piece.seq;
				top->length = piece.seq - top->seq;
				kept -= top->length == 0;
				flow->piece_count -= top->length == 0;
			} else if (piece.seq + piece.length <= top_end) {
				continue;
			} else {
				piece_cut_front(&piece, top_end);
			}
		}
		if (flow->piece_count++ == 0)
			flow->piece = (uint32_t)kept;
		flow->bytes += piece.length;
		pieces[kept++] = piece;
	}
	view->piece_count = kept;
}

struct order_key {
	uint32_t flow, ssn, index;
};

static int order_compare(const void *a, const void *b)
{
	const struct order_key *x = a, *y = b;

	if (x->flow != y->flow)
		return x->flow < y->flow ? -1 : 1;
	if (x->ssn != y->ssn)
		return x->ssn < y->ssn ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void mappings_sort(struct view *view)
{
	struct order_key *keys = xmalloc(view->mapping_count * sizeof(*keys));
	size_t i;

	for (i = 0; i < view->mapping_count; i++) {
		const struct mapping *mapping = &view->mappings[i];

		keys[i].flow = 2u * mapping->subflow + mapping->way;
		keys[i].ssn = mapping->ssn;
		keys[i].index = (uint32_t)i;
	}
	qsort(keys, view->mapping_count, sizeof(*keys), order_compare);
	view->order = xmalloc(view->mapping_count * sizeof(*view->order));
	for (i = 0; i < view->mapping_count; i++) {
		struct flow *flow = &view->subflows[keys[i].flow / 2].flow[keys[i].flow % 2];

		if (flow->order_count++ == 0)
			flow->order = (uint32_t)i;
		view->order[i] = keys[i].index;
	}
	free(keys);
}

/* The first piece that ends after seq, looking from piece number at on. */
static uint32_t piece_after(const struct view *view, const struct flow *flow, uint32_t at,
	uint32_t seq)
{
	while (at < flow->piece_count) {
		const struct piece *piece = &view->pieces[flow->piece + at];

		if (piece->seq + piece->length > seq)
			break;
		at++;
	}
	return at;
}

/* What the bytes of one mapping add up to, and whether they are all there. */
struct gathered {
	uint64_t sum;
	uint32_t have, complete, early;
	bool doubted, cut;
};

static struct gathered mapping_gather(const struct view *view, const struct flow *flow, uint32_t at,
	const struct mapping *mapping, uint64_t *looks)
{
	struct gathered gathered = { .complete = mapping->fact, .early = VIEW_NONE };
	uint32_t end = mapping->ssn + mapping->length, seq = mapping->ssn;

	for (; at<flow->piece_count && * looks> 0 && seq < end; at++) {
		const struct piece *piece = &view->pieces[flow->piece + at];
		uint32_t first = piece->seq > seq ? piece->seq : seq;
		uint32_t stop = piece->seq + piece->length < end ? piece->seq + piece->length : end;

		(*looks)--;
		if (first != seq || stop <= first)
			break;
		if (stop > piece_kept_end(view, piece)) {
			gathered.cut = true;
		} else if (mapping->has_checksum) {
			uint16_t sum = checksum_fold(checksum_add(0,
				view->capture->bytes + piece->offset + (first - piece->seq),
				stop - first));

			gathered.sum += (first - mapping->ssn) % 2 ? checksum_swap(sum) : sum;
		}
		gathered.doubted = gathered.doubted || piece->doubted;
		if (piece->fact < mapping->fact && piece->fact < gathered.early)
			gathered.early = piece->fact;
		if (piece->fact > gathered.complete)
			gathered.complete = piece->fact;
		seq = stop;
	}
	gathered.have = seq - mapping->ssn;
	return gathered;
}

static void mapping_check(struct mapping *mapping, const struct gathered *gathered)
{
	uint64_t sum = gathered->sum;

	mapping->late = gathered->early != VIEW_NONE;
	if (gathered->have < mapping->length)
		return;
	mapping->complete = gathered->complete;
	mapping->state = MAPPING_UNCHECKED;
	/* The infinite mapping's checksum field is 0, whatever it would cover (RFC 8684 3.3.1). */
	if (!mapping->has_checksum || mapping->infinite)
		return;
	if (gathered->cut) {
		mapping->state = MAPPING_CUT;
		return;
	}
	sum += checksum_dss(mapping->dsn, mapping->ssn, mapping->wire_length);
	sum += mapping->checksum;
	if (checksum_fold(sum) == 0xffff)
		mapping->state = MAPPING_GOOD;
	else
		mapping->state = gathered->doubted ? MAPPING_AMBIGUOUS : MAPPING_BAD;
}

/* A run of the data stream that came mapped. */
struct span {
	uint64_t first, end;
};

static void span_add(struct span *spans, size_t *count, const struct connection_view *connection,
	const struct mapping *mapping, uint32_t have)
{
	uint64_t first = mapping->dsn - (connection->idsn[mapping->way] + 1), end = first + have;

	/* One may begin before the stream and reach into it. */
	if (end < first)
		first = 0;
	if (have == 0 || !connection->has_key[mapping->way] || first >> OFFSETS_BITS != 0)
		return;
	spans[*count].first = first;
	spans[(*count)++].end = end;
}

static int span_compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

/* How much of the stream came mapped without a hole. */
static uint64_t spans_reach(struct span *spans, size_t count)
{
	uint64_t reach = 0;
	size_t i;
	bool in_order = true;

	for (i = 1; i < count && in_order; i++)
		in_order = span_compare(&spans[i - 1], &spans[i]) <= 0;
	if (!in_order)
		qsort(spans, count, sizeof(*spans), span_compare);
	for (i = 0; i < count && spans[i].first <= reach; i++)
		reach = spans[i].end > reach ? spans[i].end : reach;
	return reach;
}

/* Verify the mappings of one flow, in the order of their subflow sequence numbers. */
static void flow_verify(struct view *view, struct subflow_view *subflow, enum way way,
	struct span *spans, size_t *span_count, uint64_t *looks)
{
	struct flow *flow = &subflow->flow[way];
	uint32_t at = 0, i;

	for (i = 0; i < flow->order_count; i++) {
		struct mapping *mapping = &view->mappings[view->order[flow->order + i]];
		struct gathered gathered = { .complete = mapping->fact, .early = VIEW_NONE };

		if (mapping->length > 0) {
			at = piece_after(view, flow, at, mapping->ssn);
			gathered = mapping_gather(view, flow, at, mapping, looks);
			span_add(spans, span_count, &view->connections[subflow->connection],
				mapping, gathered.have);
		}
		if (gathered.early < flow->early)
			flow->early = gathered.early;
		mapping_check(mapping, &gathered);
	}
}

static void bytes_note(uint64_t *bytes, uint32_t *first, const struct piece *piece, uint32_t count)
{
	*bytes += count;
	if (count > 0 && piece->fact < *first)
		*first = piece->fact;
}

/* Mappings over bytes that an earlier one, by subflow sequence number, has already. */
static void flow_overlaps(const struct view *view, struct flow *flow)
{
	const struct mapping *top = NULL;
	uint32_t i;

	for (i = 0; i < flow->order_count; i++) {
		const struct mapping *mapping = &view->mappings[view->order[flow->order + i]];

		if (mapping->length == 0)
			continue;
		if (top != NULL && mapping->ssn < top->ssn + top->length &&
			(mapping->ssn != top->ssn || mapping->length != top->length ||
				mapping->dsn != top->dsn)) {
			flow->overlaps++;
			flow->conflicts += mapping->dsn - mapping->ssn != top->dsn - top->ssn;
		}
		if (top == NULL || mapping->ssn + mapping->length > top->ssn + top->length)
			top = mapping;
	}
}

/* Bytes of one flow under no mapping: sweep the pieces against the union of the mappings. */
static void flow_cover(struct view *view, struct flow *flow)
{
	uint32_t covered = 0, infinite = UINT32_MAX, gap_end = 0, i, next = 0;

	for (i = 0; i < flow->order_count; i++) {
		const struct mapping *mapping = &view->mappings[view->order[flow->order + i]];

		if (mapping->infinite && mapping->ssn < infinite)
			infinite = mapping->ssn;
	}
	for (i = 0; i < flow->piece_count; i++) {
		const struct piece *piece = &view->pieces[flow->piece + i];
		uint32_t end = piece->seq + piece->length, seq = piece->seq;

		while (seq < end) {
			uint32_t stop = end;

			for (; next < flow->order_count; next++) {
				const struct mapping *mapping =
					&view->mappings[view->order[flow->order + next]];

				if (mapping->ssn > seq)
					break;
				if (mapping->ssn + mapping->length > covered)
					covered = mapping->ssn + mapping->length;
			}
			if (covered > seq) {
				seq = covered < end ? covered : end;
				continue;
			}
			if (next < flow->order_count)
				stop = view->mappings[view->order[flow->order + next]].ssn;
			stop = stop < end ? stop : end;
			bytes_note(&flow->plain_bytes, &flow->plain, piece, stop - seq);
			if (seq < infinite) {
				bytes_note(&flow->unmapped_bytes, &flow->unmapped, piece,
					(stop < infinite ? stop : infinite) - seq);
				flow->gaps += seq != gap_end;
				gap_end = stop;
			}
			seq = stop;
		}
	}
}

void view_settle(struct view *view)
{
	uint64_t looks = LOOKS_FREE + LOOKS_FACTOR * (view->piece_count + view->mapping_count);
	struct span *spans = xmalloc(view->mapping_count * sizeof(*spans));
	uint32_t i, j;
	enum way way;

	pieces_sort(view);
	pieces_cut(view);
	mappings_sort(view);
	for (i = 0; i < view->subflow_count; i++) {
		for (way = SENT; way < WAYS; way++) {
			flow_cover(view, &view->subflows[i].flow[way]);
			flow_overlaps(view, &view->subflows[i].flow[way]);
		}
	}
	for (i = 0; i < view->connection_count; i++) {
		struct connection_view *connection = &view->connections[i];

		for (way = SENT; way < WAYS; way++) {
			size_t count = 0;

			for (j = connection->subflow; j != VIEW_NONE; j = view->subflows[j].sibling)
				flow_verify(view, &view->subflows[j], way, spans, &count, &looks);
			connection->mapped[way] = spans_reach(spans, count);
		}
	}
	free(spans);
}

bool view_is_mapped(const struct view *view, const struct flow *flow, uint32_t seq, uint32_t length)
{
	uint32_t covered = seq, i;

	for (i = 0; i < flow->order_count && covered < seq + length; i++) {
		const struct mapping *mapping = &view->mappings[view->order[flow->order + i]];

		if (mapping->ssn > covered)
			break;
		if (mapping->ssn + mapping->length > covered)
			covered = mapping->ssn + mapping->length;
	}
	return covered >= seq + length;
}
