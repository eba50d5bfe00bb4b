/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build.c - see build.h. What a scenario leaves unsaid is filled in here and nowhere else.
 */
#include "mbtest/suite/build.h"

#include "mbtest/suite/promise.h"
#include "probe/base/alloc.h"
#include "probe/endpoint/profile.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BYTES_VIRTUAL = 64 * 1024,
	BYTES_REAL = 1024 * 1024,
	HOP_NETWORK = 201, /* 198.18.201.0/24 and up are the hops' */
	HOP_NETWORKS = 55,
};

#define DEADLINE_VIRTUAL (120 * NSEC_PER_SEC)
#define DEADLINE_REAL    (20 * NSEC_PER_SEC)

bool run_is_live(const struct run_config *run)
{
	return run->stack[CLIENT].kind != STACK_SIM || run->stack[SERVER].kind != STACK_SIM;
}

bool run_is_remote(const struct run_config *run)
{
	return run->stack[SERVER].kind == STACK_REMOTE;
}

/* Bytes that each sending end sends: defaults by the clock. */
static uint64_t scenario_bytes(const struct scenario *scenario, const struct run_config *run)
{
	if (run->bytes > 0)
		return run->bytes;
	if (scenario->bytes > 0)
		return scenario->bytes;
	return run_is_live(run) ? BYTES_REAL : BYTES_VIRTUAL;
}

nsec_t run_slowed(const struct run_config *run, nsec_t time)
{
	return run_is_live(run) && run->slower > 1 ? time * run->slower : time;
}

nsec_t scenario_deadline(const struct scenario *scenario, const struct run_config *run)
{
	if (run->deadline > 0)
		return run->deadline;
	if (scenario->deadline > 0)
		return run_slowed(run, scenario->deadline);
	return run_is_live(run) ? run_slowed(run, DEADLINE_REAL) : DEADLINE_VIRTUAL;
}

void scenario_net_config(const struct scenario *scenario, const struct run_config *run,
	struct net_config *config)
{
	bool live = run_is_live(run);

	memset(config, 0, sizeof(*config));
	config->clock = live && !run_is_remote(run) ? CLOCK_REAL : CLOCK_VIRTUAL;
	config->seed = run->seed;
	config->hash = run->hash && !live;
	config->taps = true;
	config->strict = scenario->strict;
	config->sends = scenario_bytes(scenario, run);
	config->text_log = run->log != NULL;
	config->log = run->log;
	config->log_self = run->log_self;
}

static bool path_has_link(const struct path_plan *plan)
{
	unsigned int i, k;

	for (i = 0; i < plan->element_count; i++) {
		const struct element *element = &plan->elements[i];

		if (element->kind == ELEMENT_LINK)
			return true;
		for (k = 0; k < element->branch_count; k++) {
			if (path_has_link(&element->branches[k]))
				return true;
		}
	}
	return false;
}

struct addr hop_addr(unsigned int number, uint8_t family)
{
	/* 55 networks; should there be more hops, hosts in them are counted on. */
	uint8_t network = (uint8_t)(HOP_NETWORK + number % HOP_NETWORKS);
	uint8_t host = (uint8_t)(1 + number / HOP_NETWORKS);
	char text[ADDR_TEXT];
	struct addr addr;

	if (family == 4)
		return addr_v4(198, 18, network, host);
	snprintf(text, sizeof(text), "fd00:%u::%u", network, host);
	addr_parse(&addr, text);
	return addr;
}

/* Count past the hops of a path, those of its branches too; the one after so many, or NULL. */
static const struct hop_plan *find_hop(const struct path_plan *plan, unsigned int *count,
	unsigned int index)
{
	const struct hop_plan *found = NULL;
	unsigned int i, k;

	for (i = 0; i < plan->element_count && found == NULL; i++) {
		const struct element *element = &plan->elements[i];

		if (element->kind == ELEMENT_HOP && (*count)++ == index)
			found = &element->hop;
		for (k = 0; k < element->branch_count && found == NULL; k++)
			found = find_hop(&element->branches[k], count, index);
	}
	return found;
}

