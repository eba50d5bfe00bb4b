/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - the connection's send stream: what the peer acknowledged at the data level, what has
 * to be sent again on another subflow, and the connection-level retransmission timer
 * (RFC 8684 3.3.2, 3.3.5, 3.3.6).
 */
#ifndef PROBE_ENDPOINT_STREAM_H
#define PROBE_ENDPOINT_STREAM_H

#include "probe/endpoint/state.h"

/* A DATA_ACK (after fallback, the subflow's ACK) up to an offset; implausible ones do nothing. */
void stream_acked(struct conn *conn, uint64_t offset, nsec_t now);

/* Plain TCP and after fallback: only the subflow's ACKs free data (F30). */
void stream_linear_acked(struct subflow *subflow, nsec_t now);

/* Free what no subflow may have to send again (RFC 8684 3.3.5). */
void stream_release(struct conn *conn);

/* Everything a subflow carried and the connection did not acknowledge goes to other subflows. */
void stream_reinject(struct conn *conn, struct subflow *subflow);

enum piece_kind {
	PIECE_NEW,
	PIECE_AGAIN, /* of the list of what is to be sent again */
	PIECE_COPY,  /* another subflow carries it, too (redundant scheduler) */
	PIECE_HELD,  /* a slower subflow has it, and the window waits for it: opportunistic */
};

/* What this subflow would send again another one has acknowledged, without a DATA_ACK (F17). */
bool stream_failed_on(const struct subflow *subflow, const struct subflow *other);

/* Its own retransmissions come first: the timer may yet expire (reinject_rtos). */
bool stream_waits_for(const struct subflow *subflow);

/* A piece of the stream that a subflow may send next. */
struct piece {
	enum piece_kind kind;
	uint64_t offset;
	uint32_t length;
};

/* Something may be left to send on some subflow. */
bool stream_has_more(const struct conn *conn);

/* What this subflow should send, bounded by its window, cwnd and MSS; length 0: nothing. */
struct piece stream_piece(const struct conn *conn, const struct subflow *subflow);

/* Note that a piece was sent on a subflow, now. */
void stream_sent(struct subflow *subflow, const struct piece *piece, nsec_t now);

/* The connection-level timer: started while something is unacknowledged, else stopped. */
void stream_arm(struct conn *conn, nsec_t now);

/* It expired (O2, F17, F18). */
void stream_timed_out(struct conn *conn, nsec_t now);

/* All data was sent and DATA_FIN may follow. */
bool stream_fin_due(const struct conn *conn);

#endif
