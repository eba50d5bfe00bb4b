/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nop.c - overwrites TCP options with NOPs: lengths stay, as cheap firewalls like it.
 */
#include "mbtest/option.h"

struct nop {
	struct option_choice choice;
};

static const struct box_param params[] = {
	OPTION_PARAMS(nop, choice),
	{ 0 },
};

static enum verdict nop_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct nop *self = box_state(box);

	(void)dir;
	return option_remove(&self->choice, packet, REMOVE_NOP) > 0 ? BOX_PASS : box_unchanged(box);
}

BOX_TYPE(nop) = {
	.help = "overwrites every TCP option of a kind with NOPs",
	.params = params,
	.state_size = sizeof(struct nop),
	.packet = nop_packet,
};
