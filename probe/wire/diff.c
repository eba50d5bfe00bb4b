/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/diff.h"

#include "probe/wire/diff_options.h"
#include "probe/wire/text.h"
#include "probe/wire/text_part.h"

#include <stdio.h>
#include <string.h>

const char *change_kind_text(enum change_kind kind)
{
	static const char *const texts[] = {
		[CHANGE_REMOVED] = "removed",
		[CHANGE_MODIFIED] = "modified",
		[CHANGE_ADDED] = "added",
	};

	return texts[kind];
}

const char *change_how_text(enum change_how how)
{
	static const char *const texts[] = {
		[HOW_NONE] = NULL,
		[HOW_GAP] = "gap",
		[HOW_NOP] = "nop",
		[HOW_EOL] = "eol",
	};

	return texts[how];
}

/* One packet of the two. */
struct side {
	const uint8_t *bytes;
	struct layers layers;
};

static bool same_number(const struct field *field, const struct side *sent, const struct side *seen)
{
	uint64_t before, after;

	return field_read(field, &sent->layers, sent->bytes, &before) &&
		field_read(field, &seen->layers, seen->bytes, &after) && before == after;
}

enum { RECORD_ROUTE = 7, TIMESTAMPS = 68, LOOSE_ROUTE = 131, STRICT_ROUTE = 137 };

/*
 * Whether an IP option differs only in what routers are to write into it: what stands there already
 * stays, and so do the places beyond those that the pointer has moved past (RFC 791 3.1).
 */
static bool is_recorded(const uint8_t *before, const uint8_t *after, uint8_t length)
{
	uint8_t first = before[0] == TIMESTAMPS ? 4 : 3;

	if (before[0] != RECORD_ROUTE && before[0] != TIMESTAMPS && before[0] != LOOSE_ROUTE &&
		before[0] != STRICT_ROUTE)
		return false;
	if (length < first || before[2] <= first || after[2] < before[2] || after[2] > length + 1)
		return false;
	if (before[0] == TIMESTAMPS && ((before[3] ^ after[3]) & 15) != 0)
		return false;
	return memcmp(before + first, after + first, (size_t)(before[2] - 1 - first)) == 0 &&
		memcmp(before + after[2] - 1, after + after[2] - 1,
			(size_t)(length + 1 - after[2])) == 0;
}

/* The same of all of a header's options. */
static bool are_recorded(const uint8_t *before, const uint8_t *after, uint32_t length)
{
	uint32_t i = 0, step;

	for (; i < length && before[i] != 0; i += step) {
		step = 1;
		if (before[i] != 1) {
			if (i + 1 >= length || before[i + 1] < 2 || before[i + 1] > length - i)
				break;
			step = before[i + 1];
		}
		if (memcmp(before + i, after + i, step) != 0 &&
			(step < 4 || memcmp(before + i, after + i, 2) != 0 ||
				!is_recorded(before + i, after + i, (uint8_t)step)))
			return false;
	}
	return memcmp(before + i, after + i, length - i) == 0;
}

/* A field of fixed width, or the bytes between two layers, which may come and go. */
static void compare_field(struct changes *changes, const struct field *field,
	const struct side *sent, const struct side *seen, bool hop_mutable)
{
	struct change change = { .field = field, .follows = field->follows };
	bool same;

	if (!field_covered(field, &sent->layers) || !field_covered(field, &seen->layers))
		return;
	field_range(field, &sent->layers, &change.before_offset, &change.before_length);
	field_range(field, &seen->layers, &change.after_offset, &change.after_length);
	same = change.before_length == change.after_length &&
		memcmp(sent->bytes + change.before_offset, seen->bytes + change.after_offset,
			change.before_length) == 0;
	if (same || same_number(field, sent, seen))
		return;
	if (!hop_mutable && change.before_length == change.after_length &&
		strcmp(field->name, "ip.options") == 0 &&
		are_recorded(sent->bytes + change.before_offset, seen->bytes + change.after_offset,
			change.before_length))
		return;
	/* What the IPv6 header says comes next, when an extension header was put in or taken out.
	 */
	if (strcmp(field->name, "ip6.next-header") == 0 && sent->layers.l4 != seen->layers.l4)
		change.follows = true;
	change.kind = CHANGE_MODIFIED;
	if (change.before_length == 0)
		change.kind = CHANGE_ADDED;
	else if (change.after_length == 0)
		change.kind = CHANGE_REMOVED;
	changes_add(changes, &change);
}

