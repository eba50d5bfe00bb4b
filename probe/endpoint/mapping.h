/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping.h - the receive side of a subflow: its bytes in order, the mappings that say where they
 * belong in the stream, DSS checksums, and what to do with bytes that have no mapping
 * (RFC 8684 3.3.1, 3.7; F10 to F16, F21 to F28, F45 to F54, O3, O15).
 */
#ifndef PROBE_ENDPOINT_MAPPING_H
#define PROBE_ENDPOINT_MAPPING_H

#include "probe/endpoint/arrival.h"

/* Read the mappings and DATA_FINs a segment announces. False when the subflow was reset. */
bool mapping_announce(struct subflow *subflow, const struct arrival *in, nsec_t now);

/* In TIME-WAIT: a DATA_FIN that comes again has missed its DATA_ACK. */
void mapping_fin_again(struct subflow *subflow, const struct arrival *in, nsec_t now);

/* Take the segment's payload (acceptability was checked) and deliver what is mapped. */
void mapping_receive(struct subflow *subflow, const struct arrival *in, nsec_t now);

/* Deliver what can be, after mappings, mode or payload changed. */
void mapping_settle(struct subflow *subflow, nsec_t now);

/* No mapping will come for what is held: fall back (F4) or reset the subflow (F15, F16). */
void mapping_give_up(struct subflow *subflow, nsec_t now);

/* The first data came without a mapping, and the next segment may still bring it (F48). */
static inline bool mapping_is_undecided(const struct subflow *subflow)
{
	return subflow->contact_end > 0 && subflow->rx_pending.count > 0 && !subflow->conn->linear;
}

/* Bytes in order that were not delivered. */
static inline bool mapping_is_holding(const struct subflow *subflow)
{
	return subflow->rx_pending.count > 0;
}

/* ---- between mapping.c and mapping_bytes.c ---- */

/* Index of the first mapping that ends after a position. */
size_t mappings_find(const struct mappings *set, uint64_t at);

/* Whether a mapping's checksum fits its payload, of which the sum is given. */
bool mapping_is_right(const struct conn *conn, const struct mapping *mapping, uint16_t payload_sum);

/* Lowest position that was not delivered. */
static inline uint64_t mapping_undelivered(const struct subflow *subflow)
{
	return mapping_is_holding(subflow) ? subflow->rx_pending.list[0].first : subflow->rx_next;
}

#endif
