/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/compat.h"

#include "probe/wire/mptcp.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Layers by the original's protocol numbers. */
enum {
	LAYER_ICMP_ID = 0x01,
	LAYER_TCP_ID = 0x06,
	LAYER_UDP_ID = 0x11,
	LAYER_IP_ID = 0x800,
	LAYER_IPV6_ID = 0x86dd,
	LAYER_MSS_ID = 0x9001,
	LAYER_TIMESTAMP_ID = 0x9002,
	LAYER_PAD_ID = 0x9003,
	LAYER_SACKOK_ID = 0x9004,
	LAYER_SACK_ID = 0x9005,
	LAYER_MPTCP_ID = 0x9006,
	LAYER_CAPABLE_ID = 0x9007,
	LAYER_WSCALE_ID = 0x9008,
	LAYER_JOIN_ID = 0x9009,
	LAYER_EDO_ID = 0x900a,
	LAYER_OPTION_ID = 0x9033,
	LAYER_TFO_ID = 0x9034,
	LAYER_RAW_ID = 0xfff1,
	LAYERS_MAX = 64,
};

/* In their order, which is that of the changes. */
static const struct {
	int id;
	const char *name;
} layer_names[] = {
	{ LAYER_ICMP_ID, "ICMP" },
	{ LAYER_TCP_ID, "TCP" },
	{ LAYER_UDP_ID, "UDP" },
	{ LAYER_IP_ID, "IP" },
	{ LAYER_IPV6_ID, "IPv6" },
	{ LAYER_MSS_ID, "TCPOptionMaxSegSize" },
	{ LAYER_TIMESTAMP_ID, "TCPOptionTimestamp" },
	{ LAYER_PAD_ID, "TCPOptionPad" },
	{ LAYER_SACKOK_ID, "TCPOptionSACKPermitted" },
	{ LAYER_SACK_ID, "TCPOptionSACK" },
	{ LAYER_MPTCP_ID, "TCPOption" },
	{ LAYER_CAPABLE_ID, "TCPOptionMPTCPCapable" },
	{ LAYER_WSCALE_ID, "TCPOptionWindowScale" },
	{ LAYER_JOIN_ID, "TCPOptionMPTCPJoin" },
	{ LAYER_EDO_ID, "TCPOptionEDO" },
	{ LAYER_OPTION_ID, "TCPOption" },
	{ LAYER_TFO_ID, "TCPOptionFastOpen" },
	{ LAYER_RAW_ID, "RawLayer" },
};

