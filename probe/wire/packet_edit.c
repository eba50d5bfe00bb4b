/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_edit.c - building and editing packets, and settling lengths and checksums afterwards.
 *
 * Every edit adds to ip_delta and l4_delta the ones' complement sum of what is new less that of
 * what was there; packet_finish applies it to the checksum fields (RFC 1624 eqn. 3).
 */
#include "probe/wire/packet.h"

#include "probe/wire/checksum.h"

#include <assert.h>
#include <string.h>

/* Half-open range of offsets from the packet's first byte. */
struct span {
	uint32_t first, end;
};

static uint32_t fold_plus(uint32_t delta, uint64_t sum, bool negative)
{
	uint16_t folded = checksum_fold(sum);

	return checksum_fold((uint64_t)delta + (negative ? (uint16_t)~folded : folded));
}

/* Sum of the bytes both in span and in [first, end), as they lie in a field that begins at base. */
static uint16_t sum_within(const uint8_t *bytes, struct span span, uint32_t first, uint32_t end,
	uint32_t base)
{
	uint16_t folded;

	if (span.first < first)
		span.first = first;
	if (span.end > end)
		span.end = end;
	if (span.first >= span.end)
		return 0;
	folded = checksum_fold(checksum_add(0, bytes + span.first, span.end - span.first));
	return (span.first - base) % 2 != 0 ? checksum_swap(folded) : folded;
}

static bool has_pseudo_header(const struct packet *packet)
{
	return packet->form == PACKET_TCP || packet->form == PACKET_UDP ||
		(packet->form == PACKET_ICMP && packet->version == 6);
}

static void account_ip(struct packet *packet, const uint8_t *bytes, struct span span,
	bool negative)
{
	uint64_t sum;

	if (packet->version == 4) {
		sum = (uint64_t)sum_within(bytes, span, 0, 10, 0) +
			sum_within(bytes, span, 12, packet->l4, 0);
		packet->ip_delta = fold_plus(packet->ip_delta, sum, negative);
	}
	if (has_pseudo_header(packet)) {
		sum = packet->version == 4 ? sum_within(bytes, span, 12, 20, 0) :
			sum_within(bytes, span, 8, 40, 0);
		packet->l4_delta = fold_plus(packet->l4_delta, sum, negative);
	}
}

/* Count the bytes of span, as they are now, into (or out of) the checksums that cover them. */
static void account(struct packet *packet, uint32_t offset, uint32_t length, bool negative)
{
	const uint8_t *bytes = packet_data(packet);
	struct span span = { offset, offset + length };
	uint32_t at = packet_checksum_offset(packet);
	uint64_t sum;

	if (offset < packet->l4)
		account_ip(packet, bytes, span, negative);
	if (at == 0 || span.end <= packet->l4)
		return;
	sum = (uint64_t)sum_within(bytes, span, packet->l4, at, packet->l4) +
		sum_within(bytes, span, at + 2, packet_covered_end(packet), packet->l4);
	packet->l4_delta = fold_plus(packet->l4_delta, sum, negative);
}

void packet_write(struct packet *packet, uint32_t offset, const void *bytes, uint32_t length)
{
	assert(offset <= packet->length && length <= packet->length - offset);
	account(packet, offset, length, true);
	memcpy(packet_bytes(packet) + offset, bytes, length);
	account(packet, offset, length, false);
}

void packet_write16(struct packet *packet, uint32_t offset, uint16_t value)
{
	uint8_t bytes[2];

	put_be16(bytes, value);
	packet_write(packet, offset, bytes, sizeof(bytes));
}

void packet_write32(struct packet *packet, uint32_t offset, uint32_t value)
{
	uint8_t bytes[4];

	put_be32(bytes, value);
	packet_write(packet, offset, bytes, sizeof(bytes));
}

void packet_set_ttl(struct packet *packet, uint8_t ttl)
{
	packet_write(packet, packet->version == 4 ? 8 : 7, &ttl, 1);
}

