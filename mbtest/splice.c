/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * splice.c - the map between the stream that comes to a box and the one that leaves it. Within an
 * edit byte i stands for byte i; what the new text has more belongs to the last old byte, and what
 * it has less is nothing. So every segment, however cut, has one image.
 */
#include "mbtest/splice.h"

#include "probe/base/alloc.h"
#include "probe/base/seq.h"
#include "probe/wire/tcpopt.h"

#include <stdlib.h>

static void spliced_fini(void *record)
{
	struct spliced *spliced = record;

	free(spliced->dirs[TO_SERVER].edits);
	free(spliced->dirs[TO_CLIENT].edits);
}

void splice_table_init(struct flow_table *table)
{
	flow_table_init(table, sizeof(struct spliced));
	table->record_fini = spliced_fini;
}

static void splice_start(struct splice *splice, uint32_t first)
{
	splice->is_known = true;
	splice->first = first;
	splice->top = 0;
	splice->count = 0;
}

struct spliced *splice_track(struct flow_table *table, const struct packet *packet, enum dir dir)
{
	struct spliced *spliced = flow_add(table, packet, dir);
	struct splice *splice = &spliced->dirs[dir];
	uint16_t flags = tcp_flags(packet);
	bool is_syn = (flags & (TCP_SYN | TCP_RST)) == TCP_SYN;
	uint32_t first = tcp_seq(packet) + is_syn;

	if (splice->is_known && (!is_syn || splice->first == first))
		return spliced;
	splice_start(splice, first);
	if (is_syn && (flags & TCP_ACK) == 0) {
		spliced->dirs[dir_opposite(dir)].is_known = false;
		spliced->dirs[dir_opposite(dir)].count = 0;
	}
	return spliced;
}

uint64_t splice_offset(const struct splice *splice, const struct packet *packet)
{
	return dsn_expand(splice->top, tcp_seq(packet) - splice->first);
}

/* ---- adding ---- */

/* Declare what really differs. */
static void declare(struct box *box, enum dir dir, const uint8_t *old_bytes, uint32_t old_length,
	const uint8_t *new_bytes, uint32_t new_length)
{
	while (old_length > 0 && new_length > 0 && *old_bytes == *new_bytes) {
		old_bytes++, old_length--;
		new_bytes++, new_length--;
	}
	while (old_length > 0 && new_length > 0 &&
		old_bytes[old_length - 1] == new_bytes[new_length - 1]) {
		old_length--;
		new_length--;
	}
	if (old_length > 0 || new_length > 0)
		box_edited(box, dir, old_bytes, old_length, new_bytes, new_length);
}

bool splice_add(struct box *box, struct splice *splice, enum dir dir, uint64_t offset,
	const uint8_t *old_bytes, uint32_t old_length, const uint8_t *new_bytes,
	uint32_t new_length)
{
	const struct splice_edit *before;
	struct splice_edit *edit;

	if (splice->count == SPLICE_EDITS)
		return false;
	splice->edits = xgrow(splice->edits, splice->count, &splice->capacity, sizeof(*edit));
	edit = &splice->edits[splice->count];
	*edit = (struct splice_edit){ .offset = offset,
		.old_length = old_length,
		.new_length = new_length,
		.bytes = new_bytes };
	if (new_length == 1) {
		edit->byte = new_bytes[0];
		edit->bytes = NULL;
	}
	if (splice->count > 0) {
		before = edit - 1;
		edit->shift = before->shift + before->new_length - before->old_length;
	}
	splice->count++;
	declare(box, dir, old_bytes, old_length, new_bytes, new_length);
	return true;
}

/* ---- the map ---- */

static uint64_t edit_end(const struct splice_edit *edit)
{
	return edit->offset + edit->old_length;
}

