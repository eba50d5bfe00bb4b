/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/view.h"

#include "probe/wire/checksum.h"

#include <string.h>

enum { TCP_OFFSET_END = 13 }; /* bytes of a TCP header that tell the data offset */

/* The instance-th option of this identity among the quote's known bytes, whole. */
static bool option_known(const struct hop_view *view, const struct change *subject)
{
	const struct layers *layers = &view->layers;
	uint32_t at = layers->l4 + TCP_HEADER, end = layers->payload, length;
	unsigned int instance = 0;

	if (layers->known >= end)
		return true;
	for (end = layers->known; at < end; at += length) {
		const uint8_t *option = view->quote + at;
		struct optid id;

		length = option[0] == TCPOPT_EOL || option[0] == TCPOPT_NOP ? 1
			: end - at < 2                                      ? 0
									    : option[1];
		if (length == 0 || length > end - at || (length == 1 && option[0] > TCPOPT_NOP))
			return false;
		id = optid_of(option, length);
		if (optid_equal(&id, &subject->option) && instance++ == subject->instance)
			return true;
	}
	return false;
}

bool view_covers(const struct hop_view *view, const struct change *subject)
{
	const struct layers *layers = &view->layers;

	if (subject->field != NULL && subject->field->layer == LAYER_PAYLOAD && layers->has_more)
		return false;
	if (subject->field != NULL)
		return field_covered(subject->field, layers);
	if (layers->l4 == 0 || layers->payload == 0 || layers->protocol != PROTOCOL_TCP)
		return false;
	return subject->is_order ? layers->known >= layers->payload : option_known(view, subject);
}

const struct change *view_change(const struct hop_view *view, const struct change *subject)
{
	for (size_t i = 0; i < view->changes.count; i++)
		if (change_same_subject(&view->changes.list[i], subject))
			return &view->changes.list[i];
	return NULL;
}

bool view_follows(const struct hop_view *after, const struct hop_view *before)
{
	return (after != NULL ? after->ttl : 0) + 1 == before->ttl;
}

uint32_t view_transport_known(const struct hop_view *view)
{
	return view->layers.known - view->layers.l4;
}

bool view_is_whole(const struct hop_view *view)
{
	return view->layers.has_end && view->layers.known >= view->layers.end;
}

/* ---- the checksum ---- */

static uint16_t ones_minus(uint16_t a, uint16_t b)
{
	uint16_t difference = checksum_fold((uint64_t)a + (uint16_t)~b);

	return difference == UINT16_MAX ? 0 : difference;
}

/* Sum of what the transport checksum covers, as far as end, the checksum itself left out. */
static uint16_t covered_sum(const uint8_t *bytes, const struct layers *layers, uint32_t field,
	uint32_t end)
{
	struct sockname source, destination;
	uint64_t sum = 0;

	if (layers->protocol != PROTOCOL_ICMP &&
		layers_socknames(layers, bytes, &source, &destination))
		sum = checksum_pseudo(&source.addr, &destination.addr, layers->protocol,
			layers->end - layers->l4);
	sum = checksum_add(sum, bytes + layers->l4, field - layers->l4);
	return checksum_fold(checksum_add(sum, bytes + field + 2, end - field - 2));
}

/*
 * Whether of something that is changed only the beginning is quoted, or what stands behind it was
 * moved: the rest of what the checksum covers changed with it.
 */
static bool is_cut_short(const struct hop_view *view)
{
	const struct layers *seen = &view->layers;
	uint32_t known = seen->known - seen->l4 + view->sent->l4;

	for (size_t i = 0; i < view->changes.count && seen->known < seen->end; i++) {
		const struct change *change = &view->changes.list[i];
		bool is_moved = change->field == NULL && !change->is_order &&
			(change->kind == CHANGE_ADDED || change->how == HOW_GAP);

		if (!change->follows &&
			(is_moved ||
				(change->before_offset >= view->sent->l4 &&
					change->before_offset + change->before_length > known)))
			return true;
	}
	return false;
}

/*
 * Compare the checksum with that of the probe, and with what the visible changes make of it. A cut
 * quote shows the same part of both, shifted by what was cut out of (or put into) the header; a
 * last byte alone counts as the high half of a word in both.
 */
