/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hidden.c - a quote may be too short to show what was changed, and yet tell that something was: by
 * the length in its IP header, or by a transport checksum that changed by more than what is seen.
 * Such a thing is a finding only when none of the others can be its cause.
 */
#include "tracebox/hidden.h"

#include <string.h>

static unsigned int ttl_of(const struct hop_view *view)
{
	return view != NULL ? view->ttl : 0;
}

/* Whether something that was found may have happened between two hops. */
static bool may_explain(const struct finding *finding, const struct hop_view *after,
	const struct hop_view *before)
{
	return ttl_of(finding->after) < before->ttl && finding->before->ttl > ttl_of(after);
}

static struct finding finding_between(const struct hop_view *after, const struct hop_view *before)
{
	return (struct finding){ .after = after,
		.previous = after,
		.before = before,
		.is_exact = view_follows(after, before) };
}

/* ---- lengths ---- */

/* Whether a finding is of something that changes the packet's length. */
static bool resizes(const struct finding *finding)
{
	const struct change *change = &finding->change;

	if (finding->is_hidden || change->is_order)
		return false;
	if (change->field != NULL && change->field->format != FIELD_BYTES)
		return strcmp(change->field->name, "ip.flags") == 0 &&
			finding->before->layers.has_more;
	/* An option that the quote cuts says itself how long it is. */
	if (change->kind == CHANGE_MODIFIED && change->option.kind > TCPOPT_NOP &&
		change->after_offset + 2 <= finding->before->layers.known)
		return finding->before->quote[change->after_offset + 1] != change->before_length;
	return change->how == HOW_GAP || change->before_length != change->after_length;
}

/*
 * How much longer the packet was than the probe. Some routers damage the length they quote: they
 * exchange its bytes, or take the header's from it.
 */
static bool longer_by(const struct hop_view *view, int *difference)
{
	uint32_t offset = view->layers.version == 4 ? 2 : 4, seen, sent;

	if (!view->has_quote || view->layers.version != view->sent->version ||
		view->layers.known < offset + 2)
		return false;
	seen = get_be16(view->quote + offset);
	sent = get_be16(packet_data(view->sent) + offset);
	*difference = (int)seen - (int)sent;
	if (*difference == 0 || view->layers.version == 6)
		return true;
	return seen != (uint16_t)(sent << 8 | sent >> 8) && seen + view->layers.l4 != sent;
}

static bool length_is_explained(const struct result *result, const struct hop_view *after,
	const struct hop_view *before)
{
	for (size_t i = 0; i < result->finding_count; i++)
		if (resizes(&result->findings[i]) &&
			may_explain(&result->findings[i], after, before))
			return true;
	return false;
}

/* Whether the next hop says that nothing was changed: the one before was alone with it. */
static bool length_is_denied(const struct result *result, size_t at)
{
	int difference;

	for (size_t i = at + 1; i < result->hop_count; i++)
		if (longer_by(&result->hops[i], &difference))
			return difference == 0;
	return false;
}

static void follow_length(struct result *result)
{
	const struct hop_view *last = NULL;
	int last_difference = 0, difference = 0;

	for (size_t i = 0; i < result->hop_count; i++) {
		const struct hop_view *view = &result->hops[i];
		struct finding finding = finding_between(last, view);

		if (!longer_by(view, &difference) ||
			(last_difference == 0 && difference != 0 && length_is_denied(result, i)))
			continue;
		if (difference != last_difference && !length_is_explained(result, last, view)) {
			uint32_t offset = view->sent->version == 4 ? 2 : 4;

			finding.change = (struct change){ .kind = CHANGE_MODIFIED,
				.field = field_find(offset == 2 ? "ip.length" : "ip6.length"),
				.before_offset = offset,
				.before_length = 2,
				.after_offset = offset,
				.after_length = 2 };
			result_add_finding(result, &finding);
		}
		last = view;
		last_difference = difference;
	}
}

/* ---- checksums ---- */

enum compared {
	COMPARED_SAME,    /* what the later quote does not show did not change on the way to it */
	COMPARED_CHANGED, /* it did */
	COMPARED_NOT,
};

/*
 * Compare what two quotes do not show, by what of the change of the checksum it must explain: that
 * of the same bytes in both, for one may show what the other is too short for.
 */
static enum compared compare_hidden(const struct hop_view *last, const struct hop_view *view)
{
	uint16_t own = view->checksum_residue, after = own;
	uint16_t last_own = last != NULL ? last->checksum_residue : 0, before = last_own;
	bool is_longer = false;