/* Fields as printed: bits from the layer's first byte. */
static const struct field_row {
	int layer;
	enum { DECIMAL, HEXADECIMAL, ADDRESS } format;
	const char *name;
	unsigned int offset, width;
} field_rows[] = {
	{ LAYER_IP_ID, DECIMAL, "HeaderLength", 4, 4 },
	{ LAYER_IP_ID, DECIMAL, "DiffServicesCP", 8, 6 },
	{ LAYER_IP_ID, DECIMAL, "ExpCongestionNot", 14, 2 },
	{ LAYER_IP_ID, DECIMAL, "TotalLength", 16, 16 },
	{ LAYER_IP_ID, HEXADECIMAL, "Identification", 32, 16 },
	{ LAYER_IP_ID, DECIMAL, "Flags", 48, 3 },
	{ LAYER_IP_ID, DECIMAL, "FragmentOffset", 51, 13 },
	{ LAYER_IP_ID, DECIMAL, "TTL", 64, 8 },
	{ LAYER_IP_ID, HEXADECIMAL, "Protocol", 72, 8 },
	{ LAYER_IP_ID, HEXADECIMAL, "CheckSum", 80, 16 },
	{ LAYER_IP_ID, ADDRESS, "SourceIP", 96, 32 },
	{ LAYER_IP_ID, ADDRESS, "DestinationIP", 128, 32 },
	{ LAYER_IPV6_ID, DECIMAL, "TrafficClass", 4, 8 },
	{ LAYER_IPV6_ID, DECIMAL, "FlowLabel", 12, 20 },
	{ LAYER_IPV6_ID, DECIMAL, "PayloadLength", 32, 16 },
	{ LAYER_IPV6_ID, DECIMAL, "NextHeader", 48, 8 },
	{ LAYER_IPV6_ID, DECIMAL, "HopLimit", 56, 8 },
	{ LAYER_IPV6_ID, ADDRESS, "SourceIP", 64, 128 },
	{ LAYER_IPV6_ID, ADDRESS, "DestinationIP", 192, 128 },
	{ LAYER_TCP_ID, DECIMAL, "SrcPort", 0, 16 },
	{ LAYER_TCP_ID, DECIMAL, "DstPort", 16, 16 },
	{ LAYER_TCP_ID, DECIMAL, "SeqNumber", 32, 32 },
	{ LAYER_TCP_ID, DECIMAL, "AckNumber", 64, 32 },
	{ LAYER_TCP_ID, DECIMAL, "DataOffset", 96, 4 },
	{ LAYER_TCP_ID, DECIMAL, "Reserved", 100, 4 },
	{ LAYER_TCP_ID, DECIMAL, "Flags", 104, 8 },
	{ LAYER_TCP_ID, DECIMAL, "WindowsSize", 112, 16 },
	{ LAYER_TCP_ID, HEXADECIMAL, "CheckSum", 128, 16 },
	{ LAYER_TCP_ID, DECIMAL, "UrgPointer", 144, 16 },
	{ LAYER_UDP_ID, DECIMAL, "SrcPort", 0, 16 },
	{ LAYER_UDP_ID, DECIMAL, "DstPort", 16, 16 },
	{ LAYER_UDP_ID, DECIMAL, "Length", 32, 16 },
	{ LAYER_UDP_ID, HEXADECIMAL, "CheckSum", 48, 16 },
	{ LAYER_ICMP_ID, DECIMAL, "Type", 0, 8 },
	{ LAYER_ICMP_ID, DECIMAL, "Code", 8, 8 },
	{ LAYER_ICMP_ID, HEXADECIMAL, "CheckSum", 16, 16 },
	{ LAYER_ICMP_ID, DECIMAL, "RestOfHeader", 32, 32 },
	{ LAYER_MSS_ID, DECIMAL, "MaxSegSize", 16, 16 },
	{ LAYER_TIMESTAMP_ID, DECIMAL, "Value", 16, 32 },
	{ LAYER_TIMESTAMP_ID, DECIMAL, "EchoReply", 48, 32 },
	{ LAYER_PAD_ID, DECIMAL, "Kind", 0, 8 },
	{ LAYER_WSCALE_ID, DECIMAL, "Shift", 16, 8 },
	{ LAYER_CAPABLE_ID, DECIMAL, "Length", 8, 8 },
	{ LAYER_CAPABLE_ID, DECIMAL, "Version", 20, 4 },
	{ LAYER_CAPABLE_ID, DECIMAL, "Checksum", 24, 1 },
	{ LAYER_CAPABLE_ID, DECIMAL, "Flags", 25, 6 },
	{ LAYER_CAPABLE_ID, DECIMAL, "Crypto", 31, 1 },
	{ LAYER_CAPABLE_ID, DECIMAL, "Sender's Key", 32, 64 },
	{ LAYER_JOIN_ID, DECIMAL, "BackupPath", 23, 1 },
	{ LAYER_JOIN_ID, DECIMAL, "AddrID", 24, 8 },
	{ LAYER_JOIN_ID, DECIMAL, "Receiver's Token", 32, 32 },
	{ LAYER_JOIN_ID, DECIMAL, "Sender's Random Number", 64, 32 },
};

/* A layer of one packet; length may reach beyond what is known. */
struct found {
	int id;
	uint32_t offset, length;
};

struct packet_layers {
	const uint8_t *bytes;
	uint32_t known;
	bool options_known; /* all options of the header are known */
	size_t count;
	struct found list[LAYERS_MAX];
};

static const char *layer_name(int id)
{
	for (size_t i = 0; i < sizeof(layer_names) / sizeof(layer_names[0]); i++)
		if (layer_names[i].id == id)
			return layer_names[i].name;
	return "RawLayer";
}

static int option_layer(const uint8_t *option, uint32_t length)
{
	static const int kinds[] = { [0] = LAYER_PAD_ID,
		[1] = LAYER_PAD_ID,
		[2] = LAYER_MSS_ID,
		[3] = LAYER_WSCALE_ID,
		[4] = LAYER_SACKOK_ID,
		[5] = LAYER_SACK_ID,
		[8] = LAYER_TIMESTAMP_ID,
		[34] = LAYER_TFO_ID };

	if (option[0] == TCPOPT_MPTCP)
		return length >= 3 && option[2] >> 4 == MP_CAPABLE  ? LAYER_CAPABLE_ID
			: length == 12 && option[2] >> 4 == MP_JOIN ? LAYER_JOIN_ID
								    : LAYER_MPTCP_ID;
	if (option[0] == TCPOPT_EDO)
		return LAYER_EDO_ID;
	if (option[0] < sizeof(kinds) / sizeof(kinds[0]) && kinds[option[0]] != 0)
		return kinds[option[0]];
	return LAYER_OPTION_ID;
}

static void add_layer(struct packet_layers *out, int id, uint32_t offset, uint32_t length)
{
	if (out->count < LAYERS_MAX && length > 0)
		out->list[out->count++] = (struct found){ id, offset, length };
}

