/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - what is sent and kept, and where the path ends. When it is sent: schedule.c; whose
 * answer a packet is: match.c; what several answers of the destination say together: accepted.c.
 */
#include "tracebox/trace.h"

#include "probe/base/alloc.h"
#include "tracebox/state.h"

#include <assert.h>
#include <stdlib.h>

enum { DEFAULT_STEP = 256 };

void trace_config_default(struct trace_config *config)
{
	*config = (struct trace_config){
		.first_ttl = 1,
		.last_ttl = 64,
		.probes = 1,
		.retries = 2,
		.parallel = 32,
		.rate = 10000,
		.wait = NSEC_PER_SEC,
		.silent_limit = 8,
	};
}

const char *answer_kind_text(enum answer_kind kind)
{
	static const char *const texts[] = {
		[ANSWER_NONE] = "none",
		[ANSWER_TIME_EXCEEDED] = "time-exceeded",
		[ANSWER_UNREACHABLE] = "unreachable",
		[ANSWER_ICMP] = "icmp",
		[ANSWER_SYN_ACK] = "syn-ack",
		[ANSWER_RST] = "rst",
		[ANSWER_ACK] = "ack",
		[ANSWER_OTHER] = "answer",
	};

	return texts[kind];
}

struct trace *trace_new(const struct packet *probe, const struct trace_config *config)
{
	struct trace *trace = xcalloc(1, sizeof(*trace));

	assert(probe->form != PACKET_MALFORMED);
	assert(config->first_ttl > 0 && config->first_ttl <= config->last_ttl);
	assert(config->probes > 0 && config->probes + config->retries <= TRACE_ATTEMPTS);
	trace->config = *config;
	trace->step = config->attempt_step != 0 ? config->attempt_step : DEFAULT_STEP;
	assert(trace->step > config->last_ttl);
	trace->pace = config->pace != NULL ? config->pace : &trace->own_pace;
	trace->hops = xcalloc(config->last_ttl + 1u, sizeof(*trace->hops));
	trace->probe = packet_new(PACKET_HEADROOM + probe->length);
	packet_set(trace->probe, packet_data(probe), probe->length);
	trace->is_rested = true;
	trace->last = config->last_ttl;
	trace->farthest = config->first_ttl - 1u;
	packet_addrs(probe, &trace->source, &trace->destination);
	if (probe->version == 4 && !config->fixed_id)
		trace->numbers |= NUMBER_ID;
	if (probe->form == PACKET_TCP && !config->fixed_seq)
		trace->numbers |= config->is_live && packet_payload_len(probe) > 0 ? NUMBER_LENGTH
										   : NUMBER_SEQ;
	if (probe->version == 4)
		trace->id = get_be16(packet_data(probe) + 4);
	if (probe->form == PACKET_TCP)
		trace->seq = tcp_seq(probe);
	if (config->fixed_id || config->fixed_seq || trace->numbers == 0 || config->parallel == 0)
		trace->config.parallel = 1;
	return trace;
}

void trace_free(struct trace *trace)
{
	if (trace == NULL)
		return;
	for (unsigned int ttl = 0; ttl <= trace->config.last_ttl; ttl++)
		packet_free(trace->hops[ttl].answer.packet);
	free(trace->hops);
	packet_free(trace->accepted.packet);
	packet_free(trace->probe);
	free(trace);
}

uint32_t trace_probe_room(const struct trace *trace)
{
	return PACKET_HEADROOM + trace->probe->length;
}

void trace_probe(const struct trace *trace, uint8_t ttl, unsigned int attempt,
	struct packet *packet)
{
	unsigned int number = probe_number(trace, ttl, attempt);
	bool fits = packet_set(packet, packet_data(trace->probe), trace->probe->length);

	assert(fits);
	(void)fits;
	packet_set_ttl(packet, ttl);
	if (trace->numbers & NUMBER_ID)
		packet_write16(packet, 4, (uint16_t)(trace->id + number));
	if (trace->numbers & NUMBER_SEQ)
		packet_write32(packet, packet->l4 + 4, probe_seq(trace, ttl, attempt));
	if (trace->numbers & NUMBER_LENGTH)
		packet_close_gap(packet, packet->end - number, number);
	packet_finish(packet);
}

