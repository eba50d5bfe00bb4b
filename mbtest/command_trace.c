/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/command_trace.h"

#include "mbtest/suite/build.h"
#include "probe/wire/diff.h"
#include "probe/wire/text.h"
#include "tracebox/command_sim.h"
#include "tracebox/command_survey.h"

#include <stdio.h>
#include <string.h>

/* ---- against the truth ---- */

static bool same_finding(const struct trace_finding *a, const struct trace_finding *b)
{
	return strcmp(a->field, b->field) == 0 && a->change == b->change && a->how == b->how &&
		a->after == b->after && a->before == b->before && a->is_exact == b->is_exact &&
		a->is_nat == b->is_nat;
}

static void add_sentence(struct result *result, const char *verdict,
	const struct trace_finding *finding)
{
	size_t used = strlen(result->why);
	const char *how = change_how_text((enum change_how)finding->how);

	snprintf(result->why + used, sizeof(result->why) - used, "%s%s: %s %s%s%s %u-%u %s%s",
		used > 0 ? "; " : "", verdict, finding->field,
		change_kind_text((enum change_kind)finding->change), how != NULL ? " " : "",
		how != NULL ? how : "", finding->after, finding->before,
		finding->is_exact ? "exact" : "bounded", finding->is_nat ? " nat" : "");
}

/* Name what is in one list and not in the other; how often counts. */
static void compare_lists(struct result *result, const char *verdict,
	const struct trace_finding *list, unsigned int count, const struct trace_finding *other,
	unsigned int other_count)
{
	bool used[SCENARIO_FINDINGS] = { false };
	unsigned int i, k;

	for (i = 0; i < count; i++) {
		for (k = 0; k < other_count; k++) {
			if (!used[k] && same_finding(&list[i], &other[k]))
				break;
		}
		if (k < other_count)
			used[k] = true;
		else
			add_sentence(result, verdict, &list[i]);
	}
}

static void compare_destination(struct result *result, const struct trace_plan *plan)
{
	const struct trace_destination *told = &result->survey.destination,
				       *truth = &plan->destination;
	size_t used = strlen(result->why);

	if (told->ttl == truth->ttl &&
		(!plan->judges_mptcp ||
			(told->supports_mptcp == truth->supports_mptcp &&
				told->mirrors_mptcp == truth->mirrors_mptcp)))
		return;
	snprintf(result->why + used, sizeof(result->why) - used,
		"%sdestination: ttl %u, mptcp %s, mirrored %s", used > 0 ? "; " : "", told->ttl,
		told->supports_mptcp ? "yes" : "no", told->mirrors_mptcp ? "yes" : "no");
}

static void judge_trace(struct result *result, const struct trace_plan *plan)
{
	const struct trace_survey *survey = &result->survey;

	compare_lists(result, "missing", plan->findings, plan->finding_count, survey->findings,
		survey->count);
	compare_lists(result, "extra", survey->findings, survey->count, plan->findings,
		plan->finding_count);
	compare_destination(result, plan);
	result->pass = result->why[0] == '\0';
	if (result->pass)
		snprintf(result->why, sizeof(result->why), "found what is there: %u finding%s",
			survey->count, survey->count == 1 ? "" : "s");
}

/* ---- the run ---- */

static void settle(struct result *result, const struct trace_plan *plan, const struct net *net,
	struct run_taps *taps)
{
	result->elapsed = result->survey.elapsed;
	result->hash = net_hash(net);
	result->box_hits = net_box_hits(net);
	result->exercised = true;
	judge_trace(result, plan);
	run_keep_taps(net, taps);
}

bool trace_scenario(const struct scenario *scenario, const struct run_config *config,
	struct result *result, struct run_taps *taps, struct err *err)
{
	struct sim_plan plan = { .path = &scenario->paths[0],
		.server = scenario->trace->server,
		.port = NET_SERVER_PORT };
	struct packet *probe = packet_new(PACKET_SMALL);
	struct channel channel;
	bool ok;

	memset(result, 0, sizeof(*result));
	result->seed = config->seed;
	scenario_net_config(scenario, config, &plan.net);
	ok = packet_from_text(probe, scenario->trace->probe, err);
	if (ok && channel_sim_new(&channel, &plan, err)) {
		ok = survey_path(&channel, probe, scenario->trace->fixed_seq, &result->survey, err);
		if (ok)
			settle(result, scenario->trace, channel_sim_net(&channel), taps);
		channel.ops->free(channel.self);
	} else {
		ok = false;
	}
	packet_free(probe);
	return ok;
}
