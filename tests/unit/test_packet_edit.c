/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edited packets are compared with what scapy builds for the edited content.
 */
#include "tests/unit/unit.h"

#include "probe/base/rng.h"
#include "probe/wire/packet.h"
#include "tests/unit/hex.h"

#define DATA                                                                                \
	"45000039000740004006498fc6120102c6126402 13880050000003e8000007d0801801f4c97a0000" \
	"020405b44d0401020303070068656c6c6f"
#define DATA_LONGER                                                                         \
	"4500003a000740004006498ec6120102c6126402 13880050000003e8000007d0801801f40b0b0000" \
	"020405b44d0401020303070068652d6c6c6f"
#define UDP4        "4500001f00030000401166c90a0000010a000002 0035041d000bf509 78797a"
#define UDP4_LONGER "4500002000030000401166c80a0000010a000002 0035041d000cf5d9 782d797a"
#define ICMP6                                                                          \
	"60000000000c3a40fd000000000000000000000000000001fd00000000000000000000000000" \
	"0002 8000a6e000010002 70696e67"

TEST(packet_open_gap_inside_the_payload_at_odd_places)
{
	struct packet *p = hex_packet(DATA);

	CHECK(packet_open_gap(p, p->payload + 2, 1, false));
	packet_write(p, p->payload + 2, "-", 1);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, DATA_LONGER);
	packet_close_gap(p, p->payload + 2, 1);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, DATA);
	packet_free(p);
}

TEST(packet_gaps_settle_udp)
{
	struct packet *p = hex_packet(UDP4 "eeee");

	CHECK(packet_open_gap(p, 29, 1, false));
	packet_write(p, 29, "-", 1);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, UDP4_LONGER "eeee");
	packet_close_gap(p, 29, 1);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, UDP4 "eeee");
	packet_free(p);
}

/* Bytes behind the UDP length are the packet's, but neither counted nor summed. */
TEST(packet_gaps_behind_the_udp_length_leave_it_alone)
{
	struct packet *p = hex_packet("4500002000030000401166c80a0000010a0000020035041d000bf509"
				      "78797a ee");

	packet_close_gap(p, 31, 1);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, UDP4);
	CHECK(packet_open_gap(p, 31, 3, false));
	CHECK_U64(get_be16(packet_data(p) + 24), 14);
	packet_finish(p);
	CHECK(packet_l4_checksum_ok(p));
	CHECK(packet_open_gap(p, 34, 2, false));
	packet_close_gap(p, 31, 5);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, UDP4);
	packet_free(p);
}

/* ffff and 0 say the same of a sum; an edit that changes nothing keeps which it was. */
TEST(packet_edit_of_nothing_keeps_the_checksum_as_it_is)
{
	struct packet *p = hex_packet(DATA);

	packet_write16(p, 36, 0xffff);
	packet_write16(p, 10, 0xffff);
	packet_write16(p, 30, 0x07d0);
	packet_set_ttl(p, 64);
	packet_finish(p);
	CHECK_U64(get_be16(packet_data(p) + 36), 0xffff);
	CHECK_U64(get_be16(packet_data(p) + 10), 0xffff);
	packet_free(p);
}

TEST(packet_udp_without_checksum_stays_without)
{
	struct packet *p = hex_packet(UDP4);

	packet_write16(p, 26, 0);
	packet_write16(p, 20, 77);
	packet_finish(p);
	CHECK_U64(get_be16(packet_data(p) + 26), 0);
	CHECK_U64(tcp_sport(p), 77);
	packet_free(p);
}

/* A UDP checksum that comes out as zero is sent as ffff (RFC 768): 7879 + f509 is 6d83. */
TEST(packet_udp_checksum_is_never_adjusted_to_zero)
{
	struct packet *p = hex_packet(UDP4);

	packet_write16(p, 28, 0x6d83);
	packet_finish(p);
	CHECK_U64(get_be16(packet_data(p) + 26), 0xffff);
	CHECK(packet_l4_checksum_ok(p));
	packet_mark_stale(p);
	packet_finish(p);
	CHECK_U64(get_be16(packet_data(p) + 26), 0xffff);
	packet_free(p);
}

TEST(packet_write_of_addresses_reaches_the_transport_checksum)
{
	static const uint8_t address[16] = { 0xfd, 0x12, 0x34, [15] = 9 };
	struct packet *v4 = hex_packet(DATA), *v6 = hex_packet(ICMP6);

	packet_write(v4, 13, address, 3);
	packet_write(v6, 24, address, 16);
	packet_finish(v4);
	packet_finish(v6);
	CHECK(packet_ip_checksum_ok(v4) && packet_l4_checksum_ok(v4));
	CHECK(packet_l4_checksum_ok(v6));
	packet_free(v4);
	packet_free(v6);
}

TEST(packet_write_of_a_checksum_field_stands)
{
	struct packet *p = hex_packet(DATA);

	packet_write16(p, 36, 0xbeef);
	packet_write16(p, 10, 0xdead);
	packet_finish(p);
	CHECK_U64(get_be16(packet_data(p) + 36), 0xbeef);
	CHECK_U64(get_be16(packet_data(p) + 10), 0xdead);
	packet_free(p);
}

