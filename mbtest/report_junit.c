/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_junit.c - JUnit XML, as CI systems read it: a test case a result.
 */
#include "mbtest/report.h"

#include <stdio.h>

void report_junit(FILE *out, const struct report_run *report)
{
	char text[32];
	size_t i;

	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	fprintf(out, "<testsuite name=\"mbtest\" tests=\"%zu\" failures=\"%zu\">\n", report->count,
		report_failed(report));
	for (i = 0; i < report->count; i++) {
		const struct report_row *row = &report->rows[i];

		fprintf(out, "  <testcase classname=\"");
		report_escaped(out, row->scenario->suite);
		fprintf(out, "\" name=\"");
		report_escaped(out, row->scenario->name);
		fprintf(out, " %s\" time=\"%.6f\"", report_case(row->scenario, text),
			(double)row->result.elapsed / 1e9);
		if (!report_fails(report, row)) {
			fprintf(out, "/>\n");
			continue;
		}
		fprintf(out, ">\n    <failure type=\"%s\" message=\"",
			row->scenario->trace != NULL ? "findings"
						     : outcome_text(row->result.outcome));
		report_escaped(out, row->result.why);
		fprintf(out, "\"/>\n  </testcase>\n");
	}
	fprintf(out, "</testsuite>\n");
}
