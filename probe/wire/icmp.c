/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp.c - building ICMP errors; reading them is icmp_read.c.
 */
#include "probe/wire/icmp.h"

#include "probe/wire/checksum.h"

#include <assert.h>
#include <string.h>

enum {
	SMALLEST_MTU_V6 = 1280, /* RFC 4443 2.4 (c) */
	LARGEST_V4 = 576,       /* RFC 1812 4.3.2.3 */
	EXTENSION_QUOTE = 128,  /* RFC 4884 5.1: at least */
	EXTENSION_HEADER = 4,
	EXTENSION_VERSION = 0x20,
	OBJECT_HEADER = 4,
};

/* Types and codes of an error in IPv4 (RFC 792) and IPv6 (RFC 4443). */
static const uint8_t types[2][ICMP_OTHER_ERROR] = {
	{
		[ICMP_UNREACHABLE] = 3,
		[ICMP_TOO_BIG] = 3,
		[ICMP_TIME_EXCEEDED] = 11,
		[ICMP_PARAMETER_PROBLEM] = 12,
	},
	{
		[ICMP_UNREACHABLE] = 1,
		[ICMP_TOO_BIG] = 2,
		[ICMP_TIME_EXCEEDED] = 3,
		[ICMP_PARAMETER_PROBLEM] = 4,
	},
};

const char *icmp_quote_text(enum icmp_quote quote)
{
	static const char *const texts[] = {
		[ICMP_QUOTE_RFC792] = "rfc792",
		[ICMP_QUOTE_PARTIAL] = "partial",
		[ICMP_QUOTE_FULL] = "full",
		[ICMP_QUOTE_RFC4884] = "rfc4884",
	};

	return texts[quote];
}

const char *icmp_kind_text(enum icmp_kind kind)
{
	static const char *const texts[] = {
		[ICMP_UNREACHABLE] = "unreachable",
		[ICMP_TOO_BIG] = "too-big",
		[ICMP_TIME_EXCEEDED] = "time-exceeded",
		[ICMP_PARAMETER_PROBLEM] = "parameter-problem",
		[ICMP_OTHER_ERROR] = "icmp-error",
	};

	return texts[kind];
}

/* Room for an object's body behind its header; NULL when there is none. */
static uint8_t *object_new(struct icmp_objects *objects, uint8_t class_, uint8_t type,
	uint32_t length)
{
	uint8_t *at = objects->bytes + objects->length;

	if (length > ICMP_OBJECTS_MAX - OBJECT_HEADER ||
		objects->length > ICMP_OBJECTS_MAX - OBJECT_HEADER - length)
		return NULL;
	put_be16(at, (uint16_t)(OBJECT_HEADER + length));
	at[2] = class_;
	at[3] = type;
	objects->length += OBJECT_HEADER + length;
	return at + OBJECT_HEADER;
}

bool icmp_objects_add(struct icmp_objects *objects, uint8_t class_, uint8_t type, const void *body,
	uint32_t length)
{
	uint8_t *at = object_new(objects, class_, type, length);

	if (at == NULL)
		return false;
	if (length > 0)
		memcpy(at, body, length);
	return true;
}

/* RFC 4950: a stack of labels, outermost first. */
bool icmp_objects_add_mpls(struct icmp_objects *objects, const struct icmp_mpls *labels,
	unsigned int count)
{
	uint8_t *at = object_new(objects, ICMP_CLASS_MPLS, 1, 4 * count);
	unsigned int i;

	if (at == NULL)
		return false;
	for (i = 0; i < count; i++, at += 4)
		put_be32(at,
			(labels[i].label & 0xfffff) << 12 | (labels[i].traffic_class & 7u) << 9 |
				(labels[i].bottom ? 1u : 0u) << 8 | labels[i].ttl);
	return true;
}

