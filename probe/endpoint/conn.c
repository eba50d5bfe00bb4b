/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/conn.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/address.h"
#include "probe/endpoint/key.h"
#include "probe/endpoint/mapping.h"
#include "probe/endpoint/pm.h"
#include "probe/endpoint/reassembly.h"
#include "probe/endpoint/sched.h"
#include "probe/endpoint/stream.h"
#include "probe/endpoint/subflow.h"

#include <assert.h>
#include <stdlib.h>

/* A key is chosen until its data sequence numbers do what an experiment wants. */
static bool wraps_soon(const struct endpoint_config *config, uint64_t key)
{
	uint8_t version = config->speaks & SPEAKS_V1 ? 1 : 0;

	return config->wrap_within == 0 ||
		(uint32_t)key_digest(version, key).idsn > UINT32_MAX - config->wrap_within;
}

static void link_last(struct conn *conn, struct endpoint *endpoint)
{
	conn->endpoint = endpoint;
	conn->next = NULL;
	conn->previous = endpoint->last;
	if (endpoint->last != NULL)
		endpoint->last->next = conn;
	else
		endpoint->first = conn;
	endpoint->last = conn;
}

static void unlink_conn(struct conn *conn)
{
	struct endpoint *endpoint = conn->endpoint;

	if (conn->previous != NULL)
		conn->previous->next = conn->next;
	else
		endpoint->first = conn->next;
	if (conn->next != NULL)
		conn->next->previous = conn->previous;
	else
		endpoint->last = conn->previous;
}

struct conn *conn_new(struct endpoint *endpoint, bool active, nsec_t now)
{
	struct conn *conn = xcalloc(1, sizeof(*conn));

	conn->active = active;
	conn->mode = MODE_UNDECIDED;
	do
		conn->key_local = endpoint_random(endpoint);
	while (conn->key_local == 0 || !wraps_soon(&endpoint->config, conn->key_local));
	conn->tx.rto_at = conn->fail_at = conn->close_at = NSEC_NEVER;
	conn->address_at = conn->join_at = NSEC_NEVER;
	conn->rx.buffer = endpoint->config.receive_buffer;
	conn->pm = pm_find(endpoint->config.path_manager);
	conn->sched = sched_find(endpoint->config.scheduler);
	conn->cc = cc_find(endpoint->config.congestion_control);
	conn->progress_at = conn->heard_at = now;
	conn->pending = true;
	conn->dirty = true;
	link_last(conn, endpoint);
	return conn;
}

void conn_move(struct conn *conn, struct endpoint *endpoint)
{
	unsigned int i;

	assert(!conn->half_open && !conn->ready);
	for (i = 0; i < conn->subflow_count; i++)
		subflow_unhash(conn->subflows[i]);
	unlink_conn(conn);
	link_last(conn, endpoint);
	for (i = 0; i < conn->subflow_count; i++)
		if (conn->subflows[i]->phase != PHASE_DEAD)
			subflow_hash(conn->subflows[i]);
}

static void free_streams(struct conn *conn)
{
	ring_fini(&conn->tx.ring);
	free(conn->tx.again);
	conn->tx.again = NULL;
	conn->tx.again_count = conn->tx.again_capacity = 0;
	ranges_fini(&conn->rx.ooo);
}

void conn_free(struct conn *conn)
{
	struct endpoint *endpoint = conn->endpoint;
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		subflow_free(conn->subflows[i]);
	if (conn->half_open)
		endpoint->half_open_count--;
	if (conn->ready)
		endpoint->ready_count--;
	unlink_conn(conn);
	free_streams(conn);
	address_fini(conn);
	ring_fini(&conn->rx.ring);
	free(conn);
}

void conn_close(struct conn *conn, enum conn_end end)
{
	if (conn->state == CONN_CLOSED)
		return;
	conn->state = CONN_CLOSED;
	conn->end = end;
	conn->tx.rto_at = conn->fail_at = conn->close_at = NSEC_NEVER;
	conn->address_at = conn->join_at = NSEC_NEVER;
	conn->dirty = true;
}

