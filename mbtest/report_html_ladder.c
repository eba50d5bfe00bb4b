/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_html_ladder.c - one run as a time-sequence ladder in SVG: the client's line to the left,
 * the server's to the right, a packet an arrow from when it left to when it came.
 */
#include "mbtest/report_html.h"

#include "mbtest/ladder.h"
#include "probe/wire/diff.h"
#include "probe/wire/tcpopt.h"
#include "probe/wire/text.h"

#include <inttypes.h>

enum {
	LEFT = 90, /* pixels */
	RIGHT = 790,
	WIDTH = 880,
	STEP = 24, /* from one moment to the next */
	TOP = 30,
	LABEL = 400, /* bytes */
	BEGIN = 24,  /* arrows drawn from the start on, ... */
	BEFORE = 8,  /* ... before the first one behind them that the path did something to, ... */
	AFTER = 32,  /* ... and from it on */
};

/* A moment on a line: a packet leaves or comes. */
struct moment {
	nsec_t at;
	uint32_t arrow;
	bool is_end;
};

struct drawing {
	FILE *out;
	const struct capture *const *tap;
	struct ladder ladder;
	struct moment moments[2 * (BEGIN + BEFORE + AFTER)];
	size_t moment_count;
	unsigned int y[LADDER_ARROWS][2]; /* where an arrow begins and ends; 0: it is left out */
	struct packet *sent, *seen;
};

static nsec_t time_of(const struct drawing *drawing, const struct ladder_arrow *arrow, bool is_end)
{
	enum end to = end_opposite(arrow->from);
	bool by_sender = is_end ? arrow->received == LADDER_NONE : arrow->sent != LADDER_NONE;

	return by_sender ? drawing->tap[arrow->from]->records[arrow->sent].at
			 : drawing->tap[to]->records[arrow->received].at;
}

static void add_moment(struct drawing *drawing, uint32_t arrow, bool is_end)
{
	nsec_t at = time_of(drawing, &drawing->ladder.arrows[arrow], is_end);
	size_t i = drawing->moment_count++;

	for (; i > 0 && drawing->moments[i - 1].at > at; i--)
		drawing->moments[i] = drawing->moments[i - 1];
	drawing->moments[i] = (struct moment){ at, arrow, is_end };
}

/* "S. seq 0 len 500 <mptcp capable v1 ...>": what the ladder is about. */
static void label(const struct packet *packet, uint32_t seq, char text[static LABEL])
{
	struct tcpopt opt = { 0 };
	char flags[TCP_FLAGS_TEXT], option[TEXT_OPTION];
	size_t used;

	if (packet->form != PACKET_TCP) {
		snprintf(text, LABEL, "%s", packet->form == PACKET_ICMP ? "ICMP" : "no TCP");
		return;
	}
	used = (size_t)snprintf(text, LABEL, "%s %" PRIu32 ":%" PRIu32,
		tcp_flags_text(tcp_flags(packet), flags), seq, packet_payload_len(packet));
	while (tcpopt_next(packet, &opt) && used < LABEL) {
		const uint8_t *bytes = tcpopt_bytes(packet, &opt);

		if (bytes[0] == TCPOPT_MPTCP)
			used += (size_t)snprintf(text + used, LABEL - used, " <%s>",
				tcpopt_text(bytes, opt.length, option));
	}
}

/* What the path changed, each change once. */
static const char *changes_text(const struct drawing *drawing, char text[static LABEL])
{
	const struct packet *seen = drawing->seen;
	struct changes changes;
	size_t used = 0, i;

	*text = '\0';
	packet_diff(&changes, drawing->sent, packet_data(seen), seen->length, 0);
	for (i = 0; i < changes.count && used < LABEL; i++) {
		char one[CHANGE_TEXT];

		if (changes.list[i].follows)
			continue;
		used += (size_t)snprintf(text + used, LABEL - used, "%s%s", used > 0 ? "; " : "",
			change_text(&changes.list[i], drawing->sent, packet_data(seen),
				seen->length, one));
	}
	return text;
}

/* Both packets of an arrow, where they are; false: neither can be read. */
static bool read_arrow(struct drawing *drawing, const struct ladder_arrow *arrow, bool *sent,
	bool *came)
{
	enum end to = end_opposite(arrow->from);

	*sent = arrow->sent != LADDER_NONE &&
		capture_get(drawing->tap[arrow->from], arrow->sent, drawing->sent);
	*came = arrow->received != LADDER_NONE &&
		capture_get(drawing->tap[to], arrow->received, drawing->seen);
	return *sent || *came;
}

/* The first arrow past the beginning that was lost, made or changed; or how many there are. */
static uint32_t first_notable(struct drawing *drawing)
{
	const struct ladder *ladder = &drawing->ladder;
	char text[LABEL];
	uint32_t i;
	bool sent, came;

	for (i = BEGIN; i < ladder->count; i++) {
		if (!read_arrow(drawing, &ladder->arrows[i], &sent, &came))
			continue;
		if (!sent || !came || *changes_text(drawing, text) != '\0')
			break;
	}
	return i;
}

/* Rows by the order of events: what takes long does not make the picture long. */
static void place(struct drawing *drawing)
{
	struct ladder *ladder = &drawing->ladder;
	uint32_t notable = first_notable(drawing), first, i;

	first = notable == ladder->count || notable < BEGIN + BEFORE ? BEGIN : notable - BEFORE;
	for (i = 0; i < ladder->count; i++) {
		if (i >= BEGIN && (i < first || i >= first + BEFORE + AFTER)) {
			ladder->more++;
			continue;
		}
		add_moment(drawing, i, false);
		if (ladder->arrows[i].sent != LADDER_NONE &&
			ladder->arrows[i].received != LADDER_NONE)
			add_moment(drawing, i, true);
	}
	for (i = 0; i < drawing->moment_count; i++) {
		const struct moment *moment = &drawing->moments[i];

		drawing->y[moment->arrow][moment->is_end] = TOP + (i + 1) * STEP;
		if (!moment->is_end)
			drawing->y[moment->arrow][1] = TOP + (i + 1) * STEP;
	}
}

