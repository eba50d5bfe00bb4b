/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path_mtu.h - a router says that a packet was too big for what lies ahead (RFC 1191, RFC 8201):
 * the subflow's segments become smaller, and what was lost goes out again in pieces. Whoever says
 * it must quote data that is outstanding (RFC 5927 4.1, 7.2). Other ICMP errors change nothing: to
 * an open connection they are advice at best (RFC 5927 5).
 */
#ifndef PROBE_ENDPOINT_PATH_MTU_H
#define PROBE_ENDPOINT_PATH_MTU_H

#include "probe/endpoint/state.h"

/* An ICMP packet arrived. */
void path_mtu_input(struct endpoint *endpoint, const struct packet *packet);

#endif
