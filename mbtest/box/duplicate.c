/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * duplicate.c - sends packets more than once, the copies right behind the original.
 */
#include "mbtest/box.h"

struct duplicate {
	int64_t copies;
};

static const char *const counts[] = { "1", "2", "3", NULL };

static const struct box_param params[] = {
	{ "copies", PARAM_INT, offsetof(struct duplicate, copies), "1", 1, 100, counts,
		"how many more" },
	{ 0 },
};

static enum verdict duplicate_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct duplicate *self = box_state(box);
	int64_t i;

	for (i = 0; i < self->copies; i++)
		box_release(box, box_clone(box, packet), dir);
	return BOX_PASS;
}

BOX_TYPE(duplicate) = {
	.help = "sends packets more than once",
	.params = params,
	.state_size = sizeof(struct duplicate),
	.any_form = true,
	.packet = duplicate_packet,
};
