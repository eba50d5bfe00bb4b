/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.c - memory, parsing and reading of packets; editing is packet_edit.c.
 */
#include "probe/wire/packet.h"

#include "probe/base/alloc.h"
#include "probe/wire/checksum.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	UDP_HEADER = 8,
	ICMP_HEADER = 8,
};

/* Room in its own memory for so many bytes, and in front of them. */
static uint8_t *own_room(struct packet *packet, uint32_t length)
{
	uint32_t spare = packet->own_capacity - length;

	packet->buf = packet->own;
	packet->capacity = packet->own_capacity;
	packet->start = spare < PACKET_HEADROOM ? spare : PACKET_HEADROOM;
	packet->length = length;
	return packet_bytes(packet);
}

void packet_init(struct packet *packet, uint32_t capacity)
{
	memset(packet, 0, sizeof(*packet));
	packet->own_capacity = capacity;
	packet->fault = FAULT_EMPTY;
	own_room(packet, 0);
}

struct packet *packet_new(uint32_t capacity)
{
	struct packet *packet = xmalloc(sizeof(*packet) + capacity);

	packet_init(packet, capacity);
	return packet;
}

void packet_free(struct packet *packet)
{
	free(packet);
}

struct packet *packet_clone(const struct packet *packet)
{
	struct packet *clone = packet_new(packet->own_capacity);
	bool fits = packet_copy(clone, packet);

	assert(fits);
	(void)fits;
	return clone;
}

bool packet_copy(struct packet *to, const struct packet *from)
{
	struct packet *next = to->next;
	uint32_t own_capacity = to->own_capacity;

	if (from->length > own_capacity)
		return false;
	memcpy(to, from, sizeof(*to));
	to->next = next;
	to->ticket = 0;
	to->own_capacity = own_capacity;
	memcpy(own_room(to, from->length), packet_data(from), from->length);
	return true;
}

bool packet_set(struct packet *packet, const void *bytes, size_t length)
{
	if (length > packet->own_capacity)
		return false;
	own_room(packet, (uint32_t)length);
	if (length > 0)
		memcpy(packet_bytes(packet), bytes, length);
	packet_parse(packet);
	return true;
}

bool packet_borrow(struct packet *packet, uint8_t *bytes, size_t length)
{
	if (length > packet->own_capacity)
		return false;
	packet->buf = bytes;
	packet->start = 0;
	packet->capacity = packet->length = (uint32_t)length;
	packet_parse(packet);
	return true;
}

void packet_own(struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);

	if (packet->buf != packet->own)
		memcpy(own_room(packet, packet->length), bytes, packet->length);
}

static enum packet_fault parse_tcp(struct packet *packet, const uint8_t *l4, uint32_t room)
{
	uint32_t header;

	if (room < TCP_HEADER)
		return FAULT_L4_TRUNCATED;
	header = (uint32_t)(l4[12] >> 4) * 4;
	if (header < TCP_HEADER || header > room)
		return FAULT_TCP_OFFSET;
	packet->payload = packet->l4 + header;
	packet->form = PACKET_TCP;
	return FAULT_NONE;
}

static enum packet_fault parse_udp(struct packet *packet, const uint8_t *l4, uint32_t room)
{
	uint32_t length;

	if (room < UDP_HEADER)
		return FAULT_L4_TRUNCATED;
	length = get_be16(l4 + 4);
	/* A first fragment carries the length of the whole datagram. */
	if (length < UDP_HEADER || (length > room && !packet->is_fragment))
		return FAULT_UDP_LENGTH;
	packet->payload = packet->l4 + UDP_HEADER;
	packet->form = PACKET_UDP;
	return FAULT_NONE;
}

static enum packet_fault parse_l4(struct packet *packet, const uint8_t *bytes)
{
	uint32_t room = packet->end - packet->l4;

	packet->payload = packet->l4;
	if (packet->protocol == PROTOCOL_TCP)
		return parse_tcp(packet, bytes + packet->l4, room);
	if (packet->protocol == PROTOCOL_UDP)
		return parse_udp(packet, bytes + packet->l4, room);
	packet->form = PACKET_OTHER;
	if (packet->protocol != (packet->version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6))
		return FAULT_NONE;
	if (room < ICMP_HEADER)
		return FAULT_L4_TRUNCATED;
	packet->payload = packet->l4 + ICMP_HEADER;
	packet->form = PACKET_ICMP;
	return FAULT_NONE;
}

static enum packet_fault parse_v4(struct packet *packet, const uint8_t *bytes)
{
	uint16_t fragment;

