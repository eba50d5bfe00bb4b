/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coalesce.c - makes one segment of several that follow each other without a gap, as receive
 * offload and normalisers do. Acknowledgement number, window and PSH are those of the last.
 *
 * A segment is kept for a while; whatever does not continue it lets it go first, so that the order
 * of packets stays. What becomes of the chosen option (MPTCP) is the parameter options; the other
 * options are those of the first.
 */
#include "mbtest/option.h"

#include <string.h>

enum options { OPTIONS_FIRST, OPTIONS_LAST, OPTIONS_NONE, OPTIONS_BOTH, OPTIONS_SAME };

enum { HELD_MAX = 64 };

/* One direction of a connection. */
struct held {
	struct packet *packet;
	enum dir dir;
	nsec_t due;
	int64_t count;
};

struct coalesce {
	int64_t size, count;
	nsec_t hold;
	struct option_choice choice;
	int options;
	struct held held[HELD_MAX];
	unsigned int held_count;
};

static const char *const options_names[] = { "first", "last", "none", "both", "same", NULL };

static const struct box_param params[] = {
	{ "size", PARAM_INT, offsetof(struct coalesce, size), "3000", 1, 65535, NULL,
		"bytes of the resulting packet at most" },
	{ "count", PARAM_INT, offsetof(struct coalesce, count), "0", 0, 1000, NULL,
		"segments made one at most; 0: any number" },
	{ "hold", PARAM_TIME, offsetof(struct coalesce, hold), "2ms", 0, 10 * (int64_t)NSEC_PER_SEC,
		NULL, "how long a segment waits for the next" },
	{ "options", PARAM_CHOICE, offsetof(struct coalesce, options), "first", 0, 0, options_names,
		"whose options of this kind the result has; both: only if they fit;"
		" same: only segments with the same ones are made one" },
	OPTION_PARAMS(coalesce, choice),
	{ 0 },
};

/* All options that are chosen, one behind the other. */
struct chosen {
	uint32_t length;
	uint8_t bytes[TCPOPT_SPACE];
};

static void chosen_collect(const struct option_choice *choice, const struct packet *packet,
	struct chosen *chosen)
{
	struct tcpopt opt = { 0 };

	chosen->length = 0;
	while (tcpopt_next(packet, &opt)) {
		if (!option_chosen(choice, packet, &opt))
			continue;
		memcpy(chosen->bytes + chosen->length, tcpopt_bytes(packet, &opt), opt.length);
		chosen->length += opt.length;
	}
}

/* Whether the result's options fit, as does all of it; how many bytes its header may grow. */
static bool options_fit(const struct coalesce *self, const struct packet *into,
	const struct packet *packet, uint32_t *growth)
{
	struct chosen ours, theirs;

	chosen_collect(&self->choice, into, &ours);
	chosen_collect(&self->choice, packet, &theirs);
	*growth = 0;
	switch ((enum options)self->options) {
	case OPTIONS_FIRST:
	case OPTIONS_NONE:
		return true;
	case OPTIONS_SAME:
		return ours.length == theirs.length &&
			memcmp(ours.bytes, theirs.bytes, ours.length) == 0;
	case OPTIONS_LAST:
		*growth = theirs.length > 0 ? theirs.length + 3 : 0;
		return theirs.length == 0 ||
			(!tcpopt_malformed(into) &&
				theirs.length <= tcpopt_room(into) + ours.length);
	case OPTIONS_BOTH:
		*growth = theirs.length > 0 ? theirs.length + 3 : 0;
		return theirs.length <= tcpopt_room(into);
	}
	return false;
}

static void merge_options(const struct coalesce *self, struct packet *into,
	const struct packet *packet)
{
	struct chosen theirs;

	chosen_collect(&self->choice, packet, &theirs);
	if (self->options == OPTIONS_NONE || self->options == OPTIONS_LAST)
		option_remove(&self->choice, into, REMOVE_GAP);
	if ((self->options == OPTIONS_LAST || self->options == OPTIONS_BOTH) && theirs.length > 0)
		tcpopt_append(into, theirs.bytes, theirs.length);
}

static bool same_flow(const struct packet *a, const struct packet *b)
{
	const uint8_t *x = packet_data(a), *y = packet_data(b);
	bool same_addrs =
		a->version == 4 ? memcmp(x + 12, y + 12, 8) == 0 : memcmp(x + 8, y + 8, 32) == 0;

	return a->version == b->version && same_addrs && memcmp(packet_l4(a), packet_l4(b), 4) == 0;
}

