/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h - one decision for two questions: todo says what a connection does next, when and why;
 * endpoint_output performs it when it is due, endpoint_deadline reports when that is.
 */
#ifndef PROBE_ENDPOINT_OUTPUT_H
#define PROBE_ENDPOINT_OUTPUT_H

#include "probe/endpoint/stream.h"

/* In order of urgency among what is due. */
enum action {
	ACT_RESET,     /* send RST and end the subflow */
	ACT_STRAY,     /* RST for an ACK of what was never sent */
	ACT_FASTCLOSE, /* v0: MP_FASTCLOSE on an ACK */
	ACT_SYN,       /* send or repeat the SYN */
	ACT_SYNACK,
	ACT_JOIN_ACK,   /* third ACK of MP_JOIN */
	ACT_THIRD_ACK,  /* third packet of the initial subflow */
	ACT_SIGNAL,     /* an ACK for the sake of MP_FAIL, ADD_ADDR, ...: before any data */
	ACT_RETRANSMIT, /* the oldest segment marked lost */
	ACT_DATA,       /* the next piece of the stream */
	ACT_FIN,
	ACT_ACK,
	ACT_RTO,      /* retransmission timer of a subflow */
	ACT_PROBE,    /* zero window or keep-alive probe */
	ACT_UNMAPPED, /* bytes without mapping were held long enough (O3) */
	ACT_LINGER,   /* end of TIME-WAIT */
	ACT_DATA_RTO, /* connection-level retransmission timer */
	ACT_FAIL,     /* no answer to MP_FAIL (O5) */
	ACT_ADDRESS,  /* no echo of ADD_ADDR */
	ACT_JOIN,     /* the path manager waited before a join */
	ACT_CLOSE,    /* the peer's FIN did not come */
	ACT_GIVE_UP,  /* connection_timeout without progress */
	ACT_NOTHING,
};

struct todo {
	nsec_t at; /* 0: at once */
	enum action action;
	struct subflow *subflow; /* NULL for actions of the connection */
	struct piece piece;      /* of ACT_DATA */
};

struct todo conn_todo(const struct conn *conn);

/* Perform a todo that is due; true when it filled the packet. */
bool conn_perform(struct conn *conn, const struct todo *todo, struct packet *packet, nsec_t now);

#endif
