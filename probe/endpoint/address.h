/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address.h - addresses of a connection beside those of its first subflow, and what is said about
 * them: ADD_ADDR with its echo, REMOVE_ADDR, MP_PRIO and address IDs, in both versions (RFC 8684
 * and RFC 6824, 3.3.8 and 3.4; F57, F60, F61). When to join from and to them is pm.h's.
 */
#ifndef PROBE_ENDPOINT_ADDRESS_H
#define PROBE_ENDPOINT_ADDRESS_H

#include "probe/endpoint/arrival.h"

/* ID of a local address: 0 for the first subflow's, else one of its own for the connection's life.
 */
uint8_t address_id(struct conn *conn, const struct addr *addr);

/*
 * Tell the peer of an address of ours, with a port unless it is 0. In v1 it is told again until the
 * peer echoes it, in v0 once on every subflow. False when there is no room to tell it.
 */
bool address_announce(struct conn *conn, const struct sockname *name, nsec_t now);

/*
 * Tell the peer that addresses of ours are gone, all in one REMOVE_ADDR, and close the subflows
 * from them. Addresses it never heard of are skipped; false when it heard of none.
 */
bool address_withdraw(struct conn *conn, const struct addr *list, unsigned int count);

/* Ask the peer to use a subflow as backup, or no longer so. */
bool address_prioritize(struct subflow *subflow, bool backup);

/* The same for all subflows from an address of ours; v0 says it once for several, by its ID. */
bool address_prioritize_all(struct conn *conn, const struct addr *local, bool backup);

/* ADD_ADDR, REMOVE_ADDR or MP_PRIO arrived. */
void address_take(struct subflow *subflow, const struct mptcp_opt *option, nsec_t now);

/* Announce what the configuration names, once F8a allows. */
void address_settle(struct conn *conn, nsec_t now);

/* An ADD_ADDR was not echoed in time. */
void address_retry(struct conn *conn, nsec_t now);

void address_fini(struct conn *conn);

#endif