static struct held *held_find(struct coalesce *self, const struct packet *packet, enum dir dir)
{
	unsigned int i;

	for (i = 0; i < self->held_count; i++) {
		if (self->held[i].dir == dir && same_flow(self->held[i].packet, packet))
			return &self->held[i];
	}
	return NULL;
}

static void set_wake(struct box *box)
{
	struct coalesce *self = box_state(box);
	nsec_t at = NSEC_NEVER;
	unsigned int i;

	for (i = 0; i < self->held_count; i++)
		at = nsec_min(at, self->held[i].due);
	box_wake_at(box, at);
}

/* Let a segment go, merged or not; the places behind it move up, so that order is kept. */
static void held_release(struct box *box, struct held *held)
{
	struct coalesce *self = box_state(box);
	struct held gone = *held;

	self->held_count--;
	memmove(held, held + 1, (size_t)(&self->held[self->held_count] - held) * sizeof(*held));
	box_release(box, gone.packet, gone.dir);
}

static bool can_merge(const struct packet *packet)
{
	return packet_payload_len(packet) > 0 &&
		(tcp_flags(packet) & (TCP_SYN | TCP_FIN | TCP_RST | TCP_URG | TCP_ACK)) == TCP_ACK;
}

/* Move the held segment into a packet with room for the whole result. */
static void make_room(struct box *box, struct held *held)
{
	struct coalesce *self = box_state(box);
	struct packet *large = box_spare(box, (uint32_t)self->size + 2 * PACKET_HEADROOM);

	packet_set(large, packet_data(held->packet), held->packet->end);
	box_discard(box, held->packet, held->dir, "coalesced");
	held->packet = large;
}

static bool merge(struct box *box, struct held *held, const struct packet *packet)
{
	struct coalesce *self = box_state(box);
	uint32_t length = packet_payload_len(packet), growth;
	struct packet *into = held->packet;

	if (tcp_seq(packet) != tcp_seq(into) + packet_payload_len(into) ||
		!options_fit(self, into, packet, &growth) ||
		into->end + length + growth > (uint32_t)self->size)
		return false;
	if (held->count == 1)
		make_room(box, held);
	into = held->packet;
	merge_options(self, into, packet);
	memcpy(packet_append_payload(into, length), packet_payload(packet), length);
	packet_write32(into, into->l4 + 8, tcp_ack(packet));
	packet_write16(into, into->l4 + 14, tcp_window(packet));
	packet_write16(into, into->l4 + 12,
		(uint16_t)(get_be16(packet_l4(into) + 12) | (tcp_flags(packet) & TCP_PSH)));
	held->count++;
	return true;
}

static enum verdict coalesce_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct coalesce *self = box_state(box);
	struct held *held = held_find(self, packet, dir);
	bool meant = box_matched(box) && can_merge(packet);

	if (held != NULL && meant && merge(box, held, packet)) {
		if (held->count == self->count)
			held_release(box, held);
		set_wake(box);
		return box_reason(box, "coalesced");
	}
	if (held != NULL)
		held_release(box, held);
	if (!meant || self->held_count == HELD_MAX || self->count == 1 ||
		packet->end >= (uint32_t)self->size) {
		set_wake(box);
		return box_unchanged(box);
	}
	self->held[self->held_count++] = (struct held){ packet, dir, box_now(box) + self->hold, 1 };
	set_wake(box);
	return box_held(box);
}

static void coalesce_wake(struct box *box)
{
	struct coalesce *self = box_state(box);
	unsigned int i = 0;

	while (i < self->held_count) {
		if (self->held[i].due <= box_now(box))
			held_release(box, &self->held[i]);
		else
			i++;
	}
	set_wake(box);
}

static void coalesce_fini(struct box *box)
{
	struct coalesce *self = box_state(box);

	while (self->held_count > 0) {
		self->held_count--;
		box_discard(box, self->held[self->held_count].packet,
			self->held[self->held_count].dir, "the run ended");
	}
}

BOX_TYPE(coalesce) = {
	.help = "makes one segment of data segments that follow each other",
	.params = params,
	.state_size = sizeof(struct coalesce),
	.sees_all = true,
	.packet = coalesce_packet,
	.wake = coalesce_wake,
	.fini = coalesce_fini,
};