static void find_options(struct packet_layers *out, const struct layers *layers)
{
	uint32_t at = layers->l4 + TCP_HEADER, end = layers->payload, length;

	out->options_known = layers->payload != 0 && layers->known >= layers->payload;
	if (end > layers->known)
		end = layers->known;
	for (; at < end; at += length) {
		const uint8_t *option = out->bytes + at;

		length = option[0] <= TCPOPT_NOP ? 1 : end - at < 2 ? 0 : option[1];
		if (length == 0 || length > end - at || (length < 2 && option[0] > TCPOPT_NOP))
			return;
		add_layer(out, option_layer(option, length), at, length);
	}
}

static void find_layers(struct packet_layers *out, const uint8_t *bytes,
	const struct layers *layers)
{
	*out = (struct packet_layers){ .bytes = bytes, .known = layers->known };
	add_layer(out, layers->version == 4 ? LAYER_IP_ID : LAYER_IPV6_ID, 0,
		layers->version == 4 ? 20 : 40);
	if (layers->l4 == 0 || layers->is_fragment)
		return;
	if (layers->protocol == PROTOCOL_TCP) {
		add_layer(out, LAYER_TCP_ID, layers->l4, TCP_HEADER);
		find_options(out, layers);
	} else if (layers->protocol == PROTOCOL_UDP) {
		add_layer(out, LAYER_UDP_ID, layers->l4, 8);
	} else if (layers->protocol == PROTOCOL_ICMP || layers->protocol == PROTOCOL_ICMPV6) {
		add_layer(out, LAYER_ICMP_ID, layers->l4, 8);
	}
	if (layers->payload != 0 && layers->end > layers->payload)
		add_layer(out, LAYER_RAW_ID, layers->payload, layers->end - layers->payload);
}

static const struct found *first_of(const struct packet_layers *layers, int id)
{
	for (size_t i = 0; i < layers->count; i++)
		if (layers->list[i].id == id)
			return &layers->list[i];
	return NULL;
}

static uint64_t bits_at(const uint8_t *bytes, unsigned int offset, unsigned int width)
{
	uint64_t value = 0;

	for (unsigned int bit = offset; bit < offset + width; bit++)
		value = value << 1 | (bytes[bit / 8] >> (7 - bit % 8) & 1);
	return value;
}

static void value_text(const struct field_row *row, const uint8_t *layer, char text[COMPAT_VALUE])
{
	char addr_buffer[ADDR_TEXT];
	struct addr addr;

	if (row->format == ADDRESS) {
		addr = addr_from_bytes(row->width == 32 ? 4 : 6, layer + row->offset / 8);
		snprintf(text, COMPAT_VALUE, "%s", addr_text(&addr, addr_buffer));
		return;
	}
	snprintf(text, COMPAT_VALUE, row->format == HEXADECIMAL ? "0x%" PRIx64 : "%" PRIu64,
		bits_at(layer, row->offset, row->width));
}

static struct compat_change *add_change(struct compat_changes *changes, enum compat_kind kind,
	int layer)
{
	struct compat_change *change = &changes->list[changes->count];

	if (changes->count == COMPAT_CHANGES)
		return &changes->list[COMPAT_CHANGES - 1];
	changes->count++;
	*change = (struct compat_change){ .kind = kind, .layer = layer_name(layer) };
	return change;
}

/* The bytes of a layer, as far as its packet is known. */
static void set_bytes(struct compat_change *change, const struct packet_layers *layers,
	const struct found *found)
{
	change->id = found->id;
	change->bytes = layers->bytes + found->offset;
	change->length = found->offset + found->length <= layers->known ? found->length
		: layers->known > found->offset ? layers->known - found->offset
						: 0;
}

static bool has_fields(int layer)
{
	for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++)
		if (field_rows[i].layer == layer)
			return true;
	return false;
}

static void compare_layer(struct compat_changes *changes, int id, const struct packet_layers *sent,
	const struct found *a, const struct packet_layers *seen, const struct found *b)
{
	uint32_t end = b->offset + b->length < seen->known ? b->length
		: seen->known > b->offset                  ? seen->known - b->offset
							   : 0;
	const uint8_t *before = sent->bytes + a->offset, *after = seen->bytes + b->offset;

	if (!has_fields(id)) {
		bool cut = end < b->length;
		uint32_t common = end < a->length ? end : a->length;

		if (!cut && a->length < b->length)
			set_bytes(add_change(changes, COMPAT_ADDED, id), seen, b);
		else if (!cut && a->length > b->length)
			set_bytes(add_change(changes, COMPAT_REMOVED, id), sent, a);
		else if (memcmp(before, after, common) != 0)
			add_change(changes, COMPAT_FIELD, id);
		return;
	}
	for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++) {
		const struct field_row *row = &field_rows[i];
		uint32_t last = (row->offset + row->width + 7) / 8;
		struct compat_change *change;

		if (row->layer != id || last > end || last > a->length)
			continue;
		if (row->format == ADDRESS ? memcmp(before + row->offset / 8,
						     after + row->offset / 8, row->width / 8) == 0
					   : bits_at(before, row->offset, row->width) ==
					bits_at(after, row->offset, row->width))
			continue;
		change = add_change(changes, COMPAT_FIELD, id);
		change->field = row->name;
		value_text(row, before, change->expected);
		value_text(row, after, change->received);
	}
}