/*
 * MP_FASTCLOSE goes on a RST of every subflow (option R of v1), or on an ACK of one subflow, whose
 * peer answers RST, with plain RSTs on the others (v0, and option A; RFC 8684 3.5, RFC 6824 3.5).
 */
void conn_kill(struct conn *conn, enum conn_end end, uint8_t reason)
{
	bool fastclose =
		conn_is_mptcp(conn) && end != END_RESET && !conn_lacks(conn, LACKS_FASTCLOSE);
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *subflow = conn->subflows[i];

		if (subflow->phase == PHASE_DEAD || subflow->phase == PHASE_TIME_WAIT)
			continue;
		subflow_reset(subflow, reason);
		/* The peer's MP_FASTCLOSE is answered by a RST, even where both sent theirs. */
		subflow->fastclose_wanted = fastclose && subflow->phase == PHASE_OPEN;
		if (subflow->fastclose_wanted)
			fastclose = !conn_closes_on_ack(conn);
	}
	conn_close(conn, end);
}

void conn_give_up(struct conn *conn)
{
	bool opening = conn->state == CONN_OPENING;

	if (conn_is_mptcp(conn) && conn_is_done(conn)) {
		conn_kill(conn, END_CLEAN, RESET_UNSPECIFIED);
		return;
	}
	conn_kill(conn, opening ? END_UNANSWERED : END_TIMEOUT, RESET_PERFORMANCE);
}

void conn_stop_waiting(struct conn *conn)
{
	unsigned int i;

	conn->close_at = NSEC_NEVER;
	for (i = 0; i < conn->subflow_count; i++)
		if (subflow_is_usable(conn->subflows[i]))
			conn->subflows[i]->fin_wanted = true;
}

void conn_take_fin(struct subflow *subflow)
{
	struct conn *conn = subflow->conn;

	if (conn->linear)
		reassembly_finish(conn, subflow->fin_position + conn->linear_shift);
	else if (conn_has_fault(conn, FAULT_FIN_ENDS_STREAM))
		reassembly_finish(conn, conn->rx.next);
}

/* ---- settling ---- */

/*
 * When the subflow itself is to be closed. Plain TCP: after the last byte. MPTCP: after both
 * DATA_FINs were acknowledged; the passive closer waits for the peer's FIN, so that TIME-WAIT stays
 * with who closed first (experience draft 3.6). A peer's FIN before that closes only this subflow,
 * and is answered once nothing of ours waits on it: the stream can go on elsewhere, or later. A
 * bare one on the only subflow may be of a peer that left MPTCP, and would take our FIN for the end
 * of our stream: that has to come first (F64).
 */
static bool wants_fin(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;

	if (!conn_is_mptcp(conn) || conn_has_fault(conn, FAULT_NO_DATA_FIN))
		return stream_fin_due(conn);
	if (conn_is_done(conn))
		return conn->tx.fin_first || subflow->fin_received;
	return subflow->fin_received && subflow->queue.una == subflow->queue.tail &&
		(subflow_live_count(conn) > 1 || conn->tx.fin_acked ||
			(!subflow->fin_is_bare && conn->tx.una == conn->tx.end &&
				!conn->tx.fin_sent));
}

/* RFC 9293 3.6: who sent FIN first, or at the same time, keeps TIME-WAIT. */
static void settle_closed(struct subflow *subflow, nsec_t now)
{
	if (subflow->fin_after_peer) {
		subflow_end(subflow, SUBFLOW_CLOSED, now);
		return;
	}
	subflow->phase = PHASE_TIME_WAIT;
	subflow->rto_at = now + subflow->conn->endpoint->config.time_wait;
}

static void settle_subflow(struct subflow *subflow, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if (subflow->phase != PHASE_OPEN || subflow->reset_wanted || subflow->fastclose_sent)
		return;
	if (!subflow->fin_wanted && conn->state == CONN_OPEN)
		subflow->fin_wanted = wants_fin(subflow);
	/* Nothing more can come to map what is held: treat the subflow as broken (F15, F16). */
	if (subflow->fin_received && mapping_is_holding(subflow) && conn_is_mptcp(conn) &&
		!conn->fail_sent)
		mapping_give_up(subflow, now);
	else if (subflow->fin_acked && subflow->fin_received && !subflow->ack_now)
		settle_closed(subflow, now);
}

