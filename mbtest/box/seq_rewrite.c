/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seq_rewrite.c - moves the sequence numbers of a direction by an offset, and the acknowledgements
 * of the other one back, as firewalls do that choose initial sequence numbers anew. Many of those
 * leave SACK blocks as they are; stacks then take the ACK for invalid (blog.multipath-tcp.org
 * 2014/01/29).
 *
 * A direction is moved from its SYN on, if that SYN was meant by the when parameters. What ICMP
 * errors quote keeps the numbers behind the box, unless the parameter quotes says otherwise.
 */
#include "mbtest/flow.h"
#include "mbtest/option.h"
#include "mbtest/translate.h"

#include <string.h>

enum sack { SACK_TRANSLATE, SACK_IGNORE, SACK_STRIP };

enum quoted { QUOTED_LEAVE, QUOTED_TRANSLATE };

struct seq_rewrite {
	struct param_text offset_text;
	bool is_random;
	uint32_t offset;
	int sack, quotes;
	struct flow_table shifts;
};

struct shift {
	bool known[DIRS]; /* decided, by the SYN with this number */
	uint32_t isn[DIRS];
	uint32_t offset[DIRS];
	uint32_t drawn[DIRS]; /* random offset of the flow; 0: none yet */
};

static const char *const sack_names[] = { "translate", "ignore", "strip", NULL };
static const char *const quotes_names[] = { "leave", "translate", NULL };

static const char *const offsets[] = { "random", "1", "1000", "2147483648", "4294967295", NULL };

static const struct box_param params[] = {
	{ "offset", PARAM_TEXT, offsetof(struct seq_rewrite, offset_text), "random", 0, 0, offsets,
		"added to sequence numbers: 1..4294967295, or random for each flow and direction" },
	{ "sack", PARAM_CHOICE, offsetof(struct seq_rewrite, sack), "translate", 0, 0, sack_names,
		"SACK blocks are moved back too, left as they are, or removed" },
	{ "quotes", PARAM_CHOICE, offsetof(struct seq_rewrite, quotes), "leave", 0, 0, quotes_names,
		"whether the numbers in the packets that ICMP errors quote are moved back" },
	{ 0 },
};

static bool seq_rewrite_init(struct box *box, struct err *err)
{
	struct seq_rewrite *self = box_state(box);
	const struct param_text *text = &self->offset_text;
	uint64_t value = 0;
	uint16_t i;

	flow_table_init(&self->shifts, sizeof(struct shift));
	self->is_random = text->length == 6 && memcmp(text->bytes, "random", 6) == 0;
	if (self->is_random)
		return true;
	for (i = 0; i < text->length && i < 11; i++) {
		if (text->bytes[i] < '0' || text->bytes[i] > '9')
			break;
		value = value * 10 + text->bytes[i] - '0';
	}
	if (i < text->length || value == 0 || value > UINT32_MAX)
		return err_set(err,
			"box %s: parameter offset: \"%.*s\" is neither random nor within "
			"1..4294967295",
			box_name(box), (int)text->length, (const char *)text->bytes);
	self->offset = (uint32_t)value;
	return true;
}

static void seq_rewrite_fini(struct box *box)
{
	flow_table_fini(&((struct seq_rewrite *)box_state(box))->shifts);
}

/* One for all that has these addresses and ports: SYNs of an attempt may differ in their numbers.
 */
static uint32_t flow_offset(struct box *box, uint32_t *drawn)
{
	const struct seq_rewrite *self = box_state(box);

	if (!self->is_random)
		return self->offset;
	if (*drawn == 0)
		*drawn = 1 + (uint32_t)rng_below(box_rng(box), UINT32_MAX);
	return *drawn;
}

/* A SYN decides its direction; sent again, it is not decided again. */
static void shift_decide(struct box *box, const struct packet *packet, enum dir dir)
{
	struct seq_rewrite *self = box_state(box);
	uint32_t isn = tcp_seq(packet);
	struct shift *shift;

	if (!box_matched(box) && flow_find(&self->shifts, packet, dir) == NULL)
		return;
	shift = flow_add(&self->shifts, packet, dir);
	if (shift->known[dir] && shift->isn[dir] == isn)
		return;
	/* A first SYN that was not meant may come again behind its answer, that was. */
	if ((tcp_flags(packet) & TCP_ACK) == 0 && shift->known[dir]) {
		memset(shift->known, 0, sizeof(shift->known));
		memset(shift->offset, 0, sizeof(shift->offset));
	}
	shift->known[dir] = true;
	shift->isn[dir] = isn;
	shift->offset[dir] = box_matched(box) ? flow_offset(box, &shift->drawn[dir]) : 0;
}

