/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ts_strip.c - takes the timestamps (RFC 7323) out of segments. From the SYN on that is harmless;
 * from later on the ends hold on to what they agreed, and may drop what comes without.
 */
#include "mbtest/option.h"

enum how { HOW_GAP, HOW_NOP };

struct ts_strip {
	int how;
};

static const char *const hows[] = { "gap", "nop", NULL };

static const struct box_param params[] = {
	{ "how", PARAM_CHOICE, offsetof(struct ts_strip, how), "gap", 0, 0, hows,
		"close the gap, or overwrite with NOPs" },
	{ 0 },
};

static enum verdict ts_strip_packet(struct box *box, struct packet *packet, enum dir dir)
{
	static const struct option_choice timestamp = { TCPOPT_TIMESTAMP, 0 };
	const struct ts_strip *self = box_state(box);

	(void)dir;
	return option_remove(&timestamp, packet, self->how == HOW_GAP ? REMOVE_GAP : REMOVE_NOP) > 0
		? BOX_PASS
		: box_unchanged(box);
}

BOX_TYPE(ts_strip) = {
	.help = "takes the timestamps out of segments",
	.params = params,
	.state_size = sizeof(struct ts_strip),
	.packet = ts_strip_packet,
};
