/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ecn.c - changes the ECN field (RFC 3168 5): bleaching, congestion marks, and routers that take
 * the two bits for a part of an old type of service. TCP's own ECE and CWR stay.
 */
#include "mbtest/box.h"
#include "probe/wire/field.h"

enum { NOT_ECT, ONLY_CAPABLE = 4, ONLY_ANY };

struct ecn {
	int value, only;
	const struct field *fields[2]; /* of IPv4 and IPv6 */
};

/* Up to ce in the order of the field's values. */
static const char *const values[] = { "not-ect", "ect1", "ect0", "ce", NULL };
static const char *const onlies[] = { "not-ect", "ect1", "ect0", "ce", "capable", "any", NULL };

static const struct box_param params[] = {
	{ "value", PARAM_CHOICE, offsetof(struct ecn, value), "not-ect", 0, 0, values,
		"the new codepoint; not-ect is bleaching" },
	{ "only", PARAM_CHOICE, offsetof(struct ecn, only), "capable", 0, 0, onlies,
		"only packets with this codepoint; capable: all but not-ect" },
	{ 0 },
};

static bool ecn_init(struct box *box, struct err *err)
{
	struct ecn *self = box_state(box);

	(void)err;
	self->fields[0] = field_find("ip.ecn");
	self->fields[1] = field_find("ip6.ecn");
	return true;
}

static bool is_chosen(const struct ecn *self, uint64_t codepoint)
{
	if (self->only == ONLY_CAPABLE)
		return codepoint != NOT_ECT;
	return self->only == ONLY_ANY || codepoint == (uint64_t)self->only;
}

static enum verdict ecn_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct ecn *self = box_state(box);
	const struct field *field = self->fields[packet->version == 6];
	uint64_t old;

	(void)dir;
	if (packet->form == PACKET_MALFORMED || !field_get(field, packet, &old))
		return box_unchanged(box);
	if (old == (uint64_t)self->value || !is_chosen(self, old))
		return box_unchanged(box);
	field_set(field, packet, (uint64_t)self->value);
	return BOX_PASS;
}

BOX_TYPE(ecn) = {
	.help = "changes the ECN field of the IP header (in IPv6, of the traffic class)",
	.params = params,
	.state_size = sizeof(struct ecn),
	.any_form = true,
	.init = ecn_init,
	.packet = ecn_packet,
};