	if (last != NULL && (!view_is_whole(last) || !view_is_whole(view))) {
		uint32_t bytes = view_transport_known(last);

		is_longer = view_transport_known(view) > bytes;
		if (!is_longer)
			bytes = view_transport_known(view);
		if (!view_residue(last, bytes, &before) || !view_residue(view, bytes, &after))
			return own == 0 ? COMPARED_SAME : COMPARED_NOT;
	}
	/* Payloads of the probes differ, and so does what changes of them do to checksums. */
	if (before == after || (before != 0 && after != 0 && packet_payload_len(view->sent) > 0))
		return COMPARED_SAME;
	/* The longer quote shows all that is new. */
	if (is_longer && after != 0 && (own == 0 || own == last_own))
		return COMPARED_SAME;
	return COMPARED_CHANGED;
}

static bool checksum_is_denied(const struct result *result, size_t at, const struct hop_view *last)
{
	for (size_t i = at + 1; i < result->hop_count; i++)
		if (result->hops[i].has_checksum)
			return compare_hidden(last, &result->hops[i]) == COMPARED_SAME;
	return false;
}

/* Whether the transport checksum covers what was changed. */
static bool is_covered(const struct change *change)
{
	return change->field == NULL || change->field->layer > LAYER_IP6 ||
		change->field->format == FIELD_ADDR || change->field->follows;
}

/*
 * Whether a finding may be what the checksum tells of at a hop: one that a later quote shows, in
 * which the checksum fits (fits_later); one that this very quote shows, when nothing else is left;
 * or of a payload, of which other quotes may show another part. What changed the length is one.
 */
static bool is_cause(const struct finding *finding, const struct hop_view *before, bool fits_later)
{
	const struct field *field = finding->change.field;

	if (field != NULL && (field->layer == LAYER_PAYLOAD || field->follows))
		return true;
	if (finding->before == before)
		return before->checksum_residue == 0;
	return fits_later && finding->before->ttl > before->ttl;
}

static bool checksum_is_explained(const struct result *result, const struct hop_view *after,
	const struct hop_view *before)
{
	bool fits_later = false;

	for (size_t i = 0; i < result->hop_count; i++) {
		const struct hop_view *view = &result->hops[i];

		fits_later |= view->ttl > before->ttl && view->has_checksum &&
			view->checksum_residue == 0;
	}
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct finding *finding = &result->findings[i];

		if (!finding->is_hidden && is_covered(&finding->change) &&
			may_explain(finding, after, before) &&
			is_cause(finding, before, fits_later))
			return true;
	}
	return false;
}

static void follow_checksum(struct result *result)
{
	const struct hop_view *last = NULL;

	for (size_t i = 0; i < result->hop_count; i++) {
		const struct hop_view *view = &result->hops[i];
		bool was_clean = last == NULL || last->checksum_residue == 0;
		struct finding finding = finding_between(last, view);
		enum compared compared;

		if (!view->has_checksum)
			continue;
		compared = compare_hidden(last, view);
		if (compared == COMPARED_NOT ||
			(compared == COMPARED_CHANGED && was_clean &&
				checksum_is_denied(result, i, last)))
			continue;
		if (compared == COMPARED_CHANGED && !checksum_is_explained(result, last, view)) {
			finding.change = view_checksum_change(view);
			finding.is_hidden = true;
			finding.is_translated = view_is_whole(view);
			result_add_finding(result, &finding);
		}
		last = view;
	}
}

/* ---- addresses ---- */

/*
 * A hop that answers from the destination's address is not the destination: behind a NAT that
 * rewrites the destination, every hop seems to have that address, and quotes are translated back.
 */
static void follow_destination(struct result *result)
{
	const struct hop_view *last = NULL;

	for (size_t i = 0; i < result->hop_count; i++) {
		const struct hop_view *view = &result->hops[i];
		const struct answer *answer = &view->hop->answer;
		struct finding finding = { .after = last,
			.previous = last,
			.before = view,
			.is_hidden = true,
			.is_masked = true,
			.is_translated = true,
			.is_exact = view_follows(last, view) };

		if (answer->kind == ANSWER_NONE)
			continue;
		if (answer->kind != ANSWER_TIME_EXCEEDED || !answer->from_destination ||
			view->hop == trace_destination(result->trace)) {
			last = view;
			continue;
		}
		finding.change = (struct change){ .kind = CHANGE_MODIFIED,
			.before_length = view->sent->version == 4 ? 4 : 16,
			.before_offset = view->sent->version == 4 ? 16 : 24,
			.field = field_find(view->sent->version == 4 ? "ip.dst" : "ip6.dst") };
		result_add_finding(result, &finding);
		return;
	}
}

void hidden_find(struct result *result)
{
	follow_length(result);
	follow_checksum(result);
	follow_destination(result);
}
