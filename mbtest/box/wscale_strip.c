/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wscale_strip.c - takes the window scale out of SYNs, or makes it zero and leaves the option, as
 * routers were found to do: then one side scales and the other does not (lwn.net/Articles/92727).
 */
#include "mbtest/option.h"

enum how { HOW_GAP, HOW_NOP, HOW_ZERO };

struct wscale_strip {
	int how;
};

static const char *const hows[] = { "gap", "nop", "zero", NULL };

static const struct box_param params[] = {
	{ "how", PARAM_CHOICE, offsetof(struct wscale_strip, how), "gap", 0, 0, hows,
		"close the gap, overwrite with NOPs, or leave the option with a shift of 0" },
	{ 0 },
};

static enum verdict wscale_zero(struct box *box, struct packet *packet)
{
	static const uint8_t none;
	struct tcpopt opt;

	if (!tcpopt_find(packet, TCPOPT_WSCALE, &opt) || opt.length != 3 ||
		tcpopt_bytes(packet, &opt)[2] == 0)
		return box_unchanged(box);
	packet_write(packet, opt.offset + 2, &none, 1);
	return BOX_PASS;
}

static enum verdict wscale_strip_packet(struct box *box, struct packet *packet, enum dir dir)
{
	static const struct option_choice wscale = { TCPOPT_WSCALE, 0 };
	const struct wscale_strip *self = box_state(box);

	(void)dir;
	if ((tcp_flags(packet) & (TCP_SYN | TCP_RST)) != TCP_SYN)
		return box_unchanged(box);
	if (self->how == HOW_ZERO)
		return wscale_zero(box, packet);
	return option_remove(&wscale, packet, self->how == HOW_GAP ? REMOVE_GAP : REMOVE_NOP) > 0
		? BOX_PASS
		: box_unchanged(box);
}

BOX_TYPE(wscale_strip) = {
	.help = "takes the window scale out of SYNs and SYN/ACKs",
	.params = params,
	.state_size = sizeof(struct wscale_strip),
	.packet = wscale_strip_packet,
};
