/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/stream.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/fallback.h"
#include "probe/endpoint/output.h"
#include "probe/endpoint/subflow.h"

#include <string.h>

/*
 * The lowest offset that a subflow may have to send again, if below a limit. Offsets rise along a
 * queue except behind re-sent data, and only then all of it is searched.
 */
static uint64_t held_by_subflows(const struct conn *conn, uint64_t limit)
{
	unsigned int i;
	size_t s;

	for (i = 0; i < conn->subflow_count; i++) {
		const struct segment_queue *queue = &conn->subflows[i]->queue;

		for (s = queue->una; s != queue->tail; s++) {
			if (segment_at(queue, s)->offset < limit)
				limit = segment_at(queue, s)->offset;
			if (!conn->subflows[i]->out_of_order)
				break;
		}
	}
	return limit;
}

void stream_release(struct conn *conn)
{
	struct send_stream *tx = &conn->tx;
	size_t i, kept = 0;

	ring_drop(&tx->ring, held_by_subflows(conn, tx->una));
	for (i = 0; i < tx->again_count; i++) {
		struct reinjection *again = &tx->again[i];

		if (again->end <= tx->una)
			continue;
		if (again->first < tx->una)
			again->first = tx->una;
		tx->again[kept++] = *again;
	}
	tx->again_count = kept;
}

/* Segments acknowledged on both levels leave their queues (F55). */
static void drop_segments(struct conn *conn)
{
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *subflow = conn->subflows[i];
		struct segment_queue *queue = &subflow->queue;

		for (; queue->head != queue->una; queue->head++) {
			const struct segment *segment = segment_at(queue, queue->head);

			if (segment->offset + segment->length > conn->tx.una)
				break;
			if (!conn_is_mptcp(conn))
				continue; /* what an infinite mapping refers to stays */
			subflow->delivered_offset = segment->offset;
			subflow->delivered_seq = segment->seq;
		}
	}
}

void stream_acked(struct conn *conn, uint64_t offset, nsec_t now)
{
	struct send_stream *tx = &conn->tx;

	/* Beyond what was sent, or behind: mirrored, stale or invented (O18). */
	if (offset > tx->next + (tx->fin_sent && tx->next == tx->end) || offset < tx->una)
		return;
	if (offset == tx->una && !(tx->fin_sent && !tx->fin_acked && offset > tx->end))
		return;
	if (offset > tx->end) {
		tx->fin_acked = true;
		tx->fin_now = false;
		offset = tx->end;
	}
	if (offset > tx->una)
		conn->data_confirmed = true;
	tx->una = offset;
	tx->rto_count = 0;
	tx->rto_at = NSEC_NEVER;
	conn->progress_at = now;
	drop_segments(conn);
	stream_release(conn);
	stream_arm(conn, now);
}

void stream_linear_acked(struct subflow *subflow, nsec_t now)
{
	struct conn *conn = subflow->conn;
	const struct segment_queue *queue = &subflow->queue;

	stream_acked(conn,
		queue->una == queue->tail ? conn->tx.next : segment_at(queue, queue->una)->offset,
		now);
}

static void again_add(struct conn *conn, uint64_t first, uint64_t end, uint8_t avoid)
{
	struct send_stream *tx = &conn->tx;
	struct reinjection *last = tx->again_count > 0 ? &tx->again[tx->again_count - 1] : NULL;

	if (last != NULL && last->end == first && last->avoid == avoid) {
		last->end = end;
		return;
	}
	if (tx->again_count >= REINJECTIONS_MOST) {
		/* The next connection-level time-out finds it again. */
		conn->endpoint->dropped[DROP_LIMIT]++;
		return;
	}
	tx->again = xgrow(tx->again, tx->again_count, &tx->again_capacity, sizeof(*tx->again));
	tx->again[tx->again_count++] = (struct reinjection){ first, end, avoid };
}

void stream_reinject(struct conn *conn, struct subflow *subflow)
{
	struct segment_queue *queue = &subflow->queue;
	size_t i;

	for (i = queue->head; i != queue->tail; i++) {
		struct segment *segment = segment_at(queue, i);
		uint64_t end = segment->offset + segment->length;

		if (end <= conn->tx.una || segment->length == 0 || segment->flags & SEG_REINJECTED)
			continue;
		segment->flags |= SEG_REINJECTED;
		again_add(conn, segment->offset > conn->tx.una ? segment->offset : conn->tx.una,
			end, subflow->index);
	}
}

/* First reinjection that this subflow may carry. */
static const struct reinjection *again_find(const struct conn *conn, const struct subflow *subflow)
{
	size_t i;

	for (i = 0; i < conn->tx.again_count; i++)
		if (conn->tx.again[i].avoid != subflow->index)
			return &conn->tx.again[i];
	return NULL;
}

/* Room in congestion window and the subflow's own receive window (RFC 8684 3.3.5). */
static uint32_t subflow_room(const struct subflow *subflow)
{
	uint32_t used = subflow->snd_nxt - subflow->snd_una;
	uint32_t window = subflow->snd_window > used ? subflow->snd_window - used : 0;
	uint32_t cwnd =
		subflow->cc.cwnd > subflow->in_flight ? subflow->cc.cwnd - subflow->in_flight : 0;

	return window < cwnd ? window : cwnd;
}

