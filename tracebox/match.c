/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * match.c - whose answer a packet is, by what survived of the probe. The sequence number is the
 * better witness than the IPv4 id: it has more bits, so that a rewritten one is hardly ever taken
 * for another probe's. Addresses and ports must fit as well, but not all of them: a box may have
 * rewritten some. When neither number survived, the oldest probe without an answer is meant, if
 * addresses and ports did: whoever is off the path does not know the port that was chosen. With
 * several under way that is a guess, and trace.c goes on with one at a time.
 */
#include "probe/wire/icmp.h"
#include "tracebox/state.h"

enum {
	ICMP4_ECHO = 8,
	ICMP4_ECHO_REPLY = 0,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	TCP_DATA_OFFSET = 12, /* byte of the TCP header */
};

/* What a quote still shows of the probe. */
struct witness {
	bool same_source, same_destination, same_ports, has_ports;
	bool has_id, has_seq, has_length;
	bool is_later_piece; /* of a segment that a box has split: no probe begins so */
	unsigned int id_number, seq_number, length_number; /* valid when has_* */
};

/* Whether the probe of a number has been sent. */
static bool was_sent(const struct trace *trace, unsigned int number)
{
	unsigned int ttl = number % trace->step, attempt = number / trace->step;

	return ttl != 0 && ttl <= trace->config.last_ttl && attempt < trace->hops[ttl].sent;
}

static void answer_number(const struct trace *trace, struct answer *answer, unsigned int number,
	enum answer_match match)
{
	answer->ttl = (uint8_t)(number % trace->step);
	answer->attempt = (uint8_t)(number / trace->step);
	answer->match = match;
}

/* The oldest probe without an answer to a hop in first..last: the only one, or the likeliest. */
static bool match_order(const struct trace *trace, unsigned int first, struct answer *answer)
{
	nsec_t oldest = NSEC_NEVER;
	unsigned int hops = 0;

	for (unsigned int ttl = first; ttl <= trace->last; ttl++) {
		const struct trace_hop *hop = &trace->hops[ttl];

		/* One at a time: those before this one have had their time. */
		if (trace->config.parallel == 1 && hop->is_settled)
			continue;
		hops += hop->answered == 0 && hop->sent > hop->lost;
		for (unsigned int attempt = hop->lost; attempt < hop->sent && hop->answered == 0;
			attempt++) {
			if (hop->sent_at[attempt] >= oldest)
				continue;
			oldest = hop->sent_at[attempt];
			answer_number(trace, answer, probe_number(trace, ttl, attempt),
				MATCH_ORDER);
		}
	}
	if (hops == 1)
		answer->match = MATCH_TURN;
	return oldest != NSEC_NEVER;
}

/* Which probe a field of a quote names; false when it names none that was sent. */
static bool id_tells(const struct trace *trace, uint16_t id, unsigned int *number)
{
	*number = (uint16_t)(id - trace->id);
	return (trace->numbers & NUMBER_ID) != 0 && was_sent(trace, *number);
}

/* What was taken from the number at which the probe as given begins or ends. */
static bool difference_tells(const struct trace *trace, uint32_t difference, unsigned int *number)
{
	*number = difference;
	return difference < TRACE_ATTEMPTS * trace->step && was_sent(trace, difference);
}

static bool seq_tells(const struct trace *trace, uint32_t seq, unsigned int *number)
{
	return (trace->numbers & NUMBER_SEQ) != 0 &&
		difference_tells(trace, trace->seq - seq, number);
}

/* The TCP header is taken to be as long as it was when a short quote does not show it. */
static bool length_tells(const struct trace *trace, const struct layers *layers,
	unsigned int *number)
{
	uint32_t header = trace->probe->payload - trace->probe->l4, length;

	if (!(trace->numbers & NUMBER_LENGTH) || !layers->has_end)
		return false;
	if (layers->known > layers->l4 + TCP_DATA_OFFSET)
		header = layers->payload - layers->l4;
	length = layers->end - layers->l4;
	return length >= header &&
		difference_tells(trace, packet_payload_len(trace->probe) - (length - header),
			number);
}

static bool has_ports(const struct packet *packet)
{
	return packet->form == PACKET_TCP || packet->form == PACKET_UDP;
}

/*
 * Whether a sequence number lies within a probe's payload and is no probe's own. What a box splits
 * has the probe's number on its first piece alone.
 */
static bool is_within_payload(const struct trace *trace, uint32_t seq)
{
	int32_t distance = (int32_t)(seq - trace->seq);
	int32_t lowest =
		(trace->numbers & NUMBER_SEQ) != 0 ? -(int32_t)(TRACE_ATTEMPTS * trace->step) : 0;

	return distance > lowest && distance < (int32_t)packet_payload_len(trace->probe);
}

