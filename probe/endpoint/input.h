/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * input.h - a packet for a known subflow: TCP acceptability first, then acknowledgements, MPTCP
 * signals, payload and FIN, in that order.
 */
#ifndef PROBE_ENDPOINT_INPUT_H
#define PROBE_ENDPOINT_INPUT_H

#include "probe/endpoint/arrival.h"

void subflow_input(struct subflow *subflow, const struct arrival *in, nsec_t now);

#endif
