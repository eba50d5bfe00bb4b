/* SPDX-License-Identifier: BSD-2-Clause */
/* offload.c - see offload.h. */
#include "probe/wire/offload.h"

#include "probe/wire/checksum.h"

#include <string.h>

bool offload_checksum(struct packet *packet, uint32_t start, uint32_t offset)
{
	uint32_t end = packet->form == PACKET_MALFORMED ? packet->length : packet->end;
	uint8_t *bytes = packet_bytes(packet);
	uint16_t sum;

	if (start >= end || offset > end - start || end - start - offset < 2)
		return false;
	sum = checksum_finish(checksum_add(0, bytes + start, end - start));
	/* 0 means none in UDP, and is the same as its complement in all others. */
	put_be16(bytes + start + offset, sum == 0 ? UINT16_MAX : sum);
	return true;
}

/* What tells the segments apart in their headers. */
static void settle_headers(struct packet *segment, uint32_t offset, uint32_t index, bool is_last)
{
	uint8_t *bytes = packet_bytes(segment);
	uint8_t *l4 = bytes + segment->l4;

	if (segment->version == 4)
		put_be16(bytes + 4, (uint16_t)(get_be16(bytes + 4) + index));
	if (segment->form != PACKET_TCP)
		return;
	put_be32(l4 + 4, get_be32(l4 + 4) + offset);
	if (!is_last)
		l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (index > 0)
		l4[13] &= (uint8_t)~TCP_CWR;
}

bool offload_segment(const struct packet *large, uint32_t size, uint32_t index,
	struct packet *segment)
{
	uint64_t first = (uint64_t)size * index;
	uint32_t payload, part;

	if ((large->form != PACKET_TCP && large->form != PACKET_UDP) || large->is_fragment ||
		size == 0)
		return false;
	payload = large->end - large->payload;
	if (first >= payload)
		return false;
	part = payload - (uint32_t)first < size ? payload - (uint32_t)first : size;
	if (PACKET_HEADROOM + large->payload + part > segment->capacity)
		return false;
	segment->start = PACKET_HEADROOM;
	segment->length = large->payload + part;
	memcpy(packet_bytes(segment), packet_data(large), large->payload);
	memcpy(packet_bytes(segment) + large->payload, packet_data(large) + large->payload + first,
		part);
	segment->at = large->at;
	segment->form = large->form;
	segment->fault = FAULT_NONE;
	segment->version = large->version;
	segment->protocol = large->protocol;
	segment->is_fragment = false;
	segment->l4 = large->l4;
	segment->payload = large->payload;
	segment->end = segment->length;
	settle_headers(segment, (uint32_t)first, index, first + part == payload);
	packet_mark_stale(segment);
	packet_finish(segment);
	return true;
}
