/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forge.h - TCP packets that a box sends by itself, in the name of one end of a connection to the
 * other: resets and acknowledgements.
 */
#ifndef MBTEST_FORGE_H
#define MBTEST_FORGE_H

#include "mbtest/box.h"

struct forged {
	uint32_t seq, ack;
	uint16_t flags, window;
};

/*
 * A packet with the addresses and ports of another, or with them the other way round (back); not
 * yet finished, so that options can be added. The caller's until emitted.
 */
struct packet *forge_packet(struct box *box, const struct packet *like, bool back,
	const struct forged *forged);

/* Finish it, whatever the parameter checksum says, and send it (taken). */
void forge_emit(struct box *box, struct packet *packet, enum dir dir);

/*
 * What TCP answers to a segment of no connection (RFC 9293 3.10.7.1): a reset, sent to where the
 * segment came from. Nothing for a reset.
 */
void forge_refusal(struct box *box, const struct packet *packet, enum dir dir);

#endif
