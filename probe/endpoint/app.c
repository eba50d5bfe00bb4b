/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The application's side of a connection: bytes in and out, and what became of it.
 */
#include "probe/endpoint/address.h"
#include "probe/endpoint/conn.h"
#include "probe/endpoint/handshake.h"
#include "probe/endpoint/subflow.h"

/* Data kept only for a slow subflow's retransmissions may hold up to so many send buffers. */
enum { HELD_BUFFERS = 4 };

size_t conn_writable(const struct conn *conn)
{
	const struct send_stream *tx = &conn->tx;
	uint64_t buffer = conn->endpoint->config.send_buffer;
	uint64_t unacked = tx->end - tx->una, held = tx->end - tx->ring.first;

	if (conn->state == CONN_CLOSED || tx->shutdown || unacked >= buffer ||
		held >= HELD_BUFFERS * buffer)
		return 0;
	return (size_t)(buffer - unacked);
}

size_t conn_write(struct conn *conn, const void *data, size_t length)
{
	size_t room = conn_writable(conn);

	if (length > room)
		length = room;
	if (length == 0)
		return 0;
	ring_write(&conn->tx.ring, conn->tx.end, data, length);
	conn->tx.end += length;
	conn->dirty = true;
	return length;
}

size_t conn_readable(const struct conn *conn)
{
	return (size_t)(conn->rx.next - conn->rx.read);
}

/* Tell the peer of a window that has opened by a good part of the buffer (RFC 9293 3.8.6.2.2). */
static void offer_window(struct conn *conn)
{
	uint32_t step = conn->rx.buffer / 2;
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *subflow = conn->subflows[i];
		uint32_t told = subflow->rcv_edge - subflow->rcv_nxt;

		if (subflow_is_live(subflow) && subflow_window(subflow) >= told + step) {
			subflow->ack_now = true;
			conn->dirty = true;
		}
	}
}

size_t conn_read(struct conn *conn, void *data, size_t length)
{
	size_t ready = conn_readable(conn);

	if (length > ready)
		length = ready;
	if (length == 0)
		return 0;
	ring_read(&conn->rx.ring, conn->rx.read, data, length);
	conn->rx.read += length;
	ring_drop(&conn->rx.ring, conn->rx.read);
	if (conn->state == CONN_OPEN)
		offer_window(conn);
	return length;
}

void conn_shutdown(struct conn *conn)
{
	conn->tx.shutdown = true;
	conn->dirty = true;
}

void conn_abort(struct conn *conn)
{
	if (conn->state != CONN_CLOSED)
		conn_kill(conn, END_ABORTED, RESET_UNSPECIFIED);
}

void conn_release(struct conn *conn)
{
	conn->released = true;
	conn->dirty = true;
}

bool conn_join(struct conn *conn, const struct sockname *local, const struct sockname *remote,
	nsec_t now, struct err *err)
{
	(void)now;
	if (!conn_is_mptcp(conn))
		return err_set(err, "no further subflow: this is not Multipath TCP (F33)");
	if (!conn->peer_confirmed)
		return err_set(err, "no further subflow before a DSS of the peer's (F8a)");
	if (!handshake_may_join(conn))
		return err_set(err, "no further subflow: the connection ends, falls back or has %d",
			(int)conn->subflow_count);
	if (conn->peer_no_join && sockname_equal(remote, &conn->subflows[0]->remote))
		return err_set(err, "no further subflow: the peer's flag C forbids it (F7d)");
	if (local->addr.version != remote->addr.version)
		return err_set(err, "no further subflow: the addresses are of two families");
	if (subflow_find(conn->endpoint, local, remote) != NULL)
		return err_set(err, "no further subflow: this one exists");
	return handshake_join(conn, local, remote) != NULL;
}

static struct subflow *find_live(const struct conn *conn, unsigned int subflow, struct err *err)
{
	if (!conn_is_mptcp(conn)) {
		err_set(err, "this is not Multipath TCP (F33)");
		return NULL;
	}
	if (subflow >= conn->subflow_count || !subflow_is_live(conn->subflows[subflow])) {
		err_set(err, "subflow %u is not open", subflow);
		return NULL;
	}
	return conn->subflows[subflow];
}

