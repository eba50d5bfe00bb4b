/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/field.h"

#include "probe/wire/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NONE = 0, HOP = 1, FOLLOWS = 2 };

/* Marks are a sum, so that a name can stand for both. */
#define IS_HOP(marks)     (((marks) % 2) != 0)
#define IS_FOLLOWS(marks) ((marks) >= FOLLOWS)
#define FIELD(name, layer, format, offset, width, marks)                           \
	{                                                                          \
		name, LAYER_##layer, FIELD_##format, offset, width, IS_HOP(marks), \
			IS_FOLLOWS(marks)                                          \
	}

static const struct field fields[] = {
	/* RFC 791 3.1, RFC 2474, RFC 3168 */
	FIELD("ip.version", IP4, DECIMAL, 0, 4, NONE),
	FIELD("ip.header-length", IP4, DECIMAL, 4, 4, FOLLOWS),
	FIELD("ip.dscp", IP4, DECIMAL, 8, 6, NONE),
	FIELD("ip.ecn", IP4, DECIMAL, 14, 2, NONE),
	FIELD("ip.length", IP4, DECIMAL, 16, 16, FOLLOWS),
	FIELD("ip.id", IP4, DECIMAL, 32, 16, NONE),
	FIELD("ip.flags", IP4, DECIMAL, 48, 3, NONE),
	FIELD("ip.fragment-offset", IP4, DECIMAL, 51, 13, NONE),
	FIELD("ip.ttl", IP4, DECIMAL, 64, 8, HOP),
	FIELD("ip.protocol", IP4, DECIMAL, 72, 8, NONE),
	FIELD("ip.checksum", IP4, HEX, 80, 16, HOP + FOLLOWS),
	FIELD("ip.src", IP4, ADDR, 96, 32, NONE),
	FIELD("ip.dst", IP4, ADDR, 128, 32, NONE),
	FIELD("ip.options", IP4, BYTES, 160, 0, NONE),
	/* RFC 8200 3 */
	FIELD("ip6.version", IP6, DECIMAL, 0, 4, NONE),
	FIELD("ip6.dscp", IP6, DECIMAL, 4, 6, NONE),
	FIELD("ip6.ecn", IP6, DECIMAL, 10, 2, NONE),
	FIELD("ip6.flow-label", IP6, HEX, 12, 20, NONE),
	FIELD("ip6.length", IP6, DECIMAL, 32, 16, FOLLOWS),
	FIELD("ip6.next-header", IP6, DECIMAL, 48, 8, NONE),
	FIELD("ip6.hop-limit", IP6, DECIMAL, 56, 8, HOP),
	FIELD("ip6.src", IP6, ADDR, 64, 128, NONE),
	FIELD("ip6.dst", IP6, ADDR, 192, 128, NONE),
	FIELD("ip6.extensions", IP6, BYTES, 320, 0, NONE),
	/* RFC 9293 3.1 */
	FIELD("tcp.sport", TCP, DECIMAL, 0, 16, NONE),
	FIELD("tcp.dport", TCP, DECIMAL, 16, 16, NONE),
	FIELD("tcp.seq", TCP, DECIMAL, 32, 32, NONE),
	FIELD("tcp.ack", TCP, DECIMAL, 64, 32, NONE),
	FIELD("tcp.offset", TCP, DECIMAL, 96, 4, FOLLOWS),
	FIELD("tcp.reserved", TCP, DECIMAL, 100, 3, NONE),
	FIELD("tcp.flags", TCP, FLAGS, 103, 9, NONE),
	FIELD("tcp.window", TCP, DECIMAL, 112, 16, NONE),
	FIELD("tcp.checksum", TCP, HEX, 128, 16, FOLLOWS),
	FIELD("tcp.urgent", TCP, DECIMAL, 144, 16, NONE),
	/* RFC 768 */
	FIELD("udp.sport", UDP, DECIMAL, 0, 16, NONE),
	FIELD("udp.dport", UDP, DECIMAL, 16, 16, NONE),
	FIELD("udp.length", UDP, DECIMAL, 32, 16, FOLLOWS),
	FIELD("udp.checksum", UDP, HEX, 48, 16, FOLLOWS),
	/* RFC 792 and RFC 4443; id and seq as in an echo */
	FIELD("icmp.type", ICMP, DECIMAL, 0, 8, NONE),
	FIELD("icmp.code", ICMP, DECIMAL, 8, 8, NONE),
	FIELD("icmp.checksum", ICMP, HEX, 16, 16, FOLLOWS),
	FIELD("icmp.id", ICMP, DECIMAL, 32, 16, NONE),
	FIELD("icmp.seq", ICMP, DECIMAL, 48, 16, NONE),
	FIELD("payload", PAYLOAD, BYTES, 0, 0, NONE),
};

const struct field *field_at(size_t index)
{
	return index < sizeof(fields) / sizeof(*fields) ? &fields[index] : NULL;
}

const struct field *field_find(const char *name)
{
	const struct field *field;
	size_t i;

	for (i = 0; (field = field_at(i)) != NULL; i++) {
		if (strcmp(field->name, name) == 0)
			break;
	}
	return field;
}