struct piece stream_piece(const struct conn *conn, const struct subflow *subflow)
{
	const struct send_stream *tx = &conn->tx;
	const struct reinjection *again = NULL;
	struct piece piece = { .offset = tx->next };
	uint32_t most = output_payload_most(subflow), room;
	uint64_t end = tx->end;

	if (conn_is_mptcp(conn)) {
		again = again_find(conn, subflow);
		if (again != NULL) {
			piece = (struct piece){ .offset = again->first, .again = true };
			end = again->end;
		} else if (end > tx->limit) {
			end = tx->limit;
		}
	}
	if (end <= piece.offset)
		return piece;
	room = subflow_room(subflow);
	piece.length = end - piece.offset < most ? (uint32_t)(end - piece.offset) : most;
	if (piece.length <= room)
		return piece;
	/* Less than a full segment only when no ACK will open the window (RFC 9293 3.8.6). */
	piece.length = subflow->in_flight == 0 ? room : 0;
	return piece;
}

void stream_sent(struct conn *conn, const struct piece *piece, nsec_t now)
{
	struct send_stream *tx = &conn->tx;
	size_t i;

	if (!piece->again) {
		tx->next = piece->offset + piece->length;
	} else {
		for (i = 0; tx->again[i].first != piece->offset; i++)
			;
		tx->again[i].first += piece->length;
		if (tx->again[i].first == tx->again[i].end) {
			memmove(tx->again + i, tx->again + i + 1,
				(tx->again_count - i - 1) * sizeof(*tx->again));
			tx->again_count--;
		}
	}
	stream_arm(conn, now);
}

bool stream_fin_due(const struct conn *conn)
{
	return conn->tx.shutdown && conn->tx.next == conn->tx.end;
}

/* Longest retransmission time-out of the subflows in use, doubled: theirs come first. */
static nsec_t data_timeout(const struct conn *conn)
{
	nsec_t longest = conn->endpoint->config.rto_min;
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		if (subflow_is_live(conn->subflows[i]) && conn->subflows[i]->rto > longest)
			longest = conn->subflows[i]->rto;
	return longest << (1 + conn->tx.rto_count);
}

void stream_arm(struct conn *conn, nsec_t now)
{
	struct send_stream *tx = &conn->tx;
	bool waiting = tx->una < tx->next || (tx->fin_sent && !tx->fin_acked);

	if (!conn_is_mptcp(conn) || !waiting)
		tx->rto_at = NSEC_NEVER;
	else if (tx->rto_at == NSEC_NEVER)
		tx->rto_at = now + data_timeout(conn);
}

enum carried { CARRIED_NOT, CARRIED_OUTSTANDING, CARRIED_ACKED };

/* Whether a subflow carried the first unacknowledged byte, and what its own level knows of it. */
static enum carried subflow_carried_una(const struct subflow *subflow, uint64_t una)
{
	const struct segment_queue *queue = &subflow->queue;
	size_t s;

	for (s = queue->head; s != queue->tail; s++) {
		const struct segment *segment = segment_at(queue, s);

		if (segment->offset <= una && una < segment->offset + segment->length)
			return (ptrdiff_t)(s - queue->una) < 0 ? CARRIED_ACKED
							       : CARRIED_OUTSTANDING;
	}
	return CARRIED_NOT;
}

/* Offer what a subflow carried to the others once more, unless the last offer still waits. */
static void reinject_anew(struct conn *conn, struct subflow *subflow)
{
	size_t i;

	for (i = 0; i < conn->tx.again_count; i++)
		if (conn->tx.again[i].avoid == subflow->index)
			return;
	for (i = subflow->queue.head; i != subflow->queue.tail; i++)
		segment_at(&subflow->queue, i)->flags &= (uint16_t)~SEG_REINJECTED;
	stream_reinject(conn, subflow);
}

/*
 * Data outstanding on its subflow is that subflow's timer's business first; data acknowledged there
 * but not here is counted (O2). Either way other subflows may carry it (RFC 8684 3.3.6; F17).
 */
void stream_timed_out(struct conn *conn, nsec_t now)
{
	struct send_stream *tx = &conn->tx;
	bool acked = tx->una == tx->next; /* only DATA_FIN is waited for */
	unsigned int i, live = subflow_live_count(conn);

	tx->rto_at = NSEC_NEVER;
	if (tx->fin_sent && !tx->fin_acked)
		tx->fin_now = true;
	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *subflow = conn->subflows[i];
		enum carried carried = subflow_carried_una(subflow, tx->una);

		acked = acked || carried == CARRIED_ACKED;
		if (carried != CARRIED_NOT && tx->una < tx->next)
			reinject_anew(conn, subflow);
	}
	if ((acked || live > 1) && tx->rto_count < DATA_RTOS_MOST)
		tx->rto_count++;
	if (acked && tx->rto_count >= DATA_RTOS_MOST && live == 1)
		fallback_data_unconfirmed(conn, now);
	stream_arm(conn, now);
}
