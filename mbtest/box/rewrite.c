/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rewrite.c - finds a text in the payload and puts another in its place, as the FTP helpers of
 * NATs and HTTP rewriters do. A text that two segments share is not found, as those do not find
 * it. Another length shifts sequence and acknowledgement numbers for the rest of the connection.
 */
#include "mbtest/splice.h"
#include "probe/base/seq.h"

#include <string.h>

struct rewrite {
	struct param_text pattern, replacement;
	int64_t count;
	struct flow_table flows;
	int64_t done;
};

static const struct box_param params[] = {
	{ "pattern", PARAM_TEXT, offsetof(struct rewrite, pattern), NULL, 0, 0, NULL,
		"the text looked for" },
	{ "replacement", PARAM_TEXT, offsetof(struct rewrite, replacement), NULL, 0, 0, NULL,
		"the text put there; may be empty" },
	{ "count", PARAM_INT, offsetof(struct rewrite, count), "0", 0, INT32_MAX, NULL,
		"how often at most; 0: always" },
	{ 0 },
};

static bool rewrite_init(struct box *box, struct err *err)
{
	struct rewrite *self = box_state(box);

	splice_table_init(&self->flows);
	if (self->pattern.length == 0)
		return err_set(err, "box %s: parameter pattern is empty", box_name(box));
	return true;
}

static void rewrite_fini(struct box *box)
{
	flow_table_fini(&((struct rewrite *)box_state(box))->flows);
}

/* Edit each place where the pattern stands in bytes that come for the first time. */
static void find_all(struct box *box, struct splice *splice, const struct packet *packet,
	enum dir dir)
{
	struct rewrite *self = box_state(box);
	const uint8_t *payload = packet_payload(packet), *found;
	uint32_t length = packet_payload_len(packet), at = 0, old = self->pattern.length;
	uint32_t new_ = self->replacement.length, growth = 0;
	uint64_t first = splice_offset(splice, packet);

	if (dsn_after(splice->top, first))
		at = splice->top - first < length ? (uint32_t)(splice->top - first) : length;
	while (at + old <= length && (self->count == 0 || self->done < self->count)) {
		found = memmem(payload + at, length - at, self->pattern.bytes, old);
		growth += new_ > old ? new_ - old : 0;
		if (found == NULL || growth > SPLICE_GROWTH)
			return;
		at = (uint32_t)(found - payload);
		if (!splice_add(box, splice, dir, first + at, found, old, self->replacement.bytes,
			    new_))
			return;
		self->done++;
		at += old;
	}
}

static enum verdict rewrite_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct rewrite *self = box_state(box);
	struct spliced *spliced = splice_track(&self->flows, packet, dir);

	if (box_matched(box) && (tcp_flags(packet) & TCP_SYN) == 0)
		find_all(box, &spliced->dirs[dir], packet, dir);
	return splice_apply(box, spliced, packet, dir);
}

BOX_TYPE(rewrite) = {
	.help = "replaces a text in the payload by another, whose length may differ",
	.params = params,
	.state_size = sizeof(struct rewrite),
	.alters_payload = true,
	.sees_all = true,
	.translates = true,
	.init = rewrite_init,
	.packet = rewrite_packet,
	.fini = rewrite_fini,
};
