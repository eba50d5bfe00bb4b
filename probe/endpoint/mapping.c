/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/mapping.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/fallback.h"
#include "probe/endpoint/reassembly.h"
#include "probe/endpoint/subflow.h"
#include "probe/wire/checksum.h"

#include <string.h>

/* Farther from what is expected than this, a DSN is not ours: mirrored or invented (O18). */
#define DSN_PLAUSIBLE ((int64_t)1 << 30)

size_t mappings_find(const struct mappings *set, uint64_t at)
{
	size_t i;

	for (i = set->head; i < set->count && set->list[i].end <= at; i++)
		;
	return i;
}

static bool mappings_insert(struct mappings *set, size_t index, const struct mapping *mapping)
{
	if (set->count - set->head >= MAPPINGS_MOST)
		return false;
	if (set->head > 0 && set->count == set->capacity) {
		memmove(set->list, set->list + set->head,
			(set->count - set->head) * sizeof(*set->list));
		index -= set->head;
		set->count -= set->head;
		set->head = 0;
	}
	set->list = xgrow(set->list, set->count, &set->capacity, sizeof(*set->list));
	memmove(set->list + index + 1, set->list + index,
		(set->count - index) * sizeof(*set->list));
	set->list[index] = *mapping;
	set->count++;
	return true;
}

/*
 * The first mapping of a position binds (F52): of a later one only what is not mapped yet counts,
 * and with checksums, where a part cannot be verified, nothing. Identical copies are such a case
 * (F46).
 */
static void mapping_add(struct subflow *subflow, struct mapping mapping)
{
	struct mappings *set = &subflow->mappings;
	uint64_t floor = mapping_undelivered(subflow), at, stop;
	bool whole = subflow->conn->checksum;
	size_t index = mappings_find(set, mapping.first);
	bool overlaps = index < set->count && set->list[index].first < mapping.end;

	if (conn_has_fault(subflow->conn, FAULT_RESET_COPY) && overlaps)
		subflow_reset(subflow, RESET_MPTCP);
	if (conn_has_fault(subflow->conn, FAULT_DROP_LATE_MAPPING) &&
		mapping.first < subflow->rx_next)
		return;
	if (mapping.end <= floor || (whole && (overlaps || mapping.first < floor)))
		return;
	subflow->mapping_seen = true;
	for (at = mapping.first; at < mapping.end; at = stop) {
		struct mapping piece = mapping;

		if (index < set->count && set->list[index].first <= at) {
			stop = set->list[index++].end;
			continue;
		}
		stop = index < set->count && set->list[index].first < mapping.end
			? set->list[index].first
			: mapping.end;
		piece.first = at;
		piece.end = stop;
		piece.offset += at - mapping.first;
		if (!mappings_insert(set, index, &piece)) {
			subflow->conn->endpoint->dropped[DROP_LIMIT]++;
			return;
		}
		index = mappings_find(set, at) + 1;
	}
}

bool mapping_is_right(const struct conn *conn, const struct mapping *mapping, uint16_t payload_sum)
{
	uint64_t sum = checksum_dss(mapping->dsn, mapping->ssn, mapping->length);

	if (conn_has_fault(conn, FAULT_IGNORE_CHECKSUM))
		return true;
	return checksum_fold(sum + payload_sum + mapping->checksum) == 0xffff;
}

/*
 * F13, F14: a checksum that was not negotiated resets the subflow in v1 and is ignored in v0; one
 * that is missing resets it in both (RFC 8684 3.3, RFC 6824 3.3).
 */
static bool checksum_is_agreed(struct subflow *subflow, const struct mp_dss *dss)
{
	const struct conn *conn = subflow->conn;

	if (dss->has_checksum == conn->checksum || (dss->has_checksum && conn->version == 0) ||
		conn_has_fault(conn, FAULT_ANY_CHECKSUM))
		return true;
	subflow_reset(subflow, RESET_MPTCP);
	return false;
}

/*
 * A peer repeats its DATA_FIN until it is DATA_ACKed, so every one is answered, after our own FIN,
 * too; but not at once again, for the answer may carry a DATA_FIN of ours.
 */
static void answer_fin(struct subflow *subflow, nsec_t now)
{
	struct receive_stream *rx = &subflow->conn->rx;

	if (!fin_is_consumed(rx) || now < rx->fin_answer_at)
		return;
	rx->fin_answer_at = now + subflow->srtt + DELAYED_ACK_NS;
	subflow->ack_now = true;
}

