/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/reassembly.h"

uint64_t reassembly_limit(const struct conn *conn)
{
	return conn->rx.read + conn->rx.buffer;
}

/*
 * Twice what the application took in the longest round trip (RFC 8684 3.3.1 has all subflows share
 * the buffer): a sender that the window held back so doubles its rate, and one that the application
 * holds back gains nothing.
 */
void reassembly_tune(struct conn *conn, nsec_t now)
{
	struct receive_stream *rx = &conn->rx;
	uint32_t most = conn->endpoint->config.receive_buffer_most;
	nsec_t longest = 0;
	uint64_t want;
	unsigned int i;

	if (rx->buffer >= most)
		return;
	for (i = 0; i < conn->subflow_count; i++)
		if (subflow_is_live(conn->subflows[i]) && conn->subflows[i]->srtt > longest)
			longest = conn->subflows[i]->srtt;
	if (now < rx->measured_at + longest)
		return;
	want = 2 * (rx->read - rx->measured_from);
	if (want > rx->buffer)
		rx->buffer = want < most ? (uint32_t)want : most;
	rx->measured_from = rx->read;
	rx->measured_at = now;
}

/* Write what no earlier range holds: first received wins (F53). */
static void fill_gaps(struct receive_stream *rx, uint64_t first, uint64_t end, const uint8_t *bytes)
{
	uint64_t at = first, stop;
	size_t index;

	for (index = ranges_find(&rx->ooo, first); at < end; index++) {
		bool more = index < rx->ooo.count && rx->ooo.list[index].first < end;

		stop = more ? rx->ooo.list[index].first : end;
		if (stop > at)
			ring_write(&rx->ring, at, bytes + (at - first), (size_t)(stop - at));
		if (!more)
			break;
		at = rx->ooo.list[index].end;
	}
}

static void insert_out_of_order(struct conn *conn, uint64_t first, uint64_t end,
	const uint8_t *bytes)
{
	struct receive_stream *rx = &conn->rx;

	if (rx->ooo.count + 1 >= RANGES_MOST) {
		/* As if lost: never DATA_ACKed, so it is sent again. */
		conn->endpoint->dropped[DROP_LIMIT]++;
		return;
	}
	fill_gaps(rx, first, end, bytes);
	ranges_add(&rx->ooo, first, end);
	if (rx->ooo.list[0].first > rx->next)
		return;
	rx->next = rx->ooo.list[0].end;
	ranges_remove(&rx->ooo, 0, rx->next);
}

void reassembly_insert(struct conn *conn, uint64_t offset, const uint8_t *bytes, size_t length)
{
	struct receive_stream *rx = &conn->rx;
	uint64_t end = offset + length, limit = reassembly_limit(conn), skip;

	if (conn_has_fault(conn, FAULT_DELIVER_TWICE) && !dsn_after(end, rx->next) &&
		conn_is_mptcp(conn)) {
		offset = rx->next;
		end = offset + length;
	}
	if (rx->fin_known && rx->fin_offset < limit)
		limit = rx->fin_offset;
	if (dsn_after(end, limit))
		end = limit;
	skip = dsn_before(offset, rx->next) ? rx->next - offset : 0;
	if (!dsn_before(offset + skip, end))
		return;
	bytes += skip;
	offset += skip;
	if (offset > rx->next || rx->ooo.count > 0) {
		insert_out_of_order(conn, offset, end, bytes);
		return;
	}
	ring_write(&rx->ring, offset, bytes, (size_t)(end - offset));
	rx->next = end;
}

void reassembly_move(struct conn *conn, uint64_t offset, const struct ring *ring, uint64_t at,
	size_t length)
{
	const uint8_t *piece;
	size_t step;

	for (; length > 0; length -= step, at += step, offset += step) {
		step = ring_piece(ring, at, length, &piece);
		reassembly_insert(conn, offset, piece, step);
	}
}

void reassembly_finish(struct conn *conn, uint64_t offset)
{
	struct receive_stream *rx = &conn->rx;

	if (rx->fin_known || dsn_before(offset, rx->next) ||
		dsn_after(offset, reassembly_limit(conn)))
		return;
	if (rx->ooo.count > 0 && rx->ooo.list[rx->ooo.count - 1].end > offset)
		return;
	rx->fin_known = true;
	rx->fin_offset = offset;
}
