/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fallback.h - leaving Multipath TCP and going on as plain TCP on the one subflow left
 * (RFC 8684 3.7, RFC 6824 3.6; F9, F23 to F34, F63, F64, O4 to O6).
 */
#ifndef PROBE_ENDPOINT_FALLBACK_H
#define PROBE_ENDPOINT_FALLBACK_H

#include "probe/endpoint/arrival.h"

/* The handshake said plain TCP: nothing was mapped yet (F1 to F7). */
void fallback_at_handshake(struct conn *conn, enum fallback_reason reason);

/*
 * An established connection falls back on a subflow: both streams must be contiguous on it (F63),
 * else the subflow is reset instead (F25, F64). Returns whether it fell back.
 */
bool fallback_to_tcp(struct subflow *subflow, enum fallback_reason reason, nsec_t now);

/* A mapping at an offset failed its checksum (F21, F23, F25, F26). */
void fallback_checksum_failed(struct subflow *subflow, const struct mapping *mapping, nsec_t now);

/* MP_FAIL arrived (F22, F24); on_reset tells that it came with a RST. */
void fallback_fail_received(struct subflow *subflow, uint64_t dsn, nsec_t now);

/*
 * The infinite mapping arrived (F29, F34); it begins at a position: position + shift = offset. It
 * may go back to data that was sent before; each byte is delivered once (O6).
 */
void fallback_infinite_received(struct subflow *subflow, uint64_t at, uint64_t shift, nsec_t now);

/*
 * Whether a FIN in place ends the stream. After a fallback that the peer has not seen yet its FIN
 * may close but a subflow of Multipath TCP (3.3.3): with an option, and no DATA_FIN where it lies.
 */
bool fallback_ends_by_fin(const struct subflow *subflow);

/*
 * Whether a FIN of ours that closes but the only subflow could pass for the stream's end: until
 * some of our data was DATA_ACKed (F8) nobody knows that options pass. Without them the peer has
 * fallen back (F4, F9), and a FIN that lost its own tells it nothing of Multipath TCP.
 */
bool fallback_may_take_fin(const struct subflow *subflow);

/* The only subflow ends: what would answer MP_FAIL is lost, or was overtaken by the FIN (O5). */
void fallback_fin_received(struct subflow *subflow, nsec_t now);

/* No answer to MP_FAIL within a time-out (O5). */
void fallback_fail_expired(struct conn *conn, nsec_t now);

/* Nothing of ours is DATA_ACKed although the subflow's acknowledgements advance (O2, F18). */
void fallback_data_unconfirmed(struct conn *conn, nsec_t now);

#endif
