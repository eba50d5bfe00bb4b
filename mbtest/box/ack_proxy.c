/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ack_proxy.c - a performance-enhancing proxy (RFC 3135 3.1): it acknowledges data in the
 * receiver's name as soon as it sees them, keeps them, and repeats them by itself until the
 * receiver has acknowledged them. Sequence numbers stay; what is out of order it leaves to the
 * ends. The window that it offers ends where the receiver's does.
 *
 * Its own acknowledgements and repetitions carry no option but those that it knows.
 */
#include "mbtest/flow.h"
#include "mbtest/forge.h"
#include "mbtest/option.h"
#include "mbtest/packet_queue.h"

#include "probe/base/seq.h"

#include <string.h>

enum {
	KEPT_MAX = 512,  /* segments of one direction of one connection */
	KEPT_ALL = 8192, /* segments in all */
	SHIFT_MAX = 14,  /* RFC 7323 2.3 */
	DUPLICATES = 3,  /* duplicate ACKs that say that a segment was lost (RFC 5681 3.2) */
};

enum acks { ACKS_TRANSLATE, ACKS_SWALLOW };

struct ack_proxy {
	int64_t buffer, tries;
	nsec_t timeout;
	struct param_text known_text;
	struct option_set known;
	int acks;
	struct flow_table flows;
	unsigned int kept_count;
	nsec_t wake_at;
};

/* Data that go one way. The receiver's own sequence numbers are those of the other lane. */
struct lane {
	bool is_known, has_timestamp;
	bool scales;        /* the sender of these data has the window scale option, and ... */
	uint8_t shift;      /* ... scales its own windows by this, if the other has it too */
	uint32_t first;     /* number of its SYN */
	uint32_t top;       /* end of what has come */
	uint32_t seen;      /* end of what has come without a hole */
	uint32_t kept_end;  /* end of what is kept; valid when something is */
	uint32_t next;      /* the sender was told that all before it has arrived */
	uint32_t acked;     /* the receiver has said so of all before it */
	uint32_t edge;      /* end of the window that the receiver offers */
	uint32_t timestamp; /* the sender's latest */
	struct packet_queue kept;
	unsigned int kept_count, duplicates;
	int64_t kept_bytes, tries;
	nsec_t due; /* when the first of them is repeated */
};

struct proxied {
	struct box *box;
	struct lane lanes[DIRS];
};

static const char *const acks_names[] = { "translate", "swallow", NULL };

static const struct box_param params[] = {
	{ "buffer", PARAM_INT, offsetof(struct ack_proxy, buffer), "65536", 1, 1 << 20, NULL,
		"bytes that it keeps of one direction; what is more is not acknowledged by it" },
	{ "timeout", PARAM_TIME, offsetof(struct ack_proxy, timeout), "200ms", NSEC_PER_MS,
		60 * (int64_t)NSEC_PER_SEC, NULL,
		"it repeats what the receiver has not acknowledged in this time, then twice it" },
	{ "tries", PARAM_INT, offsetof(struct ack_proxy, tries), "8", 1, 30, NULL,
		"repetitions of one segment; then both ends get a reset" },
	{ "knows", PARAM_TEXT, offsetof(struct ack_proxy, known_text), "2,3,4,5,8", 0, 0,
		option_set_examples,
		"kinds of options that are left in what it repeats; with 8 its acknowledgements "
		"have timestamps" },
	{ "acks", PARAM_CHOICE, offsetof(struct ack_proxy, acks), "translate", 0, 0, acks_names,
		"the receiver's own acknowledgements of such data pass, with the sender's number "
		"in them, or are dropped" },
	{ 0 },
};

/* ---- keeping ---- */

static void lane_release(struct box *box, struct lane *lane, enum dir dir, const char *reason)
{
	struct ack_proxy *self = box_state(box);
	struct packet *packet = packet_queue_pop(&lane->kept);

	lane->kept_count--;
	lane->kept_bytes -= packet_payload_len(packet);
	self->kept_count--;
	box_discard(box, packet, dir, reason);
}

static void lane_clear(struct box *box, struct lane *lane, enum dir dir, const char *reason)
{
	while (lane->kept.first != NULL)
		lane_release(box, lane, dir, reason);
	memset(lane, 0, sizeof(*lane));
	lane->due = NSEC_NEVER;
}

static void proxied_clear(struct box *box, struct proxied *proxied, const char *reason)
{
	lane_clear(box, &proxied->lanes[TO_SERVER], TO_SERVER, reason);
	lane_clear(box, &proxied->lanes[TO_CLIENT], TO_CLIENT, reason);
}

static void proxied_fini(void *record)
{
	struct proxied *proxied = record;

	proxied_clear(proxied->box, proxied, "the proxy forgets it");
}