/* Move all blocks of a SACK option back. */
static void sack_move(struct packet *packet, uint32_t offset)
{
	struct tcpopt opt;
	uint32_t at;

	if (!tcpopt_find(packet, TCPOPT_SACK, &opt))
		return;
	for (at = opt.offset + 2; at + 4 <= opt.offset + opt.length; at += 4)
		packet_write32(packet, at, get_be32(packet_data(packet) + at) - offset);
}

static void ack_move(const struct seq_rewrite *self, struct packet *packet, uint32_t offset)
{
	static const struct option_choice sack = { TCPOPT_SACK, 0 };

	packet_write32(packet, packet->l4 + 8, tcp_ack(packet) - offset);
	if (self->sack == SACK_TRANSLATE)
		sack_move(packet, offset);
	if (self->sack == SACK_STRIP)
		option_remove(&sack, packet, REMOVE_GAP);
}

/* First byte of the SACK option's blocks in a quoted header, and the option's end; or false. */
static bool sack_find(const struct packet *packet, const struct quote *quote, uint32_t *at,
	uint32_t *end)
{
	const uint8_t *tcp = packet_data(packet) + quote->l4;
	uint32_t header = (uint32_t)(tcp[12] >> 4) * 4, i, length;

	if (quote->l4 + header > quote->end)
		header = quote->end - quote->l4;
	for (i = 20; i + 1 < header && tcp[i] != TCPOPT_EOL; i += length) {
		length = tcp[i] == TCPOPT_NOP ? 1 : tcp[i + 1];
		if (length == 0 || (length == 1 && tcp[i] != TCPOPT_NOP))
			return false;
		if (tcp[i] == TCPOPT_SACK) {
			*at = i + 2;
			*end = i + length < header ? i + length : header;
			return true;
		}
	}
	return false;
}

/*
 * An ICMP error quotes a packet that went the other way as it was behind the box: as far as it is
 * quoted, it becomes what it was in front.
 */
static enum verdict quote_move(struct box *box, struct packet *packet, const struct quote *quote,
	enum dir dir)
{
	struct seq_rewrite *self = box_state(box);
	struct packet *looked_for = quote_packet(quote);
	const uint8_t *tcp = packet_data(packet) + quote->l4;
	const struct shift *shift;
	uint32_t ack, at, end;

	if (looked_for == NULL)
		return box_unchanged(box);
	shift = flow_find(&self->shifts, looked_for, dir_opposite(dir));
	packet_free(looked_for);
	if (shift == NULL || (shift->offset[TO_SERVER] == 0 && shift->offset[TO_CLIENT] == 0))
		return box_unchanged(box);
	quote_write32(packet, quote, 4, get_be32(tcp + 4) - shift->offset[dir_opposite(dir)]);
	ack = shift->offset[dir];
	if (quote->l4 + 14 > quote->end || (tcp[13] & TCP_ACK) == 0 || ack == 0)
		return BOX_PASS;
	quote_write32(packet, quote, 8, get_be32(tcp + 8) + ack);
	if (self->sack != SACK_TRANSLATE || !sack_find(packet, quote, &at, &end))
		return BOX_PASS;
	for (; at + 4 <= end; at += 4)
		quote_write32(packet, quote, at, get_be32(tcp + at) + ack);
	return BOX_PASS;
}

static enum verdict seq_rewrite_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct seq_rewrite *self = box_state(box);
	const struct shift *shift;
	struct quote quote;
	uint16_t flags;
	uint32_t back;

	if (self->quotes == QUOTED_TRANSLATE && quote_read(packet, &quote))
		return quote_move(box, packet, &quote, dir);
	if (packet->form != PACKET_TCP || packet->is_fragment)
		return box_unchanged(box);
	flags = tcp_flags(packet);
	if ((flags & (TCP_SYN | TCP_RST)) == TCP_SYN)
		shift_decide(box, packet, dir);
	shift = flow_find(&self->shifts, packet, dir);
	if (shift == NULL)
		return box_unchanged(box);
	back = (flags & TCP_ACK) != 0 ? shift->offset[dir_opposite(dir)] : 0;
	if (shift->offset[dir] == 0 && back == 0)
		return box_unchanged(box);
	if (shift->offset[dir] != 0)
		packet_write32(packet, packet->l4 + 4, tcp_seq(packet) + shift->offset[dir]);
	if (back != 0)
		ack_move(self, packet, back);
	return BOX_PASS;
}

BOX_TYPE(seq_rewrite) = {
	.help = "moves the sequence numbers of a connection, and its acknowledgements back",
	.params = params,
	.state_size = sizeof(struct seq_rewrite),
	.any_form = true,
	.sees_all = true,
	.translates = true,
	.init = seq_rewrite_init,
	.packet = seq_rewrite_packet,
	.fini = seq_rewrite_fini,
};
