/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stream.c - the stream pattern tells where bytes come from, and what became of a stream is
 * named.
 */
#include "tests/unit/unit.h"

#include "mbtest/stream.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTH = 20000 };

static const struct stream_plan plan = { .sender = CLIENT, .length = LENGTH };

TEST(any_part_is_the_same)
{
	uint8_t whole[256], part[256];
	size_t first, end;

	stream_fill(&plan, 1000, whole, sizeof(whole));
	for (first = 0; first < 20; first++) {
		for (end = first; end < first + 40; end++) {
			stream_fill(&plan, 1000 + first, part, end - first);
			CHECK(memcmp(part, whole + first, end - first) == 0);
		}
	}
}

/* Before, across and past the end of what is kept, with a marker and without. */
TEST(what_is_kept_is_the_same)
{
	struct stream_memory memory = { .length = 0 };
	struct stream_plan kept[3] = { plan, plan, plan };
	uint8_t bytes[64], room[64];
	size_t i, length;
	uint64_t offset;

	kept[0].length = 100;
	stream_keep(&memory, &kept[0]);
	CHECK_U64(kept[0].kept_length, 100);
	for (offset = 0; offset < 120; offset += 3) {
		stream_fill(&plan, offset, bytes, sizeof(bytes));
		CHECK(memcmp(stream_look(&kept[0], offset, room, 64), bytes, 64) == 0);
	}
	kept[2].marker = "PORT 1,2,3";
	kept[2].marker_every = 30;
	stream_keep(&memory, &kept[1]);
	stream_keep(&memory, &kept[2]);
	for (i = 1; i < 3; i++) {
		struct stream_plan made = kept[i];

		made.kept = NULL;
		made.kept_length = 0;
		for (length = 0; length <= sizeof(bytes); length++) {
			stream_fill(&made, LENGTH - 90 + length, bytes, length);
			stream_fill(&kept[i], LENGTH - 90 + length, room, length);
			CHECK(memcmp(room, bytes, length) == 0);
			CHECK(memcmp(stream_look(&kept[i], LENGTH - 90 + length, room, length),
				      bytes, length) == 0);
		}
	}
	CHECK(stream_look(&kept[1], 5, room, 9) == memory.bytes + 5);
	CHECK(stream_look(&kept[2], 5, room, 9) == room);
	free(memory.bytes);
}