static bool ack_proxy_init(struct box *box, struct err *err)
{
	struct ack_proxy *self = box_state(box);

	flow_table_init(&self->flows, sizeof(struct proxied));
	self->flows.record_fini = proxied_fini;
	self->wake_at = NSEC_NEVER;
	return option_set_read(&self->known, box, "knows", &self->known_text, err);
}

static void ack_proxy_fini(struct box *box)
{
	flow_table_fini(&((struct ack_proxy *)box_state(box))->flows);
}

/* Be woken by then; timers that move on are found out when they come. */
static void wake_by(struct box *box, nsec_t at)
{
	struct ack_proxy *self = box_state(box);

	if (at >= self->wake_at)
		return;
	self->wake_at = at;
	box_wake_at(box, at);
}

static void lane_keep(struct box *box, struct lane *lane, const struct packet *packet)
{
	struct ack_proxy *self = box_state(box);

	packet_queue_push(&lane->kept, box_clone(box, packet));
	lane->kept_end = tcp_seq(packet) + packet_payload_len(packet);
	lane->kept_count++;
	lane->kept_bytes += packet_payload_len(packet);
	self->kept_count++;
	if (lane->due != NSEC_NEVER)
		return;
	lane->due = box_now(box) + self->timeout;
	wake_by(box, lane->due);
}

static bool lane_has_room(const struct ack_proxy *self, const struct lane *lane, uint32_t length)
{
	return lane->kept_bytes + length <= self->buffer && lane->kept_count < KEPT_MAX &&
		self->kept_count < KEPT_ALL;
}

/* ---- its own packets ---- */

/* What the receiver of a lane's data scales windows by; back is the lane of its own data. */
static unsigned int shift_of(const struct lane *lane, const struct lane *back)
{
	return lane->scales && back->scales ? back->shift : 0;
}

/* The window from next to the receiver's edge, as its header has it. */
static uint16_t window_left(const struct lane *lane, const struct lane *back)
{
	uint32_t left = seq_after(lane->edge, lane->next) ? lane->edge - lane->next : 0;

	left >>= shift_of(lane, back);
	return (uint16_t)(left < UINT16_MAX ? left : UINT16_MAX);
}

/* Acknowledge in the receiver's name all that comes before next; dir is that of the data. */
static void acknowledge(struct box *box, struct proxied *proxied, const struct packet *like,
	bool back, enum dir dir)
{
	const struct ack_proxy *self = box_state(box);
	const struct lane *lane = &proxied->lanes[dir];
	const struct lane *other = &proxied->lanes[dir_opposite(dir)];
	struct forged forged = { .seq = other->top,
		.ack = lane->next,
		.flags = TCP_ACK,
		.window = window_left(lane, other) };
	struct packet *packet = forge_packet(box, like, back, &forged);
	uint8_t option[12] = { TCPOPT_NOP, TCPOPT_NOP, TCPOPT_TIMESTAMP, 10 };

	if (option_set_has(&self->known, TCPOPT_TIMESTAMP) && lane->has_timestamp &&
		other->has_timestamp) {
		put_be32(option + 4, other->timestamp);
		put_be32(option + 8, lane->timestamp);
		tcpopt_append(packet, option, sizeof(option));
	}
	forge_emit(box, packet, dir_opposite(dir));
}

/*
 * The first segment kept, once more, as its sender would send it now: with the acknowledgement and
 * the time of long ago the receiver would not take it (RFC 5961 5.2, RFC 7323 5.3).
 */
static void repeat(struct box *box, const struct proxied *proxied, enum dir dir)
{
	const struct ack_proxy *self = box_state(box);
	const struct lane *lane = &proxied->lanes[dir];
	const struct lane *other = &proxied->lanes[dir_opposite(dir)];
	struct packet *packet = box_clone(box, lane->kept.first);
	struct tcpopt timestamp;

	option_keep(&self->known, packet);
	if (other->is_known && seq_after(other->next, tcp_ack(packet))) {
		packet_write32(packet, packet->l4 + 8, other->next);
		packet_write16(packet, packet->l4 + 14, window_left(other, lane));
	}
	if (tcpopt_find(packet, TCPOPT_TIMESTAMP, &timestamp) && timestamp.length == 10) {
		packet_write32(packet, timestamp.offset + 2, lane->timestamp);
		packet_write32(packet, timestamp.offset + 6, other->timestamp);
	}
	box_emit(box, packet, dir);
}

