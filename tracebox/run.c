/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/run.h"

#include <assert.h>

enum { NAME_TEXT = 256 };

struct run {
	const struct run_plan *plan;
	struct trace *trace;
	unsigned int reported; /* TTLs below this one */
	bool is_stopped;
};

/* Whether the name of a hop is looked for. */
static bool name_pending(const struct channel *channel, const struct trace_hop *hop)
{
	char name[NAME_TEXT];

	return hop->answered > 0 &&
		channel->ops->name(channel->self, &hop->answer.from, name, sizeof(name)) ==
		NAMES_PENDING;
}

/* All are asked for before any is waited for. */
bool run_names_pending(const struct channel *channel, const struct trace *trace)
{
	bool pending = false;

	for (unsigned int ttl = trace_first_ttl(trace); ttl <= trace_last_ttl(trace); ttl++)
		pending |= name_pending(channel, trace_hop(trace, (uint8_t)ttl));
	return pending;
}

static void report_hop(struct run *run, uint8_t ttl)
{
	const struct run_plan *plan = run->plan;
	struct hop_view view;
	bool stops;

	if (plan->filters != NULL && plan->channel->ops->filter != NULL)
		fprintf(plan->filters, "Filter used at hop %u: %s\n", ttl,
			plan->channel->ops->filter(plan->channel->self));
	if (plan->hop == NULL)
		return;
	hop_view_init(&view, run->trace, ttl);
	stops = plan->hop(plan->self, &view);
	hop_view_fini(&view);
	if (!stops)
		return;
	run->is_stopped = true;
	trace_stop(run->trace);
}

/* Report what is settled since the last time, and named. */
static bool run_done(void *self)
{
	struct run *run = self;
	const struct run_plan *plan = run->plan;
	unsigned int settled = trace_settled_ttl(run->trace);
	bool pending = plan->names && run_names_pending(plan->channel, run->trace);

	for (; run->reported < settled && !run->is_stopped; run->reported++) {
		if (pending &&
			name_pending(plan->channel, trace_hop(run->trace, (uint8_t)run->reported)))
			return false;
		report_hop(run, (uint8_t)run->reported);
	}
	return trace_done(run->trace) && (!pending || run->is_stopped);
}

struct trace *run_trace(const struct run_plan *plan, const struct packet *probe, struct err *err)
{
	struct run run = { .plan = plan, .reported = plan->config.first_ttl };
	const struct channel *channel = plan->channel;

	run.trace = trace_new(probe, &plan->config);
	if (channel->ops->run(channel->self, probe, trace_machine(run.trace), run_done, &run,
		    err)) {
		while (!run_done(&run) && trace_done(run.trace))
			channel->ops->wait(channel->self);
		return run.trace;
	}
	trace_free(run.trace);
	return NULL;
}

static bool exchange_done(void *self)
{
	return trace_done(self);
}

bool run_exchange(const struct channel *channel, const struct packet *probe, nsec_t wait,
	unsigned int tries, struct packet **answer, struct err *err)
{
	struct trace_config config;
	struct trace *trace;
	uint8_t ttl = packet_ttl(probe);
	bool ok;

	assert(tries > 0 && tries <= TRACE_ATTEMPTS);
	trace_config_default(&config);
	config.first_ttl = config.last_ttl = ttl != 0 ? ttl : 64;
	config.retries = tries - 1;
	config.wait = wait;
	config.fixed_wait = true;
	config.fixed_id = config.fixed_seq = true;
	config.keep_open = true;
	trace = trace_new(probe, &config);
	ok = channel->ops->run(channel->self, probe, trace_machine(trace), exchange_done, trace,
		err);
	*answer = NULL;
	if (ok && trace_hop(trace, config.last_ttl)->answered > 0)
		*answer = packet_clone(trace_hop(trace, config.last_ttl)->answer.packet);
	trace_free(trace);
	return ok;
}

/* ---- one packet, no answer ---- */

struct sending {
	const struct packet *packet; /* NULL: sent */
};

static void sending_input(void *self, const struct packet *packet, nsec_t now)
{
	(void)self;
	(void)packet;
	(void)now;
}

static bool sending_output(void *self, struct packet *packet, nsec_t now)
{
	struct sending *sending = self;
	bool fits;

	(void)now;
	if (sending->packet == NULL)
		return false;
	fits = packet_set(packet, packet_data(sending->packet), sending->packet->length);
	assert(fits);
	(void)fits;
	sending->packet = NULL;
	return true;
}

static nsec_t sending_deadline(const void *self)
{
	return ((const struct sending *)self)->packet != NULL ? 0 : NSEC_NEVER;
}

static bool sending_done(void *self)
{
	return ((const struct sending *)self)->packet == NULL;
}

bool run_send(const struct channel *channel, const struct packet *packet, struct err *err)
{
	static const struct machine_ops ops = { sending_input, sending_output, sending_deadline };
	struct sending sending = { packet };

	return channel->ops->run(channel->self, packet, (struct machine){ &ops, &sending },
		sending_done, &sending, err);
}