	if (packet->length < IPV4_HEADER)
		return FAULT_IP_TRUNCATED;
	packet->l4 = (uint32_t)(bytes[0] & 15) * 4;
	packet->end = get_be16(bytes + 2);
	if (packet->l4 < IPV4_HEADER)
		return FAULT_IP_HEADER_LENGTH;
	if (packet->end < packet->l4)
		return FAULT_IP_TOTAL_LENGTH;
	if (packet->end > packet->length)
		return FAULT_IP_TRUNCATED;
	packet->protocol = bytes[9];
	fragment = get_be16(bytes + 6) & 0x3fff;
	packet->is_fragment = fragment != 0;
	if ((fragment & 0x1fff) == 0)
		return parse_l4(packet, bytes);
	packet->payload = packet->l4;
	packet->form = PACKET_FRAGMENT;
	return FAULT_NONE;
}

uint32_t ipv6_extension_len(uint8_t kind, const uint8_t *header)
{
	switch (kind) {
	case EXTENSION_HOP_BY_HOP:
	case EXTENSION_ROUTING:
	case EXTENSION_DESTINATION:
	case EXTENSION_MOBILITY:
	case EXTENSION_HIP:
	case EXTENSION_SHIM6:
		return ((uint32_t)header[1] + 1) * 8;
	case EXTENSION_FRAGMENT:
		return 8;
	case EXTENSION_AUTHENTICATION:
		return ((uint32_t)header[1] + 2) * 4;
	default:
		return 0;
	}
}

static bool is_extension(uint8_t kind)
{
	static const uint8_t none[2];

	return ipv6_extension_len(kind, none) != 0;
}

static enum packet_fault parse_v6(struct packet *packet, const uint8_t *bytes)
{
	uint32_t length;
	uint16_t fragment;

	if (packet->length < IPV6_HEADER)
		return FAULT_IP_TRUNCATED;
	packet->l4 = IPV6_HEADER;
	packet->end = IPV6_HEADER + (uint32_t)get_be16(bytes + 4);
	if (packet->end > packet->length)
		return FAULT_IP_TRUNCATED;
	packet->protocol = bytes[6];
	while (is_extension(packet->protocol)) {
		const uint8_t *header = bytes + packet->l4;

		if (packet->end - packet->l4 < 8)
			return FAULT_EXTENSION;
		length = ipv6_extension_len(packet->protocol, header);
		if (packet->end - packet->l4 < length)
			return FAULT_EXTENSION;
		fragment =
			packet->protocol == EXTENSION_FRAGMENT ? get_be16(header + 2) & 0xfff9 : 0;
		packet->is_fragment |= fragment != 0;
		packet->protocol = header[0];
		packet->l4 += length;
		if ((fragment & 0xfff8) != 0) {
			packet->payload = packet->l4;
			packet->form = PACKET_FRAGMENT;
			return FAULT_NONE;
		}
	}
	return parse_l4(packet, bytes);
}

enum packet_form packet_parse(struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);

	packet->version = 0;
	packet->protocol = 0;
	packet->is_fragment = false;
	packet->l4 = packet->payload = packet->end = 0;
	packet->ip_delta = packet->l4_delta = 0;
	packet->ip_stale = packet->l4_stale = packet->lengths_stale = false;
	if (packet->length == 0) {
		packet->fault = FAULT_EMPTY;
	} else if (bytes[0] >> 4 == 4) {
		packet->version = 4;
		packet->fault = parse_v4(packet, bytes);
	} else if (bytes[0] >> 4 == 6) {
		packet->version = 6;
		packet->fault = parse_v6(packet, bytes);
	} else {
		packet->fault = FAULT_IP_VERSION;
	}
	if (packet->fault != FAULT_NONE)
		packet->form = PACKET_MALFORMED;
	return packet->form;
}

bool packet_fill_cut(struct packet *packet)
{
	uint32_t length = packet->length;

	if (packet->fault != FAULT_IP_TRUNCATED || packet->end <= length ||
		packet->end > packet->capacity)
		return false;
	if (packet->start + packet->end > packet->capacity) {
		memmove(packet->buf, packet_data(packet), length);
		packet->start = 0;
	}
	memset(packet_bytes(packet) + length, 0, packet->end - length);
	packet->length = packet->end;
	packet_parse(packet);
	/* The headers themselves must have been there. */
	if (packet->fault == FAULT_NONE && packet->payload <= length)
		return true;
	packet->length = length;
	packet_parse(packet);
	return false;
}

const char *packet_fault_text(enum packet_fault fault)
{
	static const char *const texts[] = {
		[FAULT_NONE] = "no fault",
		[FAULT_EMPTY] = "empty packet",
		[FAULT_IP_VERSION] = "IP version neither 4 nor 6",
		[FAULT_IP_TRUNCATED] = "IP packet cut",
		[FAULT_IP_HEADER_LENGTH] = "IP header length too small",
		[FAULT_IP_TOTAL_LENGTH] = "IP total length smaller than the header",
		[FAULT_EXTENSION] = "IPv6 extension headers run out of the packet",
		[FAULT_L4_TRUNCATED] = "transport header cut",
		[FAULT_TCP_OFFSET] = "TCP data offset impossible",
		[FAULT_UDP_LENGTH] = "UDP length impossible",
	};

	return texts[fault];
}