unsigned int path_hops(const struct path_plan *plan)
{
	unsigned int count = 0;

	find_hop(plan, &count, UINT_MAX);
	return count;
}

static struct hop_plan with_address(const struct hop_plan *given, unsigned int hop)
{
	struct hop_plan plan = *given;

	if (plan.addr[0].version == 0)
		plan.addr[0] = hop_addr(hop, 4);
	if (plan.addr[1].version == 0)
		plan.addr[1] = hop_addr(hop, 6);
	return plan;
}

struct hop_plan path_hop(const struct path_plan *plan, unsigned int index, unsigned int hop)
{
	unsigned int count = 0;

	return with_address(find_hop(plan, &count, index), hop + index);
}

/* The elements of a path, or of a branch, which has no branches itself. */
static bool build_row(struct net *net, uint16_t path, const struct path_plan *row,
	unsigned int *hop, struct err *err)
{
	unsigned int i, k;

	for (i = 0; i < row->element_count; i++) {
		const struct element *element = &row->elements[i];
		struct hop_plan placed;

		switch (element->kind) {
		case ELEMENT_LINK:
			net_add_link(net, path, &element->link[TO_SERVER],
				&element->link[TO_CLIENT]);
			break;
		case ELEMENT_HOP:
			placed = with_address(&element->hop, (*hop)++);
			net_add_hop(net, path, &placed);
			break;
		case ELEMENT_BOX:
			if (!net_add_box(net, path, element->box, element->type, element->args,
				    element->arg_count, err))
				return false;
			break;
		case ELEMENT_ECMP:
			net_add_ecmp(net, path, &element->ecmp);
			for (k = 0; k < element->branch_count; k++) {
				net_begin_branch(net, path);
				if (!build_row(net, path, &element->branches[k], hop, err))
					return false;
			}
			net_end_ecmp(net, path);
			break;
		}
	}
	return true;
}

bool path_build(struct net *net, const struct path_plan *plan, unsigned int hop, struct err *err)
{
	uint16_t path = net_add_path(net);
	struct link_plan link;

	if (!path_has_link(plan)) {
		link_plan_default(&link);
		net_add_link(net, path, &link, &link);
	}
	return build_row(net, path, plan, &hop, err);
}

bool scenario_build(struct net *net, const struct scenario *scenario, struct err *err)
{
	unsigned int hop = 0;

	for (unsigned int i = 0; i < scenario->path_count; i++) {
		if (!path_build(net, &scenario->paths[i], hop, err))
			return false;
		hop += path_hops(&scenario->paths[i]);
	}
	return true;
}

/* The profile of the endpoint at an end: the run's, else the scenario's; NULL: none. */
static const struct profile *scenario_profile(const struct scenario *scenario,
	const struct run_config *run, enum end end)
{
	if (run->stack[end].kind != STACK_SIM || run->stack[end].profile != NULL)
		return run->stack[end].profile;
	return scenario->profile[end];
}

static void plan_stream(const struct scenario *scenario, const struct run_config *run, enum end end,
	struct stream_plan *plan)
{
	bool sends = scenario->sender == SENDER_BOTH ||
		scenario->sender == (end == CLIENT ? SENDER_CLIENT : SENDER_SERVER);

	plan->sender = end;
	plan->length = sends ? scenario_bytes(scenario, run) : 0;
	plan->marker = scenario->marker;
	plan->marker_offset = scenario->marker_offset;
	plan->marker_every = scenario->marker_every;
}

/* Then the server is to join. */
static bool client_announces(const struct scenario *scenario)
{
	unsigned int i;

	for (i = 0; i < scenario->steps.count; i++)
		if (scenario->steps.steps[i].by == CLIENT &&
			scenario->steps.steps[i].verb == STEP_ANNOUNCE)
			return true;
	return false;
}

static void plan_config(const struct scenario *scenario, const struct run_config *run, enum end end,
	struct endpoint_config *config)
{
	const struct profile *profile = scenario_profile(scenario, run, end);