/* As far as it is known; its length only when all of it is. */
static void compare_payload(struct changes *changes, const struct field *field,
	const struct side *sent, const struct side *seen)
{
	struct change change = { .field = field, .kind = CHANGE_MODIFIED };
	bool is_whole = seen->layers.has_end && !seen->layers.has_more &&
		seen->layers.known >= seen->layers.end;
	uint32_t common;

	if (!field_range(field, &sent->layers, &change.before_offset, &change.before_length) ||
		!field_range(field, &seen->layers, &change.after_offset, &change.after_length))
		return;
	if (change.after_offset > seen->layers.known)
		return;
	if (change.after_length > seen->layers.known - change.after_offset)
		change.after_length = seen->layers.known - change.after_offset;
	common = change.before_length;
	if (common > change.after_length)
		common = change.after_length;
	/* A quote may not be longer than what was sent, unless something was added. */
	if (memcmp(sent->bytes + change.before_offset, seen->bytes + change.after_offset, common) ==
			0 &&
		(change.before_length == change.after_length ||
			(!is_whole && change.before_length > common)))
		return;
	if (change.before_length == 0)
		change.kind = CHANGE_ADDED;
	else if (change.after_length == 0)
		change.kind = CHANGE_REMOVED;
	changes_add(changes, &change);
}

static bool is_transport(enum field_layer layer)
{
	return layer != LAYER_IP4 && layer != LAYER_IP6;
}

static bool has_options(const struct side *side)
{
	return side->layers.protocol == PROTOCOL_TCP && !side->layers.is_fragment &&
		side->layers.payload >= side->layers.l4 + 20 && side->layers.l4 != 0;
}

static void compare_version(struct changes *changes, const struct side *sent)
{
	struct change change = { .kind = CHANGE_MODIFIED, .before_length = 1, .after_length = 1 };

	change.field = field_find(sent->layers.version == 4 ? "ip.version" : "ip6.version");
	changes_add(changes, &change);
}

void packet_diff(struct changes *changes, const struct packet *sent, const uint8_t *seen,
	uint32_t known, unsigned int flags)
{
	struct side before = { .bytes = packet_data(sent) }, after = { .bytes = seen };
	bool options_done = false, same_transport;
	const struct field *field;
	size_t i;

	changes->count = 0;
	layers_of_packet(&before.layers, sent);
	layers_read(&after.layers, seen, known);
	if (known == 0 || before.layers.version == 0)
		return;
	if (before.layers.version != after.layers.version) {
		compare_version(changes, &before);
		return;
	}
	same_transport = before.layers.l4 != 0 && after.layers.l4 != 0 &&
		before.layers.protocol == after.layers.protocol &&
		before.layers.is_fragment == after.layers.is_fragment;
	for (i = 0; (field = field_at(i)) != NULL; i++) {
		if (is_transport(field->layer) && !same_transport)
			continue;
		if (field->hop_mutable && !(flags & DIFF_HOP_MUTABLE))
			continue;
		/* Options stand between the TCP header and the payload. */
		if (field->layer > LAYER_TCP && !options_done) {
			options_done = true;
			if (has_options(&before) && has_options(&after))
				diff_options(changes, before.bytes, &before.layers, seen,
					&after.layers);
		}
		if (field->layer == LAYER_PAYLOAD)
			compare_payload(changes, field, &before, &after);
		else
			compare_field(changes, field, &before, &after,
				(flags & DIFF_HOP_MUTABLE) != 0);
	}
}

