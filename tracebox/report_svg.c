/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_svg.c - the path as a picture: sender, hops and destination from left to right, silent
 * hops hollow, each finding marked between the hops it lies between.
 */
#include "tracebox/report.h"

#include "probe/io/host.h"
#include "tracebox/verdict.h"

#include <errno.h>
#include <string.h>

enum {
	STEP = 120, /* from hop to hop */
	MARGIN = 80,
	LINE_Y = 90,
	RADIUS = 12,
	FINDING_Y = 150, /* the first finding's text */
	FINDING_STEP = 24,
	LETTER = 7, /* width of one, about */
};

static void print_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '>')
			fputs("&gt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if ((unsigned char)*text >= ' ' && (unsigned char)*text < 127)
			fputc(*text, out);
		else
			fputc('?', out);
	}
}

static unsigned int place_x(const struct result *result, const struct hop_view *view)
{
	if (view == NULL)
		return MARGIN;
	return MARGIN + STEP * (unsigned int)(view->ttl - result->hops[0].ttl + 1);
}

static void print_node(FILE *out, unsigned int x, const char *label, const char *address,
	bool is_silent)
{
	fprintf(out,
		"<circle cx=\"%u\" cy=\"%d\" r=\"%d\" fill=\"%s\" stroke=\"#345\" "
		"stroke-width=\"2\"/>\n",
		x, LINE_Y, RADIUS, is_silent ? "#fff" : "#9bd");
	fprintf(out, "<text x=\"%u\" y=\"%d\" text-anchor=\"middle\">", x, LINE_Y - 24);
	print_escaped(out, label);
	fprintf(out, "</text>\n<text x=\"%u\" y=\"%d\" text-anchor=\"middle\" font-size=\"10\">", x,
		LINE_Y + 30);
	print_escaped(out, address);
	fputs("</text>\n", out);
}

static void print_hops(FILE *out, const struct result *result)
{
	print_node(out, MARGIN, "this host", "", false);
	for (size_t i = 0; i < result->hop_count; i++) {
		const struct hop_view *view = &result->hops[i];
		const struct addr *addr = hop_view_addr(view);
		char label[16], text[ADDR_TEXT];

		snprintf(label, sizeof(label), "%u", view->ttl);
		print_node(out, place_x(result, view),
			view->hop->answer.from_destination ? "destination" : label,
			addr != NULL ? addr_text(addr, text) : "*", addr == NULL);
	}
}

static void print_finding(FILE *out, const struct result *result, size_t index)
{
	const struct finding *finding = &result->findings[index];
	unsigned int first = place_x(result, finding->after) + RADIUS;
	unsigned int end = place_x(result, finding->before) - RADIUS;
	char text[VERDICT_TEXT];

	fprintf(out,
		"<line class=\"finding\" x1=\"%u\" y1=\"%d\" x2=\"%u\" y2=\"%d\" "
		"stroke=\"#c22\" stroke-width=\"5\"%s/>\n",
		first, LINE_Y, end, LINE_Y, finding->is_exact ? "" : " stroke-dasharray=\"8 5\"");
	fprintf(out, "<text x=\"%u\" y=\"%d\" text-anchor=\"middle\" fill=\"#c22\">%zu</text>\n",
		(first + end) / 2, LINE_Y - 8, index + 1);
	fprintf(out, "<text x=\"%d\" y=\"%zu\" fill=\"#c22\">%zu: ", MARGIN / 2,
		FINDING_Y + index * FINDING_STEP, index + 1);
	print_escaped(out, verdict_finding(finding, text));
	fputs("</text>\n", out);
}

static void print_picture(FILE *out, const struct report_about *about, const struct result *result)
{
	size_t lines = result->finding_count + 1, width = 2 * MARGIN + STEP * result->hop_count;
	char text[VERDICT_TEXT];

	for (size_t i = 0; i < result->finding_count; i++) {
		size_t letters = strlen(verdict_finding(&result->findings[i], text)) + 4;

		if (width < letters * LETTER + MARGIN)
			width = letters * LETTER + MARGIN;
	}
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" "
		"font-family=\"sans-serif\" font-size=\"13\">\n<title>path to ",
		width, FINDING_Y + lines * FINDING_STEP);
	print_escaped(out, about->name);
	fprintf(out,
		"</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
		"<line x1=\"%d\" y1=\"%d\" x2=\"%zu\" y2=\"%d\" stroke=\"#345\"/>\n",
		MARGIN, LINE_Y, MARGIN + STEP * result->hop_count, LINE_Y);
	for (size_t i = 0; i < result->finding_count; i++)
		print_finding(out, result, i);
	print_hops(out, result);
	fprintf(out, "<text x=\"%d\" y=\"%zu\">", MARGIN / 2,
		FINDING_Y + result->finding_count * FINDING_STEP);
	print_escaped(out,
		result->finding_count > 0 ? verdict_destination(result, text)
					  : verdict_clean(result, text));
	fputs("</text>\n</svg>\n", out);
}

bool report_svg(const char *path, const struct report_about *about, const struct result *result,
	struct err *err)
{
	FILE *out = fopen(path, "w");
	bool failed;

	if (out == NULL)
		return err_set_errno(err, "cannot write %s", path);
	print_picture(out, about, result);
	failed = ferror(out) != 0;
	if (fclose(out) == 0 && !failed)
		return true;
	err_set_errno(err, "cannot write %s", path);
	host_discard(path);
	return false;
}
