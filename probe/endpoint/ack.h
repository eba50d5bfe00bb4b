/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ack.h - what acknowledgements say: delivered and lost segments, round-trip time, windows
 * (RFC 5681, 6298, 6582, 6675, 7323).
 */
#ifndef PROBE_ENDPOINT_ACK_H
#define PROBE_ENDPOINT_ACK_H

#include "probe/endpoint/arrival.h"

/*
 * Process an acceptable ACK; true when it newly acknowledges payload (F9 asks for it). Window and
 * SACK information is taken too.
 */
bool ack_process(struct subflow *subflow, const struct arrival *in, nsec_t now);

/* The round trip of the handshake, when nothing of it was repeated (RFC 6298 2). */
void ack_handshake(struct subflow *subflow, nsec_t now);

/* A segment was sent, for the first time or again. */
void ack_segment_sent(struct subflow *subflow, struct segment *segment, nsec_t now);

/* The oldest segment marked lost, or NULL. */
struct segment *ack_next_lost(const struct subflow *subflow);

/*
 * Segments with more than most bytes of payload do not fit the path: those outstanding are cut, and
 * sent again. That is no sign of congestion (RFC 1191 5).
 */
void ack_cut(struct subflow *subflow, uint16_t most);

/* The retransmission timer expired: everything outstanding counts as lost (RFC 5681 3.1). */
void ack_timed_out(struct subflow *subflow, nsec_t now);

#endif