TEST(senders_differ)
{
	struct stream_plan other = { .sender = SERVER, .length = LENGTH };
	uint8_t a[64], b[64];
	uint64_t offset;

	stream_fill(&plan, 0, a, sizeof(a));
	stream_fill(&other, 0, b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	CHECK(!stream_locate(&plan, b, sizeof(b), &offset));
}

TEST(locate_finds_every_offset)
{
	uint8_t bytes[16];
	uint64_t offset, found;

	for (offset = 0; offset <= LENGTH - 16; offset += 7) {
		stream_fill(&plan, offset, bytes, sizeof(bytes));
		CHECK(stream_locate(&plan, bytes, sizeof(bytes), &found));
		CHECK_U64(found, offset);
	}
	/* Not what lies past the end. */
	stream_fill(&plan, LENGTH - 10, bytes, sizeof(bytes));
	CHECK(!stream_locate(&plan, bytes, sizeof(bytes), &found));
	bytes[3] ^= 1;
	CHECK(!stream_locate(&plan, bytes, sizeof(bytes), &found));
}

TEST(locate_with_a_marker)
{
	struct stream_plan marked = plan;
	uint8_t bytes[40];
	uint64_t found;

	marked.marker = "PORT 1,2,3";
	marked.marker_offset = 100;
	stream_fill(&marked, 95, bytes, sizeof(bytes));
	CHECK(memcmp(bytes + 5, "PORT 1,2,3", 10) == 0);
	CHECK(stream_locate(&marked, bytes, sizeof(bytes), &found));
	CHECK_U64(found, 95);
	stream_fill(&marked, 105, bytes, 4);
	CHECK(memcmp(bytes, "1,2,", 4) == 0);
}

/* ---- what became of it ---- */

struct received {
	uint8_t bytes[2 * LENGTH];
	uint64_t length;
};

static struct received whole(void)
{
	struct received received = { .length = LENGTH };

	stream_fill(&plan, 0, received.bytes, LENGTH);
	return received;
}

static void cut_out(struct received *received, size_t at, size_t length)
{
	memmove(received->bytes + at, received->bytes + at + length,
		(size_t)received->length - at - length);
	received->length -= length;
}

static void put_in(struct received *received, size_t at, const void *bytes, size_t length)
{
	memmove(received->bytes + at + length, received->bytes + at, (size_t)received->length - at);
	memcpy(received->bytes + at, bytes, length);
	received->length += length;
}

static void judged(const struct received *received, bool clean_end, const struct stream_edit *edits,
	size_t count, bool intact, enum damage damage, uint64_t first_bad)
{
	struct stream_verdict verdict =
		stream_judge(&plan, received->bytes, received->length, clean_end, edits, count);

	CHECK_U64(verdict.intact, intact);
	CHECK_U64(verdict.damage, damage);
	CHECK_U64(verdict.first_bad, first_bad);
}

TEST(judge_intact)
{
	struct received received = whole();

	judged(&received, true, NULL, 0, true, DAMAGE_NONE, LENGTH);
}

TEST(judge_incomplete_is_no_damage)
{
	struct received received = whole();

	received.length = 5000;
	judged(&received, false, NULL, 0, false, DAMAGE_NONE, 5000);
	received.length = 0;
	judged(&received, false, NULL, 0, false, DAMAGE_NONE, 0);
}

TEST(judge_truncated)
{
	struct received received = whole();

	received.length--;
	judged(&received, true, NULL, 0, false, DAMAGE_TRUNCATED, LENGTH - 1);
}

TEST(judge_duplicated)
{
	struct received received = whole();
	uint8_t again[100];

	stream_fill(&plan, 4900, again, sizeof(again));
	put_in(&received, 5000, again, sizeof(again));
	judged(&received, true, NULL, 0, false, DAMAGE_DUPLICATED, 5000);
}

TEST(judge_duplicated_at_the_end)
{
	struct received received = whole();

	put_in(&received, LENGTH, received.bytes + LENGTH - 5, 5);
	judged(&received, true, NULL, 0, false, DAMAGE_DUPLICATED, LENGTH);
}

TEST(judge_shifted)
{
	struct received received = whole();

	cut_out(&received, 3000, 10);
	judged(&received, true, NULL, 0, false, DAMAGE_SHIFTED, 3000);
}

TEST(judge_foreign_bytes)
{
	struct received received = whole();

	received.bytes[3000] ^= 0xff;
	judged(&received, true, NULL, 0, false, DAMAGE_SHIFTED, 3000);
	received = whole();
	put_in(&received, 3000, "abcde", 5);
	judged(&received, true, NULL, 0, false, DAMAGE_SHIFTED, 3000);
}

TEST(judge_declared_flip)
{
	struct received received = whole();
	uint8_t old[2] = { received.bytes[3000], received.bytes[9000] };
	uint8_t new_[2] = { (uint8_t)~old[0], (uint8_t)~old[1] };
	struct stream_edit edits[2] = {
		{ TO_SERVER, old, new_, 1, 1 },
		{ TO_SERVER, old + 1, new_ + 1, 1, 1 },
	};

	received.bytes[3000] = new_[0];
	received.bytes[9000] = new_[1];
	judged(&received, true, edits, 2, false, DAMAGE_BOX, 3000);
	/* One declared and one not. */
	judged(&received, true, edits, 1, false, DAMAGE_SHIFTED, 3000);
	/* Declared for the other direction. */
	edits[0].dir = TO_CLIENT;
	judged(&received, true, edits, 2, false, DAMAGE_SHIFTED, 3000);
}

TEST(judge_declared_insertion_and_removal)
{
	struct received received = whole();
	uint8_t gone[4];
	struct stream_edit edits[2] = {
		{ TO_SERVER, gone, (const uint8_t *)"hello", 0, 5 },
		{ TO_SERVER, gone, gone, 4, 0 },
	};

	memcpy(gone, received.bytes + 9000, 4);
	cut_out(&received, 9000, 4);
	put_in(&received, 3000, "hello", 5);
	judged(&received, true, edits, 2, false, DAMAGE_BOX, 3000);
	judged(&received, true, edits, 1, false, DAMAGE_SHIFTED, 3000);
}

TEST(judge_declared_at_both_ends)
{
	struct received received = whole();
	uint8_t first[3], last[3];
	struct stream_edit edits[2] = {
		{ TO_SERVER, first, (const uint8_t *)"start", 3, 5 },
		{ TO_SERVER, last, last, 3, 0 },
	};

	memcpy(first, received.bytes, 3);
	memcpy(last, received.bytes + LENGTH - 3, 3);
	cut_out(&received, LENGTH - 3, 3);
	cut_out(&received, 0, 3);
	put_in(&received, 0, "start", 5);
	judged(&received, true, edits, 2, false, DAMAGE_BOX, 0);
	judged(&received, true, edits, 1, false, DAMAGE_TRUNCATED, 0);
	judged(&received, false, edits, 1, false, DAMAGE_BOX, 0);
}

/* An inserted byte that equals the one behind it shows one byte late. */
TEST(judge_declared_insertion_that_hides)
{
	struct received received = whole();
	uint8_t new_[2] = { received.bytes[3000], 'x' };
	struct stream_edit edit = { TO_SERVER, new_, new_, 0, 2 };

	put_in(&received, 3000, new_, 2);
	judged(&received, true, &edit, 1, false, DAMAGE_BOX, 3001);
}

/* Declared, but sent again unharmed on another subflow. */
TEST(judge_unused_edits_are_no_damage)
{
	struct received received = whole();
	uint8_t old = received.bytes[3000], new_ = (uint8_t)~old;
	struct stream_edit edit = { TO_SERVER, &old, &new_, 1, 1 };

	judged(&received, true, &edit, 1, true, DAMAGE_NONE, LENGTH);
}

TEST(judge_nothing_sent)
{
	struct stream_plan nothing = { .sender = SERVER };
	struct stream_verdict verdict = stream_judge(&nothing, NULL, 0, true, NULL, 0);

	CHECK(verdict.intact);
	CHECK(verdict.damage == DAMAGE_NONE);
	verdict = stream_judge(&nothing, (const uint8_t *)"x", 1, true, NULL, 0);
	CHECK(!verdict.intact);
	CHECK(verdict.damage == DAMAGE_SHIFTED);
	CHECK_TEXT(damage_text(DAMAGE_BOX), "box");
	CHECK(damage_text(DAMAGE_NONE) == NULL);
}
