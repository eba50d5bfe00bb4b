/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_selftest.c - which scenario catches which fault, for people and as mbkit.selftest/1.
 */
#include "mbtest/report.h"

#include <jansson.h>

#include <string.h>

static const char *row_name(const struct selftest *selftest, size_t row)
{
	return selftest->clean.rows[row].scenario->name;
}

/* Whether a row is the first of its scenario's copies, which stand together, to catch the fault. */
static bool is_first_catch(const struct selftest *selftest, size_t fault, size_t row)
{
	size_t i;

	if (!selftest_catches(selftest, fault, row))
		return false;
	for (i = row; i-- > 0;) {
		if (strcmp(row_name(selftest, i), row_name(selftest, row)) != 0)
			return true;
		if (selftest_catches(selftest, fault, i))
			return false;
	}
	return true;
}

/* Whether a row begins a scenario of which no copy catches any fault. */
static bool is_idle(const struct selftest *selftest, size_t row)
{
	size_t i, fault;

	if (row > 0 && strcmp(row_name(selftest, row - 1), row_name(selftest, row)) == 0)
		return false;
	for (i = row; i < selftest->clean.count; i++) {
		if (strcmp(row_name(selftest, i), row_name(selftest, row)) != 0)
			break;
		for (fault = 0; fault < selftest->count; fault++) {
			if (selftest_catches(selftest, fault, i))
				return false;
		}
	}
	return true;
}

void report_selftest(FILE *out, const struct selftest *selftest)
{
	enum { SHOWN = 5 };
	size_t fault, row;

	for (fault = 0; fault < selftest->count; fault++) {
		size_t count = 0;

		for (row = 0; row < selftest->clean.count; row++)
			count += is_first_catch(selftest, fault, row);
		fprintf(out, "%-20s %s by %zu scenarios\n", selftest->faults[fault].name,
			count > 0 ? "caught" : "NOT CAUGHT", count);
		for (row = 0, count = 0; row < selftest->clean.count && count < SHOWN; row++) {
			if (!is_first_catch(selftest, fault, row))
				continue;
			fprintf(out, "    %s\n", row_name(selftest, row));
			count++;
		}
	}
}

void report_selftest_json(FILE *out, const struct selftest *selftest)
{
	json_t *object = json_pack("{s:s}", "schema", "mbkit.selftest/1");
	json_t *faults = json_array(), *idle = json_array();
	size_t fault, row;

	for (fault = 0; fault < selftest->count; fault++) {
		json_t *names = json_array();

		for (row = 0; row < selftest->clean.count; row++) {
			if (is_first_catch(selftest, fault, row))
				json_array_append_new(names, json_string(row_name(selftest, row)));
		}
		json_array_append_new(faults,
			json_pack("{s:s, s:o}", "fault", selftest->faults[fault].name, "caught_by",
				names));
	}
	for (row = 0; row < selftest->clean.count; row++) {
		if (is_idle(selftest, row))
			json_array_append_new(idle, json_string(row_name(selftest, row)));
	}
	json_object_set_new(object, "faults", faults);
	json_object_set_new(object, "idle_scenarios", idle);
	json_dumpf(object, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(object);
}