bool change_same_subject(const struct change *a, const struct change *b)
{
	if (a->field != NULL || b->field != NULL)
		return a->field == b->field;
	if (a->is_order || b->is_order)
		return a->is_order == b->is_order;
	return optid_equal(&a->option, &b->option) && a->instance == b->instance;
}

const char *change_name(const struct change *change, char buf[static OPTID_TEXT])
{
	if (change->field != NULL)
		snprintf(buf, OPTID_TEXT, "%s", change->field->name);
	else if (change->is_order)
		snprintf(buf, OPTID_TEXT, "tcp.option-order");
	else
		optid_text(&change->option, buf);
	return buf;
}

/* Names of all options in a row: with padding where that is what was changed. */
static void names_text(const uint8_t *bytes, uint32_t length, bool padding, struct out *out)
{
	char name[OPTID_TEXT];
	struct optid id;
	uint32_t at, size;

	for (at = 0; at < length; at += size) {
		size = bytes[at] <= TCPOPT_NOP || at + 1 == length ? 1 : bytes[at + 1];
		if (size == 0 || size > length - at || (bytes[at] == TCPOPT_EOL && !padding))
			break;
		if (bytes[at] <= TCPOPT_NOP && !padding)
			continue;
		id = optid_of(bytes + at, size);
		out_add(out, "%s%s", out->used > 0 ? "," : "",
			optid_text(&id, name) + strlen("tcp.option."));
	}
}

static uint32_t count_nops(const uint8_t *bytes, uint32_t length)
{
	uint32_t at, size, nops = 0;

	for (at = 0; at < length && bytes[at] != TCPOPT_EOL; at += size) {
		size = bytes[at] == TCPOPT_NOP || at + 1 == length ? 1 : bytes[at + 1];
		if (size == 0)
			break;
		nops += bytes[at] == TCPOPT_NOP;
	}
	return nops;
}

static const char *value_text(const struct change *change, const uint8_t *bytes, uint32_t length,
	char *buf, size_t size)
{
	char option[TEXT_OPTION];
	struct out out;

	out_init(&out, buf, size);
	if (change->field != NULL && length > 0)
		field_bytes_text(change->field, bytes, length, buf, size);
	else if (change->is_order || change->option.kind == TCPOPT_EOL)
		names_text(bytes, length, !change->is_order, &out);
	else if (change->option.kind == TCPOPT_NOP)
		out_add(&out, "%u", count_nops(bytes, length));
	else if (length > 0)
		snprintf(buf, size, "%s", tcpopt_value_text(bytes, length, option));
	return buf;
}

const char *change_before(const struct change *change, const struct packet *sent, char *buf,
	size_t size)
{
	return value_text(change, packet_data(sent) + change->before_offset, change->before_length,
		buf, size);
}

const char *change_after(const struct change *change, const uint8_t *seen, uint32_t known,
	char *buf, size_t size)
{
	uint32_t length = change->after_length;

	if (change->after_offset > known || length > known - change->after_offset)
		length = 0;
	return value_text(change, seen + (length > 0 ? change->after_offset : 0), length, buf,
		size);
}

const char *change_text(const struct change *change, const struct packet *sent, const uint8_t *seen,
	uint32_t known, char buf[static CHANGE_TEXT])
{
	enum { VALUE = 200 };
	char name[OPTID_TEXT], before[VALUE], after[VALUE];

	change_name(change, name);
	change_before(change, sent, before, sizeof(before));
	change_after(change, seen, known, after, sizeof(after));
	if (change->how != HOW_NONE)
		snprintf(buf, CHANGE_TEXT, "%s removed (%s)", name, change_how_text(change->how));
	else if (change->kind == CHANGE_MODIFIED)
		snprintf(buf, CHANGE_TEXT, "%s %s -> %s", name, before, after);
	else
		snprintf(buf, CHANGE_TEXT, "%s %s%s%s%s", name, change_kind_text(change->kind),
			before[0] != '\0' || after[0] != '\0' ? " " : "", before, after);
	return buf;
}
