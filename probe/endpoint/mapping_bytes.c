/* SPDX-License-Identifier: BSD-2-Clause */
/* mapping_bytes.c - a subflow's bytes, and what mappings make of them; see mapping.h. */
#include "probe/endpoint/mapping.h"

#include "probe/endpoint/fallback.h"
#include "probe/endpoint/reassembly.h"
#include "probe/endpoint/subflow.h"
#include "probe/wire/checksum.h"

static void mappings_drop(struct mappings *set, uint64_t below)
{
	while (set->head < set->count && set->list[set->head].end <= below)
		set->head++;
	if (set->head == set->count)
		set->head = set->count = 0;
}

/* ---- bytes that arrive ---- */

/* Deliver from the front without a copy in between, as far as mappings allow; returns how far. */
static size_t deliver_direct(struct subflow *subflow, const uint8_t *bytes, size_t length)
{
	struct conn *conn = subflow->conn;
	uint64_t at = subflow->rx_next;
	size_t done = 0, step, i;

	if (conn->linear) {
		if (conn->linear_turns)
			return 0;
		reassembly_insert(conn, at + conn->linear_shift, bytes, length);
		return length;
	}
	if (conn->fail_sent)
		return 0;
	for (i = mappings_find(&subflow->mappings, at); done < length; i++, done += step) {
		const struct mapping *mapping = &subflow->mappings.list[i];

		if (i == subflow->mappings.count || mapping->first > at + done)
			break;
		step = (size_t)(mapping->end - (at + done));
		if (conn->checksum &&
			(mapping->first != at + done || step > length - done ||
				!mapping_is_right(conn, mapping,
					checksum_fold(checksum_add(0, bytes + done, step)))))
			break;
		if (step > length - done)
			step = length - done;
		if (mapping->is_outside)
			continue;
		reassembly_insert(conn, mapping->offset + (at + done - mapping->first),
			bytes + done, step);
		if (conn->checksum && mapping->length > mapping->end - mapping->first)
			reassembly_finish(conn, mapping->offset + (mapping->end - mapping->first));
	}
	return done;
}

static void hold(struct subflow *subflow, uint64_t first, uint64_t end)
{
	if (first < end && !ranges_add(&subflow->rx_pending, first, end))
		subflow_reset(subflow, RESET_RESOURCES);
}

static void receive_in_order(struct subflow *subflow, const uint8_t *bytes, size_t length)
{
	uint64_t at = subflow->rx_next, end = at + length;
	size_t done = subflow->rx_pending.count == 0 || subflow->conn->linear
		? deliver_direct(subflow, bytes, length)
		: 0;

	if (done < length) {
		ring_drop(&subflow->rx_ring, mapping_undelivered(subflow));
		ring_write(&subflow->rx_ring, at + done, bytes + done, length - done);
		hold(subflow, at + done, end);
	}
	if (subflow->rx_ooo.count > 0 && subflow->rx_ooo.list[0].first <= end) {
		uint64_t joined = subflow->rx_ooo.list[0].end;

		if (joined > end) {
			hold(subflow, end, joined);
			end = joined;
		}
		ranges_remove(&subflow->rx_ooo, 0, end);
		subflow->ack_now = true;
	}
	subflow->rcv_nxt += (uint32_t)(end - at);
	subflow->bytes_received += end - at;
	subflow->rx_next = end;
}

static void receive_out_of_order(struct subflow *subflow, uint64_t at, const struct arrival *in,
	const uint8_t *bytes, size_t length)
{
	subflow->ack_now = true; /* RFC 5681 4.2 */
	if (!ranges_add(&subflow->rx_ooo, at, at + length)) {
		subflow->conn->endpoint->dropped[DROP_LIMIT]++;
		return;
	}
	ring_drop(&subflow->rx_ring, mapping_undelivered(subflow));
	ring_write(&subflow->rx_ring, at, bytes, length);
	subflow->sack_first = (struct sack_block){ in->seq, in->seq + in->length };
}