static void witness_read(const struct trace *trace, const uint8_t *quote,
	const struct layers *layers, struct witness *witness)
{
	struct sockname source, destination, sent_source, sent_destination;

	*witness = (struct witness){ .has_ports = false };
	if (!layers_socknames(layers, quote, &source, &destination))
		return;
	packet_socknames(trace->probe, &sent_source, &sent_destination);
	witness->same_source = addr_equal(&source.addr, &sent_source.addr);
	witness->same_destination = addr_equal(&destination.addr, &sent_destination.addr);
	if (layers->version == 4)
		witness->has_id = id_tells(trace, get_be16(quote + 4), &witness->id_number);
	if (layers->l4 == 0 || layers->protocol != trace->probe->protocol)
		return;
	witness->has_ports = layers->known >= layers->l4 + 4 &&
		(layers->protocol == PROTOCOL_TCP || layers->protocol == PROTOCOL_UDP);
	witness->same_ports = !witness->has_ports ||
		(source.port == sent_source.port && destination.port == sent_destination.port);
	if (layers->protocol != PROTOCOL_TCP || layers->known < layers->l4 + 8)
		return;
	witness->has_seq = seq_tells(trace, get_be32(quote + layers->l4 + 4), &witness->seq_number);
	witness->is_later_piece =
		!witness->has_seq && is_within_payload(trace, get_be32(quote + layers->l4 + 4));
	witness->has_length = length_tells(trace, layers, &witness->length_number);
}

static bool match_quote(const struct trace *trace, const struct packet *packet,
	const struct icmp_error *error, struct answer *answer)
{
	const uint8_t *quote = packet_data(packet) + error->quote_offset;
	struct witness witness;
	struct layers layers;

	layers_read(&layers, quote, error->quote_known);
	if (layers.version != trace->probe->version)
		return false;
	witness_read(trace, quote, &layers, &witness);
	if (witness.is_later_piece)
		return false;
	if (witness.has_seq &&
		(witness.same_source || witness.same_destination || witness.same_ports)) {
		answer_number(trace, answer, witness.seq_number, MATCH_SEQUENCE);
		return true;
	}
	if (witness.has_id &&
		(witness.same_destination || (witness.has_ports && witness.same_ports))) {
		answer_number(trace, answer, witness.id_number, MATCH_ID);
		return true;
	}
	if (witness.has_length && (witness.same_destination || witness.same_ports)) {
		answer_number(trace, answer, witness.length_number, MATCH_LENGTH);
		return true;
	}
	if (!witness.has_ports && has_ports(trace->probe))
		return false;
	return witness.same_source && witness.same_destination && witness.same_ports &&
		match_order(trace, trace->config.first_ttl, answer);
}

static enum answer_kind error_answer(enum icmp_kind kind)
{
	switch (kind) {
	case ICMP_TIME_EXCEEDED:
		return ANSWER_TIME_EXCEEDED;
	case ICMP_UNREACHABLE:
		return ANSWER_UNREACHABLE;
	case ICMP_TOO_BIG:
	case ICMP_PARAMETER_PROBLEM:
	case ICMP_OTHER_ERROR:
		break;
	}
	return ANSWER_ICMP;
}

/* The sequence number that a hop quotes of the probe it answered. */
static bool quoted_seq(const struct trace *trace, unsigned int ttl, uint32_t *seq)
{
	const struct trace_hop *hop = &trace->hops[ttl];
	struct icmp_error error;
	struct layers layers;
	const uint8_t *quote;

	if (hop->answered == 0 || !icmp_parse(&error, hop->answer.packet))
		return false;
	quote = packet_data(hop->answer.packet) + error.quote_offset;
	layers_read(&layers, quote, error.quote_known);
	if (layers.l4 == 0 || layers.protocol != PROTOCOL_TCP || layers.known < layers.l4 + 8)
		return false;
	*seq = get_be32(quote + layers.l4 + 4);
	return true;
}

/*
 * A number that the destination saw in a probe: one of ours, or what a box makes of them, as hops
 * quote it: always the same, or each moved by the same distance.
 */
static bool match_seen(const struct trace *trace, uint32_t seq, struct answer *answer)
{
	unsigned int number;
	uint32_t quoted;

	if (seq_tells(trace, seq, &number)) {
		answer_number(trace, answer, number, MATCH_SEQUENCE);
		return true;
	}
	if (trace->config.lockstep || (!(trace->numbers & NUMBER_SEQ) && seq == trace->seq))
		return match_order(trace, trace->farthest + 1, answer);
	for (unsigned int ttl = trace->config.first_ttl; ttl <= trace->farthest; ttl++)
		if (quoted_seq(trace, ttl, &quoted) && quoted == seq)
			return match_order(trace, trace->farthest + 1, answer);
	for (unsigned int ttl = trace->config.first_ttl; ttl <= trace->farthest; ttl++) {
		uint32_t sent = probe_seq(trace, ttl, trace->hops[ttl].answer.attempt);

		if (quoted_seq(trace, ttl, &quoted) && quoted != sent &&
			seq_tells(trace, seq - (quoted - sent), &number)) {
			answer_number(trace, answer, number, MATCH_SEQUENCE);
			return true;
		}
	}
	return false;
}

