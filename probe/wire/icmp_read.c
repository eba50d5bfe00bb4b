/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp_read.c - reading ICMP errors, however routers make them.
 */
#include "probe/wire/icmp.h"

#include "probe/wire/checksum.h"

#include <string.h>

enum {
	EXTENSION_QUOTE = 128,
	EXTENSION_HEADER = 4,
	OBJECT_HEADER = 4,
	LARGEST_V4 = 576,
	SMALLEST_MTU_V6 = 1280,
};

/* Kind and length field of an error type: its place in the header, the bytes it counts by. */
struct error_type {
	uint8_t type;
	enum icmp_kind kind;
	uint8_t length_at, length_unit;
};

static const struct error_type errors_v4[] = {
	{ 3, ICMP_UNREACHABLE, 5, 4 },
	{ 4, ICMP_OTHER_ERROR, 0, 0 },
	{ 5, ICMP_OTHER_ERROR, 0, 0 },
	{ 11, ICMP_TIME_EXCEEDED, 5, 4 },
	{ 12, ICMP_PARAMETER_PROBLEM, 5, 4 },
	{ 0 },
};

static const struct error_type errors_v6[] = {
	{ 1, ICMP_UNREACHABLE, 4, 8 },
	{ 2, ICMP_TOO_BIG, 0, 0 },
	{ 3, ICMP_TIME_EXCEEDED, 4, 8 },
	{ 4, ICMP_PARAMETER_PROBLEM, 0, 0 },
	{ 0 },
};

static bool error_type_of(const struct packet *packet, struct error_type *found)
{
	const struct error_type *list = packet->version == 4 ? errors_v4 : errors_v6;
	uint8_t type = packet_l4(packet)[0];

	for (; list->type != 0; list++) {
		if (list->type == type) {
			*found = *list;
			return true;
		}
	}
	/* All ICMPv6 types below 128 are errors (RFC 4443 2.1). */
	*found = (struct error_type){ type, ICMP_OTHER_ERROR, 0, 0 };
	return packet->version == 6 && type < 128;
}

/* Version 2, and a checksum that is right or zero: not computed (RFC 4884 7). */
static bool extensions_right(const uint8_t *bytes, uint32_t length)
{
	if (length < EXTENSION_HEADER || bytes[0] >> 4 != 2)
		return false;
	return get_be16(bytes + 2) == 0 ||
		checksum_fold(checksum_add(0, bytes, length)) == UINT16_MAX;
}

/*
 * Where quote and extensions lie. Without a length field, bytes behind 128 are extensions when
 * they look right with a checksum (RFC 4884 5.5: routers older than the RFC).
 */
static void find_extensions(struct icmp_error *error, const struct packet *packet,
	const struct error_type *type)
{
	const uint8_t *icmp = packet_l4(packet), *quote = icmp + 8;
	uint32_t room = packet_payload_len(packet), length = 0;
	bool has_length;

	if (type->length_unit != 0)
		length = (uint32_t)icmp[type->length_at] * type->length_unit;
	has_length = length != 0;
	if (!has_length && room >= EXTENSION_QUOTE + EXTENSION_HEADER &&
		get_be16(quote + EXTENSION_QUOTE + 2) != 0 &&
		extensions_right(quote + EXTENSION_QUOTE, room - EXTENSION_QUOTE))
		length = EXTENSION_QUOTE;
	error->quote_length = length != 0 && length < room ? length : room;
	error->quote = length != 0 ? ICMP_QUOTE_RFC4884 : ICMP_QUOTE_PARTIAL;
	if (length == 0 || room < length + EXTENSION_HEADER)
		return;
	error->has_extensions = true;
	error->extensions_ok = extensions_right(quote + length, room - length);
	error->extensions_offset = error->quote_offset + length + EXTENSION_HEADER;
	error->extensions_length = room - length - EXTENSION_HEADER;
}

/* Whether the transport checksum fits a packet that is quoted whole. */
static bool checksum_fits(const uint8_t *quote, const struct layers *layers)
{
	struct sockname source, destination;
	uint64_t sum;

	if (layers->protocol != PROTOCOL_TCP || layers->is_fragment || layers->has_more ||
		!layers->has_end || layers->known < layers->end || layers->end < layers->l4 + 20 ||
		!layers_socknames(layers, quote, &source, &destination))
		return false;
	sum = checksum_pseudo(&source.addr, &destination.addr, layers->protocol,
		layers->end - layers->l4);
	sum = checksum_add(sum, quote + layers->l4, layers->end - layers->l4);
	return checksum_fold(sum) == UINT16_MAX;
}

/*
 * A quote filled up with zeros (RFC 4884 4.2) does not say where the packet's own bytes end: zeros
 * that reach its end count as filling, unless so few end a header that only a field or the padding
 * of options can be meant, or the checksum over all of it says that it is whole. The IP header and
 * eight bytes are always there.
 */
static uint32_t known_of_padded(const uint8_t *quote, const struct layers *layers)
{
	uint32_t known = layers->known, last = known;

	while (last > layers->l4 + 8 && quote[last - 1] == 0)
		last--;
	if ((layers->payload >= known && known - last < 4) || checksum_fits(quote, layers))
		return known;
	return last;
}

