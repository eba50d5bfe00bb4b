/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_explore.c - what an exploration found, for people and as mbkit.explore/1.
 */
#include "mbtest/report_explore.h"

#include <inttypes.h>
#include <jansson.h>

/* What came of the seeds, in parts of a hundred. */
static void print_outcomes(FILE *out, const struct explore_report *report)
{
	const char *between = "";
	unsigned int i;

	for (i = 0; i < OUTCOME_COUNT; i++) {
		uint64_t tenths = report->ran == 0 ? 0 : report->outcomes[i] * 1000 / report->ran;

		if (report->outcomes[i] == 0)
			continue;
		fprintf(out, "%s%s %" PRIu64 ".%" PRIu64 " %%", between,
			outcome_text((enum outcome)i), tenths / 10, tenths % 10);
		between = ", ";
	}
	if (*between != '\0')
		fputc('\n', out);
}

static void print_idle_rules(FILE *out, const struct explore_report *report)
{
	const char *before = "rules that no seed exercised: ";
	unsigned int i;

	for (i = 0; i < rule_count(); i++) {
		if (report->exercised[i] > 0)
			continue;
		fprintf(out, "%s%s", before, rule_info(i)->name);
		before = ", ";
	}
	if (*before == ',')
		fputc('\n', out);
}

void report_explore(FILE *out, const struct explore_report *report)
{
	size_t i;

	for (i = 0; i < report->count; i++) {
		const struct explore_found *found = &report->found[i];

		fprintf(out, "seed %" PRIu64 ": %s: %s\n", found->seed, found->invariant,
			found->why);
		if (found->file[0] != '\0')
			fprintf(out, "  mbtest run %s\n", found->file);
	}
	fprintf(out, "%" PRIu64 " seeds of %" PRIu64 "..%" PRIu64 ": %zu violation%s\n",
		report->ran, report->first, report->last, report->count,
		report->count == 1 ? "" : "s");
	print_outcomes(out, report);
	print_idle_rules(out, report);
}

static json_t *outcomes_object(const struct explore_report *report)
{
	json_t *object = json_object();
	unsigned int i;

	for (i = 0; i < OUTCOME_COUNT; i++)
		json_object_set_new(object, outcome_text((enum outcome)i),
			json_integer((json_int_t)report->outcomes[i]));
	return object;
}

static json_t *exercised_object(const struct explore_report *report)
{
	json_t *object = json_object();
	unsigned int i;

	for (i = 0; i < rule_count(); i++)
		json_object_set_new(object, rule_info(i)->name,
			json_integer((json_int_t)report->exercised[i]));
	return object;
}

void report_explore_json(FILE *out, const struct explore_report *report)
{
	json_t *object = json_object(), *list = json_array();
	size_t i;

	json_object_set_new(object, "schema", json_string("mbkit.explore/1"));
	json_object_set_new(object, "seeds",
		json_pack("[I,I]", (json_int_t)report->first, (json_int_t)report->last));
	json_object_set_new(object, "ran", json_integer((json_int_t)report->ran));
	json_object_set_new(object, "outcomes", outcomes_object(report));
	json_object_set_new(object, "exercised", exercised_object(report));
	for (i = 0; i < report->count; i++) {
		const struct explore_found *found = &report->found[i];

		json_array_append_new(list,
			json_pack("{s:I,s:s,s:s,s:s}", "seed", (json_int_t)found->seed, "invariant",
				found->invariant, "scenario", found->file, "why", found->why));
	}
	json_object_set_new(object, "violations", list);
	json_dumpf(object, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(object);
}
