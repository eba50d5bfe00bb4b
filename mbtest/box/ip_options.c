/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip_options.c - removes, overwrites or adds options of the IPv4 header, or drops what has any, as
 * much of the net does (RFC 7126). Padding is no option: it goes when nothing else is left.
 */
#include "mbtest/box.h"

#include <string.h>

enum {
	OPTIONS_MAX = 40,
	OPTION_EOL = 0,
	OPTION_NOP = 1,
};

enum op { OP_STRIP, OP_NOP, OP_ADD, OP_DROP };

/* The options of a header while they are edited. */
struct area {
	uint32_t length;
	uint8_t bytes[OPTIONS_MAX];
};

struct ip_options {
	int op;
	int64_t kind;
	struct param_text text;
	struct area added;
};

static const char *const ops[] = { "strip", "nop", "add", "drop", NULL };

/* router alert, NOPs, record route of one hop, stream identifier */
static const char *const texts[] = { "94040000", "01010101", "07070400000000", "88040000", NULL };

static const struct box_param params[] = {
	{ "op", PARAM_CHOICE, offsetof(struct ip_options, op), "strip", 0, 0, ops,
		"remove options, overwrite them by NOPs, add one, or drop packets having any" },
	{ "kind", PARAM_INT, offsetof(struct ip_options, kind), "0", 0, 255, NULL,
		"only options of this kind (first byte); 0: all" },
	{ "option", PARAM_TEXT, offsetof(struct ip_options, text), "94040000", 0, 0, texts,
		"what add adds, in hex digits (94040000: router alert)" },
	{ 0 },
};

static int hex_digit(uint8_t letter)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = letter != 0 ? strchr(digits, letter | 0x20) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static bool ip_options_init(struct box *box, struct err *err)
{
	struct ip_options *self = box_state(box);
	const struct param_text *text = &self->text;
	int high = 0, low = 0;
	uint16_t i;

	for (i = 0; i + 1 < text->length && i / 2 < OPTIONS_MAX; i += 2) {
		high = hex_digit(text->bytes[i]);
		low = hex_digit(text->bytes[i + 1]);
		if (high < 0 || low < 0)
			break;
		self->added.bytes[self->added.length++] = (uint8_t)(high << 4 | low);
	}
	if (i == text->length && i > 0)
		return true;
	return err_set(err, "box %s: parameter option: \"%.*s\" is not hex digits of 1 to 40 bytes",
		box_name(box), (int)(text->length < 100 ? text->length : 100),
		(const char *)text->bytes);
}

/* Length of the option at an offset; 0 where the list ends or makes no sense. */
static uint32_t option_len(const struct area *area, uint32_t at)
{
	uint32_t room = area->length - at;

	if (room == 0 || area->bytes[at] == OPTION_EOL)
		return 0;
	if (area->bytes[at] == OPTION_NOP)
		return 1;
	if (room < 2 || area->bytes[at + 1] < 2 || area->bytes[at + 1] > room)
		return 0;
	return area->bytes[at + 1];
}

static bool is_chosen(const struct ip_options *self, uint8_t kind)
{
	return kind != OPTION_NOP && (self->kind == 0 || self->kind == kind);
}

/* Take the chosen options out, or overwrite them; how many there were. */
static unsigned int options_remove(const struct ip_options *self, struct area *area)
{
	uint32_t at = 0, size;
	unsigned int count = 0;

	while ((size = option_len(area, at)) != 0) {
		if (!is_chosen(self, area->bytes[at])) {
			at += size;
			continue;
		}
		count++;
		memset(area->bytes + at, OPTION_NOP, size);
		if (self->op != OP_STRIP) {
			at += size;
			continue;
		}
		area->length -= size;
		memmove(area->bytes + at, area->bytes + at + size, area->length - at);
	}
	if (self->op == OP_STRIP && (at == area->length || area->bytes[at] == OPTION_EOL)) {
		while (at > 0 && area->bytes[at - 1] == OPTION_NOP)
			at--;
		area->length = at;
	}
	return count;
}

static bool options_add(const struct ip_options *self, struct area *area)
{
	uint32_t at = 0, size;

	while ((size = option_len(area, at)) != 0)
		at += size;
	if ((at < area->length && area->bytes[at] != OPTION_EOL) ||
		self->added.length > OPTIONS_MAX - at)
		return false;
	memcpy(area->bytes + at, self->added.bytes, self->added.length);
	area->length = at + self->added.length;
	return true;
}

/* Make the header hold these options; false when the packet has no room. */
static bool options_put(struct packet *packet, struct area *area)
{
	uint32_t old = packet->l4 - IPV4_HEADER, length = (area->length + 3) / 4 * 4;

	memset(area->bytes + area->length, OPTION_EOL, length - area->length);
	if (length > old && !packet_open_gap(packet, packet->l4, length - old, true))
		return false;
	if (length < old)
		packet_close_gap(packet, IPV4_HEADER + length, old - length);
	packet_write(packet, IPV4_HEADER, area->bytes, length);
	return true;
}

static enum verdict ip_options_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct ip_options *self = box_state(box);
	struct area area;
	bool acts;

	(void)dir;
	if (packet->form == PACKET_MALFORMED || packet->version != 4)
		return box_unchanged(box);
	area.length = packet->l4 - IPV4_HEADER;
	memcpy(area.bytes, packet_data(packet) + IPV4_HEADER, area.length);
	acts = self->op == OP_ADD ? options_add(self, &area) : options_remove(self, &area) > 0;
	if (acts && self->op == OP_DROP)
		return box_reason(box, "has IP options");
	return acts && options_put(packet, &area) ? BOX_PASS : box_unchanged(box);
}

BOX_TYPE(ip_options) = {
	.help = "removes or adds options of the IPv4 header, or drops what has any; IPv6 passes",
	.params = params,
	.state_size = sizeof(struct ip_options),
	.any_form = true,
	.init = ip_options_init,
	.packet = ip_options_packet,
};
