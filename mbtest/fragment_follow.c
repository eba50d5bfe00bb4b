/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/fragment_follow.h"

#include <string.h>

enum { WAIT_S = 30 }; /* for the first one: as long as a host puts a packet together */

static const char no_first[] = "a fragment whose first one did not come";

/* Where the fragment header of an IPv6 packet lies; 0: it has none. */
static uint32_t fragment_header(const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);
	uint8_t kind = bytes[6];
	uint32_t at = 40;

	while (kind != EXTENSION_FRAGMENT) {
		uint32_t length = ipv6_extension_len(kind, bytes + at);

		if (length == 0 || at + length >= packet->l4)
			return 0;
		kind = bytes[at];
		at += length;
	}
	return at;
}

bool fragment_key_read(const struct packet *packet, struct fragment_key *key)
{
	const uint8_t *bytes = packet_data(packet);
	uint32_t at;

	if (packet->form == PACKET_MALFORMED || !packet->is_fragment)
		return false;
	*key = (struct fragment_key){ 0 };
	packet_addrs(packet, &key->src, &key->dst);
	if (packet->version == 4) {
		key->id = get_be16(bytes + 4);
		key->protocol = packet->protocol;
		return true;
	}
	at = fragment_header(packet);
	key->id = at != 0 ? get_be32(bytes + at + 4) : 0;
	return at != 0;
}

static bool key_equal(const struct fragment_key *one, const struct fragment_key *other)
{
	return one->id == other->id && one->protocol == other->protocol &&
		addr_equal(&one->src, &other->src) && addr_equal(&one->dst, &other->dst);
}

/* The newest, as identifications come again. */
static const struct addr *becomes(const struct fragments *self, const struct fragment_key *key)
{
	for (unsigned int i = 1; i <= self->count; i++) {
		unsigned int at = (self->next + FRAGMENTED_MAX - i) % FRAGMENTED_MAX;

		if (key_equal(&self->led[at].key, key))
			return &self->led[at].becomes;
	}
	return NULL;
}

/* Out of the row of those kept; the row closes. */
static struct packet *kept_take(struct fragments *self, unsigned int index)
{
	struct packet *packet = self->kept[index].packet;

	self->kept_count--;
	memmove(&self->kept[index], &self->kept[index + 1],
		(self->kept_count - index) * sizeof(self->kept[0]));
	return packet;
}

static void wake_for_oldest(const struct fragments *self, struct box *box)
{
	box_wake_at(box, self->kept_count > 0 ? self->kept[0].due : NSEC_NEVER);
}

void fragments_lead(struct fragments *self, struct box *box, const struct fragment_key *key,
	const struct packet *packet, enum dir dir, enum side side)
{
	unsigned int at = self->next, i = 0;
	struct fragment_key other;
	struct addr addrs[2];

	packet_addrs(packet, &addrs[SIDE_SRC], &addrs[SIDE_DST]);
	self->led[at].key = *key;
	self->led[at].becomes = addrs[side];
	self->next = (at + 1) % FRAGMENTED_MAX;
	if (self->count < FRAGMENTED_MAX)
		self->count++;
	while (i < self->kept_count) {
		struct packet *kept = self->kept[i].packet;

		if (self->kept[i].dir != dir || !fragment_key_read(kept, &other) ||
			!key_equal(&other, key)) {
			i++;
			continue;
		}
		translate_addr(kept, side, &addrs[side]);
		box_emit(box, kept_take(self, i), dir);
	}
	wake_for_oldest(self, box);
}

enum verdict fragments_follow(struct fragments *self, struct box *box, struct packet *packet,
	enum dir dir, enum side side)
{
	const struct addr *addr;
	struct fragment_key key;
	struct addr addrs[2];

	if (!fragment_key_read(packet, &key))
		return box_unchanged(box);
	addr = becomes(self, &key);
	if (addr == NULL) {
		if (self->kept_count == FRAGMENTS_KEPT) {
			enum dir oldest = self->kept[0].dir;

			box_discard(box, kept_take(self, 0), oldest, no_first);
		}
		self->kept[self->kept_count].packet = packet;
		self->kept[self->kept_count].dir = dir;
		self->kept[self->kept_count++].due = box_now(box) + WAIT_S * NSEC_PER_SEC;
		wake_for_oldest(self, box);
		return box_held(box);
	}
	packet_addrs(packet, &addrs[SIDE_SRC], &addrs[SIDE_DST]);
	if (addr_equal(addr, &addrs[side]))
		return box_unchanged(box);
	translate_addr(packet, side, addr);
	return BOX_PASS;
}

static void let_go_until(struct fragments *self, struct box *box, nsec_t now, const char *reason)
{
	while (self->kept_count > 0 && self->kept[0].due <= now) {
		enum dir dir = self->kept[0].dir;

		box_discard(box, kept_take(self, 0), dir, reason);
	}
}

void fragments_expire(struct fragments *self, struct box *box)
{
	let_go_until(self, box, box_now(box), no_first);
	wake_for_oldest(self, box);
}

void fragments_discard(struct fragments *self, struct box *box)
{
	let_go_until(self, box, NSEC_NEVER, "the run ended");
}
