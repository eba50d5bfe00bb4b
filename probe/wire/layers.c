/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/layers.h"

#include <string.h>

static void read_v4(struct layers *layers, const uint8_t *bytes)
{
	uint32_t header = (uint32_t)(bytes[0] & 15) * 4;

	if (header < 20)
		return;
	/* Some routers damage the length they quote: one too small to be true is not believed. */
	layers->has_end = layers->known >= 4 && get_be16(bytes + 2) >= header;
	if (layers->has_end)
		layers->end = get_be16(bytes + 2);
	if (layers->known > layers->end)
		layers->known = layers->end;
	layers->is_fragment = layers->known >= 8 && (get_be16(bytes + 6) & 0x1fff) != 0;
	layers->has_more = layers->known >= 8 && (get_be16(bytes + 6) & 0x2000) != 0;
	if (layers->known < 10)
		return;
	layers->protocol = bytes[9];
	layers->l4 = header;
}

static void read_v6(struct layers *layers, const uint8_t *bytes)
{
	static const uint8_t none[2];
	const uint8_t *header;
	uint32_t at = 40;
	uint8_t kind;

	layers->has_end = layers->known >= 6;
	if (layers->has_end)
		layers->end = 40 + (uint32_t)get_be16(bytes + 4);
	if (layers->known > layers->end)
		layers->known = layers->end;
	if (layers->known < 7)
		return;
	kind = bytes[6];
	while (ipv6_extension_len(kind, none) != 0 && !layers->is_fragment) {
		if (layers->known < at + 4)
			return;
		header = bytes + at;
		layers->is_fragment =
			kind == EXTENSION_FRAGMENT && (get_be16(header + 2) & 0xfff8) != 0;
		layers->has_more |= kind == EXTENSION_FRAGMENT && (get_be16(header + 2) & 1) != 0;
		at += ipv6_extension_len(kind, header);
		kind = header[0];
	}
	layers->protocol = kind;
	layers->l4 = at;
}

static void read_l4(struct layers *layers, const uint8_t *bytes)
{
	uint8_t icmp = layers->version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
	uint32_t header;

	layers->payload = layers->l4;
	if (layers->is_fragment)
		return;
	if (layers->protocol == PROTOCOL_UDP || layers->protocol == icmp)
		layers->payload = layers->l4 + 8;
	if (layers->protocol != PROTOCOL_TCP)
		return;
	layers->payload = 0;
	if (layers->known > layers->l4 + 12) {
		header = (uint32_t)(bytes[layers->l4 + 12] >> 4) * 4;
		layers->payload = header >= 20 ? layers->l4 + header : 0;
	}
}

void layers_read(struct layers *layers, const uint8_t *bytes, uint32_t known)
{
	memset(layers, 0, sizeof(*layers));
	if (known == 0)
		return;
	layers->known = layers->end = known;
	layers->version = bytes[0] >> 4;
	if (layers->version == 4)
		read_v4(layers, bytes);
	else if (layers->version == 6)
		read_v6(layers, bytes);
	else
		layers->version = 0;
	if (layers->l4 != 0)
		read_l4(layers, bytes);
}

void layers_of_packet(struct layers *layers, const struct packet *packet)
{
	if (packet->form == PACKET_MALFORMED) {
		layers_read(layers, packet_data(packet), packet->length);
		return;
	}
	layers->version = packet->version;
	layers->protocol = packet->protocol;
	layers->is_fragment = packet->form == PACKET_FRAGMENT;
	layers->has_more = packet->is_fragment && !layers->is_fragment;
	layers->has_end = true;
	layers->known = layers->end = packet->end;
	layers->l4 = packet->l4;
	layers->payload = packet->payload;
}

bool layers_socknames(const struct layers *layers, const uint8_t *bytes, struct sockname *src,
	struct sockname *dst)
{
	bool has_ports = layers->protocol == PROTOCOL_TCP || layers->protocol == PROTOCOL_UDP;

	src->port = dst->port = 0;
	if (layers->version == 4 && layers->known >= 20) {
		src->addr = addr_from_bytes(4, bytes + 12);
		dst->addr = addr_from_bytes(4, bytes + 16);
	} else if (layers->version == 6 && layers->known >= 40) {
		src->addr = addr_from_bytes(6, bytes + 8);
		dst->addr = addr_from_bytes(6, bytes + 24);
	} else {
		return false;
	}
	if (has_ports && !layers->is_fragment && layers->l4 != 0 &&
		layers->known >= layers->l4 + 4) {
		src->port = get_be16(bytes + layers->l4);
		dst->port = get_be16(bytes + layers->l4 + 2);
	}
	return true;
}
