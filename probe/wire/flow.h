/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow.h - packets that go one way between two ends, whatever of them is given: which packets a
 * guard keeps from the kernel, and which a sniffer wants.
 */
#ifndef PROBE_WIRE_FLOW_H
#define PROBE_WIRE_FLOW_H

#include "probe/wire/packet.h"

struct flow {
	uint8_t protocol; /* of IP; 0: any */
	struct sockname from,
		to; /* no address: any; 0.0.0.0, ::: any of the version; port 0: any */
};

/* Whether an address stands for any: none, 0.0.0.0 or ::. */
bool flow_any_addr(const struct addr *addr);

/* 4 or 6 when an address says so; 0: both. */
int flow_version(const struct flow *flow);

/* Whether a packet, not malformed, belongs to it; ports are those of TCP and UDP. */
bool flow_has(const struct flow *flow, const struct packet *packet);

/* Whether all packets of b belong to a. */
bool flow_covers(const struct flow *a, const struct flow *b);

#endif
