/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/fallback.h"

#include "probe/endpoint/conn.h"
#include "probe/endpoint/mapping.h"
#include "probe/endpoint/stream.h"
#include "probe/endpoint/subflow.h"

static const char *const texts[FALLBACK_COUNT] = {
	[FALLBACK_NONE] = "no fallback",
	[FALLBACK_NOT_ASKED] = "we do not speak Multipath TCP",
	[FALLBACK_SYN_PLAIN] = "F1: the SYN came without MP_CAPABLE",
	[FALLBACK_SYNACK_PLAIN] = "F2: the SYN/ACK came without MP_CAPABLE",
	[FALLBACK_ACK_PLAIN] = "F3: the third packet came without MP_CAPABLE",
	[FALLBACK_NO_FIRST_MAPPING] = "F4: the first data came without a mapping",
	[FALLBACK_SYN_UNANSWERED] = "F5: SYNs with MP_CAPABLE were not answered",
	[FALLBACK_CRYPTO] = "F6: no common crypto bit",
	[FALLBACK_VERSION] = "F7: no usable version",
	[FALLBACK_FLAG_B] = "F7a: flag B is set and not understood",
	[FALLBACK_CHECKSUM_UNWANTED] = "F7b: checksums were asked for and are not wanted",
	[FALLBACK_COMPROMISED] = "F7e: the handshake was tampered with",
	[FALLBACK_MIRRORED] = "F7f: the SYN/ACK mirrored our own MP_CAPABLE",
	[FALLBACK_NO_DATA_ACK] = "F9: data was acknowledged without a DATA_ACK",
	[FALLBACK_CHECKSUM] = "F23: a mapping failed its checksum",
	[FALLBACK_MP_FAIL] = "F24: the peer sent MP_FAIL",
	[FALLBACK_INFINITE_MAPPING] = "F29: the peer sent an infinite mapping",
	[FALLBACK_SIGNAL_LOST] = "O5: MP_FAIL was not answered",
};

const char *fallback_text(enum fallback_reason reason)
{
	return (unsigned int)reason < FALLBACK_COUNT ? texts[reason] : "unknown";
}

void fallback_at_handshake(struct conn *conn, enum fallback_reason reason)
{
	conn->mode = MODE_TCP;
	conn->fallback = reason;
	conn->linear = true;
	conn->linear_shift = 0;
}

/*
 * Where the subflow's receive stream goes on: the first byte that was not delivered is the stream's
 * next (O6). Of unmapped bytes beside further subflows nobody knows: those may have brought them.
 * And behind what goes on there may be what another subflow had carried, sent again (F25).
 */
static bool receive_shift(const struct subflow *subflow, uint64_t *shift)
{
	const struct mappings *set = &subflow->mappings;
	uint64_t next = subflow->conn->rx.next;
	size_t i;

	*shift = next -
		(mapping_is_holding(subflow) ? subflow->rx_pending.list[0].first
					     : subflow->rx_next);
	if (!mapping_is_holding(subflow) || !subflow->conn->was_joined)
		return true;
	for (i = set->head; i < set->count; i++) {
		const struct mapping *mapping = &set->list[i];

		*shift = mapping->offset - mapping->first;
		if (next - mapping->offset < mapping->end - mapping->first)
			break;
	}
	if (i == set->count)
		return false;
	while (++i < set->count)
		if (set->list[i].offset - set->list[i].first != *shift)
			return false;
	return true;
}

/*
 * Whether the stream's next byte, by a shift, is one that is held, or has not come yet. The peer's
 * infinite mapping may go back over what came by other mappings, or was held and comes again (F24):
 * that lies behind then, and counts no more (O6).
 */
static bool goes_on_by(const struct subflow *subflow, uint64_t shift)
{
	uint64_t next = subflow->conn->rx.next - shift;
	size_t i = ranges_find(&subflow->rx_pending, next);

	return !dsn_before(next, subflow->rx_next) ||
		(i < subflow->rx_pending.count && subflow->rx_pending.list[i].first <= next);
}

/*
 * The send stream is contiguous on the subflow when its segments, from the first unacknowledged
 * byte on, follow each other (RFC 8684 3.7). What no segment carries yet goes back to unsent, so
 * that the subflow will carry every byte in order (F63). What the infinite mapping refers to must
 * be contiguous with them, too, else it begins with the first (F29).
 */