/*
 * The transport checksum when everything in it from offset on has moved by length bytes: the
 * pseudo-header's length has changed, UDP's own length field too, and after an odd move each byte
 * counts in the other half of its word.
 */
static void account_move(struct packet *packet, uint32_t offset, uint32_t length, bool closing)
{
	uint32_t at = packet_checksum_offset(packet);
	uint8_t *udp_length;
	struct span tail;
	uint16_t folded;

	if (at == 0)
		return;
	if (offset < at + 2)
		packet->l4_stale = true;
	tail.first = offset;
	tail.end = packet_covered_end(packet);
	if (length % 2 != 0 && tail.first < tail.end) {
		folded = sum_within(packet_data(packet), tail, packet->l4, tail.end, packet->l4);
		packet->l4_delta = fold_plus(packet->l4_delta, folded, true);
		packet->l4_delta = fold_plus(packet->l4_delta, checksum_swap(folded), false);
	}
	if (has_pseudo_header(packet))
		packet->l4_delta = fold_plus(packet->l4_delta, length, closing);
	if (packet->form == PACKET_UDP) {
		udp_length = packet_bytes(packet) + packet->l4 + 4;
		put_be16(udp_length, (uint16_t)(get_be16(udp_length) + (closing ? 0 - length : length)));
		packet->l4_delta = fold_plus(packet->l4_delta, length, closing);
	}
}

static void move_offset(uint32_t *field, bool after, uint32_t by)
{
	if (after)
		*field += by;
}

bool packet_open_gap(struct packet *packet, uint32_t offset, uint32_t length, bool for_options)
{
	uint32_t limit = packet->version == 6 ? UINT16_MAX + 40u : UINT16_MAX;
	uint32_t tail = packet->length - offset;
	bool head_fits = length <= packet->start;
	bool tail_fits = length <= packet->capacity - packet->start - packet->length;
	bool in_l4;

	assert(packet->form != PACKET_MALFORMED && offset <= packet->end);
	if (packet->end > limit || length > limit - packet->end || !(head_fits || tail_fits))
		return false;
	in_l4 = offset > packet->l4 || (offset == packet->l4 && !for_options);
	if (in_l4)
		account_move(packet, offset, length, false);
	else if (length % 2 != 0)
		packet->ip_stale = true;
	if (head_fits && (offset < tail || !tail_fits)) {
		packet->start -= length;
		memmove(packet_bytes(packet), packet_bytes(packet) + length, offset);
	} else {
		memmove(packet_bytes(packet) + offset + length, packet_bytes(packet) + offset, tail);
	}
	memset(packet_bytes(packet) + offset, 0, length);
	packet->length += length;
	move_offset(&packet->payload,
		offset < packet->payload || (offset == packet->payload && for_options), length);
	move_offset(&packet->l4, !in_l4, length);
	packet->end += length;
	packet->lengths_stale = true;
	return true;
}

void packet_close_gap(struct packet *packet, uint32_t offset, uint32_t length)
{
	uint32_t tail = packet->length - offset - length;

	assert(packet->form != PACKET_MALFORMED);
	assert(offset <= packet->end && length <= packet->end - offset);
	assert(offset >= packet->l4 || offset + length <= packet->l4);
	assert(offset >= packet->payload || offset + length <= packet->payload);
	account(packet, offset, length, true);
	if (offset >= packet->l4)
		account_move(packet, offset + length, length, true);
	else if (length % 2 != 0)
		packet->ip_stale = true;
	if (offset < tail) {
		memmove(packet_bytes(packet) + length, packet_bytes(packet), offset);
		packet->start += length;
	} else {
		memmove(packet_bytes(packet) + offset, packet_bytes(packet) + offset + length, tail);
	}
	packet->length -= length;
	move_offset(&packet->l4, offset < packet->l4, 0 - length);
	move_offset(&packet->payload, offset < packet->payload, 0 - length);
	packet->end -= length;
	packet->lengths_stale = true;
}
