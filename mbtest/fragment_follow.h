/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fragment_follow.h - the later fragments of a packet have no ports: a translator gives them the
 * address that the first one got, and keeps those that come before it (RFC 4787 REQ-14).
 */
#ifndef MBTEST_FRAGMENT_FOLLOW_H
#define MBTEST_FRAGMENT_FOLLOW_H

#include "mbtest/box.h"
#include "mbtest/translate.h"

enum { FRAGMENTED_MAX = 64, FRAGMENTS_KEPT = 64 };

/* What the fragments of one packet have in common (RFC 791 3.2, RFC 8200 4.5). */
struct fragment_key {
	struct addr src, dst;
	uint32_t id;
	uint8_t protocol; /* 0 in IPv6, where it is no part of it */
};

struct fragments {
	struct {
		struct fragment_key key;
		struct addr becomes;
	} led[FRAGMENTED_MAX]; /* packets whose first fragment was seen, the newest at next - 1 */
	unsigned int count, next;
	struct {
		struct packet *packet;
		enum dir dir;
		nsec_t due;
	} kept[FRAGMENTS_KEPT]; /* oldest first */
	unsigned int kept_count;
};

/* False when it is no fragment. */
bool fragment_key_read(const struct packet *packet, struct fragment_key *key);

/*
 * The first fragment, which had this key, goes on as the packet is now: those that were kept are
 * given its address on that side, and sent.
 */
void fragments_lead(struct fragments *self, struct box *box, const struct fragment_key *key,
	const struct packet *packet, enum dir dir, enum side side);

/* A later fragment: given the address of the first, or kept until that comes. */
enum verdict fragments_follow(struct fragments *self, struct box *box, struct packet *packet,
	enum dir dir, enum side side);

/* Let go what has waited too long; what is left at the end. */
void fragments_expire(struct fragments *self, struct box *box);
void fragments_discard(struct fragments *self, struct box *box);

#endif