	endpoint_config_default(config);
	config->speaks = scenario->version == 0 ? SPEAKS_V0 : SPEAKS_V1;
	config->checksum = scenario->checksum;
	config->faults = run->stack[end].faults;
	if (scenario->cc != NULL)
		config->congestion_control = scenario->cc;
	if (run->cc != NULL)
		config->congestion_control = run->cc;
	if (scenario->scheduler != NULL)
		config->scheduler = scenario->scheduler;
	if (run->scheduler != NULL)
		config->scheduler = run->scheduler;
	config->timestamps = config->timestamps && !scenario->no_timestamps;
	config->sack = config->sack && !scenario->no_sack;
	config->window_scale = config->window_scale && !scenario->no_window_scale;
	config->join_count = 0;
	/* Finding such a key costs the more, the sooner it wraps. */
	if (scenario->dsn_wraps)
		config->wrap_within = (uint32_t)(scenario_bytes(scenario, run) / 2 + 1);
	config->wide_dsn = !scenario->dsn_wraps && !scenario->dsn_narrow;
	config->join_as_server = client_announces(scenario) || scenario->server_joins > 0;
	if (profile != NULL)
		profile_apply(profile, config);
	if (end == SERVER) {
		for (; config->join_count < scenario->server_joins; config->join_count++)
			config->join[config->join_count] =
				net_server_addr_at((uint16_t)(config->join_count + 1),
					scenario->family);
		return;
	}
	config->join_backup = config->join_backup || scenario->join_backup;
	if (scenario->path_manager != NULL)
		config->path_manager = scenario->path_manager;
	config->subflows_wanted = scenario->subflows;
	while (config->join_count < scenario->joins && config->join_count < ENDPOINT_JOINS) {
		config->join[config->join_count] =
			net_client_addr((uint16_t)(config->join_count + 1), scenario->family);
		config->join_count++;
	}
}

void scenario_apps(const struct scenario *scenario, const struct run_config *run,
	struct scenario_ends *ends)
{
	struct sockname client = { .addr = net_client_addr(0, scenario->family),
		.port = NET_CLIENT_PORT };
	struct sockname server = { .addr = net_server_addr(scenario->family),
		.port = NET_SERVER_PORT };
	unsigned int end;

	memset(ends, 0, sizeof(*ends));
	for (end = 0; end < ENDS; end++) {
		struct app_plan *plan = &ends->plan[end];

		plan->end = end == CLIENT ? CLIENT : SERVER;
		plan_stream(scenario, run, plan->end, &plan->sends);
		plan->first_chunk = scenario->first_chunk;
		plan->pause_ns = run_slowed(run, scenario->pause_ns);
		plan->family = scenario->family;
		step_plan_of(&scenario->steps, plan->end, &plan->steps);
		for (unsigned int i = 0; i < plan->steps.count; i++)
			plan->steps.steps[i].at = run_slowed(run, plan->steps.steps[i].at);
		plan_config(scenario, run, plan->end, &ends->config[end]);
	}
	ends->plan[CLIENT].local = client;
	ends->plan[CLIENT].remote = server;
	/* 198.18.100.200, fd00:100::c8. */
	if (scenario->virtual_server)
		ends->plan[CLIENT].remote.addr.bytes[addr_len(&server.addr) - 1] = 200;
	ends->plan[SERVER].local = server;
	if (scenario->server_port != 0)
		ends->plan[SERVER].local.port = scenario->server_port;
	ends->plan[CLIENT].receives = ends->plan[SERVER].sends.length;
	ends->plan[SERVER].receives = ends->plan[CLIENT].sends.length;
}

struct rng scenario_rng(const struct run_config *run, enum end end)
{
	struct rng rng;

	rng_init(&rng, run->seed);
	return rng_fork(&rng, end_text(end));
}

