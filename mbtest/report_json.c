/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_json.c - mbkit.result/1: one object a line.
 */
#include "mbtest/report.h"
#include "probe/wire/diff.h"

#include <jansson.h>

#include <inttypes.h>

static json_t *expected_array(const struct scenario *scenario)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < OUTCOME_COUNT; i++) {
		if (scenario->expected >> i & 1)
			json_array_append_new(array, json_string(outcome_text((enum outcome)i)));
	}
	return array;
}

static json_t *rules_array(const struct scenario *scenario)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < scenario->rule_count; i++)
		json_array_append_new(array, json_string(rule_info(scenario->rules[i])->name));
	return array;
}

/* Rules whose condition was met, named by the scenario or not. */
static json_t *exercised_array(const struct result *result)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < rule_count(); i++) {
		if (result->rules_exercised[i / 64] >> i % 64 & 1)
			json_array_append_new(array, json_string(rule_info(i)->name));
	}
	return array;
}

static json_t *findings_array(const struct rule_report *reports, unsigned int count)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < count; i++) {
		json_array_append_new(array,
			json_pack("{s:s, s:s, s:i, s:s}", "rule", rule_info(reports[i].rule)->name,
				"end", end_text(reports[i].end), "packet", (int)reports[i].packet,
				"why", reports[i].why));
	}
	return array;
}

/* The ends whose fault it is that a result is not as the rules have it. */
static json_t *blame_array(const struct result *result)
{
	json_t *array = json_array();
	enum end end;

	for (end = CLIENT; end < ENDS; end++)
		if (result->blamed[end])
			json_array_append_new(array, json_string(end_text(end)));
	return array;
}

/* What a trace found, or should have. */
static json_t *trace_array(const struct trace_finding *list, unsigned int count)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < count; i++)
		json_array_append_new(array,
			json_pack("{s:s, s:s, s:s?, s:{s:i}, s:{s:i}, s:s, s:b}", "field",
				list[i].field, "change",
				change_kind_text((enum change_kind)list[i].change), "how",
				change_how_text((enum change_how)list[i].how), "after", "ttl",
				list[i].after, "before", "ttl", list[i].before, "certainty",
				list[i].is_exact ? "exact" : "bounded", "nat", list[i].is_nat));
	return array;
}

/* A trace has neither stacks nor an outcome. */
static void set_trace(json_t *object, const struct scenario *scenario, const struct result *result)
{
	static const char *const without[] = { "version", "checksum", "client", "server", "sender",
		"outcome", "intact", "expect_intact", "bytes", "subflows" };
	const struct trace_plan *plan = scenario->trace;
	size_t i;

	for (i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		json_object_set_new(object, without[i], json_null());
	json_object_set_new(object, "probe", json_string(plan->probe));
	json_object_set_new(object, "findings",
		trace_array(result->survey.findings, result->survey.count));
	json_object_set_new(object, "truth", trace_array(plan->findings, plan->finding_count));
}

static json_t *text_or_null(const char *text)
{
	return text == NULL ? json_null() : json_string(text);
}

static json_t *hash_value(const struct result *result)
{
	char text[24];

	if (result->hash == 0)
		return json_null();
	snprintf(text, sizeof(text), "%016" PRIx64, result->hash);
	return json_string(text);
}

/* What the scenario is. */
static void set_scenario(json_t *object, const struct scenario *scenario,
	const struct run_config *run)
{
	static const char *const senders[] = { "client", "server", "both" };

	json_object_set_new(object, "schema", json_string("mbkit.result/1"));
	json_object_set_new(object, "suite", json_string(scenario->suite));
	json_object_set_new(object, "scenario", json_string(scenario->name));
	json_object_set_new(object, "version", json_integer(scenario->version));
	json_object_set_new(object, "checksum", json_boolean(scenario->checksum));
	json_object_set_new(object, "client", json_string(run->stack[CLIENT].name));
	json_object_set_new(object, "server", json_string(run->stack[SERVER].name));
	json_object_set_new(object, "family", json_integer(scenario->family));
	json_object_set_new(object, "path", json_integer(scenario->path));
	json_object_set_new(object, "direction", json_string(scenario->direction));
	json_object_set_new(object, "sender", json_string(senders[scenario->sender]));
}

/* What came of it. */
static void set_result(json_t *object, const struct scenario *scenario, const struct result *result,
	bool is_live)
{
	json_object_set_new(object, "outcome", json_string(outcome_text(result->outcome)));
	json_object_set_new(object, "expected", expected_array(scenario));
	json_object_set_new(object, "rules", rules_array(scenario));
	json_object_set_new(object, "any_rule", json_boolean(scenario->any_rule));
	json_object_set_new(object, "broken", findings_array(result->broken, result->broken_count));
	json_object_set_new(object, "differs",
		findings_array(result->differs, result->differs_count));
	json_object_set_new(object, "pass", json_boolean(result->pass));
	json_object_set_new(object, "intact", json_boolean(result->intact));
	json_object_set_new(object, "expect_intact", json_boolean(result->expect_intact));
	json_object_set_new(object, "damage", text_or_null(damage_text(result->damage)));
	json_object_set_new(object, "box_hits", json_integer((json_int_t)result->box_hits));
	json_object_set_new(object, "bytes", json_integer((json_int_t)result->bytes));
	json_object_set_new(object, "elapsed_ms", json_real(nsec_to_ms(result->elapsed)));
	json_object_set_new(object, "clock", json_string(is_live ? "real" : "virtual"));
	json_object_set_new(object, "seed", json_integer((json_int_t)result->seed));
	json_object_set_new(object, "hash", hash_value(result));
	json_object_set_new(object, "why", json_string(result->why));
	json_object_set_new(object, "blame", blame_array(result));
	json_object_set_new(object, "exercised", exercised_array(result));
	json_object_set_new(object, "group", json_string(scenario->group));
	json_object_set_new(object, "subflows", json_integer((json_int_t)scenario->subflows));
}

void report_json(FILE *out, const struct report_run *report)
{
	const struct run_config *run = report->run;
	bool is_live = run->stack[CLIENT].kind != STACK_SIM || run->stack[SERVER].kind != STACK_SIM;
	size_t i;

	for (i = 0; i < report->count; i++) {
		json_t *object = json_object();

		set_scenario(object, report->rows[i].scenario, run);
		set_result(object, report->rows[i].scenario, &report->rows[i].result, is_live);
		if (report->rows[i].scenario->trace != NULL)
			set_trace(object, report->rows[i].scenario, &report->rows[i].result);
		json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(12));
		fputc('\n', out);
		json_decref(object);
	}
}
