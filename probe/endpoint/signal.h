/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signal.h - MPTCP options that wait for an ACK to ride on: ADD_ADDR and its echo, REMOVE_ADDR and
 * MP_PRIO. They go out with the next pure ACK of their subflow, several in one where they fit, and
 * never on more than two duplicate ACKs in a row (RFC 8684 3.4.1; F59).
 */
#ifndef PROBE_ENDPOINT_SIGNAL_H
#define PROBE_ENDPOINT_SIGNAL_H

#include "probe/endpoint/state.h"

enum { SIGNAL_ANYWHERE = 0xff }; /* whichever subflow can carry it */

/*
 * Queue an option for a subflow (its index) or for any. False, and counted, when no subflow is live
 * or too many wait.
 */
bool signal_queue(struct conn *conn, const struct mptcp_opt *option, uint8_t subflow);

/*
 * MP_FAIL, or an infinite mapping that no data waits to carry, is due on a subflow: any but one
 * that both sides have closed beside another.
 */
bool signal_falls_back(const struct subflow *subflow);

/* When an ACK with signals is due on a subflow; NSEC_NEVER when none is. */
nsec_t signal_due(const struct subflow *subflow);

/* What waits has no room beside timestamps: its ACK goes without them. */
bool signal_stands_alone(const struct subflow *subflow, nsec_t now);

/*
 * The next option for an ACK of a subflow that has room for so many bytes more; it leaves the
 * queue. None while it would be the third in a row, whatever else the ACK is for.
 */
bool signal_take(struct subflow *subflow, unsigned int room, nsec_t now, struct mptcp_opt *option);

/* An ACK went out with signals, MP_FAIL among them. */
void signal_sent(struct subflow *subflow, nsec_t now);

/* Bytes of an option with its padding. */
unsigned int signal_length(const struct mptcp_opt *option);

#endif
