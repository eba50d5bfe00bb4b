/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_check.c - whether a box can be made: one is, in no network, and thrown away.
 */
#include "mbtest/box.h"

static void check_emit(void *self, struct packet *packet, enum dir dir)
{
	(void)self;
	(void)dir;
	packet_free(packet);
}

static void check_drop(void *self, struct packet *packet, enum dir dir, const char *reason)
{
	(void)reason;
	check_emit(self, packet, dir);
}

static struct packet *check_spare(void *self, uint32_t capacity)
{
	(void)self;
	return packet_new(capacity);
}

static void check_wake(void *self, nsec_t at)
{
	(void)self;
	(void)at;
}

bool box_check(const char *name, const struct box_type *type, const struct box_arg *args,
	size_t arg_count, struct err *err)
{
	static const struct box_host host = { .emit = check_emit,
		.drop = check_drop,
		.spare = check_spare,
		.wake_at = check_wake };
	struct rng rng;
	struct box *box;

	rng_init(&rng, 0);
	box = box_new(name, type, args, arg_count, &host, &rng, 0, err);
	box_free(box);
	return box != NULL;
}
