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
	STEP_LEAST = 120, /* from hop to hop */
	MARGIN = 80,
	HEADING_Y = 30,
	LINE_Y = 90,
	LANE_STEP = 100, /* to the way back */
	RADIUS = 12,
	FINDING_Y = 150, /* the first finding's text, with one lane */
	FINDING_STEP = 24,
	LETTER = 7,       /* width of one, about */
	LETTER_SMALL = 6, /* in an address */
	NUMBER_STEP = 16, /* between the numbers of findings in one place */
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
	unsigned int y, step; /* step: from hop to hop */
	size_t first;
};

static unsigned int place_x(const struct lane *lane, const struct hop_view *view)
{
	unsigned int count = (unsigned int)lane->result->hop_count;
	unsigned int hop = view != NULL ? view->ttl - lane->result->hops[0].ttl + 1u : 0;

	return MARGIN + lane->step * (lane->is_reverse ? count - hop : hop);
}

/* Where a finding lies, from left to right. */
static void place_span(const struct lane *lane, const struct finding *finding, unsigned int *first,
	unsigned int *end)
{
	unsigned int one = place_x(lane, finding->after), other = place_x(lane, finding->before);

	*first = one < other ? one : other;
	*end = one < other ? other : one;
}

/* Where its number stands: in the middle of it, but on no hop. */
static unsigned int place_number(const struct lane *lane, const struct finding *finding)
{
	unsigned int first, end;

	place_span(lane, finding, &first, &end);
	return first + ((end - first) / lane->step - 1) / 2 * lane->step + lane->step / 2;
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

/* Findings whose numbers stand in the same place, below this one's. */
static unsigned int numbers_below(const struct lane *lane, size_t index)
{
	unsigned int x = place_number(lane, &lane->result->findings[index]), count = 0;

	for (size_t i = 0; i < index; i++)
		count += place_number(lane, &lane->result->findings[i]) == x;
	return count;
}

static void print_finding(FILE *out, const struct lane *lane, size_t index, size_t text_y)
{
	const struct finding *finding = &lane->result->findings[index];
	unsigned int first, end;
	size_t number = lane->first + index;
	char text[VERDICT_TEXT];

	place_span(lane, finding, &first, &end);
	fprintf(out,
		"<line class=\"finding\" x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\" "
		"stroke=\"#c22\" stroke-width=\"5\"%s/>\n",
		first + RADIUS, lane->y, end - RADIUS, lane->y,
		finding->is_exact ? "" : " stroke-dasharray=\"8 5\"");
	fprintf(out,
		"<text class=\"number\" x=\"%u\" y=\"%u\" text-anchor=\"middle\" "
		"fill=\"#c22\">%zu</text>\n",
		place_number(lane, finding), lane->y - 8 - numbers_below(lane, index) * NUMBER_STEP,
		number);
	fprintf(out, "<text x=\"%d\" y=\"%zu\" fill=\"#c22\">%zu: ", MARGIN / 2,
		text_y + (number - 1) * FINDING_STEP, number);
	print_escaped(out, verdict_finding(finding, text));
	fputs("</text>\n", out);
}

static void print_lane(FILE *out, const struct lane *lane, size_t text_y)
{
	fprintf(out, "<line x1=\"%d\" y1=\"%u\" x2=\"%zu\" y2=\"%u\" stroke=\"#345\"/>\n", MARGIN,
		lane->y, MARGIN + lane->step * lane->result->hop_count, lane->y);
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

/* Far enough apart for the longest address. */
static unsigned int hop_step(const struct result *result)
{
	size_t longest = 0;
	char text[ADDR_TEXT];

	for (; result != NULL; result = result->reverse) {
		for (size_t i = 0; i < result->hop_count; i++) {
			const struct addr *addr = hop_view_addr(&result->hops[i]);
			size_t length = addr != NULL ? strlen(addr_text(addr, text)) : 0;

			longest = length > longest ? length : longest;
		}
	}
	longest = (longest + 2) * LETTER_SMALL;
	return longest > STEP_LEAST ? (unsigned int)longest : STEP_LEAST;
}

/* What the numbers of a lane's findings need above it, beyond the room that is there. */
static unsigned int numbers_height(const struct lane *lane)
{
	unsigned int most = 2;

	for (size_t i = 0; i < lane->result->finding_count; i++) {
		unsigned int below = numbers_below(lane, i);

		most = below > most ? below : most;
	}
	return (most - 2) * NUMBER_STEP;
}

static size_t wider(size_t width, const char *text)
{
	size_t needed = (strlen(text) + 4) * LETTER + MARGIN;

	return needed > width ? needed : width;
}

static const char *closing_sentence(const struct result *result, char text[VERDICT_TEXT])
{
	return result->finding_count > 0 ? verdict_destination(result, text)
					 : verdict_clean(result, text);
}

/* Wide enough for the longest text. */
static size_t picture_width(const struct result *result, const char *heading, unsigned int step)
{
	char text[VERDICT_TEXT];
	size_t width = wider(0, heading);

	width = wider(width, closing_sentence(result, text));
	width = wider(width, verdict_reverse(result, text));
	for (; result != NULL; result = result->reverse) {
		if (width < 2 * MARGIN + step * result->hop_count)
			width = 2 * MARGIN + step * result->hop_count;
		for (size_t i = 0; i < result->finding_count; i++)
			width = wider(width, verdict_finding(&result->findings[i], text));
	}
	return width;
}

static void print_picture(FILE *out, const struct report_about *about, const struct result *result)
{
	unsigned int step = hop_step(result);
	struct lane lanes[2] = { { .result = result, .y = LINE_Y, .step = step, .first = 1 },
		{ .result = result->reverse,
			.is_reverse = true,
			.y = LINE_Y + LANE_STEP,
			.step = step,
			.first = result->finding_count + 1 } };
	size_t text_y = FINDING_Y, end_y = result->finding_count, width;
	unsigned int lower = 0;
	char text[VERDICT_TEXT], heading[VERDICT_TEXT], addr[ADDR_TEXT];

	for (size_t i = 0; i < 2 && lanes[i].result != NULL; i++) {
		lower += numbers_height(&lanes[i]);
		lanes[i].y += lower;
	}
	text_y += lower;
	if (result->reverse != NULL) {
		text_y += LANE_STEP;
		end_y += result->reverse->finding_count;
	}
	end_y = text_y + end_y * FINDING_STEP;
	snprintf(heading, sizeof(heading), "path to %s (%s), probe %s", about->name,
		addr_text(&about->addr, addr), about->probe);
	width = picture_width(result, heading, step);
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" "
		"viewBox=\"0 0 %zu %zu\" font-family=\"sans-serif\" font-size=\"13\">\n<title>path "
		"to ",
		width, end_y + 2 * FINDING_STEP, width, end_y + 2 * FINDING_STEP);
	print_escaped(out, about->name);
	fputs("</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", out);
	print_sentence(out, HEADING_Y, heading);
	for (size_t i = 0; i < 2 && lanes[i].result != NULL; i++)
		print_lane(out, &lanes[i], text_y);
	print_sentence(out, end_y, closing_sentence(result, text));
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
