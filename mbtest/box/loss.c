/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loss.c - loses the packets that are meant; how many is the parameter chance, which ones from,
 * until and every.
 */
#include "mbtest/box.h"

static enum verdict loss_packet(struct box *box, struct packet *packet, enum dir dir)
{
	(void)packet;
	(void)dir;
	return box_reason(box, "lost");
}

BOX_TYPE(loss) = {
	.help = "loses packets",
	.any_form = true,
	.packet = loss_packet,
};
