/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/command_survey.h"

#include "tracebox/attribute.h"
#include "tracebox/run.h"

#include <stdio.h>
#include <string.h>

static void read_finding(const struct finding *finding, struct trace_finding *found)
{
	char name[OPTID_TEXT];

	memset(found, 0, sizeof(*found));
	snprintf(found->field, sizeof(found->field), "%s", finding_name(finding, name));
	found->change = (uint8_t)finding->change.kind;
	found->how = (uint8_t)finding->change.how;
	found->after = finding->after != NULL ? finding->after->ttl : 0;
	found->before = finding->before->ttl;
	found->is_exact = finding->is_exact;
	found->is_nat = finding->is_translated;
}

static void read_result(const struct result *result, struct trace_survey *survey)
{
	const struct destination_view *destination = &result->destination;
	size_t i;

	for (i = 0; i < result->finding_count && i < SCENARIO_FINDINGS; i++)
		read_finding(&result->findings[i], &survey->findings[i]);
	survey->count = (unsigned int)i;
	survey->destination.ttl = destination->reached ? destination->ttl : 0;
	survey->destination.supports_mptcp = destination->supports_mptcp;
	survey->destination.mirrors_mptcp = destination->mirrors_mptcp;
}

bool survey_path(const struct channel *channel, const struct packet *probe, bool fixed_seq,
	struct trace_survey *survey, struct err *err)
{
	struct run_plan plan = { .channel = channel };
	struct result result;
	struct trace *trace;

	trace_config_default(&plan.config);
	plan.config.fixed_seq = fixed_seq;
	trace = run_trace(&plan, probe, err);
	if (trace == NULL)
		return false;
	memset(survey, 0, sizeof(*survey));
	result_init(&result, trace);
	read_result(&result, survey);
	result_fini(&result);
	survey->elapsed = trace_elapsed(trace);
	trace_free(trace);
	return true;
}
