/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c - the pattern: aligned word n of a stream is a bijective mix of n and of the sender, so
 * that any eight bytes in a row, tried at eight alignments, tell where they come from.
 */
#include "mbtest/stream.h"

#include "probe/base/alloc.h"
#include "probe/base/hash.h"

#include <stdlib.h>
#include <string.h>

enum {
	WORD = 8,
	CHUNK = 4096, /* bytes compared at a time */
	KEEP_MAX = 1 << 20,
	LOCATE_MIN = 16,  /* bytes that name their place beyond doubt */
	LOCATE_MAX = 256, /* bytes looked at before giving up */
	LOOK_BACK = 32,   /* an edit may begin like what it replaces */
	LOOK_AHEAD = 16,  /* bytes that must fit again behind an edit */
};

static uint64_t salt(enum end sender)
{
	return sender == CLIENT ? 0x636c69656e740000u : 0x7365727665720000u;
}

static uint64_t word_at(enum end sender, uint64_t index)
{
	return hash_mix(index + salt(sender));
}

/* The inverse of hash_mix: each xor-shift undone, each factor by its inverse modulo 2^64. */
static uint64_t unmix(uint64_t value)
{
	value = (value ^ value >> 31 ^ value >> 62) * 0x319642b2d24d8ec3u;
	value = (value ^ value >> 27 ^ value >> 54) * 0x96de1b173f119089u;
	return value ^ value >> 30 ^ value >> 60;
}

/* Lay the marker that stands at offset first over bytes, as far as it reaches into them. */
static void overlay_one(const struct stream_plan *plan, uint64_t first, uint64_t offset,
	uint8_t *bytes, size_t length)
{
	uint64_t at = first < offset ? offset : first, end = first + strlen(plan->marker);

	if (end > offset + length)
		end = offset + length;
	if (at < end)
		memcpy(bytes + (at - offset), plan->marker + (at - first), (size_t)(end - at));
}

static void overlay_marker(const struct stream_plan *plan, uint64_t offset, uint8_t *bytes,
	size_t length)
{
	uint64_t first = plan->marker_offset, every = plan->marker_every;

	if (plan->marker == NULL)
		return;
	/* The last marker that begins before these bytes may reach into them. */
	if (every > 0 && offset > first)
		first += (offset - first) / every * every;
	if (every > 0 && first > plan->marker_offset)
		first -= every;
	for (; first < offset + length; first += every) {
		overlay_one(plan, first, offset, bytes, length);
		if (every == 0)
			return;
	}
}

static void fill_words(enum end sender, uint64_t offset, uint8_t *out, size_t left)
{
	uint64_t index = offset / WORD, word;
	size_t skip = offset % WORD, step;

	if (skip > 0 && left > 0) {
		step = WORD - skip < left ? WORD - skip : left;
		word = word_at(sender, index++);
		memcpy(out, (const uint8_t *)&word + skip, step);
		out += step;
		left -= step;
	}
	for (; left >= WORD; left -= WORD, out += WORD) {
		word = word_at(sender, index++);
		memcpy(out, &word, WORD);
	}
	word = word_at(sender, index);
	memcpy(out, &word, left);
}

static bool is_kept(const struct stream_plan *plan, uint64_t offset, size_t length)
{
	return offset <= plan->kept_length && length <= plan->kept_length - offset;
}

void stream_fill(const struct stream_plan *plan, uint64_t offset, void *bytes, size_t length)
{
	if (is_kept(plan, offset, length) && length > 0)
		memcpy(bytes, plan->kept + offset, length);
	else
		fill_words(plan->sender, offset, bytes, length);
	overlay_marker(plan, offset, bytes, length);
}

const uint8_t *stream_look(const struct stream_plan *plan, uint64_t offset, void *room,
	size_t length)
{
	if (plan->marker == NULL && is_kept(plan, offset, length) && length > 0)
		return plan->kept + offset;
	stream_fill(plan, offset, room, length);
	return room;
}

void stream_keep(struct stream_memory *memory, struct stream_plan *plan)
{
	uint64_t length = plan->length < KEEP_MAX ? plan->length : KEEP_MAX;

	if (length > memory->length) {
		memory->bytes = xrealloc(memory->bytes, length, 1);
		memory->length = length;
		fill_words(plan->sender, 0, memory->bytes, length);
	}
	plan->kept = memory->bytes;
	plan->kept_length = memory->length;
}

/* Length of what bytes have in common with the stream from offset on, up to the stream's end. */
static uint64_t common(const struct stream_plan *plan, uint64_t offset, const uint8_t *bytes,
	uint64_t length)
{
	uint64_t done = 0, step, i;
	uint8_t room[CHUNK];
	const uint8_t *chunk;

	if (length > plan->length - offset)
		length = plan->length - offset;
	for (; done < length; done += step) {
		step = length - done < CHUNK ? length - done : CHUNK;
		chunk = stream_look(plan, offset + done, room, (size_t)step);
		if (memcmp(chunk, bytes + done, (size_t)step) == 0)
			continue;
		for (i = 0; chunk[i] == bytes[done + i]; i++)
			;
		return done + i;
	}
	return length;
}

bool stream_locate(const struct stream_plan *plan, const void *bytes, size_t length,
	uint64_t *offset)
{
	const uint8_t *in = bytes;
	uint64_t word, index;
	size_t at;

	/* More than one word is tried, because a marker may lie over the first. */
	for (at = 0; at + WORD <= length && at < LOCATE_MAX; at++) {
		memcpy(&word, in + at, WORD);
		index = unmix(word) - salt(plan->sender);
		if (index > plan->length / WORD || index * WORD < at)
			continue;
		*offset = index * WORD - at;
		if (common(plan, *offset, in, length) == length)
			return true;
	}
	return false;
}