void mapping_receive(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	uint64_t at = subflow_position(subflow, in->seq), skip = 0;
	uint64_t edge = subflow->rx_next + (subflow->rcv_edge - subflow->rcv_nxt);
	size_t length = in->length;

	if (dsn_before(at, subflow->rx_next))
		skip = subflow->rx_next - at;
	if (skip >= length || at + skip >= edge) {
		subflow->ack_now = subflow->ack_now || length > 0;
	} else {
		if (at + length > edge)
			length = (size_t)(edge - at);
		if (at > subflow->rx_next)
			receive_out_of_order(subflow, at, in, in->payload, length);
		else
			receive_in_order(subflow, in->payload + skip, length - (size_t)skip);
	}
	mapping_settle(subflow, now);
}

/* ---- bytes that wait ---- */

/*
 * Nothing of this direction was ever delivered, its first byte is not mapped: F4 may apply. Once a
 * further subflow was established the data may have gone there first, and come here again (F64).
 */
static bool is_bare_contact(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;
	const struct mappings *set = &subflow->mappings;

	return mapping_is_holding(subflow) && subflow->rx_pending.list[0].first == 0 &&
		conn->rx.next == 0 && conn->rx.ooo.count == 0 && !subflow->is_join &&
		!conn->was_joined && subflow_is_live(subflow) &&
		(set->head == set->count || set->list[set->head].first > 0) &&
		!conn_has_fault(conn, FAULT_NEVER_FALL_BACK) &&
		!conn_has_fault(conn, FAULT_DELIVER_UNMAPPED) &&
		!conn_has_fault(conn, FAULT_RESET_FIRST_DATA) &&
		!conn_lacks(conn, LACKS_DSS_FALLBACK);
}

/*
 * The first data came without a mapping. A box that split its segment may have left the option on
 * the second part (F48): nothing is acknowledged until the next segment is here, or for as long as
 * an ACK may be delayed. Then the path is not MPTCP capable: fall back (F4).
 */
static bool contact_is_made(struct subflow *subflow, nsec_t now)
{
	if (!is_bare_contact(subflow)) {
		if (subflow->contact_end > 0)
			subflow->unmapped_at = NSEC_NEVER;
		subflow->contact_end = 0;
		return true;
	}
	if (subflow->contact_end == 0) {
		subflow->contact_end = subflow->rx_next;
		subflow->unmapped_at = now + DELAYED_ACK_NS;
	} else if (subflow->rx_next > subflow->contact_end) {
		mapping_give_up(subflow, now);
	}
	return false;
}

void mapping_give_up(struct subflow *subflow, nsec_t now)
{
	if (!is_bare_contact(subflow))
		subflow_reset(subflow, RESET_MIDDLEBOX);
	else if (fallback_to_tcp(subflow, FALLBACK_NO_FIRST_MAPPING, now))
		subflow->ack_now = true;
}

/*
 * In-order bytes without a mapping (F10, O3) are held, a late mapping counts (F48); with more than
 * the limit, or for too long, the subflow is broken and reset (F15, F16; on a joined one F11, F12).
 */
static void judge_unmapped(struct subflow *subflow, uint64_t count, uint64_t first, nsec_t now)
{
	struct conn *conn = subflow->conn;
	const struct endpoint_config *config = &conn->endpoint->config;
	bool single = subflow_live_count(conn) == 1 && !subflow->is_join;

	if (count == 0) {
		subflow->unmapped_at = NSEC_NEVER;
		return;
	}
	if (conn_has_fault(conn, FAULT_DELIVER_UNMAPPED) ||
		conn_has_fault(conn, FAULT_UNMAPPED_AS_NEW) ||
		conn_lacks(conn, LACKS_DSS_FALLBACK)) {
		size_t index = ranges_find(&subflow->rx_pending, first);
		uint64_t end = subflow->rx_pending.list[index].end;

		subflow->threw_away = conn_lacks(conn, LACKS_DSS_FALLBACK);
		if (!subflow->threw_away)
			reassembly_move(conn, conn->rx.next, &subflow->rx_ring, first,
				(size_t)(end - first));
		if (conn_has_fault(conn, FAULT_UNMAPPED_AS_NEW))
			conn->dsn_remote -= end - first;
		ranges_remove(&subflow->rx_pending, first, end);
		return;
	}
	if (count > UNMAPPED_MOST || count > conn->rx.buffer)
		subflow_reset(subflow, RESET_MIDDLEBOX);
	else if (subflow->unmapped_at == NSEC_NEVER)
		subflow->unmapped_at =
			now + (single ? config->connection_timeout * 2 / 3 : subflow->rto);
}

