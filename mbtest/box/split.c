/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * split.c - cuts a segment into several, as segmentation offload and normalisers do: sequence
 * numbers and IPv4 ids move on, FIN stays with the last piece, CWR with the first.
 *
 * What becomes of the chosen option (MPTCP) is the parameter options; other options are copied to
 * each piece, as offload hardware does.
 */
#include "mbtest/option.h"

enum options { OPTIONS_COPY, OPTIONS_FIRST, OPTIONS_LAST, OPTIONS_NONE };

enum psh { PSH_LAST, PSH_ALL };

struct split {
	int64_t mss;
	struct option_choice choice;
	int options, psh;
};

static const char *const options_names[] = { "copy", "first", "last", "none", NULL };
static const char *const psh_names[] = { "last", "all", NULL };

static const char *const sizes[] = { "88", "300", "536", "1200", NULL };

static const struct box_param params[] = {
	{ "mss", PARAM_INT, offsetof(struct split, mss), "500", 1, 65535, sizes,
		"payload bytes a piece has at most" },
	{ "options", PARAM_CHOICE, offsetof(struct split, options), "copy", 0, 0, options_names,
		"which pieces keep the options of this kind" },
	OPTION_PARAMS(split, choice),
	{ "psh", PARAM_CHOICE, offsetof(struct split, psh), "last", 0, 0, psh_names,
		"which pieces keep the PSH flag" },
	{ 0 },
};

/* Cut out the piece of length bytes at offset of the payload; index counts pieces from 0. */
static void make_piece(const struct split *self, struct packet *piece, uint32_t offset,
	uint32_t length, uint32_t index)
{
	uint32_t rest = packet_payload_len(piece) - offset - length;
	uint32_t flags_at = piece->l4 + 12;
	uint16_t word = get_be16(packet_l4(piece) + 12);
	bool is_first = index == 0, is_last = rest == 0, keeps;

	if (rest > 0)
		packet_close_gap(piece, piece->end - rest, rest);
	if (offset > 0)
		packet_close_gap(piece, piece->payload, offset);
	packet_write32(piece, piece->l4 + 4, tcp_seq(piece) + offset);
	if (!is_first)
		word &= (uint16_t)~TCP_CWR;
	if (!is_last)
		word &= (uint16_t) ~(TCP_FIN | (self->psh == PSH_LAST ? TCP_PSH : 0));
	packet_write16(piece, flags_at, word);
	if (piece->version == 4 && index > 0)
		packet_write16(piece, 4, (uint16_t)(get_be16(packet_data(piece) + 4) + index));
	keeps = self->options == OPTIONS_COPY || (self->options == OPTIONS_FIRST && is_first) ||
		(self->options == OPTIONS_LAST && is_last);
	if (!keeps)
		option_remove(&self->choice, piece, REMOVE_GAP);
}

static enum verdict split_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct split *self = box_state(box);
	uint32_t length = packet_payload_len(packet), mss = (uint32_t)self->mss, offset, index;
	struct packet *piece;

	if (length <= mss || (tcp_flags(packet) & (TCP_SYN | TCP_RST)) != 0)
		return box_unchanged(box);
	for (offset = index = 0; length - offset > mss; offset += mss, index++) {
		piece = box_clone(box, packet);
		make_piece(self, piece, offset, mss, index);
		box_release(box, piece, dir);
	}
	make_piece(self, packet, offset, length - offset, index);
	return BOX_PASS;
}

BOX_TYPE(split) = {
	.help = "cuts data segments into pieces of at most mss bytes",
	.params = params,
	.state_size = sizeof(struct split),
	.packet = split_packet,
};
