/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_ends.c - a run between two different stacks, read as the verdict on either: what was not
 * as the rules have it because of the client, because of the server, and because of nobody.
 */
#include "mbtest/report.h"

/*
 * The rule for which an end is to blame: the first it broke, or the first that both did;
 * rule_count(): none has a name.
 */
static unsigned int blamed_for(const struct result *result, enum end end)
{
	unsigned int i;

	for (i = 0; i < result->broken_count; i++)
		if (result->broken[i].end == end)
			return result->broken[i].rule;
	return result->broken_count > 0 ? result->broken[0].rule : rule_count();
}

/* The rules by how many results they spoilt, most first. */
static void print_counts(FILE *out, size_t counts[static RULE_COUNT + 1])
{
	const char *separator = ": ";

	for (;;) {
		unsigned int rule, most = 0;

		for (rule = 1; rule <= rule_count(); rule++)
			most = counts[rule] > counts[most] ? rule : most;
		if (counts[most] == 0)
			return;
		fprintf(out, "%s%s %zu", separator,
			most == rule_count() ? "by silence" : rule_info(most)->name, counts[most]);
		counts[most] = 0;
		separator = ", ";
	}
}

static void print_end(FILE *out, const struct report_run *report, enum end end)
{
	size_t counts[RULE_COUNT + 1] = { 0 }, all = 0, i;

	for (i = 0; i < report->count; i++) {
		const struct result *result = &report->rows[i].result;

		if (result->pass || !result->blamed[end])
			continue;
		counts[blamed_for(result, end)]++;
		all++;
	}
	fprintf(out, "the %s (%s) is to blame for ", end_text(end), report->run->stack[end].name);
	if (all == 0)
		fputs("none", out);
	else
		fprintf(out, "%zu", all);
	print_counts(out, counts);
	fputc('\n', out);
}

/* Our endpoint as it is: it is not on trial, but whoever wrote the scenario. */
static bool is_ours(const struct stack *stack)
{
	return stack->kind == STACK_SIM && stack->profile == NULL && stack->faults == 0;
}

void report_ends(FILE *out, const struct report_run *report)
{
	const struct stack *stack = report->run->stack;
	size_t i, nobody = 0;

	if (report_passed(report) == report->count ||
		(is_ours(&stack[CLIENT]) && is_ours(&stack[SERVER])))
		return;
	print_end(out, report, CLIENT);
	print_end(out, report, SERVER);
	for (i = 0; i < report->count; i++) {
		const struct result *result = &report->rows[i].result;

		nobody += !result->pass && !result->blamed[CLIENT] && !result->blamed[SERVER];
	}
	if (nobody > 0)
		fprintf(out, "nobody is to blame for %zu\n", nobody);
}