/* Subflows that still do something: all but dead ones and TIME-WAIT. */
static unsigned int busy_subflows(const struct conn *conn)
{
	unsigned int i, count = 0;

	for (i = 0; i < conn->subflow_count; i++)
		count += conn->subflows[i]->phase < PHASE_TIME_WAIT;
	return count;
}

/* A subflow may yet come: there were several, or the only one was reset in a way that may pass. */
static bool may_come_back(const struct conn *conn)
{
	const struct subflow *first = conn->subflows[0];

	return conn->subflow_count > 1 || first->end_state != SUBFLOW_RESET ||
		first->is_transient || conn->join_at != NSEC_NEVER;
}

/*
 * No subflow is left. Without Multipath TCP, or when the only one was refused for good, that is the
 * end; else the connection lives on for a new subflow until its time-out (F56, O7, O11).
 */
static void settle_end(struct conn *conn)
{
	bool delivered =
		conn->tx.shutdown && conn->tx.una == conn->tx.end && fin_is_consumed(&conn->rx);

	if (busy_subflows(conn) > 0 || conn->state != CONN_OPEN)
		return;
	if (conn_is_mptcp(conn) ? conn_is_done(conn) : delivered)
		conn_close(conn, END_CLEAN);
	else if (!conn_is_mptcp(conn) || !may_come_back(conn))
		conn_close(conn, END_RESET);
}

static void settle_data_fin(struct conn *conn, nsec_t now)
{
	struct send_stream *tx = &conn->tx;

	if (!conn_is_mptcp(conn) || conn_has_fault(conn, FAULT_NO_DATA_FIN))
		return;
	if (!tx->fin_sent && stream_fin_due(conn)) {
		tx->fin_sent = true;
		tx->fin_first = !conn->rx.fin_known;
		tx->fin_now = true;
		stream_arm(conn, now);
	}
	if (conn_is_done(conn) && !tx->fin_first && conn->close_at == NSEC_NEVER &&
		!conn->close_waited) {
		conn->close_waited = true;
		conn->close_at = now + 2 * conn->endpoint->config.rto_initial;
	}
}

/* Something is waited for, so that silence for connection_timeout is an error. */
static bool conn_is_pending(const struct conn *conn)
{
	const struct send_stream *tx = &conn->tx;
	unsigned int i;

	if (conn->state == CONN_OPENING || tx->una < tx->end || conn->fail_sent ||
		subflow_live_count(conn) == 0)
		return true;
	if (tx->shutdown && !(conn_is_mptcp(conn) ? tx->fin_acked : conn->subflows[0]->fin_acked))
		return true;
	if (conn_is_mptcp(conn) && conn_is_done(conn))
		return true;
	for (i = 0; i < conn->subflow_count; i++) {
		const struct subflow *subflow = conn->subflows[i];

		if (subflow_is_live(subflow) &&
			(mapping_is_holding(subflow) ||
				(subflow->fin_received && !fin_is_consumed(&conn->rx))))
			return true;
	}
	return false;
}

static void settle(struct conn *conn, nsec_t now)
{
	unsigned int i;
	bool pending;

	if (conn->state == CONN_OPEN)
		settle_data_fin(conn, now);
	for (i = 0; i < conn->subflow_count; i++)
		settle_subflow(conn->subflows[i], now);
	if (conn->state != CONN_CLOSED) {
		address_settle(conn, now);
		pm_settle(conn, now);
		settle_end(conn);
	}
	if (conn->state == CONN_CLOSED) {
		free_streams(conn);
		return;
	}
	pending = conn_is_pending(conn);
	if (pending && !conn->pending)
		conn->progress_at = now;
	conn->pending = pending;
}

void conn_settle(struct conn *conn, nsec_t now)
{
	conn->dirty = false;
	conn->due = 0;
	settle(conn, now);
}