static void draw_text(const struct drawing *drawing, const char *class, bool at_left,
	unsigned int y, const char *text)
{
	fprintf(drawing->out, "<text class=\"%s\" x=\"%d\" y=\"%u\"%s>", class,
		at_left ? LEFT + 6 : RIGHT - 6, y, at_left ? "" : " text-anchor=\"end\"");
	report_escaped(drawing->out, text);
	fputs("</text>", drawing->out);
}

static void draw_line(const struct drawing *drawing, const struct ladder_arrow *arrow,
	const unsigned int y[2], bool changed)
{
	int from = arrow->from == CLIENT ? LEFT : RIGHT, to = arrow->from == CLIENT ? RIGHT : LEFT;
	int middle = (LEFT + RIGHT) / 2;
	bool lost = arrow->received == LADDER_NONE, made = arrow->sent == LADDER_NONE;

	fprintf(drawing->out, "<line class=\"p%u%s\" x1=\"%d\" y1=\"%u\" x2=\"%d\" y2=\"%u\"%s/>",
		arrow->path % 4, changed ? " c" : "", made ? middle : from, y[0],
		lost ? middle : to, y[1], lost ? "" : " marker-end=\"url(#a)\"");
	if (lost)
		fprintf(drawing->out, "<text class=\"c\" x=\"%d\" y=\"%u\">\u2715 lost</text>",
			middle, y[1] + 4);
	if (made)
		fprintf(drawing->out, "<text class=\"c\" x=\"%d\" y=\"%u\">\u25cf made</text>",
			middle, y[0] - 4);
}

static void draw_arrow(struct drawing *drawing, uint32_t index)
{
	const struct ladder_arrow *arrow = &drawing->ladder.arrows[index];
	enum end to = end_opposite(arrow->from);
	const unsigned int *y = drawing->y[index];
	char text[LABEL], changed[LABEL] = "", line[TEXT_LINE];
	bool sent, came;

	if (y[0] == 0 || !read_arrow(drawing, arrow, &sent, &came))
		return;
	if (sent && came)
		changes_text(drawing, changed);
	label(sent ? drawing->sent : drawing->seen, arrow->seq, text);
	packet_text(sent ? drawing->sent : drawing->seen, TEXT_SHORT, line, sizeof(line));
	fputs("<g><title>", drawing->out);
	report_escaped(drawing->out, line);
	fputs("</title>", drawing->out);
	draw_line(drawing, arrow, y, *changed != '\0');
	draw_text(drawing, "t", sent == (arrow->from == CLIENT), sent ? y[0] - 3 : y[1] - 3, text);
	if (*changed != '\0')
		draw_text(drawing, "t c", to == CLIENT, y[1] + 11, changed);
	fputs("</g>\n", drawing->out);
}

static void draw_clock(const struct drawing *drawing)
{
	size_t i;

	for (i = 0; i < drawing->moment_count; i++) {
		const struct moment *moment = &drawing->moments[i];
		const struct ladder_arrow *arrow = &drawing->ladder.arrows[moment->arrow];
		bool at_sender = !moment->is_end && arrow->sent != LADDER_NONE;
		bool left = (arrow->from == CLIENT) == at_sender;

		fprintf(drawing->out,
			"<text class=\"k\" x=\"%d\" y=\"%zu\"%s>%" PRIu64 ".%03" PRIu64 "</text>",
			left ? LEFT - 6 : RIGHT + 6, TOP + (i + 1) * STEP + 3,
			left ? " text-anchor=\"end\"" : "", moment->at / NSEC_PER_MS,
			moment->at / 1000 % 1000);
	}
}

void report_html_ladder(FILE *out, const struct capture *const tap[ENDS])
{
	struct drawing drawing = { .out = out, .tap = tap };
	size_t height;
	uint32_t i;

	ladder_make(&drawing.ladder, tap);
	drawing.sent = packet_new(PACKET_LARGE);
	drawing.seen = packet_new(PACKET_LARGE);
	place(&drawing);
	height = TOP + (drawing.moment_count + 2) * STEP;
	fprintf(out, "<svg viewBox=\"0 0 %d %zu\" width=\"%d\" height=\"%zu\">\n", WIDTH, height,
		WIDTH, height);
	fprintf(out,
		"<text class=\"h\" x=\"%d\" y=\"16\">client, ms</text>"
		"<text class=\"h\" x=\"%d\" y=\"16\" text-anchor=\"end\">server, ms</text>"
		"<line class=\"l\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%zu\"/>"
		"<line class=\"l\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%zu\"/>\n",
		LEFT - 60, RIGHT + 70, LEFT, TOP, LEFT, height - STEP, RIGHT, TOP, RIGHT,
		height - STEP);
	for (i = 0; i < drawing.ladder.count; i++)
		draw_arrow(&drawing, i);
	draw_clock(&drawing);
	if (drawing.ladder.more > 0)
		fprintf(out,
			"<text class=\"h\" x=\"%d\" y=\"%zu\">%zu packets more are left out</text>",
			LEFT + 6, height - 6, drawing.ladder.more);
	fputs("</svg>\n", out);
	packet_free(drawing.sent);
	packet_free(drawing.seen);
}
