/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/stream.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/build.h"
#include "probe/endpoint/fallback.h"
#include "probe/endpoint/sched.h"
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

/* A subflow that carried the same bytes more than once offers them once. */
static bool again_waits(const struct send_stream *tx, uint64_t first, uint64_t end, uint8_t avoid)
{
	size_t i;

	for (i = 0; i < tx->again_count; i++)
		if (tx->again[i].avoid == avoid && tx->again[i].first <= first &&
			end <= tx->again[i].end)
			return true;
	return false;
}

static void again_add(struct conn *conn, uint64_t first, uint64_t end, uint8_t avoid)
{
	struct send_stream *tx = &conn->tx;
	struct reinjection *last = tx->again_count > 0 ? &tx->again[tx->again_count - 1] : NULL;

	if (again_waits(tx, first, end, avoid))
		return;
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

	if (conn_has_fault(conn, FAULT_NEVER_ELSEWHERE))
		return;
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

/* The segment outstanding on a subflow that holds a byte of the stream; or NULL. */
static const struct segment *find_outstanding(const struct subflow *subflow, uint64_t offset)
{
	const struct segment_queue *queue = &subflow->queue;
	size_t i;

	for (i = queue->una; i != queue->tail; i++) {
		const struct segment *segment = segment_at(queue, i);

		if (segment->offset <= offset && offset < segment->offset + segment->length)
			return segment;
		if (segment->offset > offset && !subflow->out_of_order)
			break;
	}
	return NULL;
}

/*
 * First reinjection that this subflow may carry. What it has outstanding itself its own timer sends
 * again (F55): a copy behind that would arrive no sooner, and two subflows that both time out would
 * hand each other copies of copies, twice as many each time.
 */
static const struct reinjection *again_find(const struct conn *conn, const struct subflow *subflow)
{
	const struct send_stream *tx = &conn->tx;
	size_t i;

	for (i = 0; i < tx->again_count; i++)
		if (tx->again[i].avoid != subflow->index &&
			find_outstanding(subflow, tx->again[i].first) == NULL)
			return &tx->again[i];
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

bool stream_has_more(const struct conn *conn)
{
	const struct send_stream *tx = &conn->tx;

	return tx->next < tx->end || tx->again_count > 0 ||
		(conn->sched->redundant && tx->una < tx->next);
}

/* The segment that holds the first unacknowledged byte, outstanding on a subflow; or NULL. */
static const struct segment *find_holder(struct conn *conn, struct subflow **holder)
{
	const struct segment *segment;
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++) {
		segment = find_outstanding(conn->subflows[i], conn->tx.una);
		if (segment != NULL) {
			*holder = conn->subflows[i];
			return segment;
		}
	}
	return NULL;
}

/*
 * The peer's window is full for want of a byte that a slower subflow carries: it may go on this
 * one, too, once (Raiciu et al., NSDI 2012, 4.2).
 */
static bool piece_held(const struct subflow *subflow, struct piece *piece, uint64_t *end)
{
	struct conn *conn = subflow->conn;
	const struct segment *segment;
	struct subflow *holder;

	if (!conn->endpoint->config.opportunistic || conn->tx.next == conn->tx.end ||
		conn->tx.una < conn->tx.opportune)
		return false;
	segment = find_holder(conn, &holder);
	if (segment == NULL || holder == subflow || holder->srtt <= subflow->srtt)
		return false;
	*piece = (struct piece){ .kind = PIECE_HELD, .offset = conn->tx.una };
	*end = segment->offset + segment->length;
	return true;
}

/* What a subflow would send next, and where that ends. */
static struct piece choose(const struct conn *conn, const struct subflow *subflow, uint64_t *end)
{
	const struct send_stream *tx = &conn->tx;
	const struct reinjection *again;
	struct piece piece = { .kind = PIECE_NEW, .offset = tx->next };
	uint64_t copy = subflow->carried > tx->una ? subflow->carried : tx->una;

	*end = tx->end;
	if (!conn_is_mptcp(conn))
		return piece;
	if (conn->sched->redundant && copy < tx->next) {
		*end = tx->next;
		return (struct piece){ .kind = PIECE_COPY, .offset = copy };
	}
	again = again_find(conn, subflow);
	if (again != NULL) {
		*end = again->end;
		return (struct piece){ .kind = PIECE_AGAIN, .offset = again->first };
	}
	if (*end > tx->limit)
		*end = tx->limit;
	if (*end <= piece.offset)
		piece_held(subflow, &piece, end);
	return piece;
}

/* Payload of a segment: the subflow's own most, or one size for all. */
static uint32_t piece_most(const struct conn *conn, const struct subflow *subflow)
{
	uint32_t most = build_payload_most(subflow), other;
	unsigned int i;

	for (i = 0; conn->endpoint->config.common_mss && i < conn->subflow_count; i++) {
		if (!subflow_is_live(conn->subflows[i]))
			continue;
		other = build_payload_most(conn->subflows[i]);
		if (other < most)
			most = other;
	}
	return most;
}

struct piece stream_piece(const struct conn *conn, const struct subflow *subflow)
{
	uint64_t end;
	struct piece piece = choose(conn, subflow, &end);
	uint32_t most, room;

	if (end <= piece.offset)
		return piece;
	most = piece_most(conn, subflow);
	room = subflow_room(subflow);
	piece.length = end - piece.offset < most ? (uint32_t)(end - piece.offset) : most;
	if (piece.length <= room)
		return piece;
	/* Less than a full segment only when no ACK will open the window (RFC 9293 3.8.6). */
	piece.length = subflow->in_flight == 0 ? room : 0;
	return piece;
}

static void sent_again(struct send_stream *tx, const struct subflow *subflow,
	const struct piece *piece)
{
	size_t i;

	for (i = 0; tx->again[i].first != piece->offset || tx->again[i].avoid == subflow->index;
		i++)
		;
	tx->again[i].first += piece->length;
	if (tx->again[i].first < tx->again[i].end)
		return;
	memmove(tx->again + i, tx->again + i + 1, (tx->again_count - i - 1) * sizeof(*tx->again));
	tx->again_count--;
}

/* The subflow that holds the window up is slowed down, so that it holds less (penalisation). */
static void sent_held(struct conn *conn, const struct piece *piece, nsec_t now)
{
	struct subflow *holder;

	conn->tx.opportune = piece->offset + piece->length;
	if (!conn->endpoint->config.penalise || find_holder(conn, &holder) == NULL ||
		now < holder->penalised_until)
		return;
	cc_penalise(&holder->cc);
	holder->penalised_until = now + holder->srtt;
}

void stream_sent(struct subflow *subflow, const struct piece *piece, nsec_t now)
{
	struct conn *conn = subflow->conn;
	uint64_t end = piece->offset + piece->length;

	switch (piece->kind) {
	case PIECE_NEW:
		conn->tx.next = end;
		break;
	case PIECE_AGAIN:
		sent_again(&conn->tx, subflow, piece);
		break;
	case PIECE_HELD:
		sent_held(conn, piece, now);
		break;
	case PIECE_COPY:
		break;
	}
	if (piece->kind == PIECE_AGAIN || piece->kind == PIECE_HELD)
		subflow->out_of_order = true;
	else
		subflow->carried = end;
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

/* All that shares the segment's mapping: a piece counts with what it was cut from. */
static bool mapping_is_acked(const struct subflow *subflow, const struct segment *segment)
{
	uint32_t end = segment->whole == 0 ? segment_end(segment)
					   : segment->seq - segment->before + segment->whole;

	return !seq_after(end, subflow->snd_una);
}

/*
 * Whether a subflow carried the first unacknowledged byte, and what its own level knows of it. A
 * checksum covers a whole mapping, so that part of one is never DATA_ACKed (RFC 8684 3.3.1).
 */
static enum carried subflow_carried_una(const struct subflow *subflow, uint64_t una)
{
	const struct segment_queue *queue = &subflow->queue;
	size_t s;

	for (s = queue->head; s != queue->tail; s++) {
		const struct segment *segment = segment_at(queue, s);

		if (segment->offset <= una && una < segment->offset + segment->length)
			return mapping_is_acked(subflow, segment) ? CARRIED_ACKED
								  : CARRIED_OUTSTANDING;
	}
	return CARRIED_NOT;
}

bool stream_failed_on(const struct subflow *subflow, const struct subflow *other)
{
	const struct reinjection *again = again_find(subflow->conn, subflow);

	return again != NULL && again->avoid == other->index &&
		subflow_carried_una(other, again->first) == CARRIED_ACKED;
}

bool stream_waits_for(const struct subflow *subflow)
{
	unsigned int rtos = subflow->conn->endpoint->config.reinject_rtos;

	return rtos > 0 && subflow->backoff <= rtos;
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
 * but not here is asked about, since its DATA_ACK may only be late, and counted if the peer speaks
 * and does not say it (O2). Either way other subflows may carry it (RFC 8684 3.3.6; F17). A bare
 * DATA_FIN may have been lost like any packet: it is repeated until the connection's time-out.
 */
void stream_timed_out(struct conn *conn, nsec_t now)
{
	struct send_stream *tx = &conn->tx;
	bool acked = false, heard = conn->heard_at > tx->asked_at;
	unsigned int i, live = subflow_live_count(conn);

	tx->rto_at = NSEC_NEVER;
	tx->asked_at = now;
	tx->fin_now = tx->fin_sent && !tx->fin_acked;
	for (i = 0; i < conn->subflow_count && tx->una < tx->next; i++) {
		struct subflow *subflow = conn->subflows[i];
		enum carried carried = subflow_carried_una(subflow, tx->una);

		if (carried == CARRIED_ACKED) {
			acked = true;
			subflow->probe_at = now;
		}
		if (carried == CARRIED_ACKED ||
			(carried == CARRIED_OUTSTANDING && !stream_waits_for(subflow)))
			reinject_anew(conn, subflow);
	}
	if ((acked || tx->una == tx->next || live > 1) && tx->rto_count < DATA_RTOS_MOST)
		tx->rto_count++;
	if (acked && heard && tx->rto_count >= DATA_RTOS_MOST && live == 1)
		fallback_data_unconfirmed(conn, now);
	stream_arm(conn, now);
}
