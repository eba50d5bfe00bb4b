/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/tcpopt.h"

#include <string.h>

/* Options as an edit composes them, before they are known to fit. */
struct options {
	uint32_t length;
	uint8_t bytes[2 * TCPOPT_SPACE];
};

/* First byte that no option of the list takes: behind the last one, or the malformed one. */
static uint32_t list_end(const struct packet *packet, bool *ends_in_eol)
{
	struct tcpopt opt = { 0 };
	uint32_t end = packet->l4 + TCPOPT_FIRST;

	*ends_in_eol = false;
	while (tcpopt_next(packet, &opt)) {
		*ends_in_eol = opt.kind == TCPOPT_EOL;
		end = opt.offset + (*ends_in_eol ? 0 : opt.length);
	}
	return end;
}

bool tcpopt_malformed(const struct packet *packet)
{
	bool ends_in_eol;
	uint32_t end = list_end(packet, &ends_in_eol);

	return packet->form == PACKET_TCP && !ends_in_eol && end < packet->payload;
}

bool tcpopt_find(const struct packet *packet, uint8_t kind, struct tcpopt *opt)
{
	struct tcpopt step = { 0 };

	if (!tcpopt_next_of(packet, kind, &step))
		return false;
	*opt = step;
	return true;
}

uint32_t tcpopt_room(const struct packet *packet)
{
	bool ends_in_eol;
	uint32_t used = list_end(packet, &ends_in_eol) - packet->l4 - TCPOPT_FIRST;

	return packet->form != PACKET_TCP || tcpopt_malformed(packet) ? 0 : TCPOPT_SPACE - used;
}

/* Bytes up to the last option that is not padding; all when something lies hidden behind EOL. */
static uint32_t content_len(const struct options *options)
{
	uint32_t at = 0, content = 0, length;

	while (at < options->length && options->bytes[at] != TCPOPT_EOL) {
		length = tcpopt_length(options->bytes + at, options->length - at);
		if (length == 0)
			return options->length;
		if (options->bytes[at] != TCPOPT_NOP)
			content = at + length;
		at += length;
	}
	for (; at < options->length; at++) {
		if (options->bytes[at] != 0)
			return options->length;
	}
	return content;
}

/*
 * Make the header hold these options, of which the first same bytes are there already, padded to
 * hold content bytes; false when they do not fit.
 */
static bool put_options(struct packet *packet, struct options *options, uint32_t same,
	uint32_t content)
{
	uint32_t first = packet->l4 + TCPOPT_FIRST, old = packet->payload - first;
	uint32_t length = (content + 3) / 4 * 4;

	if (length > TCPOPT_SPACE)
		return false;
	if (length > old && !packet_open_gap(packet, packet->payload, length - old, true))
		return false;
	if (length < old)
		packet_close_gap(packet, first + length, old - length);
	if (length > options->length)
		memset(options->bytes + options->length, 0, length - options->length);
	if (length > same)
		packet_write(packet, packet->l4 + TCPOPT_FIRST + same, options->bytes + same,
			length - same);
	return true;
}

/* Put bytes in the place of removed bytes at an offset of the packet, settling the padding. */
static bool splice(struct packet *packet, uint32_t offset, uint32_t removed, const void *bytes,
	uint32_t length)
{
	const uint8_t *area = packet_data(packet) + packet->l4 + TCPOPT_FIRST;
	uint32_t size = packet->payload - packet->l4 - TCPOPT_FIRST;
	uint32_t at = offset - packet->l4 - TCPOPT_FIRST;
	struct options options;

	if (length > TCPOPT_SPACE)
		return false;
	options.length = size - removed + length;
	memcpy(options.bytes, area, at);
	if (length > 0)
		memcpy(options.bytes + at, bytes, length);
	memcpy(options.bytes + at + length, area + at + removed, size - at - removed);
	return put_options(packet, &options, at, content_len(&options));
}

bool tcpopt_append(struct packet *packet, const void *bytes, uint32_t length)
{
	bool ends_in_eol;
	uint32_t end = list_end(packet, &ends_in_eol);
	uint32_t used = end - packet->l4 - TCPOPT_FIRST;
	uint32_t size = packet->payload - packet->l4 - TCPOPT_FIRST;
	struct options options;

	if (packet->form != PACKET_TCP || (!ends_in_eol && end < packet->payload))
		return false;
	if (length > TCPOPT_SPACE - used)
		return false;
	/* The padding, and what an EOL hides, gives way; the header does not shrink. */
	options.length = used + length;
	memcpy(options.bytes, packet_data(packet) + packet->l4 + TCPOPT_FIRST, used);
	memcpy(options.bytes + used, bytes, length);
	return put_options(packet, &options, used, options.length > size ? options.length : size);
}

