/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/forge.h"

struct packet *forge_packet(struct box *box, const struct packet *like, bool back,
	const struct forged *forged)
{
	struct packet *packet = box_spare(box, PACKET_SMALL);
	struct tcp_header header = { .seq = forged->seq,
		.ack = forged->ack,
		.flags = forged->flags,
		.window = forged->window };

	if (back)
		packet_socknames(like, &header.dst, &header.src);
	else
		packet_socknames(like, &header.src, &header.dst);
	packet_init_tcp(packet, &header);
	return packet;
}

void forge_emit(struct box *box, struct packet *packet, enum dir dir)
{
	packet_finish(packet);
	box_emit(box, packet, dir);
}

void forge_refusal(struct box *box, const struct packet *packet, enum dir dir)
{
	struct forged reset = { .flags = TCP_RST };

	if ((tcp_flags(packet) & TCP_RST) != 0)
		return;
	if ((tcp_flags(packet) & TCP_ACK) != 0) {
		reset.seq = tcp_ack(packet);
	} else {
		reset.flags |= TCP_ACK;
		reset.ack = tcp_seq(packet) + tcp_seq_len(packet);
	}
	forge_emit(box, forge_packet(box, packet, true, &reset), dir_opposite(dir));
}