/* RFC 5837 4.1: role and what follows in the type; index, address, name, MTU in this order. */
bool icmp_objects_add_interface(struct icmp_objects *objects,
	const struct icmp_interface *interface)
{
	uint8_t body[4 + 4 + 16 + 64 + 4], *at = body;
	size_t name = strnlen(interface->name, sizeof(interface->name) - 1);
	uint8_t type = (uint8_t)(interface->role << 6 | (interface->has_index ? 8 : 0) |
		(interface->has_addr ? 4 : 0) | (interface->has_name ? 2 : 0) |
		(interface->has_mtu ? 1 : 0));

	memset(body, 0, sizeof(body));
	if (interface->has_index) {
		put_be32(at, interface->index);
		at += 4;
	}
	if (interface->has_addr) {
		put_be16(at, interface->addr.version == 4 ? 1 : 2);
		memcpy(at + 4, interface->addr.bytes, addr_len(&interface->addr));
		at += 4 + addr_len(&interface->addr);
	}
	if (interface->has_name) {
		/* The length counts itself and the padding to a multiple of four. */
		at[0] = (uint8_t)((1 + name + 3) / 4 * 4);
		memcpy(at + 1, interface->name, name);
		at += at[0];
	}
	if (interface->has_mtu) {
		put_be32(at, interface->mtu);
		at += 4;
	}
	return icmp_objects_add(objects, ICMP_CLASS_INTERFACE, type, body, (uint32_t)(at - body));
}

/* Whether an error may be sent about a packet (RFC 1122 3.2.2, RFC 4443 2.4 (e)). */
static bool may_answer(const struct packet *about, const struct layers *layers)
{
	const uint8_t *ip = packet_data(about);
	uint8_t type;

	if (layers->l4 == 0 || layers->is_fragment)
		return false;
	if (layers->version == 4) {
		/* From or to groups, broadcast, or nobody. */
		if (ip[12] >= 224 || ip[16] >= 224 || get_be32(ip + 12) == 0)
			return false;
		if (layers->protocol != PROTOCOL_ICMP || layers->known <= layers->l4)
			return true;
		type = ip[layers->l4];
		return type != 3 && type != 4 && type != 5 && type != 11 && type != 12;
	}
	if (ip[8] == 0xff || (get_be64(ip + 8) == 0 && get_be64(ip + 16) == 0))
		return false;
	if (layers->protocol != PROTOCOL_ICMPV6 || layers->known <= layers->l4)
		return ip[24] != 0xff;
	return ip[24] != 0xff && ip[layers->l4] >= 128;
}

/* How the bytes of an error are used; extension counts header and objects. */
struct quote_plan {
	uint32_t copied, field, extension;
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Where ICMPv6 has a number of 32 bits there is no length field, and no extension (RFC 4884 4). */
static bool has_length_field(const struct icmp_plan *plan, bool is_v4)
{
	return is_v4 || plan->kind == ICMP_UNREACHABLE || plan->kind == ICMP_TIME_EXCEEDED;
}

static struct quote_plan plan_quote(const struct icmp_plan *plan, const struct layers *layers)
{
	bool is_v4 = layers->version == 4;
	uint32_t room = is_v4 ? LARGEST_V4 - 28 : SMALLEST_MTU_V6 - 48;
	uint32_t unit = is_v4 ? 4 : 8;
	bool structured = plan->quote == ICMP_QUOTE_RFC4884 && has_length_field(plan, is_v4);
	struct quote_plan result = { layers->known, 0, 0 };

