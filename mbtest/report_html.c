/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_html.c - see report_html.h.
 */
#include "mbtest/report_html.h"

#include "mbtest/suite/tap_file.h"

#include <inttypes.h>
#include <string.h>

enum { GROUPS = 64 };

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<title>mbtest</title>\n<style>\n"
	"body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 960px }\n"
	"table { border-collapse: collapse; margin: 1em 0 }\n"
	"td, th { border: 1px solid #ccc; padding: 2px 8px; text-align: left }\n"
	"td.n { text-align: right }\n"
	".pass { background: #dff3df }\n"
	".fail { background: #f8d5d5 }\n"
	"summary { cursor: pointer; padding: 2px }\n"
	"summary span { padding: 0 6px; margin-left: 6px }\n"
	"details { border-bottom: 1px solid #eee }\n"
	"details > div { margin: .5em 1.5em }\n"
	"svg { background: #fafafa; border: 1px solid #ddd }\n"
	"text { font: 10px ui-monospace, monospace; fill: #333; paint-order: stroke;\n"
	"  stroke: #fafafa; stroke-width: 3px }\n"
	"text.h { font-weight: bold }\n"
	"text.k { fill: #888 }\n"
	"text.c { fill: #c00; font-weight: bold }\n"
	"line { stroke: #36c; stroke-width: 1.2 }\n"
	"line.l { stroke: #999 }\n"
	"line.p1 { stroke: #393 }\n"
	"line.p2 { stroke: #939 }\n"
	"line.p3 { stroke: #963 }\n"
	"line.c { stroke: #c00 }\n"
	"</style></head><body>\n"
	"<svg width=\"0\" height=\"0\" style=\"position: absolute; border: 0\"><defs>"
	"<marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\""
	" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#555\"/></marker>"
	"</defs></svg>\n";

static const char tail[] =
	"<script>\n"
	"const only = document.getElementById('only'), find = document.getElementById('find');\n"
	"function show() {\n"
	"  for (const one of document.querySelectorAll('details'))\n"
	"    one.hidden = (only.checked && !one.dataset.failed) ||\n"
	"      !one.dataset.name.includes(find.value);\n"
	"}\n"
	"only.onchange=find.oninput=show;\n</script>\n</body></html>\n";

/* ---- the matrix: classes by cases ---- */

struct group {
	const char *name;
	size_t total[REPORT_CASES], passed[REPORT_CASES];
};

static struct group *group_of(struct group *groups, unsigned int *count, const char *name)
{
	unsigned int i;

	for (i = 0; i < *count; i++) {
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	}
	if (*count < GROUPS - 1)
		groups[(*count)++].name = name;
	else
		groups[i = GROUPS - 1].name = "other";
	return &groups[i];
}

static void write_matrix_row(FILE *out, const struct group *group, const bool *present)
{
	unsigned int i;

	fputs("<tr><td>", out);
	report_escaped(out, group->name);
	fputs("</td>", out);
	for (i = 0; i < REPORT_CASES; i++) {
		if (!present[i])
			continue;
		fprintf(out, "<td class=\"n %s\">%zu / %zu</td>",
			group->passed[i] == group->total[i] ? "pass" : "fail", group->passed[i],
			group->total[i]);
	}
	fputs("</tr>\n", out);
}

static void write_matrix(FILE *out, const struct report_run *report)
{
	struct group groups[GROUPS];
	bool present[REPORT_CASES] = { false };
	unsigned int count = 0, i;
	size_t row;

	memset(groups, 0, sizeof(groups));
	for (row = 0; row < report->count; row++) {
		const struct scenario *scenario = report->rows[row].scenario;
		struct group *group = group_of(groups, &count, scenario->group);

		i = report_case_number(scenario);
		present[i] = true;
		group->total[i]++;
		group->passed[i] += report->rows[row].result.pass;
	}
	fputs("<table><tr><th>class</th>", out);
	for (i = 0; i < REPORT_CASES; i++) {
		if (present[i])
			fprintf(out, "<th>v%u %s%s</th>", i / 4, i & 2 ? "checksum" : "plain",
				i & 1 ? " IPv6" : "");
	}
	fputs("</tr>\n", out);
	for (i = 0; i < count; i++)
		write_matrix_row(out, &groups[i], present);
	fputs("</table>\n", out);
}

