/* SPDX-License-Identifier: BSD-2-Clause */
/* test_offload.c - what kernels leave to devices: unfinished checksums and segments to cut. */
#include "tests/unit/unit.h"

#include "probe/wire/checksum.h"
#include "probe/wire/offload.h"
#include "probe/wire/tcpopt.h"

#include <string.h>

enum { SIZE = 1000, PAYLOAD = 2 * SIZE + 345 };

/* 2345 bytes with an option, CWR, PSH and FIN. */
static struct packet *large_packet(const char *src, const char *dst)
{
	static const uint8_t option[] = { 30, 8, 0x20, 1, 1, 2, 3, 4 };
	struct tcp_header header = { .seq = 0xfffffc00,
		.ack = 7,
		.flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR,
		.window = 99,
		.ip_id = 0xffff };
	struct packet *packet = packet_new(PACKET_LARGE);
	uint8_t *payload;

	sockname_parse(&header.src, src);
	sockname_parse(&header.dst, dst);
	packet_init_tcp(packet, &header);
	CHECK(tcpopt_append(packet, option, sizeof(option)));
	payload = packet_append_payload(packet, PAYLOAD);
	for (uint32_t i = 0; i < PAYLOAD; i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	packet_finish(packet);
	return packet;
}

static void check_segments(const struct packet *large)
{
	static const uint32_t lengths[] = { SIZE, SIZE, 345 };
	struct packet *segment = packet_new(PACKET_SMALL);
	struct tcpopt opt;
	uint32_t index;

	CHECK(!offload_segment(large, SIZE, 3, segment));
	for (index = 0; index < 3; index++) {
		bool is_last = index == 2;

		CHECK(offload_segment(large, SIZE, index, segment));
		CHECK(packet_parse(segment) == PACKET_TCP);
		CHECK(segment->end == segment->length);
		CHECK(packet_ip_checksum_ok(segment) && packet_l4_checksum_ok(segment));
		CHECK_U64(packet_payload_len(segment), lengths[index]);
		CHECK(memcmp(packet_payload(segment), packet_payload(large) + SIZE * index,
			      lengths[index]) == 0);
		CHECK_U64(tcp_seq(segment), 0xfffffc00 + SIZE * index);
		CHECK_U64(tcp_flags(segment),
			TCP_ACK | (is_last ? TCP_PSH | TCP_FIN : 0) | (index == 0 ? TCP_CWR : 0));
		CHECK(tcpopt_find(segment, TCPOPT_MPTCP, &opt));
		if (segment->version == 4)
			CHECK_U64(get_be16(packet_data(segment) + 4), (uint16_t)(0xffff + index));
	}
	packet_free(segment);
}

TEST(segments_are_what_a_device_makes)
{
	struct packet *v4 = large_packet("198.18.1.2:1", "198.18.100.2:2");
	struct packet *v6 = large_packet("[fd00:1::2]:1", "[fd00:100::2]:2");

	check_segments(v4);
	check_segments(v6);
	packet_free(v4);
	packet_free(v6);
}

TEST(what_cannot_be_cut_is_refused)
{
	struct packet *large = large_packet("198.18.1.2:1", "198.18.100.2:2");
	struct packet *segment = packet_new(PACKET_SMALL);

	CHECK(!offload_segment(large, 0, 0, segment));
	CHECK(!offload_segment(large, PAYLOAD, 0, segment)); /* no room */
	CHECK(offload_segment(large, SIZE, 2, segment));
	CHECK(!offload_segment(large, UINT32_MAX, 1, segment));
	large->is_fragment = true;
	CHECK(!offload_segment(large, SIZE, 0, segment));
	packet_set(large, "x", 1);
	CHECK(!offload_segment(large, SIZE, 0, segment));
	packet_free(large);
	packet_free(segment);
}

/* The field holds the sum of the pseudo-header, as kernels leave it. */
TEST(a_checksum_is_finished)
{
	struct packet *packet = large_packet("198.18.1.2:1", "198.18.100.2:2");
	uint32_t field = packet_checksum_offset(packet) - packet->l4;
	struct addr src, dst;

	packet_addrs(packet, &src, &dst);
	put_be16(packet_bytes(packet) + packet->l4 + field,
		checksum_fold(checksum_pseudo(&src, &dst, PROTOCOL_TCP, packet->end - packet->l4)));
	CHECK(!packet_l4_checksum_ok(packet));
	CHECK(!offload_checksum(packet, packet->end, 0));
	CHECK(!offload_checksum(packet, packet->l4, packet->end - packet->l4 - 1));
	CHECK(!offload_checksum(packet, packet->l4, UINT32_MAX));
	CHECK(!packet_l4_checksum_ok(packet));
	CHECK(offload_checksum(packet, packet->l4, field));
	CHECK(packet_l4_checksum_ok(packet));
	packet_free(packet);
}