const char *damage_text(enum damage damage)
{
	static const char *const texts[] = {
		[DAMAGE_NONE] = NULL,
		[DAMAGE_BOX] = "box",
		[DAMAGE_DUPLICATED] = "duplicated",
		[DAMAGE_SHIFTED] = "shifted",
		[DAMAGE_TRUNCATED] = "truncated",
	};

	return texts[damage];
}

/* ---- judging ---- */

struct alignment {
	const struct stream_plan *plan;
	const uint8_t *received;
	uint64_t received_length;
	uint64_t offset; /* in the stream, and ... */
	uint64_t at;     /* ... in what was received: the same until bytes are missing or more */
	const struct stream_edit *edits;
	bool *used;
	size_t edit_count;
};

static bool stream_is(const struct stream_plan *plan, uint64_t offset, const uint8_t *bytes,
	uint64_t length)
{
	return offset <= plan->length && length <= plan->length - offset &&
		common(plan, offset, bytes, length) == length;
}

/* What is received behind an edit must be the stream again, or the next edit. */
static bool continues(const struct alignment *a, uint64_t at, uint64_t offset, uint64_t least)
{
	uint64_t left = a->received_length - at, rest = a->plan->length - offset;

	if (least > left)
		least = left;
	if (least > rest)
		least = rest;
	return common(a->plan, offset, a->received + at, least) == least;
}

/* Whether an edit explains the difference, if it began back bytes before it. */
static bool edit_fits(const struct alignment *a, const struct stream_edit *edit, uint64_t back)
{
	uint64_t at, offset;
	bool moves = edit->old_length != edit->new_length;

	if (back > a->at || back > a->offset)
		return false;
	at = a->at - back;
	offset = a->offset - back;
	/* It must reach over the place where the two differ. */
	if (edit->new_length <= back && edit->old_length <= back)
		return false;
	if (edit->new_length > a->received_length - at ||
		memcmp(a->received + at, edit->new_bytes, edit->new_length) != 0 ||
		!stream_is(a->plan, offset, edit->old_bytes, edit->old_length))
		return false;
	return continues(a, at + edit->new_length, offset + edit->old_length,
		moves ? LOOK_AHEAD : 0);
}

/* Step over a declared edit at the place where the two differ. */
static bool step_over_edit(struct alignment *a)
{
	enum dir dir = a->plan->sender == CLIENT ? TO_SERVER : TO_CLIENT;
	uint64_t back;
	size_t i;

	for (back = 0; back <= LOOK_BACK; back++) {
		for (i = 0; i < a->edit_count; i++) {
			if (a->used[i] || a->edits[i].dir != dir ||
				!edit_fits(a, &a->edits[i], back))
				continue;
			a->used[i] = true;
			a->at += a->edits[i].new_length - back;
			a->offset += a->edits[i].old_length - back;
			return true;
		}
	}
	return false;
}

/* What stands in the wrong place, which no edit explains. */
static enum damage name_damage(const struct alignment *a)
{
	const uint8_t *bytes = a->received + a->at;
	uint64_t left = a->received_length - a->at, found;

	if (left >= LOCATE_MIN)
		return stream_locate(a->plan, bytes, LOCATE_MIN, &found) && found < a->offset
			? DAMAGE_DUPLICATED
			: DAMAGE_SHIFTED;
	/* Too few to be located: the last ones once more? */
	return left <= a->offset && stream_is(a->plan, a->offset - left, bytes, left)
		? DAMAGE_DUPLICATED
		: DAMAGE_SHIFTED;
}

static enum damage align_all(struct alignment *a, bool clean_end, uint64_t *first_bad)
{
	enum damage damage = DAMAGE_NONE;
	uint64_t step;

	for (;;) {
		step = common(a->plan, a->offset, a->received + a->at, a->received_length - a->at);
		a->at += step;
		a->offset += step;
		if (damage == DAMAGE_NONE)
			*first_bad = a->offset;
		if (a->at == a->received_length && a->offset == a->plan->length)
			return damage;
		if (step_over_edit(a)) {
			damage = DAMAGE_BOX;
			continue;
		}
		if (a->at < a->received_length)
			return name_damage(a);
		return clean_end ? DAMAGE_TRUNCATED : damage;
	}
}

struct stream_verdict stream_judge(const struct stream_plan *plan, const uint8_t *received,
	uint64_t received_length, bool clean_end, const struct stream_edit *edits,
	size_t edit_count)
{
	struct stream_verdict verdict = { .first_bad = 0 };
	static const uint8_t nothing[1] = { 0 };
	struct alignment a = {
		.plan = plan,
		.received = received_length > 0 ? received : nothing,
		.received_length = received_length,
		.edits = edits,
		.edit_count = edit_count,
	};

	/* Nearly always nothing is wrong, and then no edit need be remembered. */
	if (received_length == plan->length &&
		common(plan, 0, received, received_length) == received_length) {
		verdict.intact = true;
		verdict.first_bad = received_length;
		return verdict;
	}
	a.used = xcalloc(edit_count, sizeof(*a.used));
	verdict.damage = align_all(&a, clean_end, &verdict.first_bad);
	free(a.used);
	return verdict;
}
