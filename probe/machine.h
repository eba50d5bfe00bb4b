/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h - the three verbs of everything that takes part in a network without doing I/O:
 * packet in, packet out, when to call again. Endpoint, prober and hosts of the simulator are
 * machines; drivers (probe/io on the wire, mbtest/net in a simulated one) own clock and sockets.
 *
 * The contract, asserted by the drivers:
 *   - input never emits; what it causes comes out of the next calls to output;
 *   - output handles whatever is due at now, fills one packet and returns true, or returns false
 *     when there is nothing (more) to send; after false, deadline() > now;
 *   - same inputs at the same times give the same outputs; no clock, no global, no blocking.
 */
#ifndef PROBE_MACHINE_H
#define PROBE_MACHINE_H

#include "probe/base/nsec.h"

#include <stdbool.h>

struct packet;

struct machine_ops {
	/* A packet arrived; it is borrowed for the call. */
	void (*input)(void *self, const struct packet *packet, nsec_t now);
	/* Fill the caller's packet with the next one to send; false when drained. */
	bool (*output)(void *self, struct packet *packet, nsec_t now);
	/* When output must be called again even if nothing arrives; NSEC_NEVER when idle. */
	nsec_t (*deadline)(const void *self);
};

struct machine {
	const struct machine_ops *ops;
	void *self;
};

#endif
