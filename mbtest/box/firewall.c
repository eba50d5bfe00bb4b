/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * firewall.c - a stateful packet filter: it follows the sequence numbers, acknowledgements and
 * windows of each connection and refuses what it does not expect. Each refusal is a parameter of
 * its own, and all are off at first. The windows are followed as in "Real Stateful TCP Packet
 * Filtering in IP Filter" (van Rooij, 2001); retransmission, hole and data on SYN are the tests of
 * Honda et al., "Is it still possible to extend TCP?" (IMC 2011).
 *
 * What is refused is not part of the connection: a segment behind a refused one is a hole.
 */
#include "mbtest/flow.h"
#include "mbtest/forge.h"
#include "mbtest/option.h"

#include "probe/base/seq.h"

#include <string.h>

enum action { ACTION_PASS, ACTION_DROP, ACTION_RESET };

enum resets { RESETS_SENDER, RESETS_BOTH };

struct firewall {
	struct param_text known_text;
	struct option_set known;
	int unknown_options, syn_data, holes, unseen_acks, out_of_window, unknown_flows;
	int resets;
	nsec_t idle;
	struct flow_table flows;
};

/* What one end of a connection has sent, and what it may send. */
struct half {
	bool is_known, has_edge, scales;
	uint8_t shift;
	uint32_t first;   /* the SYN's number, or that of the first segment seen */
	uint32_t top;     /* end of what it has sent, SYN and FIN included */
	uint32_t acked;   /* the last number that the other end expected */
	uint32_t edge;    /* end of the windows that the other end has offered */
	uint32_t largest; /* of these windows */
};

struct tracked {
	struct half halves[DIRS];
	nsec_t used;
	bool is_open, from_syn;
};

static const char *const actions[] = { "pass", "drop", "reset", NULL };
static const char *const resets[] = { "sender", "both", NULL };

#define ACTION_PARAM(name, help)                                                                  \
	{                                                                                         \
#name, PARAM_CHOICE, offsetof(struct firewall, name), "pass", 0, 0, actions, help \
	}

static const struct box_param params[] = {
	ACTION_PARAM(unknown_options, "SYNs and SYN/ACKs with an option that it does not know"),
	{ "knows", PARAM_TEXT, offsetof(struct firewall, known_text), "2,3,4,5,8", 0, 0,
		option_set_examples, "the kinds of options that it knows" },
	ACTION_PARAM(syn_data, "SYNs with data"),
	ACTION_PARAM(holes, "data whose predecessor it has not passed on"),
	ACTION_PARAM(unseen_acks, "acknowledgements and SACK blocks of data it has not passed on"),
	ACTION_PARAM(out_of_window, "segments outside the window that the other end offers"),
	ACTION_PARAM(unknown_flows,
		"segments of connections whose SYN it has not seen, or has forgotten"),
	{ "idle", PARAM_TIME, offsetof(struct firewall, idle), "0", 0, 0, NULL,
		"a connection without a segment for so long is forgotten; 0: never" },
	{ "resets", PARAM_CHOICE, offsetof(struct firewall, resets), "sender", 0, 0, resets,
		"who gets the reset: the sender of what is refused, or both ends" },
	{ 0 },
};

static bool firewall_init(struct box *box, struct err *err)
{
	struct firewall *self = box_state(box);

	flow_table_init(&self->flows, sizeof(struct tracked));
	return option_set_read(&self->known, box, "knows", &self->known_text, err);
}

static void firewall_fini(struct box *box)
{
	flow_table_fini(&((struct firewall *)box_state(box))->flows);
}

/* ---- what may be wrong with a segment ---- */

/* A segment, and the connection it is of; NULL: of none. */
struct subject {
	const struct firewall *self;
	const struct packet *packet;
	const struct tracked *tracked;
	enum dir dir;
	uint16_t flags;
};

static bool is_syn(const struct subject *subject)
{
	return (subject->flags & (TCP_SYN | TCP_RST)) == TCP_SYN;
}

static const struct half *own_half(const struct subject *subject)
{
	return &subject->tracked->halves[subject->dir];
}

static const struct half *other_half(const struct subject *subject)
{
	return &subject->tracked->halves[dir_opposite(subject->dir)];
}

