/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_table.c - a run for a reader at 80 columns: a line a scenario with one cell for each
 * version and checksum, the failures with their reasons, races, and what became of the classes of
 * interference.
 */
#include "mbtest/report.h"

#include <stdio.h>
#include <string.h>

enum {
	GROUPS = 32,
	NAME = 36,
	CELL = 11,
};

static const char red[] = "\033[31m", green[] = "\033[32m", bold[] = "\033[1m", plain[] = "\033[0m";

static const char *colour(const struct report_run *report, const char *code)
{
	return report->colour ? code : "";
}

/* Short names, one cell wide. */
static const char *outcome_cell(enum outcome outcome)
{
	return outcome == OUTCOME_SUBFLOW_CLOSED ? "sub-closed" : outcome_text(outcome);
}

/* ---- a line a scenario ---- */

static void print_header(FILE *out, const struct report_run *report, const bool *present)
{
	unsigned int i;

	fprintf(out, "%s%-*s", colour(report, bold), NAME, "scenario");
	for (i = 0; i < REPORT_CASES; i++) {
		char name[32];

		if (!present[i])
			continue;
		snprintf(name, sizeof(name), "v%u%s%s", i / 4, i & 2 ? "+csum" : "",
			i & 1 ? " ip6" : "");
		fprintf(out, " %-*s", CELL - 1, name);
	}
	fprintf(out, "%s\n", colour(report, plain));
}

/* One scenario: rows first to end carry its name. */
static void print_scenario(FILE *out, const struct report_run *report, const bool *present,
	size_t first, size_t end)
{
	const struct result *cells[REPORT_CASES] = { NULL };
	unsigned int i, last = 0;
	size_t row;

	for (row = first; row < end; row++) {
		i = report_case_number(report->rows[row].scenario);
		/* Of several runs a failed one is shown. */
		if (cells[i] == NULL || cells[i]->pass)
			cells[i] = &report->rows[row].result;
		last = i > last ? i : last;
	}
	fprintf(out, "%-*s", NAME, report->rows[first].scenario->name);
	for (i = 0; i <= last; i++) {
		char text[32];

		if (!present[i])
			continue;
		snprintf(text, sizeof(text), "%s%s",
			cells[i] == NULL ? "-" : outcome_cell(cells[i]->outcome),
			cells[i] == NULL || cells[i]->pass ? "" : "!");
		fprintf(out, " %s%-*s%s",
			cells[i] == NULL ? "" : colour(report, cells[i]->pass ? green : red),
			i == last ? 1 : CELL - 1, text,
			cells[i] == NULL ? "" : colour(report, plain));
	}
	fputc('\n', out);
}

static bool same_scenario(const struct scenario *a, const struct scenario *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->suite, b->suite) == 0;
}

static void print_scenarios(FILE *out, const struct report_run *report)
{
	bool present[REPORT_CASES] = { false };
	size_t first, end;

	for (first = 0; first < report->count; first++)
		present[report_case_number(report->rows[first].scenario)] = true;
	print_header(out, report, present);
	for (first = 0; first < report->count; first = end) {
		for (end = first + 1; end < report->count; end++) {
			if (!same_scenario(report->rows[first].scenario,
				    report->rows[end].scenario))
				break;
		}
		print_scenario(out, report, present, first, end);
	}
}

/* ---- failures and races ---- */

static void print_failures(FILE *out, const struct report_run *report)
{
	char text[32];
	size_t i;

	for (i = 0; i < report->count; i++) {
		const struct report_row *row = &report->rows[i];

		if (!report_fails(report, row))
			continue;
		fprintf(out, "%sFAIL%s %s %s", colour(report, red), colour(report, plain),
			row->scenario->name, report_case(row->scenario, text));
		if (report->repeat > 1)
			fprintf(out, " seed %llu", (unsigned long long)row->result.seed);
		fprintf(out, "\n     %s\n", row->result.why);
	}
}

/* With --repeat: every outcome of every case with its count; more than one is a race. */
static void print_races(FILE *out, const struct report_run *report)
{
	size_t first, i, races = 0, all = 0;
	char text[32];

	for (first = 0; first + report->repeat <= report->count; first += report->repeat) {
		const struct scenario *scenario = report->rows[first].scenario;
		unsigned int counts[OUTCOME_COUNT] = { 0 }, kinds = 0, outcome;

		for (i = first; i < first + report->repeat; i++)
			counts[report->rows[i].result.outcome]++;
		for (outcome = 0; outcome < OUTCOME_COUNT; outcome++)
			kinds += counts[outcome] > 0;
		races += kinds > 1;
		all++;
		fprintf(out, "%s%s %s:", kinds > 1 ? "race " : "     ", scenario->name,
			report_case(scenario, text));
		for (outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
			if (counts[outcome] > 0)
				fprintf(out, " %s x%u", outcome_text((enum outcome)outcome),
					counts[outcome]);
		}
		fputc('\n', out);
	}
	fprintf(out, "%zu of %zu came out in more than one way\n", races, all);
}

/* ---- classes of interference by version ---- */

