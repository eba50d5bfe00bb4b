/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragment.c - cuts IP packets into fragments, whatever "don't fragment" says, as boxes in front
 * of a narrow link do; and in IPv6, where no router may. A first fragment can be too short for all
 * TCP options.
 */
#include "mbtest/fragment.h"

enum flag { DF_IGNORE, DF_OBEY };

enum order { ORDER_FORWARDS, ORDER_BACKWARDS };

struct fragment {
	int64_t size;
	int df, order;
};

static const char *const flags[] = { "ignore", "obey", NULL };
static const char *const orders[] = { "forwards", "backwards", NULL };

static const struct box_param params[] = {
	{ "size", PARAM_INT, offsetof(struct fragment, size), "576", FRAGMENT_SIZE_MIN, 65535, NULL,
		"bytes of an IP packet that pass in one piece" },
	{ "df", PARAM_CHOICE, offsetof(struct fragment, df), "ignore", 0, 0, flags,
		"whether IPv4 packets not to be fragmented pass whole" },
	{ "order", PARAM_CHOICE, offsetof(struct fragment, order), "forwards", 0, 0, orders,
		"which fragment leaves first" },
	{ 0 },
};

static enum verdict fragment_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct fragment *self = box_state(box);

	if (packet->form != PACKET_MALFORMED && packet->version == 4 && self->df == DF_OBEY &&
		(packet_data(packet)[6] & 0x40) != 0)
		return box_unchanged(box);
	if (!fragment_cut(box, packet, dir, (uint32_t)self->size, self->order == ORDER_BACKWARDS))
		return box_unchanged(box);
	return BOX_PASS;
}

BOX_TYPE(fragment) = {
	.help = "cuts IP packets into fragments; IPv6 too, where no router may, but for what has a "
		"fragment header already",
	.params = params,
	.state_size = sizeof(struct fragment),
	.any_form = true,
	.packet = fragment_packet,
};
