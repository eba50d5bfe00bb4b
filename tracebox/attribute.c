/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attribute.c - from changes per hop to findings. Every field or option that changed anywhere is
 * followed along the path: at a hop it is changed, unchanged, or not known (silence, a short
 * quote). A finding lies where what is known turns from one to the other. What one hop alone shows
 * and every later one denies is a fault of that hop's quote, and no finding.
 */
#include "tracebox/attribute.h"

#include "probe/base/alloc.h"
#include "probe/wire/mptcp.h"
#include "tracebox/hidden.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum known {
	KNOWN_NOT,
	KNOWN_UNCHANGED,
	KNOWN_CHANGED,
};

static enum known known_at(const struct hop_view *view, const struct change *subject,
	const struct change **change)
{
	*change = NULL;
	if (!view->has_quote)
		return KNOWN_NOT;
	*change = view_change(view, subject);
	if (*change != NULL)
		return KNOWN_CHANGED;
	return view_covers(view, subject) ? KNOWN_UNCHANGED : KNOWN_NOT;
}

/*
 * Fields in which the probes differ; their payloads, too, stand at different places of the stream
 * that a box reads.
 */
static bool is_number(const struct change *change)
{
	return change->field != NULL &&
		(strcmp(change->field->name, "ip.id") == 0 ||
			strcmp(change->field->name, "tcp.seq") == 0 ||
			change->field->layer == LAYER_PAYLOAD);
}

/* Where the probes differ, what became of one's value says nothing of another's. */
static bool same_sent(const struct hop_view *a, const struct change *x, const struct hop_view *b,
	const struct change *y)
{
	return x->before_length == y->before_length &&
		memcmp(packet_data(a->sent) + x->before_offset,
			packet_data(b->sent) + y->before_offset, x->before_length) == 0;
}

/* Whether two hops show the same change: the same kind, and the same value afterwards. */
static bool same_change(const struct hop_view *a, const struct change *x, const struct hop_view *b,
	const struct change *y)
{
	uint64_t value, other;
	uint32_t length;

	if (x == NULL || y == NULL)
		return x == y;
	if (x->kind != y->kind)
		return false;
	if (x->kind == CHANGE_REMOVED || is_number(x) || !same_sent(a, x, b, y))
		return true;
	/* A fragment header has a number of its own. */
	if (x->field != NULL && x->field->layer == LAYER_IP6 && a->layers.has_more &&
		b->layers.has_more)
		return true;
	if (x->field != NULL && field_read(x->field, &a->layers, a->quote, &value) &&
		field_read(y->field, &b->layers, b->quote, &other))
		return value == other;
	/* A value that a short quote cuts is compared as far as it goes. */
	length = x->after_length < y->after_length ? x->after_length : y->after_length;
	return memcmp(a->quote + x->after_offset, b->quote + y->after_offset, length) == 0;
}

/* Whether this hop alone shows the change, and a later one that could see it does not. */
static bool is_quote_fault(const struct result *result, size_t at, const struct change *subject)
{
	const struct change *here = view_change(&result->hops[at], subject), *there;

	for (size_t i = at + 1; i < result->hop_count; i++) {
		enum known known = known_at(&result->hops[i], subject, &there);

		if (known != KNOWN_NOT)
			return known == KNOWN_UNCHANGED ||
				(!same_change(&result->hops[at], here, &result->hops[i], there) &&
					here->kind == CHANGE_ADDED);
	}
	return false;
}

/* Follow one subject along the path and note where it changes. */
static void follow(struct result *result, const struct change *subject)
{
	const struct hop_view *last_view = NULL;
	const struct change *last = NULL, *change;

	for (size_t i = 0; i < result->hop_count; i++) {
		const struct hop_view *view = &result->hops[i];
		enum known known = known_at(view, subject, &change);
		struct finding finding = { .after = last_view,
			.previous = last_view,
			.before = view };

		if (known == KNOWN_NOT)
			continue;
		if (known == KNOWN_CHANGED && last == NULL && is_quote_fault(result, i, subject))
			continue;
		if (!same_change(last_view, last, view, change)) {
			assert(change != NULL || last != NULL);
			finding.change = change != NULL ? *change : *last;
			finding.is_exact = view_follows(last_view, view);
			result_add_finding(result, &finding);
		}
		last = change;
		last_view = view;
	}
}

/* Whether a subject was met at an earlier hop, or earlier in the list of this one. */
static bool is_followed(const struct result *result, size_t hop, size_t index)
{
	const struct change *subject = &result->hops[hop].changes.list[index];

	for (size_t i = 0; i < hop; i++)
		if (view_change(&result->hops[i], subject) != NULL)
			return true;
	return view_change(&result->hops[hop], subject) != subject;
}

/* ---- the destination's answer ---- */

/* Mirrored: our own key comes back, or the four bytes of version 1, which hold none. */
static void read_capable(struct destination_view *destination, const struct packet *sent,
	const struct packet *got)
{
	struct mptcp_opt asked, answered;
	struct tcpopt at, back;

	destination->asked_mptcp = mptcp_find(sent, MP_CAPABLE, &asked, &at);
	if (destination->reply != ANSWER_SYN_ACK || !destination->asked_mptcp ||
		!mptcp_find(got, MP_CAPABLE, &answered, &back))
		return;
	destination->mirrors_mptcp = !answered.capable.has_sender_key ||
		(asked.capable.has_sender_key &&
			asked.capable.sender_key == answered.capable.sender_key);
	destination->supports_mptcp = !destination->mirrors_mptcp;
	destination->has_version = destination->supports_mptcp;
	destination->version = answered.capable.version;
}

static void read_destination(struct result *result)
{
	const struct trace_hop *hop = trace_destination(result->trace);
	struct destination_view *destination = &result->destination;
	const struct hop_view *view;

	if (result->hop_count == 0)
		return;
	view = &result->hops[result->hop_count - 1];
	if (hop == NULL || view->sent == NULL)
		return;
	destination->reached = true;
	destination->ttl = view->ttl;
	destination->reply = hop->answer.kind;
	if (view->sent->form == PACKET_TCP && hop->answer.packet->form == PACKET_TCP)
		read_capable(destination, view->sent, hop->answer.packet);
}

/* ---- the whole ---- */

void result_init(struct result *result, const struct trace *trace)
{
	unsigned int first = trace_first_ttl(trace), last = trace_last_ttl(trace);

	*result = (struct result){ .trace = trace };
	result->hop_count = last + 1 - first;
	result->hops = xcalloc(result->hop_count, sizeof(*result->hops));
	for (size_t i = 0; i < result->hop_count; i++)
		hop_view_init(&result->hops[i], trace, (uint8_t)(first + i));
	for (size_t i = 0; i < result->hop_count; i++)
		for (size_t j = 0; j < result->hops[i].changes.count; j++)
			if (!result->hops[i].changes.list[j].follows && !is_followed(result, i, j))
				follow(result, &result->hops[i].changes.list[j]);
	hidden_find(result);
	result_sort(result);
	read_destination(result);
	result->sent = trace_sent(trace);
	result->elapsed_ns = trace_elapsed(trace);
}

void result_fini(struct result *result)
{
	for (size_t i = 0; i < result->hop_count; i++)
		hop_view_fini(&result->hops[i]);
	free(result->hops);
	free(result->findings);
}
