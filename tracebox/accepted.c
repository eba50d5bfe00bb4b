/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accepted.c - what the destination says to several SYNs of one connection. It answers the first
 * that arrives with a SYN/ACK. Those behind it have lower sequence numbers and get an ACK, which
 * acknowledges the first once more. But networks change the order of packets: a SYN with a higher
 * number, within the window of the half-open connection, is answered by a RST, and the connection
 * is gone (RFC 9293 3.10.7.4; Linux); the next SYN opens it anew. That RST tells where the
 * destination stands; what it answers to a SYN tells the SYN/ACK. The answers, too, may come in any
 * order, so that a RST or an ACK is not believed at once while others may be on their way.
 *
 * Where the probe of the destination's own TTL was lost, or overtaken and met by an ACK, nothing
 * tells that it stands there and not one hop farther away. When it is repeated, there must be no
 * connection that it could belong to, for of such ACKs Linux sends two a second. So a RST goes in
 * front of it, to whatever may be open, and as RSTs may be lost as well, again each time.
 */
#include "tracebox/state.h"

/* Note that the connection of a probe may be half open. */
static void note_open(struct trace *trace, unsigned int ttl, uint32_t attempts)
{
	struct trace_hop *hop = &trace->hops[ttl];

	trace->open += (unsigned int)__builtin_popcount(attempts & ~hop->open_attempts);
	hop->open_attempts |= attempts;
}

static void keep_accepted(struct trace *trace, const struct answer *answer,
	const struct packet *packet)
{
	if (trace->accepted.kind == ANSWER_NONE)
		trace->is_rested = !trace->config.keep_open || trace->config.parallel == 1;
	packet_free(trace->accepted.packet);
	trace->accepted = *answer;
	trace->accepted.packet = packet_clone(packet);
}

