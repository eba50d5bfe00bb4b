/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragment.h - cutting an IP packet into fragments (RFC 791 3.2, RFC 8200 4.5): what the boxes
 * fragment and mtu share.
 */
#ifndef MBTEST_FRAGMENT_H
#define MBTEST_FRAGMENT_H

#include "mbtest/box.h"

enum {
	/* Any IPv4 header and eight bytes: what every hop must be able to forward (RFC 791). */
	FRAGMENT_SIZE_MIN = 68,
};

/*
 * Cut a packet into fragments of at most size bytes, which leave in order, or backwards. All but
 * the last to leave are released; the packet itself becomes that one. IPv4: "don't fragment" is
 * cleared, an identification of 0 becomes a random one, options not to be copied become NOPs.
 * False, and nothing done, when the packet fits or cannot be cut: malformed, IPv6 that is
 * fragmented already, or whose headers leave no room.
 */
bool fragment_cut(struct box *box, struct packet *packet, enum dir dir, uint32_t size,
	bool backwards);

#endif