/* ---- a scenario ---- */

static void write_rules(FILE *out, const char *title, const struct rule_report *rules,
	unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		fprintf(out, "<p>%s %s by the %s at packet %" PRIu32 ": ", title,
			rule_info(rules[i].rule)->name, end_text(rules[i].end), rules[i].packet);
		report_escaped(out, rules[i].why);
		fputs("</p>\n", out);
	}
}

static void write_expectation(FILE *out, const struct report_row *row)
{
	const struct scenario *scenario = row->scenario;
	const struct result *result = &row->result;
	char text[32];
	unsigned int i;

	fprintf(out, "<p>%s: <b>%s</b>%s, expected", report_case(scenario, text),
		outcome_text(result->outcome), result->intact ? ", streams intact" : "");
	for (i = 0; i < OUTCOME_COUNT; i++) {
		if (scenario->expected >> i & 1)
			fprintf(out, " %s", outcome_text((enum outcome)i));
	}
	fputs(". ", out);
	report_escaped(out, result->why);
	fputs("</p>\n", out);
	write_rules(out, "Broken:", result->broken, result->broken_count);
	write_rules(out, "Differs:", result->differs, result->differs_count);
}

static void write_ladder(FILE *out, const char *folder, size_t row)
{
	struct run_taps taps;
	const struct capture *both[ENDS] = { &taps.tap[CLIENT], &taps.tap[SERVER] };

	if (!tap_file_read(folder, (uint32_t)row, &taps)) {
		fputs("<p>No packets were kept of this run.</p>\n", out);
		return;
	}
	report_html_ladder(out, both);
	capture_fini(&taps.tap[CLIENT]);
	capture_fini(&taps.tap[SERVER]);
}

/* Rows first to end are of one scenario: the first that failed is drawn, or the last. */
static void write_scenario(FILE *out, const struct report_run *report, const char *folder,
	size_t first, size_t end)
{
	const struct scenario *scenario = report->rows[first].scenario;
	size_t row, drawn = end;
	char text[32];

	for (row = first; row < end && drawn == end; row++) {
		if (!report->rows[row].result.pass)
			drawn = row;
	}
	fputs("<details data-name=\"", out);
	report_escaped(out, scenario->name);
	fprintf(out, "\"%s><summary>", drawn < end ? " data-failed=\"1\"" : "");
	report_escaped(out, scenario->name);
	for (row = first; row < end; row++) {
		fprintf(out, "<span class=\"%s\" title=\"%s\">%s</span>",
			report->rows[row].result.pass ? "pass" : "fail",
			report_case(report->rows[row].scenario, text),
			outcome_text(report->rows[row].result.outcome));
	}
	fputs("</summary><div><p>", out);
	report_escaped(out, scenario->help);
	fputs("</p>\n", out);
	for (row = first; row < end; row++)
		write_expectation(out, &report->rows[row]);
	drawn = drawn < end ? drawn : end - 1;
	fprintf(out, "<p class=\"case\">The packets of %s:</p>\n",
		report_case(report->rows[drawn].scenario, text));
	write_ladder(out, folder, drawn);
	for (row = first; row < end; row++)
		tap_file_remove(folder, (uint32_t)row);
	fputs("</div></details>\n", out);
}

void report_html(FILE *out, const struct report_run *report, const char *taps)
{
	size_t first, end;

	fputs(head, out);
	fprintf(out, "<h1>mbtest: %zu of %zu results as the rules have it</h1>\n<p>client ",
		report_passed(report), report->count);
	report_escaped(out, report->run->stack[CLIENT].name);
	fputs(", server ", out);
	report_escaped(out, report->run->stack[SERVER].name);
	fprintf(out, ", seed %" PRIu64 ", mbtest %s</p>\n", report->run->seed, MBKIT_VERSION);
	write_matrix(out, report);
	fputs("<p><label><input type=\"checkbox\" id=\"only\"> failures only</label> "
	      "<input id=\"find\" placeholder=\"name\"></p>\n",
		out);
	for (first = 0; first < report->count; first = end) {
		for (end = first + 1; end < report->count; end++) {
			if (strcmp(report->rows[first].scenario->name,
				    report->rows[end].scenario->name) != 0)
				break;
		}
		write_scenario(out, report, taps, first, end);
	}
	fputs(tail, out);
}