/* SSN 0, length 1 (RFC 8684 3.3.3). */
static bool is_bare_fin(const struct mp_dss *dss)
{
	return dss->data_fin && dss->length == 1;
}

static void announce_bare_fin(struct subflow *subflow, const struct mapping *mapping, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if (conn->checksum && !mapping_is_right(conn, mapping, 0))
		return;
	reassembly_finish(conn, mapping->offset);
	answer_fin(subflow, now);
}

void mapping_fin_again(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	unsigned int i;

	for (i = 0; i < in->option_count && conn_is_mptcp(subflow->conn); i++)
		if (in->options[i].subtype == MP_DSS && in->options[i].dss.has_mapping &&
			is_bare_fin(&in->options[i].dss))
			answer_fin(subflow, now);
}

/*
 * The announced piece of the subflow in positions; false when it cannot be: in v1 a mapping must
 * touch the segment that carries it (RFC 8684 3.3.1; F51), in both it must lie in reach.
 */
static bool mapping_place(const struct subflow *subflow, const struct mp_dss *dss,
	const struct arrival *in, struct mapping *mapping)
{
	const struct conn *conn = subflow->conn;
	uint64_t first = subflow_position(subflow, in->seq), end = first + in->length;
	uint64_t bytes = (uint64_t)dss->length - dss->data_fin;

	mapping->first = dsn_expand(subflow->rx_next + 1, dss->ssn) - 1;
	mapping->end = mapping->first + bytes;
	if (conn_has_fault(conn, FAULT_SHORT_MAPPING) && mapping->end > end)
		mapping->end = end;
	if (conn_has_fault(conn, FAULT_LONG_MAPPING) && mapping->end < end)
		mapping->end = end;
	if (mapping->first >> 63 != 0)
		return false;
	if (conn->version > 0 && (mapping->first >= end || mapping->end <= first))
		return false;
	return mapping->first <= subflow->rx_next + conn->rx.buffer;
}

static uint64_t dsn_of(const struct conn *conn, const struct mp_dss *dss)
{
	uint64_t expected = conn->dsn_remote + conn->rx.next;

	if (dss->dsn_wide)
		return dss->dsn;
	if (conn_has_fault(conn, FAULT_WRONG_WRAP))
		return (expected & ~(uint64_t)UINT32_MAX) | dss->dsn;
	return dsn_expand(expected, (uint32_t)dss->dsn);
}

static bool is_plausible(const struct conn *conn, const struct mp_dss *dss)
{
	int64_t distance = (int64_t)(dsn_of(conn, dss) - conn->dsn_remote - conn->rx.next);

	return distance <= DSN_PLAUSIBLE && distance >= -DSN_PLAUSIBLE;
}

static struct mapping mapping_of(const struct conn *conn, const struct mp_dss *dss)
{
	struct mapping mapping = { .dsn = dsn_of(conn, dss),
		.ssn = dss->ssn,
		.length = dss->length,
		.checksum = dss->checksum };

	mapping.offset = mapping.dsn - conn->dsn_remote;
	return mapping;
}

/*
 * F54: what lies far outside the window is dropped, and neither DATA_ACKed nor waited for; it comes
 * again on another subflow. Of the first data it is no mapping at all (F4, F7e).
 */
static void announce_outside(struct subflow *subflow, const struct mp_dss *dss,
	const struct arrival *in)
{
	struct mapping mapping = mapping_of(subflow->conn, dss);

	mapping.is_outside = true;
	if (dss->length == 0 || is_bare_fin(dss) ||
		(subflow->conn->rx.next == 0 && !subflow->is_join))
		return;
	if (checksum_is_agreed(subflow, dss) && mapping_place(subflow, dss, in, &mapping))
		mapping_add(subflow, mapping);
}