/* Deliver one mapped piece of a pending range; false when its checksum failed. */
static bool settle_piece(struct subflow *subflow, const struct mapping *mapping, uint64_t at,
	uint64_t stop, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if (conn->checksum &&
		!mapping_is_right(conn, mapping,
			ring_sum(&subflow->rx_ring, at, (size_t)(stop - at)))) {
		fallback_checksum_failed(subflow, mapping, now);
		return false;
	}
	if (!mapping->is_outside)
		reassembly_move(conn, mapping->offset + (at - mapping->first), &subflow->rx_ring,
			at, (size_t)(stop - at));
	if (conn->checksum && !mapping->is_outside &&
		mapping->length > mapping->end - mapping->first)
		reassembly_finish(conn, mapping->offset + (mapping->end - mapping->first));
	if (!ranges_remove(&subflow->rx_pending, at, stop))
		subflow_reset(subflow, RESET_RESOURCES);
	return true;
}

static void settle_mapped(struct subflow *subflow, nsec_t now)
{
	struct ranges *pending = &subflow->rx_pending;
	struct mappings *set = &subflow->mappings;
	uint64_t at = 0, stop, unmapped = 0, first_unmapped = 0;
	size_t i, m;

	while ((i = ranges_find(pending, at)) < pending->count && !subflow->reset_wanted) {
		struct range range = pending->list[i];

		if (at < range.first)
			at = range.first;
		m = mappings_find(set, at);
		if (m == set->count || set->list[m].first > at) {
			stop = m < set->count && set->list[m].first < range.end ? set->list[m].first
										: range.end;
			if (unmapped == 0)
				first_unmapped = at;
			unmapped += stop - at;
		} else {
			struct mapping mapping = set->list[m];
			bool whole = mapping.first >= range.first && mapping.end <= range.end;

			stop = mapping.end < range.end ? mapping.end : range.end;
			/* With checksums nothing is delivered before the whole mapping is here. */
			if ((!subflow->conn->checksum || whole) &&
				!settle_piece(subflow, &mapping, at, stop, now))
				return;
		}
		at = stop;
	}
	judge_unmapped(subflow, unmapped, first_unmapped, now);
}

static void settle_linear(struct subflow *subflow)
{
	struct conn *conn = subflow->conn;
	struct ranges *pending = &subflow->rx_pending;
	size_t i;

	for (i = 0; i < pending->count; i++) {
		struct range range = pending->list[i];
		uint64_t turn =
			conn->linear_turns && conn->turn_at < range.end ? conn->turn_at : range.end;

		if (turn < range.first)
			turn = range.first;
		reassembly_move(conn, range.first + conn->linear_shift, &subflow->rx_ring,
			range.first, (size_t)(turn - range.first));
		reassembly_move(conn, turn + conn->turn_shift, &subflow->rx_ring, turn,
			(size_t)(range.end - turn));
	}
	pending->count = 0;
	subflow->unmapped_at = NSEC_NEVER;
	if (conn->linear_turns && conn->turn_at <= subflow->rx_next) {
		conn->linear_shift = conn->turn_shift;
		conn->linear_turns = false;
	}
}

void mapping_settle(struct subflow *subflow, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if (conn->linear)
		settle_linear(subflow);
	else if (subflow->rx_pending.count > 0 && !conn->fail_sent && contact_is_made(subflow, now))
		settle_mapped(subflow, now);
	mappings_drop(&subflow->mappings, mapping_undelivered(subflow));
	ring_drop(&subflow->rx_ring, mapping_undelivered(subflow));
}