/* Index of the first edit that ends behind an offset. */
static size_t edit_after(const struct splice *splice, uint64_t offset)
{
	size_t low = 0, high = splice->count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (dsn_after(edit_end(&splice->edits[middle]), offset))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Where byte i of an edit's old text begins in its new text. */
static uint32_t image_within(const struct splice_edit *edit, uint64_t i)
{
	if (i >= edit->old_length)
		return edit->new_length;
	return i < edit->new_length ? (uint32_t)i : edit->new_length;
}

static int64_t shift_behind(const struct splice *splice, size_t index)
{
	const struct splice_edit *edit = &splice->edits[index];

	return edit->shift + edit->new_length - edit->old_length;
}

/* Where a byte comes to stand in the stream that leaves. */
static uint64_t image_of(const struct splice *splice, uint64_t offset)
{
	size_t index = edit_after(splice, offset);
	const struct splice_edit *edit;

	if (index < splice->count && !dsn_before(offset, splice->edits[index].offset)) {
		edit = &splice->edits[index];
		return edit->offset + (uint64_t)edit->shift +
			image_within(edit, offset - edit->offset);
	}
	return offset + (index > 0 ? (uint64_t)shift_behind(splice, index - 1) : 0);
}

/*
 * The offset whose image is this one; inside an edit that which claims less: for the end of
 * received bytes the last that is whole (up false), for their beginning the next (up true).
 */
static uint64_t origin_of(const struct splice *splice, uint64_t image, bool up)
{
	const struct splice_edit *edit = NULL;
	uint64_t begin = 0, within;
	size_t low = 0, high = splice->count, middle;

	while (low < high) {
		middle = (low + high) / 2;
		edit = &splice->edits[middle];
		if (dsn_after(edit->offset + (uint64_t)edit->shift, image))
			high = middle;
		else
			low = middle + 1;
	}
	if (low == 0)
		return image;
	edit = &splice->edits[low - 1];
	begin = edit->offset + (uint64_t)edit->shift;
	within = image - begin;
	if (within >= edit->new_length)
		return image - (uint64_t)shift_behind(splice, low - 1);
	if (within < edit->old_length)
		return edit->offset + within;
	return edit->offset + (up ? edit->old_length : edit->old_length - 1);
}

/* ---- packets ---- */

/* Replace a part of the payload; false when there is no room. */
static bool payload_replace(struct packet *packet, uint32_t at, uint32_t old_length,
	const uint8_t *bytes, uint32_t length)
{
	uint32_t offset = packet->payload + at;

	if (length > old_length &&
		!packet_open_gap(packet, offset + old_length, length - old_length, false))
		return false;
	if (length < old_length)
		packet_close_gap(packet, offset + length, old_length - length);
	if (length > 0)
		packet_write(packet, packet->payload + at, bytes, length);
	return true;
}

/* Apply what an edit does to the payload that stands at first..end of the stream. */
static bool edit_payload(struct packet *packet, uint64_t first, uint64_t end,
	const struct splice_edit *edit)
{
	const uint8_t *bytes = edit->bytes != NULL ? edit->bytes : &edit->byte;
	uint64_t from = dsn_max(first, edit->offset), to = edit->offset + edit->old_length;
	uint32_t new_first, new_end;

	if (dsn_after(to, end))
		to = end;
	new_first = image_within(edit, from - edit->offset);
	new_end = image_within(edit, to - edit->offset);
	return payload_replace(packet, (uint32_t)(from - first), (uint32_t)(to - from),
		bytes + new_first, new_end - new_first);
}

/* From the last edit to the first, so that those before find their bytes where they were. */
static bool edit_all(const struct splice *splice, struct packet *packet, uint64_t first,
	bool *edited)
{
	uint64_t end = first + packet_payload_len(packet);
	size_t begin = edit_after(splice, first), i = begin;

	while (i < splice->count && dsn_before(splice->edits[i].offset, end))
		i++;
	*edited = i > begin;
	while (i-- > begin) {
		if (!edit_payload(packet, first, end, &splice->edits[i]))
			return false;
	}
	return true;
}

/* An acknowledgement number or SACK edge, as the sender counts. */
static uint32_t ack_back(const struct splice *splice, uint32_t ack, bool up)
{
	uint64_t image = dsn_expand(image_of(splice, splice->top), ack - splice->first);

	return ack + (uint32_t)(origin_of(splice, image, up) - image);
}

static bool write_changed(struct packet *packet, uint32_t offset, uint32_t value)
{
	if (get_be32(packet_data(packet) + offset) == value)
		return false;
	packet_write32(packet, offset, value);
	return true;
}

static bool acks_back(const struct splice *splice, struct packet *packet)
{
	bool changed =
		write_changed(packet, packet->l4 + 8, ack_back(splice, tcp_ack(packet), false));
	struct tcpopt opt;
	uint32_t at;

	if (!tcpopt_find(packet, TCPOPT_SACK, &opt))
		return changed;
	for (at = opt.offset + 2; at + 8 <= opt.offset + opt.length; at += 8) {
		uint32_t begin = get_be32(packet_data(packet) + at);
		uint32_t end = get_be32(packet_data(packet) + at + 4);

		changed |= write_changed(packet, at, ack_back(splice, begin, true));
		changed |= write_changed(packet, at + 4, ack_back(splice, end, false));
	}
	return changed;
}

enum verdict splice_apply(struct box *box, struct spliced *spliced, struct packet *packet,
	enum dir dir)
{
	struct splice *splice = &spliced->dirs[dir], *back = &spliced->dirs[dir_opposite(dir)];
	bool is_syn = (tcp_flags(packet) & TCP_SYN) != 0, edited = false;
	uint32_t length = packet_payload_len(packet);
	uint64_t first;

	if (!is_syn && splice->is_known) {
		first = splice_offset(splice, packet);
		if (length > 0 && !edit_all(splice, packet, first, &edited))
			return box_reason(box, "the edited segment fits no packet");
		if (dsn_after(first + length, splice->top))
			splice->top = first + length;
		edited |= write_changed(packet, packet->l4 + 4,
			tcp_seq(packet) + (uint32_t)(image_of(splice, first) - first));
	}
	if ((tcp_flags(packet) & TCP_ACK) != 0 && back->is_known && back->count > 0)
		edited |= acks_back(back, packet);
	return edited ? BOX_PASS : box_unchanged(box);
}
