/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eol.c - overwrites a TCP option with EOLs, so that what stands behind it is not read either
 * (blog.multipath-tcp.org 2015/01/30).
 */
#include "mbtest/option.h"

struct eol {
	struct option_choice choice;
};

static const struct box_param params[] = {
	OPTION_PARAMS(eol, choice),
	{ 0 },
};

static enum verdict eol_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct eol *self = box_state(box);

	(void)dir;
	return option_remove(&self->choice, packet, REMOVE_EOL) > 0 ? BOX_PASS : box_unchanged(box);
}

BOX_TYPE(eol) = {
	.help = "overwrites the first TCP option of a kind with EOLs, which hides all behind it",
	.params = params,
	.state_size = sizeof(struct eol),
	.packet = eol_packet,
};
