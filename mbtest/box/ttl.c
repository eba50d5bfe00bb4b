/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ttl.c - sets, raises or lowers the TTL or hop limit, as boxes do that hide the hops behind them
 * or that start every packet anew. A result outside a byte stays at its edge.
 */
#include "mbtest/box.h"

enum op { OP_SET, OP_RAISE, OP_LOWER };

struct ttl {
	int op;
	int64_t value;
};

static const char *const ops[] = { "set", "raise", "lower", NULL };

static const struct box_param params[] = {
	{ "op", PARAM_CHOICE, offsetof(struct ttl, op), "set", 0, 0, ops,
		"what is done with the value; 0 and 255 are not passed" },
	{ "value", PARAM_INT, offsetof(struct ttl, value), "64", 0, 255, NULL,
		"the new TTL, or how much it changes" },
	{ 0 },
};

static enum verdict ttl_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct ttl *self = box_state(box);
	int64_t old, ttl = self->value;

	(void)dir;
	if (packet->form == PACKET_MALFORMED)
		return box_unchanged(box);
	old = packet_ttl(packet);
	if (self->op == OP_RAISE)
		ttl = old + self->value < UINT8_MAX ? old + self->value : UINT8_MAX;
	if (self->op == OP_LOWER)
		ttl = old > self->value ? old - self->value : 0;
	if (ttl == old)
		return box_unchanged(box);
	packet_set_ttl(packet, (uint8_t)ttl);
	return BOX_PASS;
}

BOX_TYPE(ttl) = {
	.help = "sets or changes the TTL (IPv4) or hop limit (IPv6)",
	.params = params,
	.state_size = sizeof(struct ttl),
	.any_form = true,
	.packet = ttl_packet,
};