static bool send_contiguous(struct subflow *subflow, uint64_t *next)
{
	const struct send_stream *tx = &subflow->conn->tx;
	const struct segment_queue *queue = &subflow->queue;
	const struct segment *first = NULL;
	uint64_t expected = tx->una;
	size_t i;

	for (i = queue->head; i != queue->tail; i++) {
		const struct segment *segment = segment_at(queue, i);

		if (segment->length == 0 ||
			(first == NULL && segment->offset + segment->length <= tx->una))
			continue;
		if (first != NULL ? segment->offset != expected : segment->offset > tx->una)
			return false;
		first = first != NULL ? first : segment;
		expected = segment->offset + segment->length;
	}
	*next = expected;
	if (first != NULL &&
		subflow->delivered_offset + (first->seq - subflow->delivered_seq) !=
			first->offset) {
		subflow->delivered_offset = first->offset;
		subflow->delivered_seq = first->seq;
	}
	return true;
}

static void end_others(struct subflow *keep)
{
	struct conn *conn = keep->conn;
	unsigned int i;

	if (conn_has_fault(conn, FAULT_FALL_BACK_BESIDE))
		return;
	for (i = 0; i < conn->subflow_count; i++)
		if (conn->subflows[i] != keep && conn->subflows[i]->phase != PHASE_DEAD)
			subflow_reset(conn->subflows[i], RESET_MIDDLEBOX);
}

/* MP_FAIL or an infinite mapping was seen, rather than their absence concluded from. */
static bool is_signalled(enum fallback_reason reason)
{
	return reason == FALLBACK_CHECKSUM || reason == FALLBACK_MP_FAIL ||
		reason == FALLBACK_INFINITE_MAPPING || reason == FALLBACK_SIGNAL_LOST;
}

/*
 * The path strips both directions, and data was DATA_ACKed before (F16). With no data left to carry
 * the infinite mapping the peer may miss it, and what it sends again would pass for new (F64).
 */
static bool would_be_one_sided(const struct subflow *subflow, uint64_t next)
{
	const struct conn *conn = subflow->conn;

	return mapping_is_holding(subflow) && conn->rx.next > 0 && next == conn->tx.end;
}

/* The subflow had been closed as one of several, and now the stream needs it (F63). */
static bool is_half_closed(const struct subflow *subflow)
{
	const struct send_stream *tx = &subflow->conn->tx;

	return subflow->fin_sent && !(tx->shutdown && tx->next == tx->end);
}

/*
 * Its FIN carried an option, and the stream goes on behind it: the peer closed this subflow as one
 * of Multipath TCP (3.3.3), and as TCP the bytes that are missing would pass for its end.
 */
static bool was_left_by_peer(const struct subflow *subflow, uint64_t shift)
{
	const struct conn *conn = subflow->conn;
	const struct receive_stream *rx = &conn->rx;
	/* From a fallback at the handshake on nobody knows where its DSNs lie. */
	bool ends = rx->end_is_told &&
		((conn->linear && !conn->was_mptcp) ||
			subflow->fin_position + shift == rx->told_end);

	return subflow->fin_known && !subflow->fin_is_bare && !ends;
}

/* Who fell back alone at the handshake leaves a peer that takes Multipath TCP for agreed. */
static bool peer_may_go_on(const struct conn *conn)
{
	return conn->was_mptcp || conn->fallback == FALLBACK_ACK_PLAIN ||
		conn->fallback == FALLBACK_COMPROMISED;
}

bool fallback_ends_by_fin(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;

	return !peer_may_go_on(conn) || conn->fallback == FALLBACK_INFINITE_MAPPING ||
		!was_left_by_peer(subflow, conn->linear_shift);
}

/* Another subflow is in use beside this one. */
static bool has_others(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		if (conn->subflows[i] != subflow && subflow_is_live(conn->subflows[i]) &&
			!subflow_is_spent(conn->subflows[i]))
			return true;
	return false;
}

/* The peer has ended it as one of Multipath TCP, and waits for the answer. */
static bool was_closed_as_subflow(const struct subflow *subflow)
{
	return subflow->fin_received && !subflow->fin_is_bare;
}