/*
 * What a server acknowledges of a SYN with data: the SYN alone, mostly, or all. Probes' numbers are
 * neighbours, so that either may be another's; one that a router has answered it is not.
 */
static bool match_taken(const struct trace *trace, const struct packet *packet,
	struct answer *answer)
{
	uint32_t ack = tcp_ack(packet);

	if (packet_payload_len(trace->probe) > 0 && answer->kind != ANSWER_RST &&
		(tcp_flags(trace->probe) & TCP_SYN) && match_seen(trace, ack - 1, answer) &&
		trace->hops[answer->ttl].answer.kind != ANSWER_TIME_EXCEEDED)
		return true;
	return match_seen(trace, ack - tcp_seq_len(trace->probe), answer);
}

/*
 * A segment of the destination: what it acknowledges is the probe, if it is one of ours. SYN/ACKs
 * and resets are held to that as a connection's are (RFC 9293 3.10.7.3), for anybody may send them.
 */
static bool match_segment(const struct trace *trace, const struct packet *packet,
	struct answer *answer)
{
	uint16_t flags = tcp_flags(packet), asked = tcp_flags(trace->probe);
	uint32_t seq = tcp_ack(packet) - tcp_seq_len(trace->probe);
	unsigned int number;

	if (flags & TCP_RST)
		answer->kind = ANSWER_RST;
	else if ((flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		answer->kind = ANSWER_SYN_ACK;
	else
		answer->kind = ANSWER_ACK;
	/* A server may say again what it said to an earlier SYN. */
	if (answer->kind == ANSWER_SYN_ACK && !(asked & TCP_SYN))
		return false;
	if (answer->kind == ANSWER_RST && (asked & TCP_ACK) &&
		tcp_seq(packet) == tcp_ack(trace->probe))
		return match_order(trace, trace->farthest + 1, answer);
	if (!(flags & TCP_ACK) && !trace->config.lockstep)
		return false;
	if (answer->kind != ANSWER_ACK)
		return match_taken(trace, packet, answer);
	if (seq_tells(trace, seq, &number)) {
		answer_number(trace, answer, number, MATCH_SEQUENCE);
		return true;
	}
	return match_order(trace, trace->farthest + 1, answer);
}

/* A live connection has more to say than answers to probes; what it says of one is its end. */
static bool match_live(const struct trace *trace, const struct packet *packet,
	struct answer *answer)
{
	uint32_t end = trace->seq + packet_payload_len(trace->probe);
	unsigned int number;

	if (!(trace->numbers & NUMBER_LENGTH) || !(tcp_flags(packet) & TCP_ACK) ||
		!difference_tells(trace, end - tcp_ack(packet), &number))
		return false;
	answer->kind = ANSWER_ACK;
	answer_number(trace, answer, number, MATCH_SEQUENCE);
	return true;
}

/* The answer to an echo request. */
static bool is_echo_reply(const struct trace *trace, const struct packet *packet)
{
	const uint8_t *asked = packet_l4(trace->probe), *got = packet_l4(packet);
	uint8_t request = packet->version == 4 ? ICMP4_ECHO : ICMP6_ECHO;
	uint8_t reply = packet->version == 4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY;

	return asked[0] == request && got[0] == reply && get_be32(asked + 4) == get_be32(got + 4);
}

static bool match_direct(const struct trace *trace, const struct packet *packet,
	struct answer *answer)
{
	struct sockname source, destination, asked, self;

	packet_socknames(packet, &source, &destination);
	packet_socknames(trace->probe, &self, &asked);
	if (packet->form != trace->probe->form || !sockname_equal(&source, &asked) ||
		!sockname_equal(&destination, &self))
		return false;
	if (packet->form == PACKET_TCP && trace->config.is_live)
		return match_live(trace, packet, answer);
	if (packet->form == PACKET_TCP)
		return match_segment(trace, packet, answer);
	if (packet->form != PACKET_UDP &&
		(packet->form != PACKET_ICMP || !is_echo_reply(trace, packet)))
		return false;
	answer->kind = ANSWER_OTHER;
	return match_order(trace, trace->farthest + 1, answer);
}

bool match_answer(const struct trace *trace, const struct packet *packet, struct answer *answer)
{
	struct icmp_error error;
	struct addr to;

	if (packet->form == PACKET_MALFORMED || packet->version != trace->probe->version)
		return false;
	packet_addrs(packet, &answer->from, &to);
	answer->from_destination = addr_equal(&answer->from, &trace->destination);
	if (!icmp_parse(&error, packet))
		return match_direct(trace, packet, answer);
	answer->kind = error_answer(error.kind);
	return match_quote(trace, packet, &error, answer);
}