static bool has_unknown_option(const struct subject *subject)
{
	struct tcpopt opt = { 0 };

	if (!is_syn(subject))
		return false;
	while (tcpopt_next(subject->packet, &opt)) {
		if (opt.kind > TCPOPT_NOP && !option_set_has(&subject->self->known, opt.kind))
			return true;
	}
	return tcpopt_malformed(subject->packet);
}

static bool has_syn_data(const struct subject *subject)
{
	return is_syn(subject) && packet_payload_len(subject->packet) > 0;
}

static bool is_unknown(const struct subject *subject)
{
	bool opens = is_syn(subject) && (subject->flags & TCP_ACK) == 0;

	return subject->tracked == NULL && !opens;
}

static bool is_behind_hole(const struct subject *subject)
{
	if (subject->tracked == NULL || is_syn(subject) || !own_half(subject)->is_known)
		return false;
	return tcp_seq_len(subject->packet) > 0 &&
		seq_after(tcp_seq(subject->packet), own_half(subject)->top);
}

static bool acks_unseen(const struct subject *subject)
{
	struct sack_block blocks[4];
	unsigned int count, i;
	uint32_t top;

	if (subject->tracked == NULL || (subject->flags & TCP_ACK) == 0 ||
		!other_half(subject)->is_known)
		return false;
	top = other_half(subject)->top;
	count = tcpopt_sack(subject->packet, blocks);
	for (i = 0; i < count; i++) {
		if (seq_after(blocks[i].end, top))
			return true;
	}
	return seq_after(tcp_ack(subject->packet), top);
}

static bool is_out_of_window(const struct subject *subject)
{
	const struct half *half;
	uint32_t end;

	if (subject->tracked == NULL || is_syn(subject) || !own_half(subject)->has_edge)
		return false;
	half = own_half(subject);
	end = tcp_seq(subject->packet) + packet_payload_len(subject->packet);
	return seq_after(end, half->edge) || seq_before(end, half->top - half->largest);
}

static const struct check {
	size_t action; /* offset of the parameter */
	bool (*fails)(const struct subject *subject);
	const char *reason;
} checks[] = {
	{ offsetof(struct firewall, unknown_options), has_unknown_option, "unknown option" },
	{ offsetof(struct firewall, syn_data), has_syn_data, "data on SYN" },
	{ offsetof(struct firewall, unknown_flows), is_unknown, "no connection" },
	{ offsetof(struct firewall, holes), is_behind_hole, "hole in the sequence space" },
	{ offsetof(struct firewall, unseen_acks), acks_unseen, "acknowledges unseen data" },
	{ offsetof(struct firewall, out_of_window), is_out_of_window, "out of window" },
};

/* The first check that fails and has an action, which is stored; or NULL. */
static const struct check *find_failed(const struct subject *subject, enum action *action)
{
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		*action = (enum action) *
			(const int *)(const void *)((const uint8_t *)subject->self +
				checks[i].action);
		if (*action != ACTION_PASS && checks[i].fails(subject))
			return &checks[i];
	}
	return NULL;
}

/* ---- following a connection ---- */

static struct tracked *find_tracked(struct box *box, const struct packet *packet, enum dir dir)
{
	struct firewall *self = box_state(box);
	struct tracked *tracked = flow_find(&self->flows, packet, dir);

	if (tracked == NULL || !tracked->is_open)
		return NULL;
	if (self->idle > 0 && box_now(box) - tracked->used > self->idle)
		return NULL;
	return tracked;
}

static void half_begin(struct half *half, const struct packet *packet)
{
	half->is_known = true;
	half->first = half->top = half->acked = tcp_seq(packet);
}

/* A SYN or SYN/ACK: windows are scaled only when both have the option (RFC 7323 2.2). */
static void note_syn(struct tracked *tracked, const struct packet *packet, enum dir dir)
{
	struct half *half = &tracked->halves[dir], *other = &tracked->halves[dir_opposite(dir)];
	uint8_t shift = 0;

	if (!half->is_known || half->first != tcp_seq(packet))
		half_begin(half, packet);
	half->scales = tcpopt_wscale(packet, &shift);
	half->shift = shift > 14 ? 14 : shift;
	if ((tcp_flags(packet) & TCP_ACK) != 0 && !(half->scales && other->scales))
		half->shift = other->shift = 0;
}

