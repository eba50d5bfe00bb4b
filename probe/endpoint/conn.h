/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conn.h - the life of a connection behind the application's view of it.
 */
#ifndef PROBE_ENDPOINT_CONN_H
#define PROBE_ENDPOINT_CONN_H

#include "probe/endpoint/state.h"

struct conn *conn_new(struct endpoint *endpoint, bool active, nsec_t now);
void conn_free(struct conn *conn);

/* It goes on at another endpoint; it was accepted. */
void conn_move(struct conn *conn, struct endpoint *endpoint);

/*
 * After anything happened: streams that ended, subflows to close or to start, the connection's end.
 */
void conn_settle(struct conn *conn, nsec_t now);

/* The connection is over. */
void conn_close(struct conn *conn, enum conn_end end);

/* Reset every subflow, with MP_FASTCLOSE where MPTCP is in use, and close. */
void conn_kill(struct conn *conn, enum conn_end end, uint8_t reason);

/* A subflow's FIN ends the stream where no DATA_FIN does: plain TCP and after fallback. */
void conn_take_fin(struct subflow *subflow);

/* The passive closer waited long enough for the peer's FINs. */
void conn_stop_waiting(struct conn *conn);

/* connection_timeout without progress. */
void conn_give_up(struct conn *conn);

#endif