/* Whether probes are SYNs that differ in their numbers: what is said to one tells of the others. */
static bool are_numbered_syns(const struct trace *trace)
{
	return (trace->numbers & NUMBER_SEQ) != 0 &&
		(tcp_flags(trace->probe) & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Whether an ACK acknowledges a SYN: there must have been a SYN/ACK. */
static bool tells_of_syn_ack(const struct trace *trace, const struct answer *answer)
{
	return answer->kind == ANSWER_ACK && answer->match == MATCH_SEQUENCE &&
		are_numbered_syns(trace) && packet_payload_len(trace->probe) == 0;
}

void trace_note_accepted(struct trace *trace, const struct answer *answer,
	const struct packet *packet)
{
	struct trace_hop *hop = &trace->hops[answer->ttl];
	uint32_t bit = 1u << answer->attempt;

	if (answer->kind == ANSWER_SYN_ACK)
		keep_accepted(trace, answer, packet);
	else if (!tells_of_syn_ack(trace, answer))
		return;
	trace->taken = tcp_seq_len(trace->probe);
	if (tcp_ack(packet) == probe_seq(trace, answer->ttl, answer->attempt) + 1)
		trace->taken = 1;
	/* What is said twice, or to a SYN that is like all others, is of the same connection. */
	if (trace->is_closed || (hop->accepted_attempts & bit) ||
		(!(trace->numbers & NUMBER_SEQ) && trace->open > 0))
		return;
	hop->accepted_attempts |= bit;
	note_open(trace, answer->ttl, bit);
}

/* Whether a router answered a probe that went farther: then the nearer one did not arrive. */
static bool goes_on(const struct trace *trace, unsigned int ttl)
{
	while (++ttl <= trace->config.last_ttl)
		if (trace->hops[ttl].answer.kind == ANSWER_TIME_EXCEEDED)
			return true;
	return false;
}

/* The number with which the connection of an accepted probe begins. */
static uint32_t begin_of(const struct trace *trace, unsigned int ttl, unsigned int attempt)
{
	if (!(trace->numbers & NUMBER_SEQ))
		return tcp_ack(trace->accepted.packet);
	return probe_seq(trace, ttl, attempt) + trace->taken;
}

/*
 * Of connections that may be open one is. Without a RST it is the last: who accepts every SYN alike
 * keeps the last or none (SYN cookies).
 */
static uint32_t take_open(struct trace *trace)
{
	bool is_last_known = trace->accepted.kind != ANSWER_NONE && !trace->was_refused;

	for (unsigned int ttl = trace->config.first_ttl; ttl <= trace->config.last_ttl; ttl++) {
		struct trace_hop *hop = &trace->hops[ttl];

		for (unsigned int attempt = 0; attempt < hop->sent; attempt++) {
			if (!(hop->open_attempts >> attempt & 1))
				continue;
			hop->open_attempts &= ~(1u << attempt);
			trace->open--;
			if (!is_last_known)
				return begin_of(trace, ttl, attempt);
		}
	}
	return begin_of(trace, trace->accepted.ttl, trace->accepted.attempt);
}

/* The half-open connection ends as the one who asked for it would end it (RFC 9293 3.5.3). */
void trace_reset(struct trace *trace, struct packet *packet)
{
	struct tcp_header header = { .seq = take_open(trace), .flags = TCP_RST };

	packet_socknames(trace->probe, &header.src, &header.dst);
	packet_init_tcp(packet, &header);
	packet_finish(packet);
}

bool trace_begin_resets(struct trace *trace, unsigned int ttl)
{
	const struct trace_hop *hop = &trace->hops[ttl];

	if ((hop->answered > 0 && !trace_lacks_syn_ack(trace, ttl)) || goes_on(trace, ttl))
		return false;
	/* A RST was sent in front of the last round of repeats, and may have been lost. */
	if (trace->rounds > 0 && hop->sent > trace->rounds)
		for (unsigned int i = trace->config.first_ttl; i <= trace->config.last_ttl; i++)
			note_open(trace, i, trace->hops[i].accepted_attempts);
	if (trace->open > 0)
		trace->rounds = hop->sent;
	return trace->open > 0;
}

/* Whether an answer may be one to the order in which SYNs arrived. */
static bool is_doubtful(const struct trace *trace, unsigned int ttl)
{
	const struct answer *answer = &trace->hops[ttl].answer;

	return ttl == trace->last && are_numbered_syns(trace) &&
		(answer->kind == ANSWER_RST || answer->kind == ANSWER_ACK);
}

bool trace_lacks_syn_ack(const struct trace *trace, unsigned int ttl)
{
	return trace->accepted.kind == ANSWER_NONE && is_doubtful(trace, ttl) &&
		tells_of_syn_ack(trace, &trace->hops[ttl].answer);
}

nsec_t trace_doubt_end(const struct trace *trace, unsigned int ttl)
{
	const struct trace_hop *hop = &trace->hops[ttl];
	bool is_alone = true;

	if (!is_doubtful(trace, ttl))
		return 0;
	for (; is_alone && ttl <= trace->config.last_ttl; ttl++)
		is_alone = trace->hops[ttl].sent == trace->hops[ttl].answered;
	return is_alone
		? 0
		: hop->sent_at[hop->sent - 1] + hop->answer.rtt + WAIT_STRAY_MS * NSEC_PER_MS;
}

void trace_settle_answer(struct trace *trace, unsigned int ttl)
{
	const struct answer *accepted = &trace->accepted;
	struct answer *answer = &trace->hops[ttl].answer;
	unsigned int number = probe_number(trace, answer->ttl, answer->attempt), other;

	if (accepted->kind == ANSWER_NONE || !is_doubtful(trace, ttl))
		return;
	other = probe_number(trace, accepted->ttl, accepted->attempt);
	if (other < number || (other == number && answer->kind == ANSWER_RST) ||
		goes_on(trace, ttl))
		return;
	packet_free(answer->packet);
	answer->packet = packet_clone(accepted->packet);
	answer->kind = accepted->kind;
}
