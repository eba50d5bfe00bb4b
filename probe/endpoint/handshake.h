/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handshake.h - opening connections and subflows: MP_CAPABLE and MP_JOIN of both versions
 * (RFC 8684 3.1, 3.2; RFC 6824 3.1, 3.2; F1 to F7f, F35 to F44, O12 to O14, O16).
 */
#ifndef PROBE_ENDPOINT_HANDSHAKE_H
#define PROBE_ENDPOINT_HANDSHAKE_H

#include "probe/endpoint/arrival.h"

/* A packet for which there is no subflow: a new connection, a join, or a RST in return. */
void handshake_unknown(struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote, const struct arrival *in, nsec_t now);

/* What answers our SYN. */
void handshake_syn_sent(struct subflow *subflow, const struct arrival *in, nsec_t now);

/* The same SYN again for a subflow that is half open: its options now count (O13, E1). */
void handshake_syn_again(struct subflow *subflow, const struct arrival *in);

/* The third packet; false when it does not open the subflow and is to be dropped. */
bool handshake_third(struct subflow *subflow, const struct arrival *in, nsec_t now);

/* Whether the connection may have further subflows now (F8a, F33, O16). */
bool handshake_may_join(const struct conn *conn);

/* A subflow that joins from an address: its SYN goes out with the next output. */
struct subflow *handshake_join(struct conn *conn, const struct sockname *local,
	const struct sockname *remote);

/* Whether the SYN to be sent next offers MP_CAPABLE (F5). */
bool handshake_offers(const struct subflow *subflow);

#endif
