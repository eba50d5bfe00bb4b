/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reorder.c - keeps a packet back until others of its direction have passed it.
 */
#include "mbtest/box.h"

enum { KEPT_MAX = 64 };

struct kept {
	struct packet *packet;
	enum dir dir;
	int64_t left; /* packets that must still pass */
	nsec_t due;
};

struct reorder {
	int64_t after;
	nsec_t time;
	struct kept kept[KEPT_MAX];
	unsigned int count;
};

static const struct box_param params[] = {
	{ "after", PARAM_INT, offsetof(struct reorder, after), "1", 1, 1000, NULL,
		"how many packets pass it" },
	{ "time", PARAM_TIME, offsetof(struct reorder, time), "50ms", 0,
		3600 * (int64_t)NSEC_PER_SEC, NULL,
		"it goes after this time even if they do not come" },
	{ 0 },
};

/* Send on those whose wait is over, oldest first, and ask to be woken for the next. */
static void release_due(struct box *box)
{
	struct reorder *self = box_state(box);
	nsec_t next = NSEC_NEVER;
	unsigned int i, stay = 0;

	for (i = 0; i < self->count; i++) {
		struct kept kept = self->kept[i];

		if (kept.left == 0 || kept.due <= box_now(box)) {
			box_release(box, kept.packet, kept.dir);
			continue;
		}
		self->kept[stay++] = kept;
		next = nsec_min(next, kept.due);
	}
	self->count = stay;
	box_wake_at(box, next);
}

static enum verdict reorder_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct reorder *self = box_state(box);
	unsigned int i;

	if (box_matched(box) && self->count < KEPT_MAX) {
		self->kept[self->count++] =
			(struct kept){ packet, dir, self->after, box_now(box) + self->time };
		release_due(box);
		return BOX_TAKEN;
	}
	if (self->count == 0)
		return box_unchanged(box);
	for (i = 0; i < self->count; i++) {
		if (self->kept[i].dir == dir && self->kept[i].left > 0)
			self->kept[i].left--;
	}
	/* It goes first. */
	box_release(box, packet, dir);
	release_due(box);
	return box_held(box);
}

static void reorder_fini(struct box *box)
{
	struct reorder *self = box_state(box);

	while (self->count > 0) {
		self->count--;
		box_discard(box, self->kept[self->count].packet, self->kept[self->count].dir,
			"the run ended");
	}
}

BOX_TYPE(reorder) = {
	.help = "keeps packets back until others have passed them",
	.params = params,
	.state_size = sizeof(struct reorder),
	.any_form = true,
	.sees_all = true,
	.packet = reorder_packet,
	.wake = release_due,
	.fini = reorder_fini,
};
