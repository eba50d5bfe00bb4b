/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - packets as seen at one place, in order: what taps record, judges read and pcap files
 * hold. Records and bytes lie in two growing arrays, so recording does not allocate per packet.
 */
#ifndef PROBE_WIRE_CAPTURE_H
#define PROBE_WIRE_CAPTURE_H

#include "probe/base/nsec.h"
#include "probe/wire/packet.h"

struct capture_record {
	nsec_t at;
	size_t offset;        /* into bytes */
	uint32_t length;      /* bytes that are kept */
	uint32_t wire_length; /* bytes that the packet had: more when it was cut */
	uint16_t path;        /* index of the path, 0 first; 0 for files */
	bool outgoing; /* sent by the host at this tap; false: received, or unknown in files */
};

struct capture {
	struct capture_record *records;
	size_t count, capacity;
	uint8_t *bytes;
	size_t used, room;
};

void capture_init(struct capture *capture);
void capture_fini(struct capture *capture);

/* Forget the records, keep the memory. */
void capture_clear(struct capture *capture);

void capture_add(struct capture *capture, const struct packet *packet, nsec_t at, uint16_t path,
	bool outgoing);

/* As capture_add, keeping only the first bytes of the packet: what was kept, zeros behind it. */
void capture_add_cut(struct capture *capture, const struct packet *packet, uint32_t kept, nsec_t at,
	uint16_t path, bool outgoing);

/*
 * Put record index into packet and parse it, with zeros for what was cut; false when it exceeds the
 * packet's capacity.
 */
bool capture_get(const struct capture *capture, size_t index, struct packet *packet);

#endif