bool fallback_may_take_fin(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;

	return conn_is_mptcp(conn) && !conn->data_confirmed && !conn->tx.fin_sent &&
		!subflow->is_join && !was_closed_as_subflow(subflow) && !has_others(subflow);
}

/*
 * What is sent again goes without its mapping (F33). Beside other subflows the peer cannot know
 * where it belongs, and is told with the first of it.
 */
static void map_again(struct subflow *subflow)
{
	struct segment_queue *queue = &subflow->queue;

	if (subflow->conn->was_joined && subflow->conn->infinite_wanted &&
		queue->una != queue->tail)
		segment_at(queue, queue->una)->flags |= SEG_INFINITE;
}

/* shift: NULL when it is not known. */
static bool fall_back(struct subflow *subflow, enum fallback_reason reason, const uint64_t *shift,
	nsec_t now)
{
	struct conn *conn = subflow->conn;
	uint64_t next;

	if (conn_has_fault(conn, FAULT_NEVER_FALL_BACK) && reason != FALLBACK_INFINITE_MAPPING)
		return false;
	/* Who throws unmapped bytes away has none to go on with. */
	if (subflow->threw_away || is_half_closed(subflow) || shift == NULL ||
		!goes_on_by(subflow, *shift) || !send_contiguous(subflow, &next) ||
		(reason != FALLBACK_INFINITE_MAPPING && was_left_by_peer(subflow, *shift)) ||
		(reason == FALLBACK_NO_DATA_ACK && would_be_one_sided(subflow, next))) {
		subflow_reset(subflow, RESET_MIDDLEBOX);
		return false;
	}
	if (conn->fail_sent && reason != FALLBACK_SIGNAL_LOST)
		reason = FALLBACK_CHECKSUM; /* whatever shows that the peer followed */
	end_others(subflow);                /* F32 */
	if (!subflow->fin_sent)
		subflow->fin_wanted = false; /* the stream's end decides now */
	conn->mode = is_signalled(reason) ? MODE_INFINITE : MODE_TCP;
	conn->fallback = reason;
	conn->was_mptcp = true;
	conn->linear = true;
	conn->linear_shift = *shift;
	conn->fail_sent = false;
	conn->fail_at = NSEC_NEVER;
	/* A DATA_FIN not reached yet counts no more: FIN ends the stream where it is now. */
	if (!fin_is_consumed(&conn->rx))
		conn->rx.fin_known = false;
	conn->tx.next = next;
	if (conn_has_fault(conn, FAULT_LOSE_UNSENT))
		conn->tx.end = next;
	conn->tx.again_count = 0;
	conn->tx.fin_sent = conn->tx.fin_now = false; /* FIN will say it */
	/* With nothing new to send a bare ACK carries it, if the peer may wait for it (O4). */
	conn->infinite_wanted = !conn_has_fault(conn, FAULT_NO_INFINITE);
	conn->infinite_on_ack = conn->tx.next == conn->tx.end && conn->tx.una < conn->tx.next;
	if (conn->infinite_on_ack)
		subflow->ack_now = true;
	map_again(subflow);
	stream_arm(conn, now);
	mapping_settle(subflow, now);
	if (subflow->fin_received)
		conn_take_fin(subflow);
	return true;
}

bool fallback_to_tcp(struct subflow *subflow, enum fallback_reason reason, nsec_t now)
{
	uint64_t shift;

	return fall_back(subflow, reason, receive_shift(subflow, &shift) ? &shift : NULL, now);
}

static bool is_joining(const struct conn *conn)
{
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		if (conn->subflows[i]->phase == PHASE_JOINING && !conn->subflows[i]->reset_wanted)
			return true;
	return false;
}

