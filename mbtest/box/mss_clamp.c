/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mss_clamp.c - lowers the MSS that SYNs announce, as access routers in front of a tunnel do. A SYN
 * without the option means 536 bytes, 1220 in IPv6 (RFC 9293 3.7.1); some put one in.
 */
#include "mbtest/box.h"
#include "probe/wire/tcpopt.h"

enum { MSS_LENGTH = 4 };

struct mss_clamp {
	int64_t value;
	bool raise, add;
};

static const struct box_param params[] = {
	{ "value", PARAM_INT, offsetof(struct mss_clamp, value), "1360", 1, 65535, NULL,
		"the largest MSS that may pass" },
	{ "raise", PARAM_BOOL, offsetof(struct mss_clamp, raise), "false", 0, 0, NULL,
		"a smaller one becomes this one too" },
	{ "add", PARAM_BOOL, offsetof(struct mss_clamp, add), "false", 0, 0, NULL,
		"put the option in where it is missing: this value, at most 536 (IPv6: 1220)" },
	{ 0 },
};

static enum verdict mss_add(const struct mss_clamp *self, struct box *box, struct packet *packet)
{
	uint8_t option[MSS_LENGTH] = { TCPOPT_MSS, MSS_LENGTH };
	int64_t usual = packet->version == 4 ? 536 : 1220;

	put_be16(option + 2, (uint16_t)(self->value < usual ? self->value : usual));
	return tcpopt_append(packet, option, sizeof(option)) ? BOX_PASS : box_unchanged(box);
}

static enum verdict mss_clamp_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct mss_clamp *self = box_state(box);
	struct tcpopt opt;
	uint16_t mss;

	(void)dir;
	if ((tcp_flags(packet) & (TCP_SYN | TCP_RST)) != TCP_SYN)
		return box_unchanged(box);
	if (!tcpopt_find(packet, TCPOPT_MSS, &opt))
		return self->add ? mss_add(self, box, packet) : box_unchanged(box);
	if (opt.length != MSS_LENGTH)
		return box_unchanged(box);
	mss = get_be16(tcpopt_bytes(packet, &opt) + 2);
	if (mss == self->value || (mss < self->value && !self->raise))
		return box_unchanged(box);
	packet_write16(packet, opt.offset + 2, (uint16_t)self->value);
	return BOX_PASS;
}

BOX_TYPE(mss_clamp) = {
	.help = "lowers the MSS that SYNs and SYN/ACKs announce",
	.params = params,
	.state_size = sizeof(struct mss_clamp),
	.packet = mss_clamp_packet,
};