struct group {
	const char *name;
	struct {
		unsigned int outcomes[OUTCOME_COUNT], total, passed, whole;
	} versions[2];
};

static struct group *group_of(struct group *groups, unsigned int *count, const char *name)
{
	unsigned int i;

	for (i = 0; i < *count; i++) {
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	}
	if (*count == GROUPS)
		return &groups[GROUPS - 1];
	groups[*count].name = name;
	return &groups[(*count)++];
}

static void print_group(FILE *out, const struct report_run *report, const struct group *group,
	unsigned int version)
{
	unsigned int total = group->versions[version].total;
	unsigned int passed = group->versions[version].passed;
	unsigned int i;

	if (total == 0)
		return;
	fprintf(out, "%-19s v%u", group->name, version);
	for (i = OUTCOME_COUNT; i-- > 0;) {
		if (i == OUTCOME_STALLED || i == OUTCOME_REFUSED)
			continue;
		if (group->versions[version].outcomes[i] == 0)
			fprintf(out, " %5s", ".");
		else
			fprintf(out, " %5u", group->versions[version].outcomes[i]);
	}
	i = group->versions[version].outcomes[OUTCOME_STALLED] +
		group->versions[version].outcomes[OUTCOME_REFUSED];
	fprintf(out, i == 0 ? "     ." : " %5u", i);
	fprintf(out, " %s%4u/%-4u%s\n", colour(report, passed == total ? green : red), passed,
		total, colour(report, plain));
}

static void print_groups(FILE *out, const struct report_run *report)
{
	struct group groups[GROUPS];
	unsigned int count = 0, i;
	size_t row;

	memset(groups, 0, sizeof(groups));
	for (row = 0; row < report->count; row++) {
		const struct scenario *scenario = report->rows[row].scenario;
		const struct result *result = &report->rows[row].result;
		struct group *group = group_of(groups, &count, scenario->group);

		group->versions[scenario->version].total++;
		group->versions[scenario->version].outcomes[result->outcome]++;
		group->versions[scenario->version].passed += result->pass;
		group->versions[scenario->version].whole += result->intact;
	}
	fprintf(out, "\n%s%-22s %5s %5s %5s %5s %5s %5s %5s %5s %9s%s\n", colour(report, bold),
		"class", "mptcp", "-subf", "fallb", "tcp", "infin", "reset", "corr.", "other",
		"as rules ", colour(report, plain));
	for (i = 0; i < count; i++) {
		print_group(out, report, &groups[i], 0);
		print_group(out, report, &groups[i], 1);
	}
}

/* ---- traces ---- */

/* Rows first to end are of one box. */
static void print_box(FILE *out, const struct report_run *report, size_t first, size_t end)
{
	unsigned int exact = 0, bounded = 0, none = 0, passed = 0, i;
	size_t row;

	for (row = first; row < end; row++) {
		const struct trace_plan *plan = report->rows[row].scenario->trace;

		none += plan->finding_count == 0;
		for (i = 0; i < plan->finding_count; i++) {
			exact += plan->findings[i].is_exact;
			bounded += !plan->findings[i].is_exact;
		}
		passed += report->rows[row].result.pass;
	}
	fprintf(out, "%-18s %6u %8u %6zu %s%6u/%-5zu%s\n", report->rows[first].scenario->group,
		exact, bounded, (size_t)none, colour(report, passed == end - first ? green : red),
		passed, end - first, colour(report, plain));
}

static void print_traces(FILE *out, const struct report_run *report)
{
	size_t first, end;

	fprintf(out, "%s%-18s %6s %8s %6s %8s%s\n", colour(report, bold), "traced through", "exact",
		"bounded", "clean", "found", colour(report, plain));
	for (first = 0; first < report->count; first = end) {
		for (end = first + 1; end < report->count; end++) {
			if (strcmp(report->rows[first].scenario->group,
				    report->rows[end].scenario->group) != 0)
				break;
		}
		print_box(out, report, first, end);
	}
}

/* ---- the whole ---- */

/* Rows all of which are traces, or none. */
static void print_part(FILE *out, const struct report_run *report)
{
	bool traces = report->rows[0].scenario->trace != NULL;

	if (traces)
		print_traces(out, report);
	else
		print_scenarios(out, report);
	if (report_failed(report) > 0)
		fputc('\n', out);
	print_failures(out, report);
	if (report->repeat > 1 && !traces)
		print_races(out, report);
	if (!traces)
		print_groups(out, report);
}

void report_table(FILE *out, const struct report_run *report)
{
	size_t passed = report_passed(report), first, end;

	for (first = 0; first < report->count; first = end) {
		struct report_run part = *report;

		for (end = first + 1; end < report->count; end++) {
			if ((report->rows[first].scenario->trace != NULL) !=
				(report->rows[end].scenario->trace != NULL))
				break;
		}
		part.rows += first;
		part.count = end - first;
		print_part(out, &part);
	}
	fprintf(out, "\n%s%zu of %zu results as the rules have it%s%s\n",
		colour(report, passed == report->count ? green : red), passed, report->count,
		report->interrupted ? " (interrupted)" : "", colour(report, plain));
	report_ends(out, report);
}
