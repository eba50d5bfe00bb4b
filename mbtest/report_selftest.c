/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_selftest.c - which scenario catches which fault, for people and as mbkit.selftest/1.
 */
#include "mbtest/report.h"

#include <jansson.h>

#include <string.h>

/* Whether a row is the first failure of its scenario, whose copies stand together. */
static bool catches(const struct report_run *run, size_t row)
{
	size_t i;

	if (run->rows[row].result.pass)
		return false;
	for (i = row; i-- > 0;) {
		if (strcmp(run->rows[i].scenario->name, run->rows[row].scenario->name) != 0)
			return true;
		if (!run->rows[i].result.pass)
			return false;
	}
	return true;
}

/* Whether a row begins a scenario, and no fault makes any of its copies fail. */
static bool is_idle(const struct selftest *selftest, size_t row)
{
	const struct report_run *first = &selftest->faults[0].run;
	const char *name = first->rows[row].scenario->name;
	size_t i, k;

	if (row > 0 && strcmp(first->rows[row - 1].scenario->name, name) == 0)
		return false;
	for (i = 0; i < selftest->count; i++) {
		const struct report_run *run = &selftest->faults[i].run;

		for (k = row; k < run->count; k++) {
			if (strcmp(run->rows[k].scenario->name, name) != 0)
				break;
			if (!run->rows[k].result.pass)
				return false;
		}
	}
	return true;
}

void report_selftest(FILE *out, const struct selftest *selftest)
{
	enum { SHOWN = 5 };
	size_t i, row;

	for (i = 0; i < selftest->count; i++) {
		const struct report_run *run = &selftest->faults[i].run;
		size_t count = 0;

		for (row = 0; row < run->count; row++)
			count += catches(run, row);
		fprintf(out, "%-20s %s by %zu scenarios\n", selftest->faults[i].name,
			count > 0 ? "caught" : "NOT CAUGHT", count);
		for (row = 0, count = 0; row < run->count && count < SHOWN; row++) {
			if (!catches(run, row))
				continue;
			fprintf(out, "    %s\n", run->rows[row].scenario->name);
			count++;
		}
	}
}

void report_selftest_json(FILE *out, const struct selftest *selftest)
{
	json_t *object = json_pack("{s:s}", "schema", "mbkit.selftest/1");
	json_t *faults = json_array(), *idle = json_array();
	size_t i, row;

	for (i = 0; i < selftest->count; i++) {
		const struct report_run *run = &selftest->faults[i].run;
		json_t *names = json_array();

		for (row = 0; row < run->count; row++) {
			if (catches(run, row))
				json_array_append_new(names,
					json_string(run->rows[row].scenario->name));
		}
		json_array_append_new(faults, json_pack("{s:s, s:o}", "fault",
			selftest->faults[i].name, "caught_by", names));
	}
	for (row = 0; selftest->count > 0 && row < selftest->faults[0].run.count; row++) {
		if (is_idle(selftest, row))
			json_array_append_new(idle,
				json_string(selftest->faults[0].run.rows[row].scenario->name));
	}
	json_object_set_new(object, "faults", faults);
	json_object_set_new(object, "idle_scenarios", idle);
	json_dumpf(object, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(object);
}
