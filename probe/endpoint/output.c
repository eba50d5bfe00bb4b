/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/output.h"

#include "probe/endpoint/ack.h"
#include "probe/endpoint/address.h"
#include "probe/endpoint/build.h"
#include "probe/endpoint/conn.h"
#include "probe/endpoint/fallback.h"
#include "probe/endpoint/handshake.h"
#include "probe/endpoint/mapping.h"
#include "probe/endpoint/sched.h"
#include "probe/endpoint/signal.h"
#include "probe/endpoint/stream.h"
#include "probe/endpoint/subflow.h"

/* ---- what next ---- */

static void consider(struct todo *todo, nsec_t at, enum action action, struct subflow *subflow)
{
	if (at == NSEC_NEVER || at > todo->at || (at == todo->at && action >= todo->action))
		return;
	todo->at = at;
	todo->action = action;
	todo->subflow = subflow;
}

/* A third of the connection's time-out passes before silence is probed. */
static nsec_t probe_at(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;
	const struct send_stream *tx = &conn->tx;
	nsec_t timeout = conn->endpoint->config.connection_timeout;

	if (subflow->probe_at != NSEC_NEVER)
		return subflow->probe_at;
	if (subflow->queue.una != subflow->queue.tail)
		return NSEC_NEVER; /* its own timer runs */
	/* Data waits for a window to open (RFC 9293 3.8.6.1). */
	if (tx->una == tx->next && tx->next < tx->end && subflow_is_usable(subflow))
		return subflow->heard_at +
			nsec_min(subflow->rto << nsec_min(subflow->probes, 8), timeout / 3);
	return subflow->heard_at + timeout / 3;
}

static void todo_open(struct subflow *subflow, struct todo *todo)
{
	const struct segment *lost = ack_next_lost(subflow);

	if (subflow->fastclose_sent) {
		consider(todo, subflow->rto_at,
			subflow->fastcloses < FASTCLOSES_MOST ? ACT_FASTCLOSE : ACT_RESET, subflow);
		return;
	}
	if (subflow->third_now)
		consider(todo, 0, ACT_THIRD_ACK, subflow);
	if (signal_falls_back(subflow))
		consider(todo, 0, ACT_SIGNAL, subflow);
	consider(todo, signal_due(subflow), ACT_SIGNAL, subflow);
	if (lost != NULL &&
		(subflow->in_flight == 0 || subflow->in_flight + lost->length <= subflow->cc.cwnd))
		consider(todo, 0, ACT_RETRANSMIT, subflow);
	if (subflow->fin_wanted && !subflow->fin_sent)
		consider(todo, 0, ACT_FIN, subflow);
	consider(todo, subflow->ack_now ? 0 : subflow->ack_at, ACT_ACK, subflow);
	consider(todo, subflow->rto_at, ACT_RTO, subflow);
	consider(todo, subflow->unmapped_at, ACT_UNMAPPED, subflow);
	consider(todo, probe_at(subflow), ACT_PROBE, subflow);
}

static void subflow_todo(struct subflow *subflow, struct todo *todo)
{
	if (subflow->phase == PHASE_DEAD)
		return;
	if (subflow->reset_wanted) {
		consider(todo, 0,
			subflow->fastclose_wanted && conn_closes_on_ack(subflow->conn)
				? ACT_FASTCLOSE
				: ACT_RESET,
			subflow);
		return;
	}
	if (subflow->stray_now)
		consider(todo, 0, ACT_STRAY, subflow);
	switch (subflow->phase) {
	case PHASE_SYN_SENT:
		consider(todo, subflow->rto_at, ACT_SYN, subflow);
		break;
	case PHASE_SYN_RECEIVED:
		consider(todo, subflow->synack_now ? 0 : subflow->rto_at, ACT_SYNACK, subflow);
		consider(todo, subflow->ack_now ? 0 : NSEC_NEVER, ACT_ACK, subflow);
		break;
	case PHASE_JOINING:
		consider(todo, subflow->join_ack_now ? 0 : subflow->rto_at, ACT_JOIN_ACK, subflow);
		break;
	case PHASE_OPEN:
		todo_open(subflow, todo);
		break;
	case PHASE_TIME_WAIT:
		consider(todo, subflow->ack_now ? 0 : NSEC_NEVER, ACT_ACK, subflow);
		consider(todo, subflow->rto_at, ACT_LINGER, subflow);
		break;
	case PHASE_DEAD:
		break;
	}
}