/* A hop is done; when it ends a row of silent ones with nothing behind, so is the path. */
static void hop_settle(struct trace *trace, unsigned int ttl)
{
	unsigned int silent = 0;

	trace_settle_answer(trace, ttl);
	trace->hops[ttl].is_settled = true;
	if (trace->config.silent_limit == 0)
		return;
	for (ttl = trace->config.first_ttl; ttl <= trace->last; ttl++) {
		const struct trace_hop *hop = &trace->hops[ttl];

		if (hop->answered == 0 && !hop->is_settled)
			return;
		silent = hop->answered > 0 || ttl < trace->farthest ? 0 : silent + 1;
		if (silent >= trace->config.silent_limit)
			trace->last = ttl;
	}
}

nsec_t pace_next(nsec_t due, uint32_t rate, nsec_t now)
{
	nsec_t credit = PACE_CREDIT_MS * NSEC_PER_MS;

	due += NSEC_PER_SEC / rate;
	return due + credit < now ? now - credit : due;
}

static void send_probe(struct trace *trace, uint8_t ttl, struct packet *packet, nsec_t now)
{
	struct trace_hop *hop = &trace->hops[ttl];

	trace_probe(trace, ttl, hop->sent, packet);
	hop->sent_at[hop->sent++] = now;
	trace->last_sent_at = now;
	trace->sent++;
	if (trace->config.rate != 0)
		trace->next_send = pace_next(trace->next_send, trace->config.rate, now);
}

bool trace_output(struct trace *trace, struct packet *packet, nsec_t now)
{
	for (;;) {
		struct todo todo = trace_todo(trace);

		if (todo.at > now)
			return false;
		switch (todo.action) {
		case TODO_NOTHING:
			return false;
		case TODO_SETTLE:
			hop_settle(trace, todo.ttl);
			break;
		case TODO_PROBE:
			if (trace_begin_resets(trace, todo.ttl))
				trace_reset(trace, packet);
			else
				send_probe(trace, todo.ttl, packet, now);
			return true;
		case TODO_RESET:
			trace_reset(trace, packet);
			trace->is_closed = trace->open == 0;
			return true;
		case TODO_REST:
			trace->is_rested = true;
			break;
		}
	}
}

nsec_t trace_deadline(const struct trace *trace)
{
	return trace_todo(trace).at;
}

/*
 * Behind such an answer the path does not go on. A destination that says "time exceeded" is mostly
 * none: a NAT has put its address in the place of a hop's behind it.
 */
static bool ends_path(const struct trace *trace, const struct answer *answer)
{
	return answer->kind == ANSWER_UNREACHABLE ||
		(answer->from_destination &&
			(trace->config.lockstep || answer->kind != ANSWER_TIME_EXCEEDED));
}

/*
 * An answer that could be that of several probes: nothing that tells them apart comes back. From
 * here on there is one under way at a time, once the answers to those that are have come in; whose
 * these are is not guessed.
 */
static void take_turns(struct trace *trace, const struct answer *answer, nsec_t now)
{
	nsec_t rtt = now - trace->hops[answer->ttl].sent_at[answer->attempt], quiet;

	if (rtt >= trace->longest_rtt)
		trace->longest_rtt = rtt + 1;
	trace->config.parallel = 1;
	for (unsigned int ttl = trace->config.first_ttl; ttl <= trace->last; ttl++) {
		struct trace_hop *hop = &trace->hops[ttl];

		if (hop->answered == 0 && !hop->is_settled)
			hop->lost = hop->sent;
	}
	quiet = trace_rest_end(trace);
	if (quiet > trace->next_send)
		trace->next_send = quiet;
}

void trace_keep_answer(struct trace *trace, const struct answer *answer,
	const struct packet *packet)
{
	struct trace_hop *hop = &trace->hops[answer->ttl];

	hop->answered_attempts |= 1u << answer->attempt;
	if (!answer->from_destination && trace->pace->answers[answer->ttl] < UINT8_MAX)
		trace->pace->answers[answer->ttl]++;
	if (hop->answered++ > 0)
		return;
	hop->answer = *answer;
	hop->answer.packet = packet_new(packet->length);
	packet_set(hop->answer.packet, packet_data(packet), packet->length);
	if (answer->ttl > trace->farthest)
		trace->farthest = answer->ttl;
	if (answer->rtt >= trace->longest_rtt)
		trace->longest_rtt = answer->rtt + 1;
	if (ends_path(trace, answer) && answer->ttl < trace->last)
		trace->last = answer->ttl;
}

