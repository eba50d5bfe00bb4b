/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/diff_options.h"

#include <string.h>

enum { ENTRIES_MAX = TCPOPT_SPACE / 2, NO_MATCH = -1 };

struct entry {
	struct optid id;
	uint32_t offset, length;
	int match; /* index in the other list, or NO_MATCH */
};

/* The options of one packet, padding apart. */
struct list {
	const uint8_t *bytes;
	uint32_t first, area; /* first byte and length of the options */
	uint32_t stop;        /* end of what is known of them */
	int count;
	struct entry entries[ENTRIES_MAX];
	uint32_t nops;
	uint32_t eol;     /* offset of the first EOL; 0: none */
	bool complete;    /* nothing can follow that is not known */
	struct entry cut; /* the last one, of which only a part is known; length 0: none */
};

void changes_add(struct changes *changes, const struct change *change)
{
	if (changes->count < CHANGES_MAX)
		changes->list[changes->count++] = *change;
}

static void list_read(struct list *list, const uint8_t *bytes, const struct layers *layers)
{
	uint32_t at = layers->l4 + 20, length;

	memset(list, 0, sizeof(*list));
	list->bytes = bytes;
	list->first = at;
	list->area = layers->payload - at;
	list->stop = layers->payload < layers->known ? layers->payload : layers->known;
	list->complete = layers->payload <= layers->known;
	for (; at < list->stop; at += length) {
		struct entry *entry = &list->entries[list->count];

		length = 1;
		if (bytes[at] == TCPOPT_EOL) {
			list->eol = at;
			list->complete = true;
			return;
		}
		if (bytes[at] == TCPOPT_NOP) {
			list->nops++;
			continue;
		}
		if (at + 1 >= list->stop || bytes[at + 1] < 2)
			return;
		length = bytes[at + 1];
		if (length > list->stop - at && list->complete)
			return;
		if (length > list->stop - at) {
			length = list->stop - at;
			entry = &list->cut;
		}
		entry->id = optid_of(bytes + at, length);
		entry->offset = at;
		entry->length = length;
		entry->match = NO_MATCH;
		list->count += entry != &list->cut;
	}
}

static bool same_bytes(const struct list *a, const struct entry *in_a, const struct list *b,
	const struct entry *in_b)
{
	return in_a->length == in_b->length &&
		memcmp(a->bytes + in_a->offset, b->bytes + in_b->offset, in_a->length) == 0;
}

/* Pair what is the same: first options that are equal, then those that are changed, in order. */
static void pair(struct list *sent, struct list *seen, bool equal)
{
	int i, k;

	for (i = 0; i < sent->count; i++) {
		struct entry *a = &sent->entries[i];

		for (k = 0; k < seen->count && a->match == NO_MATCH; k++) {
			struct entry *b = &seen->entries[k];

			if (b->match != NO_MATCH || !optid_equal(&a->id, &b->id))
				continue;
			if (equal && !same_bytes(sent, a, seen, b))
				continue;
			a->match = k;
			b->match = i;
		}
	}
}

static uint8_t instance_of(const struct list *list, int index)
{
	uint8_t instance = 0;
	int i;

	for (i = 0; i < index; i++)
		instance += optid_equal(&list->entries[i].id, &list->entries[index].id);
	return instance;
}

/* How far an option moved against the first byte of the options. */
static int64_t displacement(const struct list *sent, const struct list *seen, int index)
{
	const struct entry *a = &sent->entries[index], *b = &seen->entries[a->match];

	return (int64_t)(b->offset - seen->first) - (int64_t)(a->offset - sent->first);
}

static bool all_are(const uint8_t *bytes, uint32_t length, uint8_t value)
{
	uint32_t i;

	for (i = 0; i < length && bytes[i] == value;)
		i++;
	return i == length;
}

/* Behind an EOL: whether an option's own bytes, or EOLs, are in its room as far as it is known. */
static bool is_hidden(const struct list *sent, const struct list *seen, const struct entry *gone,
	uint32_t at)
{
	uint32_t length = gone->length;

	if (at == seen->eol || at >= seen->stop)
		return true;
	if (length > seen->stop - at)
		length = seen->stop - at;
	return memcmp(seen->bytes + at, sent->bytes + gone->offset, length) == 0 ||
		all_are(seen->bytes + at, length, TCPOPT_EOL);
}

/*
 * What became of the room an option had. Its room is still there when what stood before and what
 * stood behind it moved alike; then the filling tells.
 */
static enum change_how how_removed(const struct list *sent, const struct list *seen, int index)
{
	const struct entry *gone = &sent->entries[index];
	int64_t before = 0, behind = (int64_t)seen->area - (int64_t)sent->area, at;
	int i;

	for (i = index - 1; i >= 0 && sent->entries[i].match == NO_MATCH;)
		i--;
	if (i >= 0)
		before = displacement(sent, seen, i);
	for (i = index + 1; i < sent->count && sent->entries[i].match == NO_MATCH;)
		i++;
	if (i < sent->count)
		behind = displacement(sent, seen, i);
	at = (int64_t)seen->first + (gone->offset - sent->first) + before;
	if (before != behind || at < seen->first)
		return HOW_GAP;
	if (seen->eol != 0 && at >= seen->eol)
		return is_hidden(sent, seen, gone, (uint32_t)at) ? HOW_EOL : HOW_GAP;
	if (at + gone->length > seen->stop)
		return HOW_GAP;
	return all_are(seen->bytes + at, gone->length, TCPOPT_NOP) ? HOW_NOP : HOW_GAP;
}

