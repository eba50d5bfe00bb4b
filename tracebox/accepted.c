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

void trace_note_accepted(struct trace *trace, const struct answer *answer,
	const struct packet *packet)
{
	bool is_first = trace->accepted.kind == ANSWER_NONE;
	uint32_t ack = tcp_ack(packet);

	packet_free(trace->accepted.packet);
	trace->accepted = *answer;
	trace->accepted.packet = packet_clone(packet);
	/* The highest is in the window of whichever is open. */
	trace->reset_seq = is_first ? ack : seq_max(ack, trace->reset_seq);
	/* Whoever says so without end is not answered without end. */
	trace->is_open = trace->resets < trace->sent;
	if (!is_first)
		return;
	trace->is_rested = !trace->config.keep_open || trace->config.parallel == 1;
}

/* Whether a router answered a probe that went farther: then the nearer one did not arrive. */
static bool goes_on(const struct trace *trace, unsigned int ttl)
{
	while (++ttl <= trace->config.last_ttl)
		if (trace->hops[ttl].answer.kind == ANSWER_TIME_EXCEEDED)
			return true;
	return false;
}

/* The half-open connection ends as the one who asked for it would end it (RFC 9293 3.5.3). */
void trace_reset(struct trace *trace, struct packet *packet)
{
	struct tcp_header header = { .seq = trace->reset_seq, .flags = TCP_RST };

	packet_socknames(trace->probe, &header.src, &header.dst);
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	trace->is_open = false;
	trace->resets++;
}

bool trace_must_reset(const struct trace *trace, unsigned int ttl)
{
	return trace->is_open && ttl < trace->accepted.ttl && trace->hops[ttl].answered == 0 &&
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