void trace_input(struct trace *trace, const struct packet *packet, nsec_t now)
{
	struct answer answer = { .kind = ANSWER_NONE };
	struct trace_hop *hop;

	if (!match_answer(trace, packet, &answer))
		return;
	if (answer.match == MATCH_ORDER) {
		take_turns(trace, &answer, now);
		return;
	}
	trace->was_refused |= answer.kind == ANSWER_RST;
	if (answer.kind == ANSWER_SYN_ACK || answer.kind == ANSWER_ACK)
		trace_note_accepted(trace, &answer, packet);
	hop = &trace->hops[answer.ttl];
	if (hop->answered_attempts >> answer.attempt & 1)
		return;
	/* Clocks of different makes tell the two times. */
	answer.rtt = now > hop->sent_at[answer.attempt] ? now - hop->sent_at[answer.attempt] : 0;
	trace_keep_answer(trace, &answer, packet);
}

bool trace_done(const struct trace *trace)
{
	return trace_todo(trace).action == TODO_NOTHING;
}

void trace_stop(struct trace *trace)
{
	trace->is_stopped = true;
}

/* ---- looking ---- */

uint8_t trace_first_ttl(const struct trace *trace)
{
	return trace->config.first_ttl;
}

uint8_t trace_last_ttl(const struct trace *trace)
{
	return (uint8_t)trace->last;
}

const struct trace_hop *trace_hop(const struct trace *trace, uint8_t ttl)
{
	return &trace->hops[ttl];
}

unsigned int trace_settled_ttl(const struct trace *trace)
{
	unsigned int ttl = trace->config.first_ttl;

	while (ttl <= trace->last && trace->hops[ttl].is_settled)
		ttl++;
	return ttl;
}

const struct addr *trace_target(const struct trace *trace)
{
	return &trace->destination;
}

const struct packet *trace_given(const struct trace *trace)
{
	return trace->probe;
}

const struct trace_config *trace_settings(const struct trace *trace)
{
	return &trace->config;
}

nsec_t trace_elapsed(const struct trace *trace)
{
	nsec_t first = NSEC_NEVER, last = 0;

	for (unsigned int ttl = trace->config.first_ttl; ttl <= trace->last; ttl++) {
		const struct trace_hop *hop = &trace->hops[ttl];

		for (unsigned int i = 0; i < hop->sent; i++) {
			nsec_t end = hop->sent_at[i];

			if (hop->answered > 0 && hop->answer.attempt == i)
				end += hop->answer.rtt;
			first = nsec_min(first, hop->sent_at[i]);
			last = end > last ? end : last;
		}
	}
	return first == NSEC_NEVER ? 0 : last - first;
}

uint32_t trace_sent(const struct trace *trace)
{
	return trace->sent;
}

const struct trace_hop *trace_destination(const struct trace *trace)
{
	const struct trace_hop *hop = &trace->hops[trace->last];

	return hop->answer.from_destination && ends_path(trace, &hop->answer) ? hop : NULL;
}

bool trace_accepted_seq(const struct trace *trace, uint32_t *seq)
{
	if (trace->accepted.kind == ANSWER_NONE)
		return false;
	*seq = tcp_ack(trace->accepted.packet) - trace->taken;
	return true;
}

/* ---- as a machine ---- */

static void machine_input(void *self, const struct packet *packet, nsec_t now)
{
	trace_input(self, packet, now);
}

static bool machine_output(void *self, struct packet *packet, nsec_t now)
{
	return trace_output(self, packet, now);
}

static nsec_t machine_deadline(const void *self)
{
	return trace_deadline(self);
}

struct machine trace_machine(struct trace *trace)
{
	static const struct machine_ops ops = {
		.input = machine_input,
		.output = machine_output,
		.deadline = machine_deadline,
	};

	return (struct machine){ .ops = &ops, .self = trace };
}
