/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schedule.c - what a trace does next, and when: how long a hop is waited for, how often it is
 * asked, how far ahead probes go.
 */
#include "tracebox/state.h"

/*
 * Waits for the answer to one probe. Behind a hop that answered, a round trip and a half of that
 * one is enough; a hop with nothing but nearer ones to compare with may be much farther away than
 * they are, so that there is a floor; and when nothing has answered yet nobody knows.
 */
enum {
	WAIT_INNER_FLOOR_MS = 60,
	WAIT_INNER_EXTRA_MS = 10,
	WAIT_TAIL_FLOOR_MS = 140,
	WAIT_UNKNOWN_MS = 500,
};

/* A hop that has answered so often and does not now may have used up what it sends at once. */
enum {
	LIMITED_ANSWERS = 5,
	LIMITED_WAIT_MS = 1050,
};

/* How long to wait for a hop; behind: the longest round trip of one with a higher TTL, or 0. */
static nsec_t hop_wait(const struct trace *trace, nsec_t behind)
{
	nsec_t wait = WAIT_UNKNOWN_MS * NSEC_PER_MS;

	if (trace->config.fixed_wait)
		return trace->config.wait;
	if (behind != 0) {
		wait = behind * 3 / 2 + WAIT_INNER_EXTRA_MS * NSEC_PER_MS;
		if (wait < WAIT_INNER_FLOOR_MS * NSEC_PER_MS)
			wait = WAIT_INNER_FLOOR_MS * NSEC_PER_MS;
	} else if (trace->longest_rtt != 0) {
		wait = trace->longest_rtt * 5 / 2;
		if (wait < WAIT_TAIL_FLOOR_MS * NSEC_PER_MS)
			wait = WAIT_TAIL_FLOOR_MS * NSEC_PER_MS;
	}
	return nsec_min(wait, trace->config.wait);
}

/* Whether a hop is silent because it limits its answers: more of them come with time. */
static bool is_limited(const struct trace *trace, unsigned int ttl)
{
	return !trace->config.fixed_wait && trace->pace->answers[ttl] >= LIMITED_ANSWERS;
}

/* Probes this hop may get: a retry only while it is silent and its answer could still matter. */
static unsigned int hop_budget(const struct trace *trace, unsigned int ttl)
{
	const struct trace_config *config = &trace->config;
	unsigned int reach = trace->farthest + config->silent_limit;

	if (is_limited(trace, ttl))
		return config->probes + config->retries;
	if (trace->hops[ttl].answered > 0 || (config->silent_limit != 0 && ttl > reach))
		return config->probes;
	return config->probes + config->retries;
}

/* What a hop needs next, the rate aside. */
static struct todo hop_todo(const struct trace *trace, unsigned int ttl, nsec_t behind)
{
	const struct trace_hop *hop = &trace->hops[ttl];
	struct todo todo = { .action = TODO_PROBE, .ttl = (uint8_t)ttl };
	unsigned int under_way = hop->sent - hop->lost;

	if (hop->is_settled) {
		todo.at = NSEC_NEVER;
		todo.action = TODO_NOTHING;
	} else if (hop->answered >= trace->config.probes) {
		todo.at = trace_doubt_end(trace, ttl);
		if (!trace_lacks_syn_ack(trace, ttl) ||
			hop->sent >= trace->config.probes + trace->config.retries)
			todo.action = TODO_SETTLE;
	} else if (under_way > hop->answered) {
		todo.at = hop->sent_at[hop->sent - 1] + hop_wait(trace, behind);
		if (under_way >= hop_budget(trace, ttl) || hop->sent == TRACE_ATTEMPTS)
			todo.action = TODO_SETTLE;
		else if (is_limited(trace, ttl))
			todo.at = hop->sent_at[hop->sent - 1] + LIMITED_WAIT_MS * NSEC_PER_MS;
	} else if (hop->sent == TRACE_ATTEMPTS) {
		todo.action = TODO_SETTLE;
	}
	return todo;
}

/* First TTL that is not worth a probe: behind the last, or behind too many silent hops. */
static unsigned int window_end(const struct trace *trace)
{
	unsigned int reach = trace->config.silent_limit, likely = trace->config.likely_end;

	if (likely <= trace->last && trace_settled_ttl(trace) <= likely)
		return likely + 1;
	if (reach == 0)
		return trace->last + 1;
	if (reach < trace->config.parallel)
		reach = trace->config.parallel;
	reach += trace->farthest;
	return (reach < trace->last ? reach : trace->last) + 1;
}

nsec_t trace_rest_end(const struct trace *trace)
{
	return trace->last_sent_at + trace->longest_rtt + WAIT_STRAY_MS * NSEC_PER_MS;
}

/*
 * The window reaches so and so far behind the first hop that is not settled; the pass goes from its
 * end to its beginning, because a wait depends on the hops behind.
 */
struct todo trace_todo(const struct trace *trace)
{
	struct todo best = { .at = NSEC_NEVER, .action = TODO_NOTHING };
	unsigned int first = trace_settled_ttl(trace), end = first + trace->config.parallel, ttl;
	nsec_t behind = 0;

	if (end > window_end(trace))
		end = window_end(trace);
	for (ttl = end > trace->farthest ? end : trace->farthest + 1; ttl-- > first;) {
		const struct trace_hop *hop = &trace->hops[ttl];

		if (ttl < end && !trace->is_stopped) {
			struct todo todo = hop_todo(trace, ttl, behind);

			if (todo.action == TODO_PROBE && todo.at < trace->next_send)
				todo.at = trace->next_send;
			if (todo.action != TODO_NOTHING && todo.at <= best.at)
				best = todo;
		}
		if (hop->answered > 0 && hop->answer.rtt >= behind)
			behind = hop->answer.rtt + 1;
	}
	if (best.action == TODO_NOTHING && trace->open > 0 && !trace->config.keep_open)
		best = (struct todo){ .at = 0, .action = TODO_RESET };
	else if (best.action == TODO_NOTHING && !trace->is_rested)
		best = (struct todo){ .at = trace_rest_end(trace), .action = TODO_REST };
	return best;
}