bool conn_drop(struct conn *conn, unsigned int subflow, struct err *err)
{
	struct subflow *live = find_live(conn, subflow, err);

	if (live == NULL)
		return false;
	live->fin_wanted = true;
	conn->dirty = true;
	return true;
}

bool conn_announce(struct conn *conn, const struct sockname *local, nsec_t now, struct err *err)
{
	if (!handshake_may_join(conn))
		return err_set(err,
			"no address is told before a DSS came, after a fallback or "
			"with all subflows in use (F8a, F33)");
	conn->dirty = true;
	return address_announce(conn, local, now) ||
		err_set(err, "too many addresses were told of");
}

bool conn_withdraw(struct conn *conn, const struct addr *list, unsigned int count, struct err *err)
{
	if (!conn_is_mptcp(conn) || conn->state != CONN_OPEN)
		return err_set(err, "this is not an open Multipath TCP connection");
	conn->dirty = true;
	return address_withdraw(conn, list, count) ||
		err_set(err, "the peer knows none of these addresses");
}

bool conn_set_backup(struct conn *conn, unsigned int subflow, bool backup, struct err *err)
{
	struct subflow *live = find_live(conn, subflow, err);

	conn->dirty = true;
	return live != NULL && address_prioritize(live, backup);
}

bool conn_set_address_backup(struct conn *conn, const struct addr *local, bool backup,
	struct err *err)
{
	if (!conn_is_mptcp(conn) || conn->state != CONN_OPEN)
		return err_set(err, "this is not an open Multipath TCP connection");
	conn->dirty = true;
	return address_prioritize_all(conn, local, backup) ||
		err_set(err, "no open subflow uses this address");
}

/* ---- what became of it ---- */

static enum subflow_state state_of(const struct subflow *subflow)
{
	if (subflow->phase == PHASE_DEAD)
		return subflow->end_state;
	if (subflow->reset_wanted)
		return SUBFLOW_RESET;
	if (subflow->phase < PHASE_OPEN)
		return SUBFLOW_OPENING;
	if (subflow->phase == PHASE_TIME_WAIT)
		return SUBFLOW_CLOSED;
	return subflow->fin_sent || subflow->fin_received ? SUBFLOW_CLOSING : SUBFLOW_OPEN;
}

void conn_info(const struct conn *conn, struct conn_info *info)
{
	unsigned int i;
	size_t k;

	*info = (struct conn_info){ .state = conn->state,
		.end = conn->end,
		.mode = conn->mode,
		.fallback = conn->fallback,
		.version = conn->version,
		.checksum = conn->checksum,
		.peer_closed = conn_peer_closed(conn),
		.fully_established = conn->peer_confirmed,
		.written = conn->tx.end,
		.read = conn->rx.read,
		.addresses_known = (unsigned int)conn->theirs.count,
		.subflow_count = conn->subflow_count };
	for (k = 0; k < conn->own.count; k++) {
		info->addresses_told += conn->own.list[k].told;
		info->addresses_echoed += conn->own.list[k].echoed;
	}
	for (i = 0; i < conn->subflow_count; i++) {
		const struct subflow *subflow = conn->subflows[i];

		info->subflows[i] = (struct subflow_info){ .local = subflow->local,
			.remote = subflow->remote,
			.state = state_of(subflow),
			.is_join = subflow->is_join,
			.backup = subflow->backup,
			.address_id = subflow->address_id,
			.remote_address_id = subflow->remote_address_id,
			.reset_by_us = subflow->reset_by_us,
			.reset_reason = subflow->reset_reason,
			.bytes_sent = subflow->bytes_sent,
			.bytes_received = subflow->bytes_received,
			.retransmissions = subflow->retransmissions,
			.srtt = subflow->srtt,
			.cwnd = subflow->cc.cwnd };
	}
}

enum conn_state conn_state(const struct conn *conn)
{
	return conn->state;
}

bool conn_peer_closed(const struct conn *conn)
{
	return conn->rx.fin_known && conn->rx.read == conn->rx.fin_offset;
}