static void judge_quote(struct icmp_error *error, const struct packet *packet)
{
	const uint8_t *quote = packet_data(packet) + error->quote_offset;
	uint32_t limit = packet->version == 4 ? LARGEST_V4 : SMALLEST_MTU_V6;
	struct layers layers;

	layers_read(&layers, quote, error->quote_length);
	error->quote_known = layers.version != 0 ? layers.known : error->quote_length;
	if (error->quote == ICMP_QUOTE_RFC4884) {
		if (layers.l4 != 0)
			error->quote_known = known_of_padded(quote, &layers);
		return;
	}
	if ((layers.has_end && layers.known >= layers.end) || packet->end >= limit)
		error->quote = ICMP_QUOTE_FULL;
	else if (layers.l4 == 0 || layers.known <= layers.l4 + 8)
		error->quote = ICMP_QUOTE_RFC792;
}

bool icmp_parse(struct icmp_error *error, const struct packet *packet)
{
	struct error_type type;
	const uint8_t *icmp;

	if (packet->form != PACKET_ICMP || !error_type_of(packet, &type))
		return false;
	icmp = packet_l4(packet);
	memset(error, 0, sizeof(*error));
	error->kind = type.kind;
	error->type = icmp[0];
	error->code = icmp[1];
	error->value = get_be32(icmp + 4);
	if (packet->version == 4 && type.kind == ICMP_UNREACHABLE && error->code == 4) {
		error->kind = ICMP_TOO_BIG;
		error->value &= UINT16_MAX;
	}
	if (packet->version == 4 && type.kind == ICMP_PARAMETER_PROBLEM)
		error->value >>= 24;
	error->quote_offset = packet->payload;
	find_extensions(error, packet, &type);
	judge_quote(error, packet);
	return true;
}

bool icmp_object_next(const struct packet *packet, const struct icmp_error *error,
	struct icmp_object *object)
{
	uint32_t end = error->extensions_offset + error->extensions_length;
	uint32_t at = object->offset + object->length, length;
	const uint8_t *bytes;

	if (!error->has_extensions)
		return false;
	if (object->offset == 0)
		at = error->extensions_offset;
	if (end - at < OBJECT_HEADER)
		return false;
	bytes = packet_data(packet) + at;
	length = get_be16(bytes);
	if (length < OBJECT_HEADER || length > end - at)
		return false;
	object->class_ = bytes[2];
	object->type = bytes[3];
	object->offset = at + OBJECT_HEADER;
	object->length = length - OBJECT_HEADER;
	return true;
}

unsigned int icmp_object_mpls(const struct packet *packet, const struct icmp_object *object,
	struct icmp_mpls *labels, unsigned int room)
{
	const uint8_t *at = packet_data(packet) + object->offset;
	unsigned int count = object->length / 4, i;
	uint32_t entry;

	if (object->class_ != ICMP_CLASS_MPLS || object->type != 1)
		return 0;
	if (count > room)
		count = room;
	for (i = 0; i < count; i++) {
		entry = get_be32(at + 4 * i);
		labels[i].label = entry >> 12;
		labels[i].traffic_class = entry >> 9 & 7;
		labels[i].bottom = entry >> 8 & 1;
		labels[i].ttl = (uint8_t)entry;
	}
	return count;
}

/* Address sub-object (RFC 5837 4.2): family, two reserved bytes, address. */
static bool read_addr(struct icmp_interface *interface, const uint8_t **at, const uint8_t *end)
{
	uint8_t version;
	uint16_t family;

	if (end - *at < 4)
		return false;
	family = get_be16(*at);
	if (family != 1 && family != 2)
		return false;
	version = family == 1 ? 4 : 6;
	if (end - *at < (version == 4 ? 8 : 20))
		return false;
	interface->addr = addr_from_bytes(version, *at + 4);
	*at += version == 4 ? 8 : 20;
	return true;
}

/* Name sub-object (RFC 5837 4.3): its length counts itself, at most 64. */
static bool read_name(struct icmp_interface *interface, const uint8_t **at, const uint8_t *end)
{
	uint8_t length;

	if (end == *at)
		return false;
	length = **at;
	if (length == 0 || length > sizeof(interface->name) || length > end - *at)
		return false;
	memcpy(interface->name, *at + 1, length - 1u);
	*at += length;
	return true;
}

static bool read_u32(uint32_t *value, const uint8_t **at, const uint8_t *end)
{
	if (end - *at < 4)
		return false;
	*value = get_be32(*at);
	*at += 4;
	return true;
}

bool icmp_object_interface(const struct packet *packet, const struct icmp_object *object,
	struct icmp_interface *interface)
{
	const uint8_t *at = packet_data(packet) + object->offset, *end = at + object->length;

	if (object->class_ != ICMP_CLASS_INTERFACE)
		return false;
	memset(interface, 0, sizeof(*interface));
	interface->role = object->type >> 6;
	interface->has_index = object->type & 8;
	interface->has_addr = object->type & 4;
	interface->has_name = object->type & 2;
	interface->has_mtu = object->type & 1;
	return (!interface->has_index || read_u32(&interface->index, &at, end)) &&
		(!interface->has_addr || read_addr(interface, &at, end)) &&
		(!interface->has_name || read_name(interface, &at, end)) &&
		(!interface->has_mtu || read_u32(&interface->mtu, &at, end));
}