/* What was acknowledged cannot be delivered. */
static void give_up(struct box *box, struct proxied *proxied, enum dir dir)
{
	const struct lane *lane = &proxied->lanes[dir];
	const struct lane *other = &proxied->lanes[dir_opposite(dir)];
	const struct packet *like = lane->kept.first;
	struct forged to_receiver = { lane->acked, other->top, TCP_RST | TCP_ACK, 0 };
	struct forged to_sender = { other->top, lane->next, TCP_RST | TCP_ACK, 0 };

	forge_emit(box, forge_packet(box, like, false, &to_receiver), dir);
	forge_emit(box, forge_packet(box, like, true, &to_sender), dir_opposite(dir));
	proxied_clear(box, proxied, "the proxy gave up");
}

/* ---- packets ---- */

static void note_syn(struct box *box, const struct packet *packet, enum dir dir)
{
	struct ack_proxy *self = box_state(box);
	struct proxied *proxied = flow_find(&self->flows, packet, dir);
	uint8_t shift = 0;
	struct lane *lane;

	if (proxied == NULL) {
		proxied = flow_add(&self->flows, packet, dir);
		proxied->box = box;
		proxied_clear(box, proxied, "");
	}
	lane = &proxied->lanes[dir];
	if (lane->is_known && lane->first == tcp_seq(packet))
		return;
	if ((tcp_flags(packet) & TCP_ACK) == 0)
		proxied_clear(box, proxied, "a new connection");
	lane_clear(box, lane, dir, "a new connection");
	lane->is_known = true;
	lane->first = tcp_seq(packet);
	lane->top = lane->seen = lane->next = lane->acked = lane->edge = lane->first + 1;
	lane->scales = tcpopt_wscale(packet, &shift);
	lane->shift = shift > SHIFT_MAX ? SHIFT_MAX : shift;
}

/*
 * What is kept may be acknowledged when the receiver has what comes before it: at once, but where
 * the proxy began in mid-stream. Whether there is more to acknowledge now.
 */
static bool lane_advance(struct lane *lane)
{
	if (lane->kept.first == NULL || seq_after(tcp_seq(lane->kept.first), lane->next) ||
		!seq_after(lane->kept_end, lane->next))
		return false;
	lane->next = lane->kept_end;
	return true;
}

/* The receiver of a lane's data says how far it has come; whether that is a duplicate. */
static bool note_ack(struct box *box, struct proxied *proxied, const struct packet *packet,
	enum dir dir)
{
	const struct ack_proxy *self = box_state(box);
	struct lane *lane = &proxied->lanes[dir];
	const struct lane *back = &proxied->lanes[dir_opposite(dir)];
	uint32_t ack = tcp_ack(packet), edge;
	bool is_syn = (tcp_flags(packet) & TCP_SYN) != 0, has_moved;

	edge = ack + ((uint32_t)tcp_window(packet) << (is_syn ? 0 : shift_of(lane, back)));
	has_moved = seq_after(edge, lane->edge);
	if (has_moved)
		lane->edge = edge;
	if (seq_after(ack, lane->acked)) {
		lane->acked = ack;
		lane->next = seq_max(lane->next, ack);
		lane_advance(lane);
		lane->tries = lane->duplicates = 0;
		while (lane->kept.first != NULL &&
			!seq_after(tcp_seq(lane->kept.first) + packet_payload_len(lane->kept.first),
				ack))
			lane_release(box, lane, dir, "acknowledged by the receiver");
		lane->due = lane->kept.first == NULL ? NSEC_NEVER : box_now(box) + self->timeout;
		return false;
	}
	if (ack != lane->acked || has_moved || packet_payload_len(packet) > 0 ||
		(tcp_flags(packet) & (TCP_SYN | TCP_FIN)) != 0 || lane->kept.first == NULL)
		return false;
	if (++lane->duplicates == DUPLICATES)
		repeat(box, proxied, dir);
	return true;
}

/* An acknowledgement becomes that of the proxy; whether it was changed. */
static bool translate_ack(const struct lane *lane, const struct lane *back, struct packet *packet)
{
	static const struct option_choice sack = { TCPOPT_SACK, 0 };

	if (!seq_before(tcp_ack(packet), lane->next))
		return false;
	packet_write32(packet, packet->l4 + 8, lane->next);
	packet_write16(packet, packet->l4 + 14, window_left(lane, back));
	/* Blocks below the acknowledgement would say that the sender repeated for nothing. */
	option_remove(&sack, packet, REMOVE_GAP);
	return true;
}

/* Data: kept when they are the next and there is room, and acknowledged. */
static void take_data(struct box *box, struct proxied *proxied, const struct packet *packet,
	enum dir dir)
{
	const struct ack_proxy *self = box_state(box);
	struct lane *lane = &proxied->lanes[dir];
	uint32_t length = packet_payload_len(packet), end = tcp_seq(packet) + length, follows;

