/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strip.c - removes TCP options, header and packet getting shorter.
 */
#include "mbtest/option.h"

struct strip {
	struct option_choice choice;
};

static const struct box_param params[] = {
	OPTION_PARAMS(strip, choice),
	{ 0 },
};

static enum verdict strip_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct strip *self = box_state(box);

	(void)dir;
	return option_remove(&self->choice, packet, REMOVE_GAP) > 0 ? BOX_PASS : box_unchanged(box);
}

BOX_TYPE(strip) = {
	.help = "removes every TCP option of a kind and closes the gap",
	.params = params,
	.state_size = sizeof(struct strip),
	.packet = strip_packet,
};
