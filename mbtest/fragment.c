/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/fragment.h"

#include "probe/wire/checksum.h"

#include <string.h>

enum {
	FRAGMENT_HEADER = 8, /* IPv6 */
	MORE_V4 = 0x2000,
	RESERVED_V4 = 0x8000,
	OFFSET_V4 = 0x1fff,
	OPTION_COPIED = 0x80,
	OPTION_NOP = 1,
};

/* How a packet is cut: headers that each fragment repeats, and the rest, in rooms. */
struct cut {
	uint32_t header, rest;
	uint32_t room;    /* bytes of the rest in a fragment but the last; a multiple of eight */
	uint32_t next_at; /* IPv6: where the headers say what follows them */
	uint32_t id;
};

static bool plan_v4(struct cut *cut, struct box *box, const struct packet *packet, uint32_t size)
{
	const uint8_t *ip = packet_data(packet);

	cut->header = (ip[0] & 15u) * 4;
	cut->rest = packet->end - cut->header;
	if (size < cut->header + 8 || (get_be16(ip + 6) & OFFSET_V4) + cut->rest / 8 > OFFSET_V4)
		return false;
	cut->room = (size - cut->header) / 8 * 8;
	cut->id = get_be16(ip + 4);
	/* Whole packets may all have the same (RFC 6864 4.1); fragments may not. */
	if (cut->id == 0)
		cut->id = 1 + (uint32_t)rng_below(box_rng(box), UINT16_MAX);
	return true;
}

static bool plan_v6(struct cut *cut, struct box *box, const struct packet *packet, uint32_t size)
{
	static const uint8_t none[2];
	const uint8_t *ip = packet_data(packet);
	uint32_t at = IPV6_HEADER, length;
	uint8_t kind = ip[6];

	cut->header = IPV6_HEADER;
	cut->next_at = 6;
	for (; ipv6_extension_len(kind, none) != 0; at += length) {
		length = ipv6_extension_len(kind, ip + at);
		if (kind == EXTENSION_FRAGMENT)
			return false;
		/* Each router reads these. */
		if (kind == EXTENSION_HOP_BY_HOP || kind == EXTENSION_ROUTING) {
			cut->header = at + length;
			cut->next_at = at;
		}
		kind = ip[at];
	}
	cut->rest = packet->end - cut->header;
	if (size < cut->header + FRAGMENT_HEADER + 8)
		return false;
	cut->room = (size - cut->header - FRAGMENT_HEADER) / 8 * 8;
	cut->id = (uint32_t)rng_next(box_rng(box));
	return true;
}

/* What need not stand in each fragment becomes NOPs, so that all headers have one length. */
static void hide_options(uint8_t *options, uint32_t length)
{
	uint32_t at = 0, size;

	for (; at < length && options[at] != 0; at += size) {
		size = options[at] == OPTION_NOP || at + 1 == length ? 1 : options[at + 1];
		if (size == 0 || size > length - at)
			return;
		if ((options[at] & OPTION_COPIED) == 0)
			memset(options + at, OPTION_NOP, size);
	}
}

static void settle_v4(uint8_t *ip, const struct cut *cut, uint32_t offset, uint32_t length)
{
	uint16_t word = get_be16(ip + 6);
	uint16_t more = offset + length < cut->rest ? MORE_V4 : word & MORE_V4;

	put_be16(ip + 2, (uint16_t)(cut->header + length));
	put_be16(ip + 4, (uint16_t)cut->id);
	put_be16(ip + 6,
		(uint16_t)((word & RESERVED_V4) | more | ((word & OFFSET_V4) + offset / 8)));
	if (offset > 0)
		hide_options(ip + IPV4_HEADER, cut->header - IPV4_HEADER);
	put_be16(ip + 10, 0);
	put_be16(ip + 10, checksum_finish(checksum_add(0, ip, cut->header)));
}

static void settle_v6(uint8_t *ip, const struct cut *cut, uint32_t offset, uint32_t length)
{
	uint8_t *fragment = ip + cut->header;

	put_be16(ip + 4, (uint16_t)(cut->header + FRAGMENT_HEADER + length - IPV6_HEADER));
	fragment[0] = ip[cut->next_at];
	ip[cut->next_at] = EXTENSION_FRAGMENT;
	fragment[1] = 0;
	put_be16(fragment + 2, (uint16_t)(offset | (offset + length < cut->rest)));
	put_be32(fragment + 4, cut->id);
}

/* Make to the fragment of from that has length bytes at offset of the rest; to may be from. */
static void fill(struct packet *to, const struct packet *from, const struct cut *cut,
	uint32_t offset, uint32_t length)
{
	uint32_t extra = from->version == 4 ? 0 : FRAGMENT_HEADER;
	uint8_t *ip;

	if (to != from) {
		to->start = PACKET_HEADROOM;
		to->at = from->at;
		memcpy(packet_bytes(to), packet_data(from), cut->header);
	}
	ip = packet_bytes(to);
	memmove(ip + cut->header + extra, packet_data(from) + cut->header + offset, length);
	to->length = cut->header + extra + length;
	if (extra == 0)
		settle_v4(ip, cut, offset, length);
	else
		settle_v6(ip, cut, offset, length);
	packet_parse(to);
}

bool fragment_cut(struct box *box, struct packet *packet, enum dir dir, uint32_t size,
	bool backwards)
{
	uint32_t count, i, offset, length;
	struct packet *piece;
	struct cut cut = { 0 };

	if (packet->form == PACKET_MALFORMED || packet->end <= size)
		return false;
	if (packet->version == 4 ? !plan_v4(&cut, box, packet, size)
				 : !plan_v6(&cut, box, packet, size))
		return false;
	count = (cut.rest + cut.room - 1) / cut.room;
	for (i = 0; i < count; i++) {
		offset = (backwards ? count - 1 - i : i) * cut.room;
		length = cut.rest - offset < cut.room ? cut.rest - offset : cut.room;
		piece = packet;
		if (i + 1 < count)
			piece = box_spare(box, PACKET_HEADROOM + size);
		fill(piece, packet, &cut, offset, length);
		if (piece != packet)
			box_release(box, piece, dir);
	}
	return true;
}
