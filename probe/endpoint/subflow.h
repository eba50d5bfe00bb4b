/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subflow.h - the life of one TCP subflow: its making, its lookup by addresses, its end.
 */
#ifndef PROBE_ENDPOINT_SUBFLOW_H
#define PROBE_ENDPOINT_SUBFLOW_H

#include "probe/endpoint/arrival.h"

/* A new subflow of a connection, known by its addresses; NULL when it has too many. */
struct subflow *subflow_new(struct conn *conn, const struct sockname *local,
	const struct sockname *remote, enum phase phase);
void subflow_free(struct subflow *subflow);

struct subflow *subflow_find(const struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote);

/* Make it known to its connection's endpoint by its addresses, and unknown again. */
void subflow_hash(struct subflow *subflow);
void subflow_unhash(struct subflow *subflow);

/* The peer's SYN or SYN/ACK: sequence numbers, window and options of its TCP. */
void subflow_take_syn(struct subflow *subflow, const struct arrival *in);

/* Its handshake is complete. */
void subflow_open(struct subflow *subflow, nsec_t now);

/*
 * Reset it by RST with an MP_TCPRST reason (v1): the RST goes out with the next output. With fail,
 * the RST carries the connection's MP_FAIL too (F21).
 */
void subflow_reset(struct subflow *subflow, uint8_t reason);
void subflow_reset_with_fail(struct subflow *subflow, uint8_t reason, uint64_t dsn);

/* Reasons for a RST after which the same path may be tried again: flag T (RFC 8684 3.6; F57). */
bool reset_is_transient(uint8_t reason);

/* It is over: its unacknowledged data goes to other subflows (F22, F56). */
void subflow_end(struct subflow *subflow, enum subflow_state how, nsec_t now);

/* Subflows that stand or are being made or closed. */
unsigned int subflow_standing_count(const struct conn *conn);

/* Subflows that are live; used to tell single-path from multi-path rules. */
unsigned int subflow_live_count(const struct conn *conn);

/* The first that is live, and not spent unless all are; NULL when none is live. */
struct subflow *subflow_in_use(const struct conn *conn);

/* Bytes the peer may send on it from rcv_nxt on. */
uint32_t subflow_window(const struct subflow *subflow);

/* Wrap-safe positions and sequence numbers of the receive side. */
static inline uint64_t subflow_position(const struct subflow *subflow, uint32_t seq)
{
	return subflow->rx_next + (uint64_t)(int64_t)(int32_t)(seq - subflow->rcv_nxt);
}

/* SSN (relative, 1 for the first byte) of a sequence number we send. */
static inline uint32_t subflow_ssn(const struct subflow *subflow, uint32_t seq)
{
	return seq - subflow->iss;
}

#endif
