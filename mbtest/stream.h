/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - the bytes an application sends, and what became of them at the other end.
 *
 * Byte n of a stream is a function of n (and of the sending end), invertible from any 16 bytes in
 * a row, so that repeated and shifted bytes can be named. A marker text may overlay the stream
 * at an offset, for boxes that look for a pattern.
 */
#ifndef MBTEST_STREAM_H
#define MBTEST_STREAM_H

#include "mbtest/dir.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream_plan {
	enum end sender;
	uint64_t length; /* bytes in all; 0: this end sends nothing */
	uint64_t marker_offset;
	uint64_t marker_every; /* it stands again so many bytes later, and so on; 0: once */
	const char *marker;    /* NULL: none; borrowed */
	const uint8_t *kept;   /* its first bytes, markers apart: stream_keep; NULL: none */
	uint64_t kept_length;
};

/* Write bytes [offset, offset + length) of a stream. */
void stream_fill(const struct stream_plan *plan, uint64_t offset, void *bytes, size_t length);

/* The same bytes, to be read: where they are kept, or in room, which has place for them. */
const uint8_t *stream_look(const struct stream_plan *plan, uint64_t offset, void *room,
	size_t length);

/* How one end's stream begins, for all runs of a process: zeroed at first. */
struct stream_memory {
	uint8_t *bytes; /* free it in the end */
	uint64_t length;
};

/*
 * Let a plan borrow how its stream begins, up to a MiB, so that it need not be made again. A memory
 * serves one sender, and one plan at a time: a longer stream moves it.
 */
void stream_keep(struct stream_memory *memory, struct stream_plan *plan);

/* The offset at which these bytes (at least 16) stand in the stream; false when nowhere. */
bool stream_locate(const struct stream_plan *plan, const void *bytes, size_t length,
	uint64_t *offset);

/* An edit of payload that a box declared: the old bytes became the new ones. */
struct stream_edit {
	enum dir dir;
	const uint8_t *old_bytes, *new_bytes;
	uint32_t old_length, new_length;
};

enum damage {
	DAMAGE_NONE,
	DAMAGE_BOX,        /* only what a box declared to edit */
	DAMAGE_DUPLICATED, /* bytes delivered twice */
	DAMAGE_SHIFTED,    /* bytes of another offset, or none of the stream's, in their place */
	DAMAGE_TRUNCATED,  /* a clean end of stream with bytes missing */
};

const char *damage_text(enum damage damage); /* as in mbkit.result/1; NULL for none */

struct stream_verdict {
	bool intact; /* byte-identical to its end */
	enum damage damage;
	uint64_t first_bad; /* offset of the first byte that differs */
};

/*
 * Hold received bytes (clean_end: the stream's end was read without an error) against the plan
 * and the declared edits of that direction.
 */
struct stream_verdict stream_judge(const struct stream_plan *plan, const uint8_t *received,
	uint64_t received_length, bool clean_end, const struct stream_edit *edits,
	size_t edit_count);

#endif
