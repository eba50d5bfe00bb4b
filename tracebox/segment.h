/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segment.h - segments of a live connection made into probes: the same header and options, with
 * other bytes of the stream, as a pure ACK, or with the mapping of the first data told by DSS.
 */
#ifndef TRACEBOX_SEGMENT_H
#define TRACEBOX_SEGMENT_H

#include "probe/wire/packet.h"

/* Move it to another place of the stream, with the length bytes from there on; id is IPv4's. */
void segment_place(struct packet *packet, uint32_t seq, const uint8_t *bytes, uint32_t length,
	uint16_t id);

/* Leave out the first bytes of the payload. */
void segment_skip(struct packet *packet, uint32_t length);

/* Make the ACK that stands in a data segment a segment of its own: no payload, no mapping. */
void segment_make_ack(struct packet *packet);

/*
 * Tell the mapping of an MP_CAPABLE with data (RFC 8684 3.1) by the DSS that would say the same.
 * False, packet unchanged, when there is none, or DSS does not fit.
 */
bool segment_make_dss(struct packet *packet);

#endif
