/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipid.c - puts another identification into IPv4 packets, as scrubbing firewalls and translators
 * do. Fragments keep theirs: it is what joins them (RFC 6864).
 */
#include "mbtest/box.h"

enum op { OP_SET, OP_COUNT, OP_RANDOM };

struct ipid {
	int op;
	int64_t value;
	uint16_t counted;
};

static const char *const ops[] = { "set", "count", "random", NULL };

static const struct box_param params[] = {
	{ "op", PARAM_CHOICE, offsetof(struct ipid, op), "set", 0, 0, ops,
		"always the value, upwards from it, or any number" },
	{ "value", PARAM_INT, offsetof(struct ipid, value), "0", 0, 65535, NULL,
		"the new identification, or the first one" },
	{ 0 },
};

static enum verdict ipid_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct ipid *self = box_state(box);
	uint16_t old, id = (uint16_t)self->value;

	(void)dir;
	if (packet->form == PACKET_MALFORMED || packet->version != 4 || packet->is_fragment)
		return box_unchanged(box);
	old = get_be16(packet_data(packet) + 4);
	if (self->op == OP_COUNT)
		id = (uint16_t)(id + self->counted++);
	if (self->op == OP_RANDOM)
		id = (uint16_t)rng_below(box_rng(box), UINT16_MAX + 1);
	if (id == old)
		return box_unchanged(box);
	packet_write16(packet, 4, id);
	return BOX_PASS;
}

BOX_TYPE(ipid) = {
	.help = "puts another identification into IPv4 packets; fragments pass, and IPv6, which "
		"has none",
	.params = params,
	.state_size = sizeof(struct ipid),
	.any_form = true,
	.packet = ipid_packet,
};
