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

enum { FEW = 40 }; /* bytes: all options at most */

/* Half-open range of offsets from the packet's first byte. */
struct span {
	uint32_t first, end;
};

/* The deltas have room for as many edits as anybody makes: they are folded when they are applied.
 */
static uint64_t delta_plus(uint64_t delta, uint64_t sum, bool negative)
{
	uint16_t folded = checksum_fold(sum);

	return delta + (negative ? (uint16_t)~folded : folded);
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

static void account_ip(struct packet *packet, const uint8_t *bytes, struct span span, bool negative)
{
	uint64_t sum;

	if (packet->version == 4) {
		sum = (uint64_t)sum_within(bytes, span, 0, 10, 0) +
			sum_within(bytes, span, 12, packet->l4, 0);
		packet->ip_delta = delta_plus(packet->ip_delta, sum, negative);
	}
	if (has_pseudo_header(packet)) {
		if (packet->version == 4)
			sum = sum_within(bytes, span, 12, 20, 0);
		else
			sum = sum_within(bytes, span, 8, 40, 0);
		packet->l4_delta = delta_plus(packet->l4_delta, sum, negative);
	}
}

/* Whether bytes lie in even words that TCP's checksum covers, as all fields of its header do. */
static bool is_tcp_word(const struct packet *packet, uint32_t offset, uint32_t length)
{
	uint32_t at = packet->l4 + 16;

	return packet->form == PACKET_TCP && offset >= packet->l4 &&
		(offset - packet->l4) % 2 == 0 && offset + length <= packet->end &&
		(offset + length <= at || offset >= at + 2);
}

/* Count any bytes, as they are now, into (or out of) the checksums that cover them. */
static void account_bytes(struct packet *packet, uint32_t offset, uint32_t length, bool negative)
{
	const uint8_t *bytes = packet_data(packet);
	struct span span = { offset, offset + length };
	uint32_t at;
	uint64_t sum;

	if (length == 0 || (packet->ip_stale && packet->l4_stale))
		return;
	if (offset < packet->l4)
		account_ip(packet, bytes, span, negative);
	at = packet_checksum_offset(packet);
	if (at == 0 || span.end <= packet->l4)
		return;
	if (offset >= at + 2 && packet->form == PACKET_TCP) {
		/* Payload. */
		sum = sum_within(bytes, span, offset, packet->end, packet->l4);
		packet->l4_delta = delta_plus(packet->l4_delta, sum, negative);
		return;
	}
	sum = (uint64_t)sum_within(bytes, span, packet->l4, at, packet->l4) +
		sum_within(bytes, span, at + 2, packet_covered_end(packet), packet->l4);
	packet->l4_delta = delta_plus(packet->l4_delta, sum, negative);
}

/* The same; where nearly all edits are, in fields and options, they are words. */
static inline void account(struct packet *packet, uint32_t offset, uint32_t length, bool negative)
{
	const uint8_t *word = packet_data(packet) + offset, *end = word + length;
	uint64_t sum = 0;

	if (length > FEW || length % 4 != 0 || !is_tcp_word(packet, offset, length)) {
		account_bytes(packet, offset, length, negative);
		return;
	}
	for (; word < end; word += 4)
		sum += negative ? ~get_be32(word) : get_be32(word);
	packet->l4_delta += sum;
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

/* Store a word of what a checksum covers and count the change. */
static void word_write(uint8_t *word, uint32_t value, uint64_t *delta)
{
	*delta += (uint64_t)(uint32_t)~get_be32(word) + value;
	put_be32(word, value);
}

void packet_write32(struct packet *packet, uint32_t offset, uint32_t value)
{
	uint8_t *field = packet_bytes(packet) + offset, bytes[4];

	if (is_tcp_word(packet, offset, sizeof(bytes))) {
		word_write(field, value, &packet->l4_delta);
		return;
	}
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

	tail.first = offset;
	tail.end = packet_covered_end(packet);
	if (offset < at + 2)
		packet->l4_stale = true;
	if (at == 0 || packet->l4_stale || offset > tail.end)
		return;
	if (length % 2 != 0 && tail.first < tail.end) {
		folded = sum_within(packet_data(packet), tail, packet->l4, tail.end, packet->l4);
		packet->l4_delta = delta_plus(packet->l4_delta, folded, true);
		packet->l4_delta = delta_plus(packet->l4_delta, checksum_swap(folded), false);
	}
	if (has_pseudo_header(packet))
		packet->l4_delta = delta_plus(packet->l4_delta, length, closing);
	if (packet->form == PACKET_UDP) {
		udp_length = packet_bytes(packet) + packet->l4 + 4;
		put_be16(udp_length,
			(uint16_t)(get_be16(udp_length) + (closing ? 0 - length : length)));
		packet->l4_delta = delta_plus(packet->l4_delta, length, closing);
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
	bool head_fits, tail_fits, in_l4;

	assert(packet->form != PACKET_MALFORMED && offset <= packet->end);
	if (length > packet->start && length > packet_tailroom(packet))
		packet_own(packet);
	head_fits = length <= packet->start;
	tail_fits = length <= packet_tailroom(packet);
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
		memmove(packet_bytes(packet) + offset + length, packet_bytes(packet) + offset,
			tail);
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
		memmove(packet_bytes(packet) + offset, packet_bytes(packet) + offset + length,
			tail);
	}
	packet->length -= length;
	move_offset(&packet->l4, offset < packet->l4, 0 - length);
	move_offset(&packet->payload, offset < packet->payload, 0 - length);
	packet->end -= length;
	packet->lengths_stale = true;
}

/* ---- building and settling ---- */

void packet_init_tcp(struct packet *packet, const struct tcp_header *header)
{
	bool is_v6 = header->dst.addr.version == 6;
	uint32_t l4 = is_v6 ? 40 : 20;
	uint8_t *ip, *tcp;

	assert(packet->capacity >= PACKET_HEADROOM + l4 + 20);
	assert(header->src.addr.version == header->dst.addr.version);
	packet->start = PACKET_HEADROOM;
	packet->length = l4 + 20;
	ip = packet_bytes(packet);
	tcp = ip + l4;
	memset(ip, 0, packet->length);
	if (is_v6) {
		put_be32(ip, 6u << 28 | (header->flow_label & 0xfffff));
		put_be16(ip + 4, 20);
		ip[6] = PROTOCOL_TCP;
		ip[7] = header->ttl != 0 ? header->ttl : 64;
		memcpy(ip + 8, header->src.addr.bytes, 16);
		memcpy(ip + 24, header->dst.addr.bytes, 16);
	} else {
		ip[0] = 0x45;
		put_be16(ip + 2, 40);
		put_be16(ip + 4, header->ip_id);
		ip[6] = 0x40;
		ip[8] = header->ttl != 0 ? header->ttl : 64;
		ip[9] = PROTOCOL_TCP;
		memcpy(ip + 12, header->src.addr.bytes, 4);
		memcpy(ip + 16, header->dst.addr.bytes, 4);
	}
	put_be16(tcp, header->src.port);
	put_be16(tcp + 2, header->dst.port);
	put_be32(tcp + 4, header->seq);
	put_be32(tcp + 8, header->ack);
	put_be16(tcp + 12, (uint16_t)(5u << 12 | (header->flags & 0xfffu)));
	put_be16(tcp + 14, header->window);
	put_be16(tcp + 18, header->urgent);
	packet_parse(packet);
	packet_mark_stale(packet);
}

uint8_t *packet_append_payload(struct packet *packet, uint32_t length)
{
	uint32_t offset = packet->end;

	packet->l4_stale = true;
	if (!packet_open_gap(packet, offset, length, false))
		return NULL;
	return packet_bytes(packet) + offset;
}

void packet_mark_stale(struct packet *packet)
{
	packet->ip_stale = packet->l4_stale = packet->lengths_stale = true;
}

static void settle_lengths(struct packet *packet)
{
	uint8_t *ip = packet_bytes(packet), *l4 = ip + packet->l4;
	uint32_t header = (packet->payload - packet->l4) / 4;

	if (packet->version == 4)
		word_write(ip,
			0x40000000 | packet->l4 / 4 << 24 | (uint32_t)ip[1] << 16 |
				(packet->end & UINT16_MAX),
			&packet->ip_delta);
	else
		put_be16(ip + 4, (uint16_t)(packet->end - 40));
	if (packet->form == PACKET_TCP)
		word_write(l4 + 12, header << 28 | (get_be32(l4 + 12) & 0x0fffffff),
			&packet->l4_delta);
	if (packet->form == PACKET_UDP && packet->l4_stale && !packet->is_fragment)
		put_be16(l4 + 4, (uint16_t)(packet->end - packet->l4));
}

/* Apply a change of the covered data to a checksum field; 0 and 0xffff are both no change. */
static uint16_t adjusted(const uint8_t *field, uint64_t delta)
{
	uint32_t change = (uint32_t)(delta % UINT16_MAX), sum;

	if (change == 0)
		return get_be16(field);
	sum = (uint16_t)~get_be16(field) + change;
	return (uint16_t) ~(sum + (sum >> 16));
}

static void settle_ip(struct packet *packet)
{
	uint8_t *field = packet_bytes(packet) + 10;

	if (packet->version == 4)
		put_be16(field,
			packet->ip_stale ? packet_ip_checksum(packet)
					 : adjusted(field, packet->ip_delta));
}

static void settle_l4(struct packet *packet)
{
	uint32_t at = packet_checksum_offset(packet);
	uint8_t *field = packet_bytes(packet) + at;
	uint16_t value;

	/* The checksum of a fragmented packet covers bytes that are not here. */
	if (at == 0 || (packet->l4_stale && packet->is_fragment))
		return;
	if (packet->l4_stale) {
		value = packet_l4_checksum(packet);
	} else {
		value = adjusted(field, packet->l4_delta);
		if (packet->form == PACKET_UDP)
			value = get_be16(field) == 0 ? 0 : value == 0 ? UINT16_MAX : value;
	}
	put_be16(field, value);
}

/* Most edits leave most of this alone. */
static void settle(struct packet *packet, bool transport)
{
	if (packet->form == PACKET_MALFORMED)
		return;
	if (packet->lengths_stale)
		settle_lengths(packet);
	if (transport && (packet->l4_stale || packet->l4_delta != 0))
		settle_l4(packet);
	if (packet->ip_stale || packet->ip_delta != 0)
		settle_ip(packet);
	packet->ip_delta = packet->l4_delta = 0;
	packet->ip_stale = packet->l4_stale = packet->lengths_stale = false;
}

void packet_finish(struct packet *packet)
{
	settle(packet, true);
}

void packet_finish_lengths(struct packet *packet)
{
	settle(packet, false);
}
