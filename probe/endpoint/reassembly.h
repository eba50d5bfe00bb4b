/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reassembly.h - the connection's receive stream: bytes from all subflows put in order of their
 * data sequence numbers (RFC 8684 3.3.2). What was received first stays (F53).
 */
#ifndef PROBE_ENDPOINT_REASSEMBLY_H
#define PROBE_ENDPOINT_REASSEMBLY_H

#include "probe/endpoint/state.h"

/* First offset beyond what the receive buffer can hold. */
uint64_t reassembly_limit(const struct conn *conn);

/* Data arrived: the buffer may grow, up to receive_buffer_most. */
void reassembly_tune(struct conn *conn, nsec_t now);

/* Put bytes at an offset; what is known already or lies outside the window is dropped (F54). */
void reassembly_insert(struct conn *conn, uint64_t offset, const uint8_t *bytes, size_t length);

/* The same from a subflow's ring. */
void reassembly_move(struct conn *conn, uint64_t offset, const struct ring *ring, uint64_t at,
	size_t length);

/* The stream ends at an offset; a contradiction of what is known is ignored. */
void reassembly_finish(struct conn *conn, uint64_t offset);

/* What a DATA_ACK says: the next expected offset, a consumed DATA_FIN counted. */
static inline uint64_t reassembly_acked(const struct conn *conn)
{
	return conn->rx.next + fin_is_consumed(&conn->rx);
}

#endif