	if (structured && plan->objects != NULL)
		result.extension = EXTENSION_HEADER + plan->objects->length;
	if (structured)
		room = (room - result.extension) / unit * unit;
	if (plan->quote == ICMP_QUOTE_RFC792)
		room = layers->l4 + 8;
	if (plan->quote == ICMP_QUOTE_PARTIAL || (structured && plan->quote_bytes != 0))
		room = smaller(room - layers->l4, plan->quote_bytes) + layers->l4;
	result.copied = smaller(result.copied, room);
	result.field = result.copied;
	if (structured) {
		result.field = (result.copied + unit - 1) / unit * unit;
		if (result.field < EXTENSION_QUOTE)
			result.field = EXTENSION_QUOTE;
	}
	return result;
}

/* IP header of the error; the rest of the packet is zero. */
static void put_ip(struct packet *out, const struct icmp_plan *plan, const struct packet *about)
{
	uint8_t *ip = packet_bytes(out);
	struct addr src, dst;

	packet_addrs(about, &src, &dst);
	if (about->version == 4) {
		ip[0] = 0x45;
		ip[1] = 0xc0; /* internetwork control (RFC 1812 4.3.2.5) */
		ip[8] = plan->ttl != 0 ? plan->ttl : 64;
		ip[9] = PROTOCOL_ICMP;
		memcpy(ip + 12, plan->from.bytes, 4);
		memcpy(ip + 16, src.bytes, 4);
		put_be16(ip + 2, (uint16_t)out->length);
		return;
	}
	ip[0] = 0x60;
	ip[6] = PROTOCOL_ICMPV6;
	ip[7] = plan->ttl != 0 ? plan->ttl : 64;
	memcpy(ip + 8, plan->from.bytes, 16);
	memcpy(ip + 24, src.bytes, 16);
	put_be16(ip + 4, (uint16_t)(out->length - 40));
}

static void put_extensions(uint8_t *at, const struct icmp_objects *objects)
{
	at[0] = EXTENSION_VERSION;
	memcpy(at + EXTENSION_HEADER, objects->bytes, objects->length);
	put_be16(at + 2, checksum_finish(checksum_add(0, at, EXTENSION_HEADER + objects->length)));
}

static void put_icmp(uint8_t *icmp, const struct icmp_plan *plan, bool is_v4,
	const struct quote_plan *quote)
{
	icmp[0] = types[!is_v4][plan->kind];
	icmp[1] = plan->kind != ICMP_TOO_BIG ? plan->code : is_v4 ? 4 : 0;
	if (plan->kind == ICMP_TOO_BIG && is_v4)
		put_be16(icmp + 6, (uint16_t)plan->value);
	else if (plan->kind == ICMP_PARAMETER_PROBLEM && is_v4)
		icmp[4] = (uint8_t)plan->value;
	else if (plan->kind == ICMP_TOO_BIG || plan->kind == ICMP_PARAMETER_PROBLEM)
		put_be32(icmp + 4, plan->value);
	if (plan->quote == ICMP_QUOTE_RFC4884 && has_length_field(plan, is_v4))
		icmp[is_v4 ? 5 : 4] = (uint8_t)(quote->field / (is_v4 ? 4 : 8));
}

bool icmp_build(struct packet *out, const struct icmp_plan *plan, const struct packet *about)
{
	struct layers layers;
	struct quote_plan quote;
	uint32_t header, length;
	uint8_t *icmp;

	assert(plan->kind < ICMP_OTHER_ERROR);
	layers_read(&layers, packet_data(about), about->length);
	if (layers.version == 0 || !may_answer(about, &layers) ||
		plan->from.version != layers.version)
		return false;
	quote = plan_quote(plan, &layers);
	header = layers.version == 4 ? 20 : 40;
	length = header + 8 + quote.field + quote.extension;
	if (length + PACKET_HEADROOM > out->capacity)
		return false;
	out->start = PACKET_HEADROOM;
	out->length = length;
	memset(packet_bytes(out), 0, length);
	put_ip(out, plan, about);
	icmp = packet_bytes(out) + header;
	put_icmp(icmp, plan, layers.version == 4, &quote);
	memcpy(icmp + 8, packet_data(about), quote.copied);
	if (quote.extension > 0)
		put_extensions(icmp + 8 + quote.field, plan->objects);
	packet_parse(out);
	packet_mark_stale(out);
	packet_finish(out);
	return true;
}
