/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_tap.c - Test Anything Protocol, version 13: a line a result, failures with a YAML block.
 */
#include "mbtest/report.h"

/* A YAML text in double quotes. */
static void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	fputc('"', out);
}

static void print_details(FILE *out, const struct report_row *row)
{
	unsigned int i;

	fprintf(out, "  ---\n");
	if (row->scenario->trace == NULL)
		fprintf(out, "  outcome: %s\n  expected: [", outcome_text(row->result.outcome));
	for (i = 0; i < OUTCOME_COUNT; i++) {
		if (!(row->scenario->expected >> i & 1))
			continue;
		fprintf(out, "%s%s", row->scenario->expected & ((1u << i) - 1) ? ", " : "",
			outcome_text((enum outcome)i));
	}
	fprintf(out, "%s  why: ", row->scenario->trace == NULL ? "]\n" : "");
	print_quoted(out, row->result.why);
	fprintf(out, "\n  ...\n");
}

void report_tap(FILE *out, const struct report_run *report)
{
	char text[32];
	size_t i;

	fprintf(out, "TAP version 13\n1..%zu\n", report->count);
	for (i = 0; i < report->count; i++) {
		const struct report_row *row = &report->rows[i];

		fprintf(out, "%s %zu - %s/%s %s\n", report_fails(report, row) ? "not ok" : "ok",
			i + 1, row->scenario->suite, row->scenario->name,
			report_case(row->scenario, text));
		if (report_fails(report, row))
			print_details(out, row);
	}
	if (report->interrupted)
		fprintf(out, "Bail out! interrupted\n");
}
