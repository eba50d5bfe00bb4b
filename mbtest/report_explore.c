/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_explore.c - what an exploration found, for people and as mbkit.explore/1.
 */
#include "mbtest/report_explore.h"

#include <inttypes.h>
#include <jansson.h>

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
}

void report_explore_json(FILE *out, const struct explore_report *report)
{
	json_t *object = json_object(), *list = json_array();
	size_t i;

	json_object_set_new(object, "schema", json_string("mbkit.explore/1"));
	json_object_set_new(object, "seeds",
		json_pack("[I,I]", (json_int_t)report->first, (json_int_t)report->last));
	json_object_set_new(object, "ran", json_integer((json_int_t)report->ran));
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
