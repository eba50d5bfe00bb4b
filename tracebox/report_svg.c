/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_svg.c - the path as a picture: sender, hops and destination from left to right, silent
 * hops hollow, each finding marked between the hops it lies between. The way back, if it is known,
 * stands below, from right to left.
 */
#include "tracebox/report.h"

#include "probe/io/host.h"
#include "tracebox/verdict.h"

#include <string.h>

enum {
	STEP = 120, /* from hop to hop */
	MARGIN = 80,
	LINE_Y = 90,
	LANE_STEP = 100, /* to the way back */
	RADIUS = 12,
	FINDING_Y = 150, /* the first finding's text, with one lane */
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

/* One direction, with the number of its first finding. */
struct lane {
	const struct result *result;
	bool is_reverse;
	unsigned int y;
	size_t first;
};

static unsigned int place_x(const struct lane *lane, const struct hop_view *view)
{
	unsigned int count = (unsigned int)lane->result->hop_count;
	unsigned int hop = view != NULL ? view->ttl - lane->result->hops[0].ttl + 1u : 0;

	return MARGIN + STEP * (lane->is_reverse ? count - hop : hop);
}

static void print_node(FILE *out, unsigned int x, unsigned int y, const char *label,
	const char *address, bool is_silent)
{
	fprintf(out,
		"<circle cx=\"%u\" cy=\"%u\" r=\"%d\" fill=\"%s\" stroke=\"#345\" "
		"stroke-width=\"2\"/>\n",
		x, y, RADIUS, is_silent ? "#fff" : "#9bd");
	fprintf(out, "<text x=\"%u\" y=\"%u\" text-anchor=\"middle\">", x, y - 24);
	print_escaped(out, label);
	fprintf(out, "</text>\n<text x=\"%u\" y=\"%u\" text-anchor=\"middle\" font-size=\"10\">", x,
		y + 30);
	print_escaped(out, address);
	fputs("</text>\n", out);
}

static void print_hops(FILE *out, const struct lane *lane)
{
	print_node(out, place_x(lane, NULL), lane->y, lane->is_reverse ? "server" : "this host", "",
		false);
	for (size_t i = 0; i < lane->result->hop_count; i++) {
		const struct hop_view *view = &lane->result->hops[i];
		const struct addr *addr = hop_view_addr(view);
		char label[16], text[ADDR_TEXT];

		snprintf(label, sizeof(label), "%u", view->ttl);
		print_node(out, place_x(lane, view), lane->y,
			!view->hop->answer.from_destination ? label
				: lane->is_reverse          ? "this host"
							    : "destination",
			addr != NULL ? addr_text(addr, text) : "*", addr == NULL);
	}
}

static void print_finding(FILE *out, const struct lane *lane, size_t index, size_t text_y)
{
	const struct finding *finding = &lane->result->findings[index];
	unsigned int one = place_x(lane, finding->after), other = place_x(lane, finding->before);
	unsigned int first = (one < other ? one : other) + RADIUS;
	unsigned int end = (one < other ? other : one) - RADIUS;
	size_t number = lane->first + index;
	char text[VERDICT_TEXT];

	fprintf(out,
		"<line class=\"finding\" x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\" "
		"stroke=\"#c22\" stroke-width=\"5\"%s/>\n",
		first, lane->y, end, lane->y, finding->is_exact ? "" : " stroke-dasharray=\"8 5\"");
	fprintf(out, "<text x=\"%u\" y=\"%u\" text-anchor=\"middle\" fill=\"#c22\">%zu</text>\n",
		(first + end) / 2, lane->y - 8, number);
	fprintf(out, "<text x=\"%d\" y=\"%zu\" fill=\"#c22\">%zu: ", MARGIN / 2,
		text_y + (number - 1) * FINDING_STEP, number);
	print_escaped(out, verdict_finding(finding, text));
	fputs("</text>\n", out);
}

static void print_lane(FILE *out, const struct lane *lane, size_t text_y)
{
	fprintf(out, "<line x1=\"%d\" y1=\"%u\" x2=\"%zu\" y2=\"%u\" stroke=\"#345\"/>\n", MARGIN,
		lane->y, MARGIN + STEP * lane->result->hop_count, lane->y);
	for (size_t i = 0; i < lane->result->finding_count; i++)
		print_finding(out, lane, i, text_y);
	print_hops(out, lane);
}

static void print_sentence(FILE *out, size_t y, const char *text)
{
	fprintf(out, "<text x=\"%d\" y=\"%zu\">", MARGIN / 2, y);
	print_escaped(out, text);
	fputs("</text>\n", out);
}

/* Wide enough for the longest text. */
static size_t picture_width(const struct result *result)
{
	size_t width = 0;
	char text[VERDICT_TEXT];

	for (; result != NULL; result = result->reverse) {
		if (width < 2 * MARGIN + STEP * result->hop_count)
			width = 2 * MARGIN + STEP * result->hop_count;
		for (size_t i = 0; i < result->finding_count; i++) {
			size_t letters = strlen(verdict_finding(&result->findings[i], text)) + 4;

			if (width < letters * LETTER + MARGIN)
				width = letters * LETTER + MARGIN;
		}
	}
	return width;
}

static void print_picture(FILE *out, const struct report_about *about, const struct result *result)
{
	struct lane lanes[2] = { { .result = result, .y = LINE_Y, .first = 1 },
		{ .result = result->reverse,
			.is_reverse = true,
			.y = LINE_Y + LANE_STEP,
			.first = result->finding_count + 1 } };
	size_t text_y = FINDING_Y, end_y = result->finding_count;
	char text[VERDICT_TEXT];

	if (result->reverse != NULL) {
		text_y += LANE_STEP;
		end_y += result->reverse->finding_count;
	}
	end_y = text_y + end_y * FINDING_STEP;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" "
		"font-family=\"sans-serif\" font-size=\"13\">\n<title>path to ",
		picture_width(result), end_y + 2 * FINDING_STEP);
	print_escaped(out, about->name);
	fputs("</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", out);
	for (size_t i = 0; i < 2 && lanes[i].result != NULL; i++)
		print_lane(out, &lanes[i], text_y);
	print_sentence(out, end_y,
		result->finding_count > 0 ? verdict_destination(result, text)
					  : verdict_clean(result, text));
	print_sentence(out, end_y + FINDING_STEP, verdict_reverse(result, text));
	fputs("</svg>\n", out);
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