void fallback_checksum_failed(struct subflow *subflow, const struct mapping *mapping, nsec_t now)
{
	struct conn *conn = subflow->conn;
	/* On the only subflow ever one edited to lie behind leaves no hole, either; else it is data
	 * of another subflow that is sent again (F25). */
	bool contiguous = conn->rx.ooo.count == 0 &&
		(mapping->offset == conn->rx.next ||
			(!conn->was_joined && dsn_before(mapping->offset, conn->rx.next)));
	/* One that is just joining will carry the stream: the two are several already (F21). */
	bool several = (has_others(subflow) || is_joining(conn)) &&
		!conn_has_fault(conn, FAULT_FAIL_ALONE) &&
		!conn_has_fault(conn, FAULT_FALL_BACK_BESIDE);

	if (conn_has_fault(conn, FAULT_NO_FAIL)) {
		subflow_reset(subflow, RESET_MIDDLEBOX);
		return;
	}
	if (several || !contiguous) {
		subflow_reset_with_fail(subflow, RESET_MIDDLEBOX, mapping->dsn);
		return;
	}
	/* O9: while this one awaits its answer no other is sent. */
	conn->fail_sent = true;
	conn->fail_now = true;
	conn->fail_dsn = mapping->dsn;
	conn->fail_count = 0;
	conn->fail_at = now + subflow_timeout(subflow);
	subflow->ack_now = true;
}

void fallback_fail_received(struct subflow *subflow, uint64_t dsn, nsec_t now)
{
	struct conn *conn = subflow->conn;
	uint64_t offset = dsn - conn->dsn_local;
	bool answer = conn->fail_sent;

	/* O18: a mirrored one names a DSN of the other direction. */
	if (!conn_is_mptcp(conn) || (answer ? dsn == conn->fail_dsn : offset > conn->tx.next))
		return;
	if (has_others(subflow) && !conn_has_fault(conn, FAULT_FALL_BACK_BESIDE)) {
		subflow_reset(subflow, RESET_MIDDLEBOX);
		return;
	}
	if (!answer && conn->version > 0 && !conn_has_fault(conn, FAULT_NO_FAIL_ANSWER)) {
		/* RFC 8684 3.7: the receiver of MP_FAIL answers with MP_FAIL. */
		conn->fail_dsn = conn->dsn_remote + conn->rx.next;
		conn->fail_now = true;
		subflow->ack_now = true;
	}
	if (!fallback_to_tcp(subflow, FALLBACK_MP_FAIL, now))
		conn->fail_now = false;
}

void fallback_infinite_received(struct subflow *subflow, uint64_t at, uint64_t shift, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if (conn_is_mptcp(conn)) {
		if (!has_others(subflow))
			fall_back(subflow, FALLBACK_INFINITE_MAPPING, &shift, now);
		else if (!conn_has_fault(conn, FAULT_INFINITE_BESIDE))
			subflow_reset(subflow, RESET_MPTCP); /* F34 */
		return;
	}
	/* Fallen back before: what came till now went on as it was. */
	if (!dsn_before(shift, conn->linear_shift))
		return;
	conn->linear_turns = true;
	conn->turn_at = dsn_before(at, subflow->rx_next) ? subflow->rx_next : at;
	conn->turn_shift = shift;
	mapping_settle(subflow, now);
}

void fallback_fin_received(struct subflow *subflow, nsec_t now)
{
	if (subflow->conn->fail_sent && subflow_in_use(subflow->conn) == subflow)
		fallback_to_tcp(subflow, FALLBACK_SIGNAL_LOST, now);
}

void fallback_fail_expired(struct conn *conn, nsec_t now)
{
	struct subflow *subflow = subflow_in_use(conn);

	conn->fail_at = NSEC_NEVER;
	if (subflow == NULL || !conn->fail_sent)
		return;
	if (++conn->fail_count >= DATA_RTOS_MOST) {
		fallback_to_tcp(subflow, FALLBACK_SIGNAL_LOST, now);
		return;
	}
	conn->fail_now = true;
	subflow->ack_now = true;
	conn->fail_at = now + subflow_timeout(subflow);
}

/*
 * O2: v0 falls back mid-connection as well, v1 only while nothing was ever DATA_ACKed (F9, F18);
 * a joined subflow never does (F11).
 */
void fallback_data_unconfirmed(struct conn *conn, nsec_t now)
{
	struct subflow *subflow = subflow_in_use(conn);

	if (subflow == NULL)
		return;
	if (!subflow->is_join && (conn->version == 0 || !conn->data_confirmed))
		fallback_to_tcp(subflow, FALLBACK_NO_DATA_ACK, now);
	else
		subflow_reset(subflow, RESET_MIDDLEBOX);
}
