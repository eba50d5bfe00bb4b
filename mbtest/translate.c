/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/translate.h"

#include "probe/wire/checksum.h"
#include "probe/wire/icmp.h"

#include <string.h>

enum { ICMP_IDENTIFIER = 4, ICMP_CHECKSUM = 2 }; /* offsets in the ICMP header */

/* Requests and replies (RFC 792, RFC 4443 4). */
static bool is_echo(uint8_t version, uint8_t type)
{
	return version == 4 ? type == 8 || type == 0 : type == 128 || type == 129;
}

bool translate_is_echo(const struct packet *packet)
{
	return packet->form == PACKET_ICMP && is_echo(packet->version, packet_l4(packet)[0]);
}

bool translate_has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
}

/* Of a port, or an echo's identifier, in the transport header. */
static uint32_t port_offset(uint8_t protocol, enum side side)
{
	if (!translate_has_ports(protocol))
		return ICMP_IDENTIFIER;
	return side == SIDE_SRC ? 0 : 2;
}

bool translate_fits(const struct packet *packet)
{
	return packet->form == PACKET_TCP || packet->form == PACKET_UDP ||
		translate_is_echo(packet);
}

void translate_names(const struct packet *packet, enum side side, struct sockname *name,
	struct sockname *remote)
{
	packet_socknames(packet, side == SIDE_SRC ? name : remote,
		side == SIDE_SRC ? remote : name);
	if (translate_is_echo(packet))
		name->port = get_be16(packet_l4(packet) + port_offset(packet->protocol, side));
}

static uint32_t addr_offset(uint8_t version, enum side side)
{
	if (version == 4)
		return side == SIDE_SRC ? 12 : 16;
	return side == SIDE_SRC ? 8 : 24;
}

void translate_addr(struct packet *packet, enum side side, const struct addr *addr)
{
	packet_write(packet, addr_offset(packet->version, side), addr->bytes,
		(uint32_t)addr_len(addr));
}

void translate_packet(struct packet *packet, enum side side, const struct sockname *name)
{
	translate_addr(packet, side, &name->addr);
	packet_write16(packet, packet->l4 + port_offset(packet->protocol, side), name->port);
}

/* ICMP messages that quote a packet (RFC 792, RFC 4443 2.1). */
static bool is_error(const struct packet *packet)
{
	uint8_t type;

	if (packet->form != PACKET_ICMP || packet->is_fragment)
		return false;
	type = packet_l4(packet)[0];
	if (packet->version == 6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* Where the checksum of a quoted transport header lies. */
static uint32_t quoted_checksum(const struct quote *quote)
{
	if (!translate_has_ports(quote->protocol))
		return quote->l4 + ICMP_CHECKSUM;
	return quote->l4 + (quote->protocol == PROTOCOL_TCP ? 16 : 6);
}

bool quote_read(const struct packet *packet, struct quote *quote)
{
	const uint8_t *ip = packet_payload(packet), *l4;
	struct icmp_error error;
	uint32_t room, header;
	uint8_t version;

	if (!is_error(packet) || !icmp_parse(&error, packet))
		return false;
	room = packet_payload_len(packet);
	if (room < 1)
		return false;
	version = ip[0] >> 4;
	header = version == 4 ? (ip[0] & 15u) * 4 : 40;
	/* Eight bytes of the transport header are the least that RFC 792 has quoted. */
	if (version != packet->version || header < 20 || room < header + 8)
		return false;
	/* A later fragment has no ports. */
	if (version == 4 && (get_be16(ip + 6) & 0x1fff) != 0)
		return false;
	l4 = ip + header;
	quote->protocol = version == 4 ? ip[9] : ip[6];
	if (!translate_has_ports(quote->protocol) &&
		(quote->protocol != (version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6) ||
			!is_echo(version, l4[0])))
		return false;
	quote->ip = packet->payload;
	quote->l4 = packet->payload + header;
	quote->end = error.quote_offset + error.quote_known;
	quote->src.addr = addr_from_bytes(version, ip + addr_offset(version, SIDE_SRC));
	quote->dst.addr = addr_from_bytes(version, ip + addr_offset(version, SIDE_DST));
	quote->src.port = get_be16(l4 + port_offset(quote->protocol, SIDE_SRC));
	quote->dst.port = get_be16(l4 + port_offset(quote->protocol, SIDE_DST));
	return true;
}

/* Let a checksum at an offset follow the change of some 16-bit words. */
static void follow(struct packet *packet, uint32_t at, const uint8_t *old, const uint8_t *new_,
	size_t length)
{
	uint16_t field = get_be16(packet_data(packet) + at);
	size_t i;

	for (i = 0; i < length; i += 2)
		field = checksum_adjust(field, get_be16(old + i), get_be16(new_ + i));
	packet_write16(packet, at, field);
}

void quote_translate(struct packet *packet, const struct quote *quote, enum side side,
	const struct sockname *name, enum quotes how)
{
	const struct sockname *was = side == SIDE_SRC ? &quote->src : &quote->dst;
	uint32_t port_at = quote->l4 + port_offset(quote->protocol, side);
	uint32_t checksum_at = quoted_checksum(quote);
	uint32_t length = (uint32_t)addr_len(&name->addr);
	uint8_t old_port[2], new_port[2];
	bool has_checksum = how == QUOTES_TRANSLATE && checksum_at + 2 <= quote->end;

	put_be16(old_port, was->port);
	put_be16(new_port, name->port);
	if (quote->protocol == PROTOCOL_UDP && get_be16(packet_data(packet) + checksum_at) == 0)
		has_checksum = false;
	packet_write(packet, quote->ip + addr_offset(packet->version, side), name->addr.bytes,
		length);
	packet_write(packet, port_at, new_port, sizeof(new_port));
	if (packet->version == 4)
		follow(packet, quote->ip + 10, was->addr.bytes, name->addr.bytes, length);
	if (has_checksum) {
		if (quote->protocol != PROTOCOL_ICMP) /* which has no pseudo-header */
			follow(packet, checksum_at, was->addr.bytes, name->addr.bytes, length);
		follow(packet, checksum_at, old_port, new_port, sizeof(new_port));
	}
}

struct packet *quote_packet(const struct quote *quote)
{
	struct tcp_header header = { .src = quote->src, .dst = quote->dst };
	struct packet *packet;

	if (quote->protocol != PROTOCOL_TCP)
		return NULL;
	packet = packet_new(PACKET_SMALL);
	packet_init_tcp(packet, &header);
	return packet;
}

bool quote_write32(struct packet *packet, const struct quote *quote, uint32_t offset,
	uint32_t value)
{
	uint32_t at = quote->l4 + offset, checksum_at = quote->l4 + 16;
	uint8_t old[6] = { 0 }, new_[6] = { 0 };

	if (at + 4 > quote->end)
		return false;
	/* In the words of the checksum: an odd offset is one byte into the first. */
	memcpy(old + offset % 2, packet_data(packet) + at, 4);
	put_be32(new_ + offset % 2, value);
	packet_write32(packet, at, value);
	if (checksum_at + 2 <= quote->end)
		follow(packet, checksum_at, old, new_, sizeof(old));
	return true;
}
