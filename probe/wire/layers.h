/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layers.h - where the layers of some IP bytes lie, as far as their first known bytes tell: what
 * packet.h does for whole packets, for the packets quoted in ICMP errors, which may be cut
 * anywhere and whose lengths may be damaged.
 */
#ifndef PROBE_WIRE_LAYERS_H
#define PROBE_WIRE_LAYERS_H

#include "probe/wire/packet.h"

/* Offsets count from the first IP byte; l4, payload and end are 0 when not known. */
struct layers {
	uint8_t version;  /* 4, 6 or 0: the bytes are no IP packet */
	uint8_t protocol; /* of l4; 0 when not known */
	bool is_fragment; /* not the first fragment: there is no transport header */
	bool has_more;    /* fragments follow: end is that of this one */
	bool has_end;     /* the IP length is known and can be true; else end is known */
	uint32_t known;   /* bytes that may be looked at, end at most */
	uint32_t l4;      /* end of the IP header and its extensions */
	uint32_t payload; /* end of the transport header; may lie beyond known */
	uint32_t end;     /* end of the packet as its IP length says; may lie beyond known */
};

void layers_read(struct layers *layers, const uint8_t *bytes, uint32_t known);

/* The layers of a packet; for a malformed one as far as they can be told. */
void layers_of_packet(struct layers *layers, const struct packet *packet);

/* Addresses and ports of what layers tell; ports are 0 when not known. False without addresses. */
bool layers_socknames(const struct layers *layers, const uint8_t *bytes, struct sockname *src,
	struct sockname *dst);

#endif