/* Whether the header holds nothing else than NOPs. */
static bool is_alone(const struct packet *packet, const struct tcpopt *opt)
{
	const uint8_t *bytes = packet_data(packet);
	uint32_t at = packet->l4 + TCPOPT_FIRST;

	while (at < packet->payload && (bytes[at] == TCPOPT_NOP || at == opt->offset))
		at += at == opt->offset ? opt->length : 1u;
	return at == packet->payload;
}

void tcpopt_remove(struct packet *packet, const struct tcpopt *opt, enum tcpopt_remove_how how)
{
	uint32_t first = packet->l4 + TCPOPT_FIRST;
	uint8_t filler[UINT8_MAX];

	if (how == REMOVE_GAP) {
		/* Timestamps, most of the time. */
		if (is_alone(packet, opt))
			packet_close_gap(packet, first, packet->payload - first);
		else
			splice(packet, opt->offset, opt->length, NULL, 0);
		return;
	}
	memset(filler, how == REMOVE_NOP ? TCPOPT_NOP : TCPOPT_EOL, opt->length);
	packet_write(packet, opt->offset, filler, opt->length);
}

bool tcpopt_replace(struct packet *packet, const struct tcpopt *opt, const void *bytes,
	uint32_t length)
{
	if (length != opt->length)
		return splice(packet, opt->offset, opt->length, bytes, length);
	packet_write(packet, opt->offset, bytes, length);
	return true;
}

bool tcpopt_insert_first(struct packet *packet, const void *bytes, uint32_t length)
{
	return packet->form == PACKET_TCP &&
		splice(packet, packet->l4 + TCPOPT_FIRST, 0, bytes, length);
}

/* Bytes of the first option of a kind whose length is right, else NULL. */
static const uint8_t *find_exact(const struct packet *packet, uint8_t kind, uint8_t length)
{
	struct tcpopt opt;

	if (!tcpopt_find(packet, kind, &opt) || opt.length != length)
		return NULL;
	return tcpopt_bytes(packet, &opt);
}

bool tcpopt_wscale(const struct packet *packet, uint8_t *shift)
{
	const uint8_t *bytes = find_exact(packet, TCPOPT_WSCALE, 3);

	if (bytes != NULL)
		*shift = bytes[2];
	return bytes != NULL;
}

bool tcpopt_timestamp(const struct packet *packet, uint32_t *value, uint32_t *echo)
{
	const uint8_t *bytes = find_exact(packet, TCPOPT_TIMESTAMP, 10);

	if (bytes != NULL) {
		*value = get_be32(bytes + 2);
		*echo = get_be32(bytes + 6);
	}
	return bytes != NULL;
}

unsigned int tcpopt_sack(const struct packet *packet, struct sack_block blocks[static 4])
{
	struct tcpopt opt;
	const uint8_t *bytes;
	unsigned int count, i;

	if (!tcpopt_find(packet, TCPOPT_SACK, &opt) || opt.length < 10 || opt.length % 8 != 2)
		return 0;
	bytes = tcpopt_bytes(packet, &opt);
	count = opt.length / 8u;
	for (i = 0; i < count && i < 4; i++) {
		blocks[i].first = get_be32(bytes + 2 + 8 * i);
		blocks[i].end = get_be32(bytes + 6 + 8 * i);
	}
	return i;
}

const char *tcpopt_kind_name(uint8_t kind)
{
	static const char *const names[UINT8_MAX + 1] = {
		[TCPOPT_EOL] = "eol",
		[TCPOPT_NOP] = "nop",
		[TCPOPT_MSS] = "mss",
		[TCPOPT_WSCALE] = "wscale",
		[TCPOPT_SACK_PERMITTED] = "sackok",
		[TCPOPT_SACK] = "sack",
		[TCPOPT_TIMESTAMP] = "timestamp",
		[TCPOPT_MD5] = "md5",
		[TCPOPT_AO] = "ao",
		[TCPOPT_MPTCP] = "mptcp",
		[TCPOPT_TFO] = "tfo",
		[TCPOPT_EDO] = "edo",
	};

	return names[kind];
}