/* The window a segment offers to the other end; one byte more when it is closed, for probes. */
static void note_window(struct half *sender, struct half *receiver, const struct packet *packet)
{
	bool is_scaled = (tcp_flags(packet) & TCP_SYN) == 0;
	uint32_t window = (uint32_t)tcp_window(packet) << (is_scaled ? sender->shift : 0);
	uint32_t edge;

	if (window == 0)
		window = 1;
	edge = tcp_ack(packet) + window;
	if (!receiver->has_edge || seq_after(edge, receiver->edge))
		receiver->edge = edge;
	if (window > receiver->largest)
		receiver->largest = window;
	if (seq_after(tcp_ack(packet), receiver->acked))
		receiver->acked = tcp_ack(packet);
	receiver->has_edge = true;
}

/* A packet passes: what it says of its connection. */
static void note(struct box *box, struct tracked *tracked, const struct packet *packet,
	enum dir dir)
{
	struct firewall *self = box_state(box);
	uint16_t flags = tcp_flags(packet);
	bool opens = (flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
	struct half *half, *other;

	if (tracked == NULL || (opens && tracked->halves[dir].first != tcp_seq(packet))) {
		if ((flags & TCP_RST) != 0)
			return;
		tracked = flow_add(&self->flows, packet, dir);
		memset(tracked, 0, sizeof(*tracked));
		tracked->is_open = true;
		tracked->from_syn = opens;
	}
	half = &tracked->halves[dir];
	other = &tracked->halves[dir_opposite(dir)];
	tracked->used = box_now(box);
	if ((flags & TCP_RST) != 0)
		tracked->is_open = false;
	if (!half->is_known)
		half_begin(half, packet);
	if ((flags & TCP_SYN) != 0)
		note_syn(tracked, packet, dir);
	if (seq_after(tcp_seq(packet) + tcp_seq_len(packet), half->top))
		half->top = tcp_seq(packet) + tcp_seq_len(packet);
	/* How windows are scaled is known only to who saw the SYNs. */
	if ((flags & (TCP_ACK | TCP_RST)) == TCP_ACK && tracked->from_syn)
		note_window(half, other, packet);
}

/* ---- packets ---- */

/* A reset in the sender's name, at the number that the receiver expects (RFC 5961 3.2). */
static void reset_receiver(struct box *box, const struct tracked *tracked,
	const struct packet *packet, enum dir dir)
{
	const struct half *half = &tracked->halves[dir], *other;
	struct forged reset = { .seq = half->acked, .flags = TCP_RST | TCP_ACK };

	other = &tracked->halves[dir_opposite(dir)];
	reset.ack = other->top;
	if (half->is_known && other->is_known)
		forge_emit(box, forge_packet(box, packet, false, &reset), dir);
}

static enum verdict refuse(struct box *box, struct tracked *tracked, const struct packet *packet,
	enum dir dir, const struct check *check, enum action action)
{
	const struct firewall *self = box_state(box);

	if (action == ACTION_RESET) {
		forge_refusal(box, packet, dir);
		if (tracked != NULL && self->resets == RESETS_BOTH)
			reset_receiver(box, tracked, packet, dir);
		if (tracked != NULL)
			tracked->is_open = false;
	}
	return box_reason(box, check->reason);
}

static enum verdict firewall_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct tracked *tracked = find_tracked(box, packet, dir);
	struct subject subject = { box_state(box), packet, tracked, dir, tcp_flags(packet) };
	const struct check *failed;
	enum action action;

	failed = box_matched(box) ? find_failed(&subject, &action) : NULL;
	if (failed != NULL)
		return refuse(box, tracked, packet, dir, failed, action);
	note(box, tracked, packet, dir);
	return box_unchanged(box);
}

BOX_TYPE(firewall) = {
	.help = "follows connections and drops or resets what it does not expect: unknown "
		"options, data on SYN, holes, ACKs of unseen data, segments out of window or "
		"after idle time",
	.params = params,
	.state_size = sizeof(struct firewall),
	.sees_all = true,
	.init = firewall_init,
	.packet = firewall_packet,
	.fini = firewall_fini,
};
