/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_text.c - a line a hop, shaped as the original's, and the verdict below. What routers must
 * change is not shown, nor what follows from another change.
 */
#include "tracebox/report.h"
#include "tracebox/verdict.h"

#include <inttypes.h>
#include <string.h>

enum { NAME_TEXT = 256 };

void report_text_begin(FILE *out, const struct report_about *about)
{
	char text[ADDR_TEXT];

	fprintf(out, "tracebox to %s (%s): %u hops max\n", addr_text(&about->addr, text),
		about->name, about->last_ttl);
}

/* Milliseconds: with decimals where they say something. */
static void print_rtt(FILE *out, nsec_t rtt)
{
	if (rtt > 0 && rtt < NSEC_PER_MS)
		fprintf(out, "0.%02" PRIu64 "ms", rtt / (NSEC_PER_MS / 100));
	else if (rtt > 0 && rtt < 10 * NSEC_PER_MS)
		fprintf(out, "%" PRIu64 ".%" PRIu64 "ms", rtt / NSEC_PER_MS,
			rtt / (NSEC_PER_MS / 10) % 10);
	else
		fprintf(out, "%" PRIu64 "ms", rtt / NSEC_PER_MS);
}

/* A text from outside, which may hold anything a terminal obeys. */
static const char *printable(char *text)
{
	for (char *at = text; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return text;
}

static void print_address(FILE *out, const struct report_about *about, const struct addr *addr)
{
	char text[ADDR_TEXT], name[NAME_TEXT];

	addr_text(addr, text);
	if (about->names != NULL &&
		about->names->ops->name(about->names->self, addr, name, sizeof(name)) ==
			NAMES_FOUND &&
		strcmp(name, text) != 0)
		fprintf(out, " %s (%s) ", printable(name), text);
	else
		fprintf(out, " %s ", text);
}

static void print_change(FILE *out, const struct report_about *about, const struct hop_view *view,
	const struct change *change)
{
	char name[OPTID_TEXT], text[CHANGE_TEXT];

	fputs(about->colour ? " \033[33m" : " ", out);
	if (about->verbose)
		fprintf(out, "[%s]",
			change_text(change, view->sent, view->quote, view->layers.known, text));
	else
		fprintf(out, "%s%s",
			change->kind == CHANGE_REMOVED         ? "-"
				: change->kind == CHANGE_ADDED ? "+"
							       : "",
			change_name(change, name));
	if (about->colour)
		fputs("\033[0m", out);
}

/* Whether the same was told of another kind of segment. */
static bool was_told(const struct hop_view *first, const struct hop_view *view,
	const struct change *change)
{
	for (; first != view; first = first->more)
		for (size_t i = 0; i < first->changes.count; i++)
			if (first->changes.list[i].kind == change->kind &&
				change_same_subject(&first->changes.list[i], change))
				return true;
	return false;
}

/* Of every kind of segment; of data first, and of the others what is new, with their name. */
static void print_changes(FILE *out, const struct report_about *about, const struct hop_view *first)
{
	const char *segment = first->segment;

	for (const struct hop_view *view = first; view != NULL; view = view->more) {
		for (size_t i = 0; i < view->changes.count; i++) {
			const struct change *change = &view->changes.list[i];

			if (change->follows || was_told(first, view, change))
				continue;
			if (view->segment != segment)
				fprintf(out, " %s:", view->segment);
			segment = view->segment;
			print_change(out, about, view, change);
		}
		if (view->checksum_residue != 0)
			fputs(" [checksum does not fit]", out);
	}
}

static void print_extensions(FILE *out, const struct hop_view *view)
{
	const struct packet *packet = view->hop->answer.packet;
	struct icmp_object object = { 0 };

	if (!view->error.has_extensions)
		return;
	if (!view->error.extensions_ok)
		fputs(" [extensions with a wrong checksum]", out);
	while (icmp_object_next(packet, &view->error, &object)) {
		struct icmp_mpls labels[8];
		struct icmp_interface interface;
		unsigned int count = icmp_object_mpls(packet, &object, labels, 8);

		for (unsigned int i = 0; i < count; i++)
			fprintf(out, " [MPLS %u]", labels[i].label);
		if (count == 0 && icmp_object_interface(packet, &object, &interface))
			fprintf(out, " [interface%s%s]", interface.has_name ? " " : "",
				interface.has_name ? printable(interface.name) : "");
		else if (count == 0)
			fprintf(out, " [extension %u/%u]", object.class_, object.type);
	}
}

void report_text_hop(FILE *out, const struct report_about *about, const struct hop_view *view)
{
	const struct answer *answer = &view->hop->answer;

	if (answer->kind == ANSWER_NONE) {
		fprintf(out, "%u: *\n", view->ttl);
		return;
	}
	fprintf(out, "%u:", view->ttl);
	print_address(out, about, &answer->from);
	print_rtt(out, answer->rtt);
	if (answer->kind != ANSWER_TIME_EXCEEDED)
		fprintf(out, " %s", answer_kind_text(answer->kind));
	if (answer->match == MATCH_ORDER && view->has_quote)
		fputs(" [told by order]", out);
	if (view->has_quote) {
		if (view->error.quote == ICMP_QUOTE_RFC792 ||
			view->error.quote == ICMP_QUOTE_PARTIAL)
			fprintf(out, " [%u bytes quoted]", view->error.quote_known);
		print_changes(out, about, view);
		print_extensions(out, view);
	}
	fputc('\n', out);
}

/* A sentence of its own: capital first, full stop last. */
static void print_sentence(FILE *out, const struct report_about *about, bool warns, char *text)
{
	if (text[0] >= 'a' && text[0] <= 'z')
		text[0] = (char)(text[0] - 'a' + 'A');
	fprintf(out, "%s%s%s\n", about->colour ? (warns ? "\033[1;31m" : "\033[32m") : "", text,
		about->colour ? "\033[0m" : "");
}

/* The way back: its hops as they are from the far end, and what is to be said of them. */
static void print_reverse(FILE *out, const struct report_about *about, const struct result *result)
{
	const struct result *reverse = result->reverse;
	char text[VERDICT_TEXT];

	if (reverse != NULL) {
		fprintf(out, "\nback from %s, hops counted from there:\n",
			addr_text(&about->addr, text));
		for (size_t i = 0; i < reverse->hop_count; i++)
			report_text_hop(out, about, &reverse->hops[i]);
	}
	fputc('\n', out);
	for (size_t i = 0; reverse != NULL && i < reverse->finding_count; i++) {
		verdict_finding(&reverse->findings[i], text);
		print_sentence(out, about, true, text);
	}
	verdict_reverse(result, text);
	if (text[0] != '\0')
		print_sentence(out, about, result->reverse_unknown != NULL, text);
}

static void print_verdict(FILE *out, const struct report_about *about, const struct result *result)
{
	char text[2 * VERDICT_TEXT], destination[VERDICT_TEXT];
	size_t used;

	fputc('\n', out);
	if (result->finding_count == 0) {
		verdict_clean(result, text);
		print_sentence(out, about, false, text);
		return;
	}
	for (size_t i = 0; i < result->finding_count; i++) {
		verdict_finding(&result->findings[i], text);
		used = strlen(text);
		if (i + 1 == result->finding_count)
			snprintf(text + used, sizeof(text) - used, "; %s",
				verdict_destination(result, destination));
		print_sentence(out, about, true, text);
	}
}

void report_text_end(FILE *out, const struct report_about *about, const struct result *result)
{
	print_verdict(out, about, result);
	if (result->reverse != NULL || result->reverse_unknown != NULL)
		print_reverse(out, about, result);
}
