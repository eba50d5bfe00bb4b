/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blackhole.c - from the first packet that is meant on, drops all that have its direction and are
 * what on says: a path that dies, and may heal. Unlike loss it does not ask again whether a
 * retransmission is past from. With kind, only packets with that option are dropped: the firewall
 * that does not like MPTCP's SYN.
 */
#include "mbtest/option.h"

struct blackhole {
	struct option_choice choice;
	nsec_t heal;
	bool is_dead, has_healed;
	nsec_t since;
};

static const struct box_param params[] = {
	{ "kind", PARAM_INT, offsetof(struct blackhole, choice.kind), "0", 0, 255,
		option_kind_examples,
		"only packets with a TCP option of this kind (30: MPTCP); 0: all" },
	{ "subtype", PARAM_CHOICE, offsetof(struct blackhole, choice.subtype), "any", 0, 0,
		option_subtypes, "only this MPTCP subtype" },
	{ "heal", PARAM_TIME, offsetof(struct blackhole, heal), "0", 0, 0, NULL,
		"so long after the first drop all pass again; 0: never" },
	{ 0 },
};

static bool has_option(const struct blackhole *self, const struct packet *packet)
{
	struct tcpopt opt = { 0 };

	if (self->choice.kind == 0)
		return true;
	while (tcpopt_next(packet, &opt)) {
		if (option_chosen(&self->choice, packet, &opt))
			return true;
	}
	return false;
}

static enum verdict blackhole_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct blackhole *self = box_state(box);

	(void)dir;
	if (self->is_dead && self->heal > 0 && box_now(box) - self->since >= self->heal) {
		self->is_dead = false;
		self->has_healed = true;
	}
	if (self->has_healed || !box_selected(box) || !has_option(self, packet))
		return box_unchanged(box);
	if (!self->is_dead && box_matched(box)) {
		self->is_dead = true;
		self->since = box_now(box);
	}
	return self->is_dead ? box_reason(box, "black hole") : box_unchanged(box);
}

BOX_TYPE(blackhole) = {
	.help = "drops everything from some point on, for good or for a time",
	.params = params,
	.state_size = sizeof(struct blackhole),
	.any_form = true,
	.sees_all = true,
	.packet = blackhole_packet,
};