/* First byte and end of a layer; false when there is none. */
static bool layer_range(enum field_layer layer, const struct layers *layers, uint32_t *first,
	uint32_t *end)
{
	bool has_l4 = layers->l4 != 0 && !layers->is_fragment;

	*first = layers->l4;
	*end = layers->payload;
	switch (layer) {
	case LAYER_IP4:
	case LAYER_IP6:
		*first = 0;
		*end = layers->l4;
		return layers->version == (layer == LAYER_IP4 ? 4 : 6);
	case LAYER_TCP:
		return has_l4 && layers->protocol == PROTOCOL_TCP;
	case LAYER_UDP:
		return has_l4 && layers->protocol == PROTOCOL_UDP;
	case LAYER_ICMP:
		return has_l4 &&
			layers->protocol ==
			(layers->version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);
	case LAYER_PAYLOAD:
		*first = layers->payload;
		*end = layers->end;
		return layers->payload != 0;
	}
	return false;
}

bool field_range(const struct field *field, const struct layers *layers, uint32_t *offset,
	uint32_t *length)
{
	uint32_t first, end;

	if (!layer_range(field->layer, layers, &first, &end))
		return false;
	*offset = first + field->offset / 8;
	if (field->width != 0) {
		*length = (field->offset % 8u + field->width + 7) / 8;
		return true;
	}
	if (end == 0)
		return false;
	*length = end > *offset ? end - *offset : 0;
	return true;
}

/* The same, of bytes that are all known. */
static bool known_range(const struct field *field, const struct layers *layers, uint32_t *offset,
	uint32_t *length)
{
	*offset = *length = 0;
	return field_range(field, layers, offset, length) && *offset <= layers->known &&
		*length <= layers->known - *offset;
}

bool field_covered(const struct field *field, const struct layers *layers)
{
	uint32_t offset, length;

	return known_range(field, layers, &offset, &length);
}

static bool is_number(const struct field *field)
{
	return field->format != FIELD_ADDR && field->format != FIELD_BYTES;
}

/* The bytes a number lies in, as one; they are at most four. */
static uint64_t surrounding(const uint8_t *bytes, uint32_t length)
{
	uint64_t value = 0;
	uint32_t i;

	for (i = 0; i < length; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Bits below a number in the bytes it lies in. */
static unsigned int bits_below(const struct field *field, uint32_t length)
{
	return length * 8 - field->offset % 8u - field->width;
}

static void bytes_text(const uint8_t *bytes, uint32_t length, char *buf, size_t size)
{
	size_t i;

	for (i = 0; i < length && 2 * i + 3 <= size; i++)
		snprintf(buf + 2 * i, size - 2 * i, "%02x", bytes[i]);
}

static uint64_t number_at(const struct field *field, const uint8_t *at, uint32_t length)
{
	uint64_t value = surrounding(at, length) >> bits_below(field, length);

	return value & ((UINT64_C(1) << field->width) - 1);
}

bool field_read(const struct field *field, const struct layers *layers, const uint8_t *bytes,
	uint64_t *value)
{
	uint32_t offset, length;

	if (!is_number(field) || !known_range(field, layers, &offset, &length))
		return false;
	*value = number_at(field, bytes + offset, length);
	return true;
}

const char *field_bytes_text(const struct field *field, const uint8_t *at, uint32_t length,
	char *buf, size_t size)
{
	char text[FIELD_TEXT];
	struct addr addr;

	buf[0] = '\0';
	switch (field->format) {
	case FIELD_BYTES:
		bytes_text(at, length, buf, size);
		return buf;
	case FIELD_ADDR:
		addr = addr_from_bytes(length == 4 ? 4 : 6, at);
		addr_text(&addr, text);
		break;
	case FIELD_FLAGS:
		tcp_flags_text((uint16_t)number_at(field, at, length), text);
		break;
	case FIELD_HEX:
		snprintf(text, sizeof(text), "0x%" PRIx64, number_at(field, at, length));
		break;
	case FIELD_DECIMAL:
		snprintf(text, sizeof(text), "%" PRIu64, number_at(field, at, length));
		break;
	}
	snprintf(buf, size, "%s", text);
	return buf;
}

bool field_get(const struct field *field, const struct packet *packet, uint64_t *value)
{
	struct layers layers;

	layers_of_packet(&layers, packet);
	return field_read(field, &layers, packet_data(packet), value);
}

bool field_set(const struct field *field, struct packet *packet, uint64_t value)
{
	uint32_t offset, length, i;
	struct layers layers;
	uint64_t around, mask;
	uint8_t bytes[8];

	layers_of_packet(&layers, packet);
	if (packet->form == PACKET_MALFORMED || !is_number(field) ||
		!known_range(field, &layers, &offset, &length))
		return false;
	mask = (UINT64_C(1) << field->width) - 1;
	if (value > mask)
		return false;
	around = surrounding(packet_data(packet) + offset, length);
	around &= ~(mask << bits_below(field, length));
	around |= value << bits_below(field, length);
	for (i = 0; i < length; i++)
		bytes[i] = (uint8_t)(around >> 8 * (length - 1 - i));
	packet_write(packet, offset, bytes, length);
	return true;
}