TEST(packet_set_ttl_adjusts_the_header_checksum_alone)
{
	struct packet *p = hex_packet(DATA);
	uint16_t before = get_be16(packet_data(p) + 36);

	packet_set_ttl(p, 1);
	packet_finish(p);
	CHECK_U64(packet_ttl(p), 1);
	CHECK(packet_ip_checksum_ok(p));
	CHECK_U64(get_be16(packet_data(p) + 36), before);
	packet_free(p);
}

TEST(packet_finish_lengths_leaves_the_transport_checksum)
{
	struct packet *p = hex_packet(DATA);

	packet_close_gap(p, p->end - 2, 2);
	packet_finish_lengths(p);
	CHECK_U64(get_be16(packet_data(p) + 2), 55);
	CHECK(packet_ip_checksum_ok(p) && !packet_l4_checksum_ok(p));
	packet_finish(p);
	CHECK(!packet_l4_checksum_ok(p));
	packet_free(p);
}

TEST(packet_gap_in_the_ip_header_settles_its_length)
{
	static const uint8_t nops[4] = { 1, 1, 1, 1 };
	struct packet *p = hex_packet(DATA);

	CHECK(packet_open_gap(p, p->l4, 4, true));
	packet_write(p, 20, nops, 4);
	packet_finish(p);
	CHECK_U64(packet_data(p)[0], 0x46);
	CHECK_U64(packet_parse(p), PACKET_TCP);
	CHECK(packet_ip_checksum_ok(p) && packet_l4_checksum_ok(p));
	CHECK_U64(packet_payload_len(p), 5);
	packet_close_gap(p, 20, 4);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, DATA);
	packet_free(p);
}

TEST(packet_open_gap_moves_the_tail_when_the_headroom_is_used_up)
{
	struct packet *p = hex_packet(DATA);
	int i;

	for (i = 0; i < 40; i++)
		CHECK(packet_open_gap(p, p->payload, 4, false));
	CHECK_U64(p->start, 0);
	packet_finish(p);
	packet_parse(p);
	CHECK_U64(packet_payload_len(p), 165);
	CHECK(packet_l4_checksum_ok(p));
	CHECK(!packet_open_gap(p, p->payload, 2000, false));
	packet_free(p);
}

/* By how much a checksum field is off, modulo ffff. */
static uint32_t wrongness(uint16_t field, uint16_t right)
{
	return (field + 0xffffu - right) % 0xffff;
}

static void random_edit(struct packet *p, struct rng *rng)
{
	uint32_t offset = p->payload + (uint32_t)rng_below(rng, p->end - p->payload + 1);
	uint32_t length = (uint32_t)rng_below(rng, 6);
	uint8_t bytes[8];

	rng_fill(rng, bytes, sizeof(bytes));
	switch (rng_below(rng, 4)) {
	case 0:
		if (packet_open_gap(p, offset, length, false))
			packet_write(p, offset, bytes, length);
		break;
	case 1:
		if (length <= p->end - offset)
			packet_close_gap(p, offset, length);
		break;
	case 2:
		if (length <= p->end - offset)
			packet_write(p, offset, bytes, length);
		break;
	default:
		packet_write(p, p->version == 4 ? 13 : 9, bytes, 5);
		packet_write(p, p->l4 + (p->form == PACKET_ICMP ? 4 : 1), bytes, 1);
		break;
	}
}

TEST(packet_edits_keep_a_wrong_checksum_wrong_by_the_same_amount)
{
	static const char *const seeds[] = { DATA, UDP4, ICMP6 };
	struct rng rng;
	int round, i;

	rng_init(&rng, 7);
	for (round = 0; round < 3000; round++) {
		struct packet *p = hex_packet(seeds[round % 3]);
		uint32_t at = packet_checksum_offset(p);
		uint16_t noise = (uint16_t)(round % 2 == 0 ? 0 : rng_below(&rng, 0xffff));
		uint32_t l4_wrong, ip_wrong;

		packet_write16(p, at, (uint16_t)(get_be16(packet_data(p) + at) ^ noise));
		packet_write16(p, 10,
			p->version == 4 ? (uint16_t)(packet_ip_checksum(p) ^ noise) : 0);
		packet_parse(p);
		l4_wrong = wrongness(get_be16(packet_data(p) + at), packet_l4_checksum(p));
		ip_wrong = wrongness(get_be16(packet_data(p) + 10), packet_ip_checksum(p));
		for (i = 0; i < 5; i++)
			random_edit(p, &rng);
		packet_finish(p);
		packet_parse(p);
		CHECK(p->form != PACKET_MALFORMED);
		CHECK_U64(wrongness(get_be16(packet_data(p) + at), packet_l4_checksum(p)),
			l4_wrong);
		if (p->version == 4)
			CHECK_U64(wrongness(get_be16(packet_data(p) + 10), packet_ip_checksum(p)),
				ip_wrong);
		if (noise == 0)
			CHECK_U64(get_be16(packet_data(p) + at), packet_l4_checksum(p));
		packet_free(p);
	}
}