bool view_residue(const struct hop_view *view, uint32_t bytes, uint16_t *residue)
{
	const struct layers *seen = &view->layers;
	uint32_t field = packet_checksum_offset(view->sent), end = seen->known, sent_end;
	const uint8_t *sent_bytes = packet_data(view->sent);
	struct layers sent;
	uint16_t explained;

	layers_of_packet(&sent, view->sent);
	field -= sent.l4;
	if (bytes < end - seen->l4)
		end = seen->l4 + bytes;
	sent_end = sent.end;
	if (end < seen->end) {
		uint32_t header = sent.payload - sent.l4, seen_header = header;

		if (seen->protocol == PROTOCOL_TCP && seen->known >= seen->l4 + TCP_OFFSET_END)
			seen_header = seen->payload - seen->l4;
		sent_end = sent.l4 + (end - seen->l4) + header - seen_header;
		if (sent.end - sent.l4 - header != seen->end - seen->l4 - seen_header ||
			(header != seen_header && end < seen->payload) || sent_end > sent.end ||
			sent_end < sent.l4 + field + 2)
			return false;
	}
	explained = ones_minus(covered_sum(sent_bytes, &sent, sent.l4 + field, sent_end),
		covered_sum(view->quote, seen, seen->l4 + field, end));
	/* One that nobody touched hides nothing: a box that left it wrong is known by what it did.
	 */
	*residue = view->checksum_change != 0 ? ones_minus(view->checksum_change, explained) : 0;
	return true;
}

static void read_checksum(struct hop_view *view)
{
	const struct layers *seen = &view->layers;
	uint32_t offset = packet_checksum_offset(view->sent), field = offset - view->sent->l4;

	if (offset == 0 || seen->l4 == 0 || !seen->has_end || seen->known < seen->l4 + field + 2 ||
		seen->protocol != view->sent->protocol || seen->is_fragment || seen->has_more ||
		is_cut_short(view))
		return;
	view->checksum_change = ones_minus(get_be16(view->quote + seen->l4 + field),
		get_be16(packet_data(view->sent) + offset));
	view->has_checksum = view_residue(view, UINT32_MAX, &view->checksum_residue);
	if (!view->has_checksum)
		view->checksum_change = 0;
}

struct change view_checksum_change(const struct hop_view *view)
{
	const char *name = view->sent->form == PACKET_TCP ? "tcp.checksum"
		: view->sent->form == PACKET_UDP          ? "udp.checksum"
							  : "icmp.checksum";
	uint32_t offset = packet_checksum_offset(view->sent);
	struct change change = {
		.field = field_find(name),
		.kind = CHANGE_MODIFIED,
		.before_offset = offset,
		.before_length = 2,
		.after_offset = view->layers.l4 + (offset - view->sent->l4),
		.after_length = 2,
	};

	return change;
}

/* ---- one hop ---- */

void hop_view_init(struct hop_view *view, const struct trace *trace, uint8_t ttl)
{
	const struct trace_hop *hop = trace_hop(trace, ttl);
	const struct answer *answer = &hop->answer;

	memset(view, 0, sizeof(*view));
	view->ttl = ttl;
	view->hop = hop;
	if (answer->kind == ANSWER_NONE)
		return;
	view->sent = packet_new(trace_probe_room(trace));
	trace_probe(trace, answer->ttl, answer->attempt, view->sent);
	view->has_quote = icmp_parse(&view->error, answer->packet);
	if (!view->has_quote)
		return;
	view->quote = packet_data(answer->packet) + view->error.quote_offset;
	layers_read(&view->layers, view->quote, view->error.quote_known);
	packet_diff(&view->changes, view->sent, view->quote, view->error.quote_known, 0);
	read_checksum(view);
}

void hop_view_fini(struct hop_view *view)
{
	packet_free(view->sent);
}

const struct addr *hop_view_addr(const struct hop_view *view)
{
	if (view == NULL || view->hop->answer.kind == ANSWER_NONE)
		return NULL;
	return &view->hop->answer.from;
}
