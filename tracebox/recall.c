/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recall.c - a trace that was made elsewhere, told again. Nothing of it is believed that this trace
 * could not have come to itself.
 */
#include "tracebox/state.h"

bool trace_recall_hop(struct trace *trace, uint8_t ttl, const nsec_t *sent_at, unsigned int count)
{
	struct trace_hop *hop;
	unsigned int most = probe_number(trace, ttl, count - 1);

	if (ttl < trace->config.first_ttl || ttl > trace->config.last_ttl || count == 0 ||
		count > TRACE_ATTEMPTS ||
		((trace->numbers & NUMBER_LENGTH) && most > packet_payload_len(trace->probe)))
		return false;
	hop = &trace->hops[ttl];
	hop->is_settled = true;
	for (hop->sent = 0; hop->sent < count; hop->sent++)
		hop->sent_at[hop->sent] = sent_at[hop->sent];
	trace->sent += count;
	return true;
}

bool trace_recall_answer(struct trace *trace, uint8_t ttl, unsigned int attempt,
	const struct packet *packet, nsec_t rtt)
{
	struct answer answer = { .kind = ANSWER_NONE };

	if (ttl > trace->config.last_ttl || attempt >= trace->hops[ttl].sent ||
		!match_answer(trace, packet, &answer))
		return false;
	if (answer.match > MATCH_LENGTH) {
		answer.match = MATCH_TURN;
		answer.ttl = ttl;
		answer.attempt = (uint8_t)attempt;
	}
	if (trace->hops[answer.ttl].answered > 0)
		return false;
	answer.rtt = rtt;
	trace_keep_answer(trace, &answer, packet);
	return true;
}

void trace_recall_end(struct trace *trace, uint8_t last_ttl)
{
	if (last_ttl >= trace->config.first_ttl && last_ttl < trace->last)
		trace->last = last_ttl;
}