void packet_addrs(const struct packet *packet, struct addr *src, struct addr *dst)
{
	const uint8_t *bytes = packet_data(packet);

	if (packet->version == 4) {
		*src = addr_from_bytes(4, bytes + 12);
		*dst = addr_from_bytes(4, bytes + 16);
	} else {
		*src = addr_from_bytes(6, bytes + 8);
		*dst = addr_from_bytes(6, bytes + 24);
	}
}

uint8_t packet_ttl(const struct packet *packet)
{
	return packet_data(packet)[packet->version == 4 ? 8 : 7];
}

void packet_socknames(const struct packet *packet, struct sockname *src, struct sockname *dst)
{
	packet_addrs(packet, &src->addr, &dst->addr);
	src->port = dst->port = 0;
	if (packet->form == PACKET_TCP || packet->form == PACKET_UDP) {
		src->port = tcp_sport(packet);
		dst->port = tcp_dport(packet);
	}
}

uint32_t packet_checksum_offset(const struct packet *packet)
{
	switch (packet->form) {
	case PACKET_TCP:
		return packet->l4 + 16;
	case PACKET_UDP:
		return packet->l4 + 6;
	case PACKET_ICMP:
		return packet->l4 + 2;
	case PACKET_MALFORMED:
	case PACKET_OTHER:
	case PACKET_FRAGMENT:
		break;
	}
	return 0;
}

uint32_t packet_covered_end(const struct packet *packet)
{
	uint32_t udp_end;

	if (packet->form != PACKET_UDP)
		return packet->end;
	udp_end = packet->l4 + get_be16(packet_l4(packet) + 4);
	return udp_end < packet->end ? udp_end : packet->end;
}

/*
 * The last address of a routing header with segments left takes the destination's place in the
 * pseudo-header (RFC 8200 8.1): type 0 and 2 count upwards, the segment list of type 4 (RFC 8754
 * 2) begins with the last.
 */
static const uint8_t *final_destination(const uint8_t *bytes, uint32_t l4)
{
	uint32_t at = IPV6_HEADER, length;
	uint8_t kind = bytes[6];

	for (; at < l4; at += length) {
		const uint8_t *header = bytes + at;

		length = ipv6_extension_len(kind, header);
		if (kind == EXTENSION_ROUTING && header[3] > 0 && length >= 24) {
			if (header[2] == 4)
				return header + 8;
			if (header[2] == 0 || header[2] == 2)
				return header + 8 + (length - 24) / 16 * 16;
		}
		kind = header[0];
	}
	return bytes + 24;
}

static uint64_t pseudo_sum(const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);
	uint64_t sum = (uint64_t)packet->protocol + packet_covered_end(packet) - packet->l4;

	if (packet->version == 4)
		return packet->form == PACKET_ICMP ? 0 : checksum_add(sum, bytes + 12, 8);
	if (packet->l4 == IPV6_HEADER)
		return checksum_add(sum, bytes + 8, 32);
	sum = checksum_add(sum, bytes + 8, 16);
	return checksum_add(sum, final_destination(bytes, packet->l4), 16);
}

uint16_t packet_l4_checksum(const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);
	uint32_t at = packet_checksum_offset(packet);
	uint64_t sum = pseudo_sum(packet);
	uint16_t field;

	sum = checksum_add(sum, bytes + packet->l4, at - packet->l4);
	sum = checksum_add(sum, bytes + at + 2, packet_covered_end(packet) - at - 2);
	field = checksum_finish(sum);
	/* Zero says "none" in UDP (RFC 768). */
	return field == 0 && packet->form == PACKET_UDP ? UINT16_MAX : field;
}

uint16_t packet_ip_checksum(const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);
	uint32_t header = packet->l4;

	if (packet->version != 4)
		return 0;
	return checksum_finish(checksum_add(checksum_add(0, bytes, 10), bytes + 12, header - 12));
}

bool packet_ip_checksum_ok(const struct packet *packet)
{
	if (packet->version != 4)
		return true;
	return checksum_fold(checksum_add(0, packet_data(packet), packet->l4)) == UINT16_MAX;
}

bool packet_l4_checksum_ok(const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);
	uint32_t at = packet_checksum_offset(packet);
	uint64_t sum;

	if (at == 0 || packet->is_fragment)
		return true;
	if (packet->form == PACKET_UDP && get_be16(bytes + at) == 0)
		return true;
	sum = pseudo_sum(packet);
	sum = checksum_add(sum, bytes + packet->l4, packet_covered_end(packet) - packet->l4);
	return checksum_fold(sum) == UINT16_MAX;
}
