/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.c - what the reports share.
 */
#include "mbtest/report.h"

#include <stdio.h>

size_t report_passed(const struct report_run *report)
{
	size_t i, passed = 0;

	for (i = 0; i < report->count; i++)
		passed += report->rows[i].result.pass;
	return passed;
}

bool report_fails(const struct report_run *report, const struct report_row *row)
{
	return !row->result.pass && (!report->one_end || row->result.blamed[report->blamed]);
}

size_t report_failed(const struct report_run *report)
{
	size_t i, failed = 0;

	for (i = 0; i < report->count; i++)
		failed += report_fails(report, &report->rows[i]);
	return failed;
}

const char *report_case(const struct scenario *scenario, char text[static 32])
{
	if (scenario->trace != NULL)
		snprintf(text, 32, "ip%u", scenario->family);
	else
		snprintf(text, 32, "v%u %s%s", scenario->version,
			scenario->checksum ? "checksum" : "plain",
			scenario->family == 6 ? " ip6" : "");
	return text;
}

void report_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
			break;
		}
	}
}

unsigned int report_case_number(const struct scenario *scenario)
{
	return scenario->version * 4u + scenario->checksum * 2u + (scenario->family == 6);
}
