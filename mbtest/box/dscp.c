/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dscp.c - marks packets with another DSCP (RFC 2474), as networks do at their edge; zero is
 * bleaching. With mask = 56 only the three bits change that once were the precedence.
 */
#include "mbtest/box.h"
#include "probe/wire/field.h"

struct dscp {
	int64_t value, mask, only;
	const struct field *fields[2]; /* of IPv4 and IPv6 */
};

static const struct box_param params[] = {
	{ "value", PARAM_INT, offsetof(struct dscp, value), "0", 0, 63, NULL, "the new DSCP" },
	{ "mask", PARAM_INT, offsetof(struct dscp, mask), "63", 1, 63, NULL,
		"which of its six bits become those of the value" },
	{ "only", PARAM_INT, offsetof(struct dscp, only), "-1", -1, 63, NULL,
		"only packets with this DSCP; -1: all" },
	{ 0 },
};

static bool dscp_init(struct box *box, struct err *err)
{
	struct dscp *self = box_state(box);

	(void)err;
	self->fields[0] = field_find("ip.dscp");
	self->fields[1] = field_find("ip6.dscp");
	return true;
}

static enum verdict dscp_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct dscp *self = box_state(box);
	const struct field *field = self->fields[packet->version == 6];
	uint64_t mask = (uint64_t)self->mask, old, dscp;

	(void)dir;
	if (packet->form == PACKET_MALFORMED || !field_get(field, packet, &old))
		return box_unchanged(box);
	dscp = (old & ~mask) | ((uint64_t)self->value & mask);
	if (dscp == old || (self->only >= 0 && old != (uint64_t)self->only))
		return box_unchanged(box);
	field_set(field, packet, dscp);
	return BOX_PASS;
}

BOX_TYPE(dscp) = {
	.help = "marks packets with another DSCP (in IPv6, of the traffic class)",
	.params = params,
	.state_size = sizeof(struct dscp),
	.any_form = true,
	.init = dscp_init,
	.packet = dscp_packet,
};
