/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/input.h"

#include "probe/endpoint/ack.h"
#include "probe/endpoint/address.h"
#include "probe/endpoint/conn.h"
#include "probe/endpoint/fallback.h"
#include "probe/endpoint/handshake.h"
#include "probe/endpoint/mapping.h"
#include "probe/endpoint/reassembly.h"
#include "probe/endpoint/stream.h"
#include "probe/endpoint/subflow.h"

/* ---- acceptability (RFC 9293 3.10.7.4, RFC 5961, RFC 7323 5) ---- */

/* RFC 5961 7: challenge ACKs are limited, so that two confused hosts cannot storm. */
static void challenge(struct subflow *subflow, nsec_t now)
{
	subflow->conn->endpoint->dropped[DROP_SEQUENCE]++;
	if (now - subflow->challenges_since >= CHALLENGE_SPAN_NS) {
		subflow->challenges_since = now;
		subflow->challenges = 0;
	}
	if (subflow->challenges++ < CHALLENGES_MOST)
		subflow->ack_now = true;
}

static bool in_window(const struct subflow *subflow, uint32_t seq)
{
	return seq == subflow->rcv_nxt || seq_between(seq, subflow->rcv_nxt, subflow->rcv_edge);
}

/* F62: MP_FASTCLOSE needs our key. */
static bool closes(const struct conn *conn, const struct mptcp_opt *option)
{
	return conn_is_mptcp(conn) && !conn_lacks(conn, LACKS_FASTCLOSE) &&
		(option->fastclose_key == conn->key_local ||
			conn_has_fault(conn, FAULT_ANY_FASTCLOSE));
}

/* F56: a RST ends its subflow only, unless it carries MP_FASTCLOSE or there is no other. */
static void take_reset(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;
	const struct mptcp_opt *close = arrival_find(in, MP_FASTCLOSE);
	const struct mptcp_opt *reason = arrival_find(in, MP_TCPRST);
	bool opening = subflow->phase == PHASE_SYN_RECEIVED;

	if (reason != NULL)
		subflow->reset_reason = reason->tcprst.reason;
	subflow->reset_by_us = false;
	/* O17: v1 hosts give a reason, so one without is a middlebox's; v0 has none to give. */
	subflow->is_transient = subflow->phase == PHASE_OPEN &&
		(reason != NULL ? reason->tcprst.transient : conn->version > 0);
	if (subflow->phase == PHASE_TIME_WAIT) {
		subflow_end(subflow, SUBFLOW_CLOSED, now);
		return;
	}
	subflow_end(subflow, SUBFLOW_RESET, now);
	if (conn_has_fault(conn, FAULT_RESET_ALL))
		conn_kill(conn, END_RESET, RESET_UNSPECIFIED);
	if (close != NULL && closes(conn, close))
		conn_kill(conn, END_RESET, RESET_UNSPECIFIED);
	else if (opening && !subflow->is_join)
		conn_close(conn, END_REFUSED);
}

/* RFC 5961 3.2, 4.2: exact sequence number for RST, a challenge for the rest of the window. */
static bool control_is_handled(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	if (in->flags & TCP_RST) {
		if (in->seq == subflow->rcv_nxt)
			take_reset(subflow, in, now);
		else if (in_window(subflow, in->seq))
			challenge(subflow, now);
		else
			subflow->conn->endpoint->dropped[DROP_SEQUENCE]++;
		return true;
	}
	if (!(in->flags & TCP_SYN))
		return false;
	if (subflow->phase == PHASE_SYN_RECEIVED && !(in->flags & TCP_ACK) &&
		in->seq == subflow->irs)
		handshake_syn_again(subflow, in);
	else if (in->flags & TCP_ACK && in->seq == subflow->irs && subflow->phase == PHASE_JOINING)
		subflow->join_ack_now = true;
	else if (in->flags & TCP_ACK && in->seq == subflow->irs && subflow->phase == PHASE_OPEN)
		subflow->third_now = true; /* ours was lost, or its keys are asked for (O12) */
	else
		challenge(subflow, now);
	return true;
}

/* What occupies sequence space is sent again until it is acknowledged; an empty ACK is not. */
static void answer_refused(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	if (arrival_end(in) != in->seq)
		subflow->ack_now = true;
	else
		challenge(subflow, now);
}

/*
 * Whether the segment's ACK and payload may be looked at. The left edge is what was acknowledged
 * last, so that reordered ACKs still count.
 */
