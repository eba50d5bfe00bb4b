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
 * connection that it could belong to.
 */
#include "probe/base/seq.h"
#include "tracebox/state.h"

static uint32_t seq_of(const struct trace *trace, unsigned int ttl, unsigned int attempt)
{
	return (trace->numbers & NUMBER_SEQ)
		? trace->seq - probe_number(trace, (uint8_t)ttl, attempt)
		: trace->seq;
}

void trace_note_accepted(struct trace *trace, const struct answer *answer,
	const struct packet *packet)
{
	struct trace_hop *hop = &trace->hops[answer->ttl];
	uint32_t bit = 1u << answer->attempt;

	if (trace->accepted.kind == ANSWER_NONE)
		trace->is_rested = !trace->config.keep_open || trace->config.parallel == 1;
	packet_free(trace->accepted.packet);
	trace->accepted = *answer;
	trace->accepted.packet = packet_clone(packet);
	trace->taken = tcp_seq_len(trace->probe);
	if (tcp_ack(packet) == seq_of(trace, answer->ttl, answer->attempt) + 1)
		trace->taken = 1;
	/* What is said twice, or to a SYN that is like all others, is of the same connection. */
	if (trace->is_closed || (hop->accepted_attempts & bit) ||
		(!(trace->numbers & NUMBER_SEQ) && trace->open > 0))
		return;
	hop->accepted_attempts |= bit;
	hop->open_attempts |= bit;
	trace->open++;
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
	return seq_of(trace, ttl, attempt) + trace->taken;
}

/*
 * Of connections that may be open one is. Without a RST it is the last: who accepts every SYN alike
 * keeps the last or none (SYN cookies).
 */
static uint32_t take_open(struct trace *trace)
{
	uint32_t begin = begin_of(trace, trace->accepted.ttl, trace->accepted.attempt);

	for (unsigned int ttl = trace->config.first_ttl; ttl <= trace->config.last_ttl; ttl++) {
		struct trace_hop *hop = &trace->hops[ttl];

		for (unsigned int attempt = 0; attempt < hop->sent; attempt++) {
			if (!(hop->open_attempts >> attempt & 1))
				continue;
			hop->open_attempts &= ~(1u << attempt);
			trace->open--;
			if (trace->was_refused)
				return begin_of(trace, ttl, attempt);
		}
	}
	return begin;
}

/* The half-open connection ends as the one who asked for it would end it (RFC 9293 3.5.3). */
void trace_reset(struct trace *trace, struct packet *packet)
{
	struct tcp_header header = { .seq = take_open(trace), .flags = TCP_RST };

	packet_socknames(trace->probe, &header.src, &header.dst);
	packet_init_tcp(packet, &header);
	packet_finish(packet);
}

bool trace_must_reset(const struct trace *trace, unsigned int ttl)
{
	return trace->open > 0 && ttl < trace->accepted.ttl && trace->hops[ttl].answered == 0 &&
		!goes_on(trace, ttl);
}

/* Whether an answer may be one to the order in which SYNs arrived. */
static bool is_doubtful(const struct trace *trace, unsigned int ttl)
{
	const struct answer *answer = &trace->hops[ttl].answer;

	return ttl == trace->last && (trace->numbers & NUMBER_SEQ) != 0 &&
		(tcp_flags(trace->probe) & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
		(answer->kind == ANSWER_RST || answer->kind == ANSWER_ACK);
}

nsec_t trace_doubt_end(const struct trace *trace, unsigned int ttl)
{
	const struct trace_hop *hop = &trace->hops[ttl];
	bool is_alone = true;

	if (!is_doubtful(trace, ttl))
		return 0;
	while (is_alone && ++ttl <= trace->config.last_ttl)
		is_alone = trace->hops[ttl].sent == trace->hops[ttl].answered;
	return is_alone
		? 0
		: hop->sent_at[hop->answer.attempt] + hop->answer.rtt + WAIT_STRAY_MS * NSEC_PER_MS;
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