/* Whether the quote is long enough to say that a layer of the probe is gone. */
static bool can_be_missed(const struct packet_layers *seen, const struct layers *layers, int id)
{
	if (id >= LAYER_MSS_ID && id <= LAYER_TFO_ID)
		return seen->options_known;
	return layers->has_end && layers->known >= layers->end;
}

void compat_list(struct compat_changes *changes, const struct hop_view *view)
{
	struct packet_layers sent, seen;
	struct layers layers;

	changes->count = 0;
	if (!view->has_quote || view->layers.version == 0)
		return;
	layers_of_packet(&layers, view->sent);
	find_layers(&sent, packet_data(view->sent), &layers);
	find_layers(&seen, view->quote, &view->layers);
	for (size_t i = 0; i < sizeof(layer_names) / sizeof(layer_names[0]); i++) {
		int id = layer_names[i].id;
		const struct found *a = first_of(&sent, id), *b = first_of(&seen, id);

		if (a != NULL && b != NULL)
			compare_layer(changes, id, &sent, a, &seen, b);
		else if (b != NULL)
			set_bytes(add_change(changes, COMPAT_ADDED, id), &seen, b);
		else if (a != NULL && can_be_missed(&seen, &view->layers, id))
			set_bytes(add_change(changes, COMPAT_REMOVED, id), &sent, a);
	}
}

/* ---- a layer as text ---- */

struct text {
	char *buf;
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->buf + text->used, COMPAT_TEXT - text->used, format, arguments);
	va_end(arguments);
	text->used += (size_t)length;
	if (text->used >= COMPAT_TEXT)
		text->used = COMPAT_TEXT - 1;
}

static void put_payload(struct text *text, const uint8_t *bytes, uint32_t length)
{
	put(text, "Payload = ");
	for (uint32_t i = 0; i < length; i++)
		put(text, bytes[i] >= ' ' && bytes[i] <= '~' ? "%c" : "\\x%x", bytes[i]);
}

static bool is_option(int layer)
{
	return layer >= LAYER_MSS_ID && layer <= LAYER_TFO_ID;
}

const char *compat_layer_text(const struct compat_change *change, char buf[static COMPAT_TEXT])
{
	struct text text = { .buf = buf };
	bool option = is_option(change->id), single = change->id == LAYER_PAD_ID;
	char value[COMPAT_VALUE];

	put(&text, "< %s (%u bytes) :: ", change->layer, change->length);
	if (option && change->length > 0)
		put(&text, "Kind = %u , ", change->bytes[0]);
	if (option && !single && change->length > 1)
		put(&text, "Length = %u , ", change->bytes[1]);
	for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++) {
		const struct field_row *row = &field_rows[i];

		if (row->layer != change->id || (option && row->offset < 16) ||
			(row->offset + row->width + 7) / 8 > change->length)
			continue;
		value_text(row, change->bytes, value);
		put(&text, "%s = %s , ", row->name, value);
	}
	if (!has_fields(change->id) && change->length > (option ? 2 : 0))
		put_payload(&text, change->bytes + (option ? 2 : 0),
			change->length - (option ? 2 : 0));
	put(&text, ">");
	return buf;
}

bool compat_is_partial(const struct hop_view *view)
{
	const struct layers *layers = &view->layers;

	return view->has_quote && layers->l4 != 0 && layers->protocol == PROTOCOL_TCP &&
		(layers->payload == 0 || layers->known < layers->payload);
}

const char *compat_text(const struct hop_view *view, char buf[static COMPAT_TEXT])
{
	struct compat_changes changes;
	size_t used = 0;

	buf[0] = '\0';
	if (compat_is_partial(view))
		used += (size_t)snprintf(buf, COMPAT_TEXT, " [PARTIAL] ");
	compat_list(&changes, view);
	for (size_t i = 0; i < changes.count && used < COMPAT_TEXT; i++) {
		const struct compat_change *change = &changes.list[i];

		used += (size_t)snprintf(buf + used, COMPAT_TEXT - used, "%s%s%s%s ",
			change->kind == COMPAT_ADDED             ? "+"
				: change->kind == COMPAT_REMOVED ? "-"
								 : "",
			change->layer, change->field != NULL ? "::" : "",
			change->field != NULL ? change->field : "");
	}
	return buf;
}