/* A bare DATA_FIN goes out on the first subflow that can tell it. */
static void todo_data_fin(const struct conn *conn, struct todo *todo)
{
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		if (subflow_is_live(conn->subflows[i]) && !conn->subflows[i]->fastclose_sent) {
			consider(todo, 0, ACT_ACK, conn->subflows[i]);
			return;
		}
}

struct todo conn_todo(const struct conn *conn)
{
	struct todo todo = { .at = NSEC_NEVER, .action = ACT_NOTHING };
	nsec_t timeout = conn->endpoint->config.connection_timeout;
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		subflow_todo(conn->subflows[i], &todo);
	if (conn->state == CONN_CLOSED)
		return todo;
	if (conn->state == CONN_OPEN && (todo.at > 0 || todo.action > ACT_DATA)) {
		struct subflow *subflow = sched_next(conn, &todo.piece);

		if (subflow != NULL)
			consider(&todo, 0, ACT_DATA, subflow);
		if (conn->tx.fin_now)
			todo_data_fin(conn, &todo);
	}
	consider(&todo, conn->tx.rto_at, ACT_DATA_RTO, NULL);
	consider(&todo, conn->fail_at, ACT_FAIL, NULL);
	consider(&todo, conn->close_at, ACT_CLOSE, NULL);
	consider(&todo, conn->address_at, ACT_ADDRESS, NULL);
	consider(&todo, conn->join_at, ACT_JOIN, NULL);
	if (!conn_has_fault(conn, FAULT_WAIT_FOR_EVER))
		consider(&todo, (conn->pending ? conn->progress_at : conn->heard_at) + timeout,
			ACT_GIVE_UP, NULL);
	return todo;
}

/* ---- doing it ---- */

static bool send_reset(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	bool silent = subflow->phase == PHASE_SYN_SENT && subflow->snd_una == subflow->iss;

	if (subflow->phase == PHASE_SYN_RECEIVED && subflow->conn->end == END_UNANSWERED)
		silent = subflow->conn->endpoint->config.synack_once;
	/* A SYN nobody answered has nothing to reset. */
	if (!silent)
		build_reset(subflow, packet);
	subflow_end(subflow, SUBFLOW_RESET, now);
	return !silent;
}

static bool send_fastclose(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	build_fastclose(subflow, packet, now);
	subflow->reset_wanted = false;
	subflow->fastclose_sent = true;
	subflow->rto_at = now + (subflow->rto << subflow->fastcloses++);
	return true;
}

/* After 1, 2, 4 s (RFC 6298); later without MP_CAPABLE (F5), a join not at all (F43). */
static bool send_syn(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if (subflow->is_join && subflow->tries >= JOIN_TRIES) {
		subflow_end(subflow, SUBFLOW_CLOSED, now);
		return false;
	}
	if (!subflow->is_join && conn->mode == MODE_UNDECIDED)
		conn->plain_syn_sent = !handshake_offers(subflow);
	build_syn(subflow, packet, now);
	if (subflow->tries++ == 0) {
		subflow->opened_at = now;
	} else {
		subflow->backoff++;
		subflow->retransmissions++;
	}
	subflow->rto_at = now + subflow_timeout(subflow);
	return true;
}

