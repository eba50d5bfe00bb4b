/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_selftest.c - which scenario catches which fault, for people and as mbkit.selftest/1.
 */
#include "mbtest/report.h"

#include <jansson.h>

#include <string.h>

static bool catches(const struct selftest *selftest, size_t fault, size_t row)
{
	return selftest->clean[row] && !selftest->faults[fault].passed[row];
}

bool selftest_caught(const struct selftest *selftest, size_t fault)
{
	size_t row;

	for (row = 0; row < selftest->rows; row++) {
		if (catches(selftest, fault, row))
			return true;
	}
	return false;
}

/* Rows from this one on are of one scenario, whose copies stand together; where they end. */
static size_t copies_end(const struct selftest *selftest, size_t row)
{
	const struct scenario *const *scenarios = selftest->scenarios;
	size_t end = row + 1;

	while (end < selftest->rows && strcmp(scenarios[row]->name, scenarios[end]->name) == 0 &&
		strcmp(scenarios[row]->suite, scenarios[end]->suite) == 0)
		end++;
	return end;
}

/* Whether one of a scenario's copies catches a fault. */
static bool any_catches(const struct selftest *selftest, size_t fault, size_t row, size_t end)
{
	while (row < end && !catches(selftest, fault, row))
		row++;
	return row < end;
}

/* Whether no fault fails any of a scenario's copies. */
static bool is_idle(const struct selftest *selftest, size_t row, size_t end)
{
	size_t fault;

	for (fault = 0; fault < selftest->count; fault++) {
		if (any_catches(selftest, fault, row, end))
			return false;
	}
	return true;
}

static void print_fault(FILE *out, const struct selftest *selftest, size_t fault)
{
	enum { SHOWN = 5 };
	size_t row, end, count = 0;

	for (row = 0; row < selftest->rows; row = copies_end(selftest, row))
		count += any_catches(selftest, fault, row, copies_end(selftest, row));
	fprintf(out, "%-20s %s by %zu scenarios\n", selftest->faults[fault].name,
		count > 0 ? "caught" : "NOT CAUGHT", count);
	for (row = 0, count = 0; row < selftest->rows && count < SHOWN; row = end) {
		const struct scenario *scenario = selftest->scenarios[row];

		end = copies_end(selftest, row);
		if (!any_catches(selftest, fault, row, end))
			continue;
		fprintf(out, "    %s/%s\n", scenario->suite, scenario->name);
		count++;
	}
}

void report_selftest(FILE *out, const struct selftest *selftest)
{
	size_t fault, row, end, caught = 0, idle = 0, names = 0;

	for (fault = 0; fault < selftest->count; fault++) {
		print_fault(out, selftest, fault);
		caught += selftest_caught(selftest, fault);
	}
	for (row = 0; row < selftest->rows; row = end, names++) {
		end = copies_end(selftest, row);
		if (!is_idle(selftest, row, end))
			continue;
		if (idle++ == 0)
			fprintf(out, "failed by no fault:\n");
		fprintf(out, "    %s/%s\n", selftest->scenarios[row]->suite,
			selftest->scenarios[row]->name);
	}
	fprintf(out, "%zu of %zu faults caught; %zu of %zu scenarios are failed by none\n", caught,
		selftest->count, idle, names);
}

/* Names of the scenarios that catch a fault. */
static json_t *caught_by(const struct selftest *selftest, size_t fault)
{
	json_t *names = json_array();
	size_t row, end;

	for (row = 0; row < selftest->rows; row = end) {
		end = copies_end(selftest, row);
		if (any_catches(selftest, fault, row, end))
			json_array_append_new(names, json_string(selftest->scenarios[row]->name));
	}
	return names;
}

void report_selftest_json(FILE *out, const struct selftest *selftest)
{
	json_t *object = json_pack("{s:s}", "schema", "mbkit.selftest/1");
	json_t *faults = json_array(), *idle = json_array();
	size_t fault, row, end;

	for (fault = 0; fault < selftest->count; fault++)
		json_array_append_new(faults,
			json_pack("{s:s, s:o}", "fault", selftest->faults[fault].name, "caught_by",
				caught_by(selftest, fault)));
	for (row = 0; row < selftest->rows; row = end) {
		end = copies_end(selftest, row);
		if (is_idle(selftest, row, end))
			json_array_append_new(idle, json_string(selftest->scenarios[row]->name));
	}
	json_object_set_new(object, "faults", faults);
	json_object_set_new(object, "idle_scenarios", idle);
	json_dumpf(object, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(object);
}
