/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_rules.c - a run by rule: how often each was put to the test and kept, beside our own
 * endpoint in the simulator, and the first packet at which it was broken.
 */
#include "mbtest/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct tally {
	size_t exercised, broken;
	const struct report_row
		*worst; /* first that broke it; of those that name the rule, if any */
	const struct rule_report *what;
};

static const struct rule_report *find_report(const struct rule_report *list, unsigned int count,
	unsigned int rule)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (list[i].rule == rule)
			return &list[i];
	}
	return NULL;
}

static bool names_rule(const struct scenario *scenario, unsigned int rule)
{
	unsigned int i;

	for (i = 0; i < scenario->rule_count; i++) {
		if (scenario->rules[i] == rule)
			return true;
	}
	return false;
}

static void tally_rule(struct tally *tally, const struct report_run *run, unsigned int rule)
{
	size_t i;

	memset(tally, 0, sizeof(*tally));
	for (i = 0; i < run->count; i++) {
		const struct report_row *row = &run->rows[i];
		const struct result *result = &row->result;
		const struct rule_report *report;

		if (!(result->rules_exercised[rule / 64] >> rule % 64 & 1))
			continue;
		tally->exercised++;
		report = find_report(result->broken, result->broken_count, rule);
		if (report == NULL)
			report = find_report(result->differs, result->differs_count, rule);
		if (report == NULL)
			continue;
		tally->broken++;
		if (tally->worst == NULL ||
			(!names_rule(tally->worst->scenario, rule) &&
				names_rule(row->scenario, rule))) {
			tally->worst = row;
			tally->what = report;
		}
	}
}

static void print_tally(FILE *out, const struct tally *tally)
{
	char text[32];

	if (tally->exercised == 0)
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%zu/%zu", tally->exercised - tally->broken,
			tally->exercised);
	fprintf(out, " %12s", text);
}

static void print_rule(FILE *out, const struct report_run *run, const struct report_run *simulated,
	unsigned int rule)
{
	static const char *const strengths[] = { "must", "should", "may", "open" };
	struct tally ours, theirs;
	char text[32];

	tally_rule(&ours, simulated, rule);
	tally_rule(&theirs, run, rule);
	if (ours.exercised + theirs.exercised == 0)
		return;
	fprintf(out, "%-5s %-7s", rule_info(rule)->name, strengths[rule_info(rule)->strength]);
	print_tally(out, &ours);
	if (run != simulated)
		print_tally(out, &theirs);
	if (theirs.worst == NULL) {
		fputc('\n', out);
		return;
	}
	fprintf(out, "  %s/%s %s\n      %s\n      %s, packet %" PRIu32 ": %s\n",
		theirs.worst->scenario->suite, theirs.worst->scenario->name,
		report_case(theirs.worst->scenario, text), rule_info(rule)->text,
		end_text(theirs.what->end), theirs.what->packet, theirs.what->why);
}

/* Came to what it should without what it is about: neither right nor wrong. */
static bool is_idle(const struct report_row *row)
{
	return !row->result.pass && !row->result.exercised && row->result.broken_count == 0 &&
		(row->scenario->expected >> row->result.outcome & 1);
}

/* Results that are wrong although no rule is broken: by outcome, with the first of them. */
static void print_rest(FILE *out, const struct report_run *run)
{
	unsigned int outcome;
	size_t i;

	for (outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
		const struct report_row *first = NULL;
		size_t count = 0;
		char text[32];

		for (i = 0; i < run->count; i++) {
			const struct report_row *row = &run->rows[i];

			if (row->result.pass || row->result.broken_count > 0 || is_idle(row) ||
				row->result.outcome != outcome)
				continue;
			count++;
			first = first == NULL ? row : first;
		}
		if (first != NULL)
			fprintf(out, "no rule broken, but %s: %zu\n      %s/%s %s\n      %s\n",
				outcome_text((enum outcome)outcome), count, first->scenario->suite,
				first->scenario->name, report_case(first->scenario, text),
				first->result.why);
	}
}

void report_rules(FILE *out, const struct report_run *run, const struct report_run *simulated)
{
	const struct stack *stacks = run->run->stack;
	size_t idle = 0, row;
	unsigned int rule;

	fprintf(out, "%-5s %-7s %12s", "rule", "", "simulated");
	if (run != simulated && strcmp(stacks[CLIENT].name, stacks[SERVER].name) == 0)
		fprintf(out, " %12s", stacks[CLIENT].name);
	else if (run != simulated)
		fprintf(out, " %12s", "these stacks");
	fprintf(out, "  first broken in\n");
	for (rule = 0; rule < rule_count(); rule++)
		print_rule(out, run, simulated, rule);
	print_rest(out, run);
	for (row = 0; row < run->count; row++)
		idle += is_idle(&run->rows[row]);
	if (idle > 0)
		fprintf(out, "not exercised: %zu\n", idle);
	fprintf(out, "\n%zu of %zu results as the rules have it%s\n", report_passed(run),
		run->count, run->interrupted ? " (interrupted)" : "");
	report_ends(out, run);
}