static bool is_acceptable(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	uint32_t end = arrival_end(in);

	if (subflow->timestamps && in->has_timestamp && !(in->flags & TCP_RST) &&
		seq_before(in->ts_value, subflow->ts_recent)) {
		subflow->conn->endpoint->dropped[DROP_TIMESTAMP]++;
		answer_refused(subflow, in, now);
		return false;
	}
	if (control_is_handled(subflow, in, now))
		return false;
	if (!seq_before(end, subflow->rcv_acked) && !seq_after(in->seq, subflow->rcv_edge))
		return (in->flags & TCP_ACK) != 0;
	subflow->conn->endpoint->dropped[DROP_SEQUENCE]++;
	/* A late mapping for bytes that are held counts even on a copy of old data (F48). */
	if (in->length > 0 && seq_before(end, subflow->rcv_acked) && mapping_is_holding(subflow) &&
		!conn_has_fault(subflow->conn, FAULT_DROP_LATE_MAPPING) &&
		mapping_announce(subflow, in, now))
		mapping_settle(subflow, now);
	answer_refused(subflow, in, now);
	return false;
}

/* RFC 5961 5.2: ACKs of what was never sent, or of the distant past, are challenged. */
static bool ack_is_acceptable(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	if (!seq_after(in->ack, subflow->snd_nxt) &&
		!seq_before(in->ack, subflow->snd_una - subflow->snd_window_max - 1))
		return true;
	challenge(subflow, now);
	return false;
}

/* ---- MPTCP signals (after the checks above: F58) ---- */

static void take_data_ack(const struct subflow *subflow, const struct mp_dss *dss,
	const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;
	uint64_t wide, offset, edge;

	wide = dss->ack_wide ? dss->ack
			     : dsn_expand(conn->dsn_local + conn->tx.una, (uint32_t)dss->ack);
	offset = wide - conn->dsn_local;
	if (offset > conn->tx.end + 1)
		return; /* O18 */
	/* RFC 8684 3.3.4: the window counts from the DATA_ACK beside it and never shrinks. */
	edge = offset + ((uint64_t)in->window << subflow->scale_remote);
	if (edge > conn->tx.limit)
		conn->tx.limit = edge;
	stream_acked(conn, offset, now);
}

/*
 * F9, F9a, F9b, F11: data acknowledged at the subflow but without DATA_ACK. Before anything of ours
 * was DATA_ACKed the only, initial subflow falls back; a joined one, or one of several, is reset.
 * Later its absence proves nothing and timers decide (O2). ACKs of no data are harmless (O1).
 */
static void judge_bare_ack(struct subflow *subflow, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if ((subflow->is_join ? subflow->data_acked : conn->data_confirmed) &&
		!conn_has_fault(conn, FAULT_FALL_BACK_MIDWAY))
		return;
	if (conn_has_fault(conn, FAULT_NEVER_FALL_BACK) ||
		conn_has_fault(conn, FAULT_IGNORE_BARE_ACK) ||
		conn_lacks(conn, LACKS_DATA_ACK_FALLBACK))
		return;
	if (subflow->is_join || subflow_live_count(conn) > 1)
		subflow_reset(subflow, RESET_MIDDLEBOX);
	else
		fallback_to_tcp(subflow, FALLBACK_NO_DATA_ACK, now);
}

/* All but DSS and what belongs to handshakes. */
static void take_others(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;
	unsigned int i;

	for (i = 0; i < in->option_count && conn_is_mptcp(conn); i++) {
		const struct mptcp_opt *option = &in->options[i];

		if (option->subtype == MP_FAIL)
			fallback_fail_received(subflow, option->fail_dsn, now);
		else if (option->subtype == MP_FASTCLOSE && closes(conn, option))
			conn_kill(conn, END_RESET, RESET_UNSPECIFIED); /* option A */
		else
			address_take(subflow, option, now);
	}
}

static bool is_for_signals(const struct arrival *in)
{
	return arrival_find(in, MP_ADD_ADDR) != NULL || arrival_find(in, MP_REMOVE_ADDR) != NULL ||
		arrival_find(in, MP_PRIO) != NULL;
}

/* DATA_ACKs first: an MP_FAIL beside one refers to what it confirms. */
static void take_signals(struct subflow *subflow, const struct arrival *in, bool acked_payload,
	nsec_t now)
{
	struct conn *conn = subflow->conn;
	bool has_data_ack = false;
	unsigned int i;

	for (i = 0; i < in->option_count && conn_is_mptcp(conn); i++) {
		const struct mptcp_opt *option = &in->options[i];

		if (option->subtype != MP_DSS)
			continue;
		if (!conn->peer_confirmed && !subflow->is_join)
			conn->peer_confirmed = conn->pm_news = true;
		if (!option->dss.has_ack)
			continue;
		has_data_ack = true;
		take_data_ack(subflow, &option->dss, in, now);
	}
	take_others(subflow, in, now);
	/*
	 * Nor is one that says again that data came at the first contact (F9), unless DATA_ACKs
	 * came and only wait for data of another subflow.
	 */
	if (!conn->data_confirmed && !subflow->is_join && !subflow->data_acked &&
		in->option_count == 0 && subflow->bytes_sent > 0)
		acked_payload = acked_payload || in->ack != subflow->iss + 1;
	/* ADD_ADDR and the like may leave a DATA_ACK no room, and show that options pass. */
	if (!conn_is_mptcp(conn) || !acked_payload || subflow->reset_wanted ||
		(!has_data_ack && is_for_signals(in)))
		return;
	if (has_data_ack)
		subflow->data_acked = true;
	else
		judge_bare_ack(subflow, now);
}