	if (!seq_after(end, lane->next)) {
		/* Sent again: what the proxy has said before was lost. */
		if (box_matched(box) || seq_after(lane->next, lane->acked))
			acknowledge(box, proxied, packet, true, dir);
		return;
	}
	follows = lane->kept.first != NULL ? lane->kept_end : seq_max(lane->seen, lane->acked);
	if (!seq_after(tcp_seq(packet), follows) && seq_after(end, follows)) {
		lane->seen = seq_max(lane->seen, end);
		if (box_matched(box) && lane_has_room(self, lane, length))
			lane_keep(box, lane, packet);
	}
	if (lane_advance(lane))
		acknowledge(box, proxied, packet, true, dir);
}

/* What an acknowledgement becomes on its way to the sender of a lane's data. */
static enum verdict pass_ack(struct box *box, struct proxied *proxied, struct packet *packet,
	enum dir dir)
{
	const struct ack_proxy *self = box_state(box);
	enum dir forth = dir_opposite(dir);
	struct lane *lane = &proxied->lanes[forth];
	const struct lane *back = &proxied->lanes[dir];
	uint32_t edge = lane->edge;
	bool is_bare = tcp_seq_len(packet) == 0, is_duplicate;

	if (seq_after(tcp_ack(packet), lane->top))
		return box_unchanged(box);
	is_duplicate = note_ack(box, proxied, packet, forth);
	if (is_bare && is_duplicate)
		return box_reason(box, "the proxy repeats by itself");
	if (is_bare && self->acks == ACKS_SWALLOW && seq_before(tcp_ack(packet), lane->next)) {
		if (lane->edge != edge)
			acknowledge(box, proxied, packet, false, forth);
		return box_reason(box, "acknowledged by the proxy");
	}
	return translate_ack(lane, back, packet) ? BOX_PASS : box_unchanged(box);
}

/* A reset that counts: at a number that the receiver may expect. */
static bool is_reset(const struct lane *lane, const struct packet *packet)
{
	return (tcp_flags(packet) & TCP_RST) != 0 &&
		seq_between(tcp_seq(packet), lane->acked, lane->top + 1);
}

static enum verdict ack_proxy_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct ack_proxy *self = box_state(box);
	uint16_t flags = tcp_flags(packet);
	struct proxied *proxied;
	struct lane *lane;
	uint32_t echo;

	if ((flags & (TCP_SYN | TCP_RST)) == TCP_SYN)
		note_syn(box, packet, dir);
	proxied = flow_find(&self->flows, packet, dir);
	if (proxied == NULL || !proxied->lanes[dir].is_known)
		return box_unchanged(box);
	lane = &proxied->lanes[dir];
	if (is_reset(lane, packet))
		proxied_clear(box, proxied, "the connection was reset");
	if ((flags & TCP_RST) != 0)
		return box_unchanged(box);
	lane->has_timestamp |= tcpopt_timestamp(packet, &lane->timestamp, &echo);
	if (seq_after(tcp_seq(packet) + tcp_seq_len(packet), lane->top))
		lane->top = tcp_seq(packet) + tcp_seq_len(packet);
	if (packet_payload_len(packet) > 0 && (flags & TCP_SYN) == 0)
		take_data(box, proxied, packet, dir);
	if ((flags & TCP_ACK) != 0 && proxied->lanes[dir_opposite(dir)].is_known)
		return pass_ack(box, proxied, packet, dir);
	return box_unchanged(box);
}

/* ---- time ---- */

static void lane_wake(struct box *box, struct proxied *proxied, enum dir dir)
{
	const struct ack_proxy *self = box_state(box);
	struct lane *lane = &proxied->lanes[dir];

	if (lane->due > box_now(box))
		return;
	if (lane->tries == self->tries) {
		give_up(box, proxied, dir);
		return;
	}
	repeat(box, proxied, dir);
	lane->duplicates = 0;
	lane->due = box_now(box) + (self->timeout << ++lane->tries);
}

static void ack_proxy_wake(struct box *box)
{
	struct ack_proxy *self = box_state(box);
	nsec_t next = NSEC_NEVER;
	uint32_t i;

	self->wake_at = NSEC_NEVER;
	for (i = 0; i < self->flows.count; i++) {
		struct proxied *proxied = flow_at(&self->flows, i);

		lane_wake(box, proxied, TO_SERVER);
		lane_wake(box, proxied, TO_CLIENT);
		next = nsec_min(next,
			nsec_min(proxied->lanes[TO_SERVER].due, proxied->lanes[TO_CLIENT].due));
	}
	wake_by(box, next);
}

BOX_TYPE(ack_proxy) = {
	.help = "acknowledges data itself at once, keeps them, and repeats them on its own",
	.params = params,
	.state_size = sizeof(struct ack_proxy),
	.sees_all = true,
	.init = ack_proxy_init,
	.packet = ack_proxy_packet,
	.wake = ack_proxy_wake,
	.fini = ack_proxy_fini,
};