static void fill_judge(const struct scenario *scenario, const struct run_config *run,
	const struct scenario_ends *ends, const struct net *net, const struct app_view *view,
	struct judge_input *input)
{
	unsigned int end;

	memset(input, 0, sizeof(*input));
	for (end = 0; end < ENDS; end++) {
		input->tap[end] = net_tap(net, (enum end)end);
		input->app[end] = view[end];
		input->stream[end] = ends->plan[end].sends;
		input->speaks_mptcp[end] = true;
		input->is_ours[end] = run->stack[end].kind == STACK_SIM &&
			scenario_profile(scenario, run, (enum end)end) == NULL;
		/* A profile that the run names is held to all rules: that is what is asked. */
		if (scenario->profile[end] != NULL)
			input->excused[end] =
				promise_excused(scenario_profile(scenario, run, (enum end)end));
	}
	input->edit_count = net_edits(net, &input->edits);
	input->beyond[SERVER] = ends->beyond;
	input->version = scenario->version;
	input->checksum = scenario->checksum;
	input->subflows = scenario->subflows;
}

/* Of the boxes of a path, those of its branches too, the first that did not act; NULL: all did. */
static const char *find_idle(const struct path_plan *plan, const struct net *net, uint16_t path,
	unsigned int *box)
{
	const char *idle = NULL;
	unsigned int i, k;

	for (i = 0; i < plan->element_count && idle == NULL; i++) {
		const struct element *element = &plan->elements[i];

		if (element->kind == ELEMENT_BOX && net_box_hits_at(net, path, (*box)++) == 0)
			idle = element->box;
		for (k = 0; k < element->branch_count && idle == NULL; k++)
			idle = find_idle(&element->branches[k], net, path, box);
	}
	return idle;
}

/* Whether every box acted; else which did not, as "box strip on path 1". */
static bool boxes_acted(const struct scenario *scenario, const struct net *net, char *text,
	size_t size)
{
	unsigned int i;

	for (i = 0; i < scenario->path_count; i++) {
		unsigned int box = 0;
		const char *idle = find_idle(&scenario->paths[i], net, (uint16_t)i, &box);

		if (idle == NULL)
			continue;
		snprintf(text, size, "box %s on path %u", idle, i + 1);
		return false;
	}
	return true;
}

void run_judge(const struct scenario *scenario, const struct run_config *run,
	const struct scenario_ends *ends, const struct net *net,
	const struct app_view view[static ENDS], nsec_t elapsed, bool timed_out,
	struct result *result)
{
	struct judge_input input;
	struct judgement *judgement = xcalloc(1, sizeof(*judgement));

	fill_judge(scenario, run, ends, net, view, &input);
	input.now = net_now(net);
	input.timed_out = timed_out;
	judge(&input, judgement);
	memset(result, 0, sizeof(*result));
	result->box_hits = net_box_hits(net);
	result->bytes = scenario_bytes(scenario, run);
	result->elapsed = elapsed;
	result->seed = run->seed;
	result->oddity = net_oddity(net);
	result->hash = run->hash && !run_is_live(run) ? net_hash(net) : 0;
	result->box_idle = !boxes_acted(scenario, net, result->idle, sizeof(result->idle));
	result_settle(result, scenario, run, judgement);
	free(judgement);
}

static void copy_capture(struct capture *to, const struct capture *from)
{
	capture_init(to);
	to->records = xmalloc((from->count + 1) * sizeof(*to->records));
	to->bytes = xmalloc(from->used + 1);
	if (from->count > 0)
		memcpy(to->records, from->records, from->count * sizeof(*to->records));
	if (from->used > 0)
		memcpy(to->bytes, from->bytes, from->used);
	to->count = from->count;
	to->capacity = from->count + 1;
	to->used = from->used;
	to->room = from->used + 1;
}

void run_keep_taps(const struct net *net, struct run_taps *taps)
{
	if (taps == NULL)
		return;
	copy_capture(&taps->tap[CLIENT], net_tap(net, CLIENT));
	copy_capture(&taps->tap[SERVER], net_tap(net, SERVER));
}