static bool send_synack(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	bool timer = !subflow->synack_now;

	if (timer && subflow->tries >= SYNACK_TRIES) {
		subflow_end(subflow, SUBFLOW_CLOSED, now);
		if (!subflow->is_join)
			conn_close(subflow->conn, END_UNANSWERED);
		return false;
	}
	if (timer && subflow->conn->endpoint->config.synack_once) {
		subflow->tries++;
		subflow->backoff++;
		subflow->rto_at = now + subflow_timeout(subflow);
		return false;
	}
	build_synack(subflow, packet, now);
	subflow->synack_now = false;
	if (subflow->tries == 0) {
		subflow->tries = 1;
		subflow->opened_at = now;
	} else if (timer) {
		subflow->tries++;
		subflow->backoff++;
		subflow->retransmissions++;
	}
	subflow->rto_at = now + subflow_timeout(subflow);
	return true;
}

/* F42: repeated until the peer's ACK comes; no data before. */
static bool send_join_ack(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	if (!subflow->join_ack_now) {
		if (subflow->tries >= JOIN_TRIES ||
			conn_has_fault(subflow->conn, FAULT_ONE_JOIN_ACK)) {
			subflow_reset(subflow, RESET_MPTCP);
			return false;
		}
		subflow->backoff++;
	}
	subflow->tries++;
	subflow->join_ack_now = false;
	subflow->conn->was_joined = true; /* for the peer, when it comes */
	build_join_ack(subflow, packet, now);
	subflow->rto_at = now + subflow_timeout(subflow);
	return true;
}

static bool retransmit(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	struct segment *segment = ack_next_lost(subflow);

	segment->flags |= SEG_RETRANSMITTED;
	subflow->retransmissions++;
	build_segment(subflow, segment, packet, now);
	ack_segment_sent(subflow, segment, now);
	return true;
}

static struct segment *push(struct subflow *subflow, uint64_t offset, uint32_t length,
	unsigned int flags)
{
	struct conn *conn = subflow->conn;
	struct segment *segment = segment_push(&subflow->queue);

	/* What an infinite mapping would refer to while nothing of the subflow was delivered (F24).
	 */
	if (subflow->snd_nxt == subflow->iss + 1)
		subflow->delivered_offset = offset;
	if (conn->infinite_wanted) {
		flags |= SEG_INFINITE;
		conn->infinite_wanted = false;
	}
	*segment = (struct segment){ .offset = offset,
		.seq = subflow->snd_nxt,
		.length = (uint16_t)length,
		.flags = (uint16_t)flags };
	subflow->snd_nxt = segment_end(segment);
	return segment;
}

static bool send_data(struct subflow *subflow, const struct piece *piece, struct packet *packet,
	nsec_t now)
{
	struct conn *conn = subflow->conn;
	struct segment *segment;

	segment = push(subflow, piece->offset, piece->length, conn_is_mptcp(conn) ? SEG_MAPPED : 0);
	stream_sent(subflow, piece, now);
	conn->last_index = subflow->index;
	subflow->bytes_sent += piece->length;
	subflow->probes = 0;
	build_segment(subflow, segment, packet, now);
	ack_segment_sent(subflow, segment, now);
	if (stream_fin_due(conn))
		conn_settle(conn, now);
	return true;
}

static bool send_fin(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	struct segment *segment;

	if (fallback_may_take_fin(subflow)) {
		subflow_reset(subflow, RESET_UNSPECIFIED);
		return false;
	}
	segment = push(subflow, subflow->conn->tx.next, 0, SEG_FIN);
	subflow->fin_sent = true;
	subflow->fin_after_peer = subflow->fin_received;
	build_segment(subflow, segment, packet, now);
	ack_segment_sent(subflow, segment, now);
	return true;
}

/*
 * A subflow that times out again and again is given up where the stream can go on elsewhere, or has
 * ended; on the only one connection_timeout decides. Its data is offered to the others (3.3.6).
 */