static bool announce(struct subflow *subflow, const struct mp_dss *dss, const struct arrival *in,
	nsec_t now)
{
	struct conn *conn = subflow->conn;
	struct mapping mapping = mapping_of(conn, dss);

	if (dss->length == 0) {
		mapping.first = dsn_expand(subflow->rx_next + 1, dss->ssn) - 1;
		fallback_infinite_received(subflow, mapping.first, mapping.offset - mapping.first,
			now);
		return !subflow->reset_wanted;
	}
	if (!checksum_is_agreed(subflow, dss))
		return false;
	conn->rx.wide = conn->rx.wide || dss->dsn_wide;
	if (is_bare_fin(dss)) {
		announce_bare_fin(subflow, &mapping, now);
		return true;
	}
	if (!mapping_place(subflow, dss, in, &mapping))
		return true;
	mapping_add(subflow, mapping);
	if (dss->data_fin && !conn->checksum)
		reassembly_finish(conn, mapping.offset + (mapping.end - mapping.first));
	return true;
}

/*
 * After a fallback the peer's options mean nothing, but a mapping that puts bytes elsewhere than
 * the linear one shows a peer that still sends by mappings, perhaps bytes sent before: taking
 * them for new ones would corrupt the stream, so the subflow is reset (F64). A bare DATA_FIN puts
 * none anywhere, whatever a box made of its SSN. The peer's infinite mapping says from where it
 * goes on (F24).
 */
static bool announce_linear(struct subflow *subflow, const struct mp_dss *dss, nsec_t now)
{
	struct conn *conn = subflow->conn;
	uint64_t expected = conn->dsn_remote + conn->rx.next, at, dsn, shift;

	if (!conn->was_mptcp || dss->ssn == 0 || is_bare_fin(dss))
		return true;
	dsn = dss->dsn_wide ? dss->dsn : dsn_expand(expected, (uint32_t)dss->dsn);
	at = dsn_expand(subflow->rx_next + 1, dss->ssn) - 1;
	shift = dsn - conn->dsn_remote - at;
	if (shift == conn->linear_shift || (int64_t)(dsn - expected) > DSN_PLAUSIBLE ||
		(int64_t)(dsn - expected) < -DSN_PLAUSIBLE)
		return true;
	if (dss->length == 0) {
		fallback_infinite_received(subflow, at, shift, now);
		return true;
	}
	subflow_reset(subflow, RESET_MIDDLEBOX);
	return false;
}

/* MP_CAPABLE with data is a mapping of DSN IDSN + 1 at SSN 1 (RFC 8684 3.1). */
static bool as_mapping(const struct conn *conn, const struct mptcp_opt *option, struct mp_dss *dss)
{
	if (option->subtype == MP_DSS && option->dss.has_mapping) {
		*dss = option->dss;
		return true;
	}
	if (option->subtype != MP_CAPABLE || !option->capable.has_data_length ||
		conn->version == 0 || option->capable.version != conn->version || conn->active)
		return false;
	*dss = (struct mp_dss){ .has_mapping = true,
		.dsn = conn->dsn_remote,
		.dsn_wide = true,
		.ssn = 1,
		.length = option->capable.data_length,
		.has_checksum = option->capable.has_checksum,
		.checksum = option->capable.checksum };
	return dss->length > 0;
}

/* What a FIN is measured by that may only close its subflow. */
static void note_end(struct conn *conn, const struct mp_dss *dss)
{
	bool has_dsn = conn_is_mptcp(conn) || conn->was_mptcp;

	if (!dss->data_fin || dss->length == 0 || (has_dsn && !is_plausible(conn, dss)))
		return;
	conn->rx.told_end = dsn_of(conn, dss) - conn->dsn_remote + dss->length - 1;
	conn->rx.end_is_told = true;
}

bool mapping_announce(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;
	bool wide = conn->rx.wide, has_outside = false, has_one = false;
	struct mp_dss dss, outside = { 0 };
	unsigned int i;

	for (i = 0; i < in->option_count; i++) {
		if (!as_mapping(conn, &in->options[i], &dss) ||
			(has_one && conn_has_fault(conn, FAULT_ONE_DSS)))
			continue;
		has_one = true;
		note_end(conn, &dss);
		if (!conn_is_mptcp(conn)) {
			if (!announce_linear(subflow, &dss, now))
				return false;
			continue;
		}
		if (!is_plausible(conn, &dss)) {
			outside = dss;
			has_outside = true;
			continue;
		}
		if (!announce(subflow, &dss, in, now))
			return false;
		if (in->options[i].subtype == MP_CAPABLE)
			conn->rx.wide = wide;
	}
	/* After the others: a copy of another packet's option takes nothing from them (O18). */
	if (has_outside && conn_is_mptcp(conn))
		announce_outside(subflow, &outside, in);
	return true;
}