/*
 * Whether an option that was not found cannot lie in what is not known: what stood behind it is
 * there, and the header is shorter. In one that is not, it may have been moved.
 */
static bool is_gone(const struct list *sent, const struct list *seen, int index)
{
	int i;

	if (seen->complete || how_removed(sent, seen, index) != HOW_GAP)
		return true;
	for (i = index + 1; i < sent->count && seen->area < sent->area; i++) {
		if (sent->entries[i].match != NO_MATCH)
			return true;
	}
	return false;
}

static struct change option_change(const struct list *list, int index, enum change_kind kind)
{
	struct change change = { .option = list->entries[index].id, .kind = kind };

	change.instance = instance_of(list, index);
	return change;
}

/* The cut option is changed when it begins like none of its identity that is nowhere else. */
static void compare_cut(struct changes *changes, const struct list *sent, const struct list *seen)
{
	const struct entry *cut = &seen->cut;
	struct change change;
	int i, like = NO_MATCH;

	for (i = sent->count - 1; i >= 0 && cut->length > 0; i--) {
		const struct entry *a = &sent->entries[i];

		if (a->match != NO_MATCH || !optid_equal(&a->id, &cut->id))
			continue;
		if (a->length >= cut->length &&
			memcmp(sent->bytes + a->offset, seen->bytes + cut->offset, cut->length) ==
				0)
			return;
		like = i;
	}
	if (like == NO_MATCH)
		return;
	change = option_change(sent, like, CHANGE_MODIFIED);
	change.before_offset = sent->entries[like].offset;
	change.before_length = sent->entries[like].length;
	change.after_offset = cut->offset;
	change.after_length = cut->length;
	changes_add(changes, &change);
}

/* Removed and modified options; returns the NOPs that stand where options were. */
static uint32_t compare_sent(struct changes *changes, const struct list *sent,
	const struct list *seen)
{
	uint32_t nops = 0;
	int i;

	for (i = 0; i < sent->count; i++) {
		const struct entry *a = &sent->entries[i], *b = NULL;
		struct change change = option_change(sent, i, CHANGE_REMOVED);

		if (a->match != NO_MATCH)
			b = &seen->entries[a->match];
		if (b != NULL ? same_bytes(sent, a, seen, b) : !is_gone(sent, seen, i))
			continue;
		change.before_offset = a->offset;
		change.before_length = a->length;
		if (b != NULL) {
			change.kind = CHANGE_MODIFIED;
			change.after_offset = b->offset;
			change.after_length = b->length;
		} else {
			change.how = how_removed(sent, seen, i);
		}
		if (change.how == HOW_NOP)
			nops += a->length;
		changes_add(changes, &change);
	}
	return nops;
}

static void compare_seen(struct changes *changes, const struct list *seen)
{
	int i;

	for (i = 0; i < seen->count; i++) {
		struct change change;

		if (seen->entries[i].match != NO_MATCH)
			continue;
		change = option_change(seen, i, CHANGE_ADDED);
		change.after_offset = seen->entries[i].offset;
		change.after_length = seen->entries[i].length;
		changes_add(changes, &change);
	}
}

/* A change of all options together: order or padding. */
static struct change area_change(const struct list *sent, const struct list *seen)
{
	struct change change = { .kind = CHANGE_MODIFIED };

	change.before_offset = sent->first;
	change.before_length = sent->area;
	change.after_offset = seen->first;
	change.after_length = seen->stop - seen->first;
	return change;
}

static void compare_order(struct changes *changes, const struct list *sent, const struct list *seen)
{
	struct change change = area_change(sent, seen);
	int i, last = NO_MATCH;

	for (i = 0; i < sent->count; i++) {
		if (sent->entries[i].match == NO_MATCH)
			continue;
		if (sent->entries[i].match < last) {
			change.is_order = true;
			changes_add(changes, &change);
			return;
		}
		last = sent->entries[i].match;
	}
}

/* Padding follows from what else was changed; alone, it is a finding. */
static void compare_padding(struct changes *changes, const struct list *sent,
	const struct list *seen, uint32_t nops, size_t before)
{
	struct change change = area_change(sent, seen);
	bool hidden = false;
	size_t i;

	if (!seen->complete || seen->first + seen->area > seen->stop)
		return;
	change.follows = changes->count > before;
	for (i = before; i < changes->count; i++)
		hidden = hidden || changes->list[i].how == HOW_EOL;
	if (!hidden && sent->nops + nops != seen->nops) {
		change.option.kind = TCPOPT_NOP;
		changes_add(changes, &change);
	} else if (changes->count == before &&
		(sent->area != seen->area ||
			memcmp(sent->bytes + sent->first, seen->bytes + seen->first, sent->area) !=
				0)) {
		/* The same options otherwise filled up, or something that cannot be read. */
		change.option.kind = TCPOPT_EOL;
		changes_add(changes, &change);
	}
}

void diff_options(struct changes *changes, const uint8_t *sent, const struct layers *sent_layers,
	const uint8_t *seen, const struct layers *seen_layers)
{
	size_t before = changes->count;
	struct list a, b;
	uint32_t nops;

	list_read(&a, sent, sent_layers);
	list_read(&b, seen, seen_layers);
	pair(&a, &b, true);
	pair(&a, &b, false);
	nops = compare_sent(changes, &a, &b);
	compare_cut(changes, &a, &b);
	compare_seen(changes, &b);
	compare_order(changes, &a, &b);
	compare_padding(changes, &a, &b, nops, before);
}