/* ---- payload and FIN ---- */

static void schedule_ack(struct subflow *subflow, nsec_t now)
{
	subflow->unacked_segments++;
	if (mapping_is_undecided(subflow))
		return;
	/* The first data is acknowledged at once: the sender waits for its DATA_ACK (F8). */
	if (subflow->unacked_segments >= 2 || subflow->rx_ooo.count > 0 ||
		subflow->bytes_received <= subflow->mss)
		subflow->ack_now = true;
	else if (subflow->ack_at == NSEC_NEVER)
		subflow->ack_at = now + DELAYED_ACK_NS;
}

/* Only a host that still speaks Multipath TCP sends it: none does so after a fallback (F33). */
static bool shows_mptcp(const struct mptcp_opt *option)
{
	bool is_infinite =
		option->subtype == MP_DSS && option->dss.has_mapping && option->dss.length == 0;

	return !is_infinite && option->subtype != MP_FAIL;
}

static bool arrival_is_bare(const struct arrival *in)
{
	unsigned int i;

	for (i = 0; i < in->option_count; i++)
		if (shows_mptcp(&in->options[i]))
			return false;
	return true;
}

static void take_fin(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	if (in->flags & TCP_FIN && !subflow->fin_known) {
		subflow->fin_known = true;
		subflow->fin_position = subflow_position(subflow, in->seq) + in->length;
		subflow->fin_is_bare = arrival_is_bare(in);
	}
	if (!subflow->fin_known || subflow->fin_received)
		return;
	/* A bare ACK past a hole is not answered: two that miss something would never stop. */
	if (subflow->fin_position != subflow->rx_next) {
		subflow->ack_now = subflow->ack_now || (in->flags & TCP_FIN);
		return;
	}
	subflow->fin_received = true;
	subflow->rcv_nxt++;
	subflow->ack_now = true;
	if (!fallback_ends_by_fin(subflow)) {
		subflow_reset(subflow, RESET_MIDDLEBOX);
		return;
	}
	conn_take_fin(subflow);
	fallback_fin_received(subflow, now);
}

static void take_payload(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;
	uint64_t next = conn->rx.next;

	if (!mapping_announce(subflow, in, now))
		return;
	if (in->length > 0 && !subflow->fin_received) {
		mapping_receive(subflow, in, now);
		reassembly_tune(conn, now);
		schedule_ack(subflow, now);
	} else if (mapping_is_holding(subflow)) {
		mapping_settle(subflow, now);
	}
	if (conn->rx.next != next)
		conn->progress_at = now;
	take_fin(subflow, in, now);
}

static void open_input(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	bool acked_payload;

	if (subflow->phase == PHASE_SYN_RECEIVED) {
		if (in->ack != subflow->snd_nxt) {
			subflow->stray_ack = in->ack;
			subflow->stray_now = true;
			return;
		}
		if (!handshake_third(subflow, in, now))
			return;
	}
	if (!ack_is_acceptable(subflow, in, now))
		return;
	if (subflow->timestamps && in->has_timestamp && !seq_after(in->seq, subflow->rcv_acked))
		subflow->ts_recent = in->ts_value;
	if (subflow->phase == PHASE_JOINING)
		subflow_open(subflow, now); /* F42: any ACK of the peer's completes it */
	acked_payload = ack_process(subflow, in, now);
	take_signals(subflow, in, acked_payload, now);
	/* The stream may have moved on before, and only this subflow have held its bytes (F55). */
	if (acked_payload && subflow->conn->tx.ring.first < subflow->conn->tx.una)
		stream_release(subflow->conn);
	if (subflow->phase == PHASE_DEAD || subflow->reset_wanted)
		return;
	if (!conn_is_mptcp(subflow->conn))
		stream_linear_acked(subflow, now);
	if (subflow->phase != PHASE_TIME_WAIT) {
		take_payload(subflow, in, now);
		return;
	}
	subflow->ack_now = subflow->ack_now || in->length > 0 || in->flags & TCP_FIN;
	mapping_fin_again(subflow, in, now);
}

void subflow_input(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;

	conn->dirty = true;
	subflow->heard_at = conn->heard_at = now;
	subflow->is_doubted = false;
	/* After MP_FASTCLOSE on an ACK only the RST that answers it counts. */
	if (subflow->reset_wanted || (subflow->fastclose_sent && !(in->flags & TCP_RST)))
		conn->endpoint->dropped[DROP_RESETTING]++;
	else if (subflow->phase == PHASE_SYN_SENT)
		handshake_syn_sent(subflow, in, now);
	else if (is_acceptable(subflow, in, now))
		open_input(subflow, in, now);
	else if (conn_has_fault(subflow->conn, FAULT_ANY_SEQUENCE))
		take_signals(subflow, in, false, now);
	conn_settle(conn, now);
}