static bool time_out(struct subflow *subflow, nsec_t now)
{
	struct conn *conn = subflow->conn;
	bool ended = conn_is_mptcp(conn) && conn_is_done(conn);
	unsigned int most = ended ? LINGER_RTOS_MOST : conn->endpoint->config.subflow_rtos;

	if (subflow->queue.una == subflow->queue.tail) {
		subflow->rto_at = NSEC_NEVER;
		return false;
	}
	ack_timed_out(subflow, now);
	if (subflow->backoff >= most && (ended || subflow_live_count(conn) > 1))
		subflow_reset(subflow, RESET_PERFORMANCE);
	else if (conn_is_mptcp(conn) && !stream_waits_for(subflow))
		stream_reinject(conn, subflow);
	return false;
}

/* An old sequence number asks for an ACK, and with it for window and DATA_ACK. */
static bool send_probe(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	nsec_t timeout = subflow->conn->endpoint->config.connection_timeout;

	if (subflow->is_doubted && subflow->probes == DOUBT_PROBES) {
		subflow_reset(subflow, RESET_UNSPECIFIED);
		return false;
	}
	subflow->probes++;
	build_ack(subflow, subflow->snd_una - 1, packet, now);
	subflow->probe_at = now + subflow->rto;
	if (!subflow->is_doubted && subflow->rto < timeout / 6)
		subflow->probe_at = now + timeout / 6;
	return true;
}

static bool perform_on_conn(struct conn *conn, enum action action, nsec_t now)
{
	if (action == ACT_DATA_RTO)
		stream_timed_out(conn, now);
	else if (action == ACT_FAIL)
		fallback_fail_expired(conn, now);
	else if (action == ACT_CLOSE)
		conn_stop_waiting(conn);
	else if (action == ACT_ADDRESS)
		address_retry(conn, now);
	else if (action == ACT_GIVE_UP)
		conn_give_up(conn);
	/* ACT_JOIN: settling does it. */
	return false;
}

static bool perform_on_subflow(const struct todo *todo, struct packet *packet, nsec_t now)
{
	struct subflow *subflow = todo->subflow;

	switch (todo->action) {
	case ACT_RESET:
		return send_reset(subflow, packet, now);
	case ACT_STRAY:
		build_stray(subflow, packet);
		subflow->stray_now = false;
		return true;
	case ACT_FASTCLOSE:
		return send_fastclose(subflow, packet, now);
	case ACT_SYN:
		return send_syn(subflow, packet, now);
	case ACT_SYNACK:
		return send_synack(subflow, packet, now);
	case ACT_JOIN_ACK:
		return send_join_ack(subflow, packet, now);
	case ACT_THIRD_ACK:
		build_third_ack(subflow, packet, now);
		return true;
	case ACT_RETRANSMIT:
		return retransmit(subflow, packet, now);
	case ACT_DATA:
		return send_data(subflow, &todo->piece, packet, now);
	case ACT_FIN:
		return send_fin(subflow, packet, now);
	case ACT_SIGNAL:
	case ACT_ACK:
		build_ack(subflow, subflow->snd_nxt, packet, now);
		return true;
	case ACT_RTO:
		return time_out(subflow, now);
	case ACT_PROBE:
		return send_probe(subflow, packet, now);
	case ACT_UNMAPPED:
		mapping_give_up(subflow, now);
		return false;
	case ACT_LINGER:
		subflow_end(subflow, SUBFLOW_CLOSED, now);
		return false;
	default:
		return false;
	}
}

bool conn_perform(struct conn *conn, const struct todo *todo, struct packet *packet, nsec_t now)
{
	bool sent;

	if (todo->subflow == NULL)
		sent = perform_on_conn(conn, todo->action, now);
	else
		sent = perform_on_subflow(todo, packet, now);
	/* Only what leaves more than a packet behind can change what the connection is. */
	if (!sent || todo->action == ACT_RESET)
		conn_settle(conn, now);
	return sent;
}
