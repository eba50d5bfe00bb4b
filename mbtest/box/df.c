/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * df.c - clears or sets "don't fragment" (RFC 791): tunnels and scrubbing firewalls clear it, which
 * ends path MTU discovery.
 */
#include "mbtest/box.h"

enum { DF = 0x4000 };

enum op { OP_CLEAR, OP_SET };

struct df {
	int op;
};

static const char *const ops[] = { "clear", "set", NULL };

static const struct box_param params[] = {
	{ "op", PARAM_CHOICE, offsetof(struct df, op), "clear", 0, 0, ops,
		"what is done to the flag" },
	{ 0 },
};

static enum verdict df_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct df *self = box_state(box);
	uint16_t old, word;

	(void)dir;
	if (packet->form == PACKET_MALFORMED || packet->version != 4)
		return box_unchanged(box);
	old = get_be16(packet_data(packet) + 6);
	word = (uint16_t)(self->op == OP_SET ? old | DF : old & ~DF);
	if (word == old)
		return box_unchanged(box);
	packet_write16(packet, 6, word);
	return BOX_PASS;
}

BOX_TYPE(df) = {
	.help = "clears or sets the flag \"don't fragment\"; IPv6, which has none, passes",
	.params = params,
	.state_size = sizeof(struct df),
	.any_form = true,
	.packet = df_packet,
};
