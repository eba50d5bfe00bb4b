/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flip.c - flips bits of one payload byte of segments, and makes the TCP checksum right: damage
 * that only the checksum of MPTCP can find. A retransmission of the byte is flipped again.
 */
#include "mbtest/splice.h"
#include "probe/base/seq.h"

struct flip {
	int64_t offset, mask;
	struct flow_table flows;
};

static const struct box_param params[] = {
	{ "offset", PARAM_INT, offsetof(struct flip, offset), "0", 0, 65535, NULL,
		"which byte of the segment's payload, 0 first" },
	{ "mask", PARAM_INT, offsetof(struct flip, mask), "255", 1, 255, NULL,
		"the bits flipped in it" },
	{ 0 },
};

static bool flip_init(struct box *box, struct err *err)
{
	(void)err;
	splice_table_init(&((struct flip *)box_state(box))->flows);
	return true;
}

static void flip_fini(struct box *box)
{
	flow_table_fini(&((struct flip *)box_state(box))->flows);
}

static enum verdict flip_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct flip *self = box_state(box);
	struct spliced *spliced = splice_track(&self->flows, packet, dir);
	struct splice *splice = &spliced->dirs[dir];
	uint32_t at = (uint32_t)self->offset;
	uint64_t place = splice_offset(splice, packet) + at;
	const uint8_t *old;
	uint8_t flipped;

	if (box_matched(box) && at < packet_payload_len(packet) &&
		(tcp_flags(packet) & TCP_SYN) == 0 && !dsn_before(place, splice->top)) {
		old = packet_payload(packet) + at;
		flipped = (uint8_t)(*old ^ self->mask);
		splice_add(box, splice, dir, place, old, 1, &flipped, 1);
	}
	return splice_apply(box, spliced, packet, dir);
}

BOX_TYPE(flip) = {
	.help = "flips bits of a payload byte, with the TCP checksum made right again",
	.params = params,
	.state_size = sizeof(struct flip),
	.alters_payload = true,
	.sees_all = true,
	.init = flip_init,
	.packet = flip_packet,
	.fini = flip_fini,
};
