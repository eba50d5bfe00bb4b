/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * offload.h - what kernels leave to network devices, done here instead: checksums that are not
 * finished, and segments so large that a device would cut them. Whoever looks at packets between a
 * kernel and its device meets both; on a wire there is neither.
 */
#ifndef PROBE_WIRE_OFFLOAD_H
#define PROBE_WIRE_OFFLOAD_H

#include "probe/wire/packet.h"

/*
 * Finish a checksum of which the field, offset bytes behind start, holds the pseudo-header's sum
 * and which covers everything from start on; both count from the packet's first byte. False when
 * they lie outside.
 */
bool offload_checksum(struct packet *packet, uint32_t start, uint32_t offset);

/*
 * Segment number index, 0 first, of a large TCP or UDP packet: size bytes of its payload, with
 * headers and checksums as a device makes them (numbers counting up; FIN and PSH on the last, CWR
 * on the first). False when there is none, or the packet cannot be cut.
 */
bool offload_segment(const struct packet *large, uint32_t size, uint32_t index,
	struct packet *segment);

#endif
