/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_boxes.c - each box alone, on packets whose result is written by hand: those that change
 * headers and segments. Boxes that change payload are test_splice.c, nat is test_nat.c, delivery is
 * test_delivery.c.
 */
#include "tests/unit/box_fixture.h"

/* NOP NOP TS (12), MP_CAPABLE v1 third packet (20), DSS with a 4-byte ACK (8). */
#define TIMESTAMP 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2
#define CAPABLE   30, 20, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
#define DSS_ACK   30, 8, 0x20, 0x01, 0xaa, 0xbb, 0xcc, 0xdd

static struct packet *through(struct bench *bench, const uint8_t *options, uint32_t length,
	const char *payload)
{
	bench_send(bench,
		(struct segment){ TO_SERVER, TCP_ACK, 1000, 5000, options, length, payload,
			(uint32_t)strlen(payload) });
	bench_check_out(bench);
	CHECK(bench->count > 0);
	return bench_last(bench);
}

TEST(strip_closes_the_gap)
{
	static const uint8_t options[] = { TIMESTAMP, CAPABLE };
	struct bench *bench = bench_new("strip", "");
	struct packet *packet = through(bench, options, sizeof(options), "hello");

	CHECK_OPTIONS(packet, "0101080a0000000100000002");
	CHECK_PAYLOAD(packet, "hello");
	CHECK_U64(get_be16(packet_data(packet) + 2), 20 + 20 + 12 + 5);
	CHECK_U64(packet_l4(packet)[12] >> 4, 8);
	CHECK_U64(box_hits(bench->box), 1);
	bench_free(bench);
}

TEST(strip_takes_only_the_subtype)
{
	static const uint8_t options[] = { CAPABLE, DSS_ACK };
	struct bench *bench = bench_new("strip", "subtype=dss");
	struct packet *packet = through(bench, options, sizeof(options), "");

	CHECK_OPTIONS(packet, "1e14018101020304 05060708090a0b0c 0d0e0f10");
	bench_free(bench);
}

TEST(strip_takes_all_of_a_kind)
{
	static const uint8_t options[] = { DSS_ACK, TIMESTAMP, DSS_ACK };
	struct bench *bench = bench_new("strip", "");
	struct packet *packet = through(bench, options, sizeof(options), "");

	CHECK_OPTIONS(packet, "0101080a0000000100000002");
	CHECK_U64(box_hits(bench->box), 1);
	bench_free(bench);
}

TEST(strip_without_the_option_is_no_hit)
{
	static const uint8_t options[] = { TIMESTAMP };
	struct bench *bench = bench_new("strip", "");

	through(bench, options, sizeof(options), "");
	CHECK_U64(box_hits(bench->box), 0);
	bench_free(bench);
}

TEST(strip_in_ipv6)
{
	static const uint8_t options[] = { DSS_ACK, TIMESTAMP };
	struct bench *bench = bench_new("strip", "kind=8");
	struct packet *packet;

	bench->family = 6;
	packet = through(bench, options, sizeof(options), "odd");
	/* The NOPs that only aligned the timestamps are padding now. */
	CHECK_OPTIONS(packet, "1e082001aabbccdd");
	CHECK_PAYLOAD(packet, "odd");
	CHECK_U64(get_be16(packet_data(packet) + 4), 20 + 8 + 3);
	bench_free(bench);
}

TEST(nop_keeps_lengths)
{
	static const uint8_t options[] = { TIMESTAMP, DSS_ACK };
	struct bench *bench = bench_new("nop", "kind=30;subtype=dss");
	struct packet *packet = through(bench, options, sizeof(options), "hello");

	CHECK_OPTIONS(packet, "0101080a0000000100000002 0101010101010101");
	CHECK_U64(packet->end, 20 + 20 + 20 + 5);
	bench_free(bench);
}

TEST(eol_hides_what_follows)
{
	static const uint8_t options[] = { DSS_ACK, TIMESTAMP };
	struct bench *bench = bench_new("eol", "");
	struct packet *packet = through(bench, options, sizeof(options), "hello");
	struct tcpopt opt;

	CHECK_OPTIONS(packet, "0000000000000000 0101080a0000000100000002");
	CHECK(!tcpopt_find(packet, TCPOPT_TIMESTAMP, &opt));
	bench_free(bench);
}

TEST(eol_is_the_end)
{
	static const uint8_t options[] = { DSS_ACK, DSS_ACK };
	struct bench *bench = bench_new("eol", "");

	CHECK_OPTIONS(through(bench, options, sizeof(options), ""),
		"0000000000000000 1e082001aabbccdd");
	bench_free(bench);
}

/* ---- split ---- */

static void split_run(struct bench *bench, uint16_t flags)
{
	static const uint8_t options[] = { DSS_ACK, TIMESTAMP };

	bench_send(bench,
		(struct segment){ TO_SERVER, flags, 0xfffffffe, 5000, options, sizeof(options),
			"0123456789", 10 });
	bench_check_out(bench);
}

TEST(split_cuts_and_counts)
{
	struct bench *bench = bench_new("split", "mss=4");

	split_run(bench, TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR);
	CHECK_U64(bench->count, 3);
	CHECK_PAYLOAD(bench->out[0], "0123");
	CHECK_PAYLOAD(bench->out[1], "4567");
	CHECK_PAYLOAD(bench->out[2], "89");
	CHECK_U64(tcp_seq(bench->out[0]), 0xfffffffe);
	CHECK_U64(tcp_seq(bench->out[1]), 2);
	CHECK_U64(tcp_seq(bench->out[2]), 6);
	CHECK_U64(tcp_flags(bench->out[0]), TCP_ACK | TCP_CWR);
	CHECK_U64(tcp_flags(bench->out[1]), TCP_ACK);
	CHECK_U64(tcp_flags(bench->out[2]), TCP_ACK | TCP_PSH | TCP_FIN);
	CHECK_U64(get_be16(packet_data(bench->out[0]) + 4), 7);
	CHECK_U64(get_be16(packet_data(bench->out[2]) + 4), 9);
	CHECK_OPTIONS(bench->out[1], "1e082001aabbccdd 0101080a0000000100000002");
	CHECK_U64(box_hits(bench->box), 1);
	bench_free(bench);
}

TEST(split_leaves_what_fits)
{
	struct bench *bench = bench_new("split", "mss=10");

	split_run(bench, TCP_ACK | TCP_PSH);
	CHECK_U64(bench->count, 1);
	CHECK_U64(box_hits(bench->box), 0);
	bench_free(bench);
}

TEST(split_options_first)
{
	struct bench *bench = bench_new("split", "mss=4;options=first;psh=all");

	split_run(bench, TCP_ACK | TCP_PSH);
	CHECK_OPTIONS(bench->out[0], "1e082001aabbccdd 0101080a0000000100000002");
	CHECK_OPTIONS(bench->out[1], "0101080a0000000100000002");
	CHECK_OPTIONS(bench->out[2], "0101080a0000000100000002");
	CHECK_U64(tcp_flags(bench->out[0]), TCP_ACK | TCP_PSH);
	bench_free(bench);
}

TEST(split_options_last)
{
	struct bench *bench = bench_new("split", "mss=4;options=last");

	split_run(bench, TCP_ACK);
	CHECK_OPTIONS(bench->out[0], "0101080a0000000100000002");
	CHECK_OPTIONS(bench->out[1], "0101080a0000000100000002");
	CHECK_OPTIONS(bench->out[2], "1e082001aabbccdd 0101080a0000000100000002");
	bench_free(bench);
}

TEST(split_options_none)
{
	struct bench *bench = bench_new("split", "mss=5;options=none");

	bench->family = 6;
	split_run(bench, TCP_ACK);
	CHECK_U64(bench->count, 2);
	CHECK_OPTIONS(bench->out[0], "0101080a0000000100000002");
	CHECK_OPTIONS(bench->out[1], "0101080a0000000100000002");
	bench_free(bench);
}

/* ---- coalesce ---- */

static void segment_send(struct bench *bench, uint32_t seq, const uint8_t *options, uint32_t length,
	const char *payload)
{
	bench_send(bench,
		(struct segment){ TO_SERVER, TCP_ACK, seq, 5000 + seq, options, length, payload,
			(uint32_t)strlen(payload) });
}

TEST(coalesce_joins_neighbours)
{
	static const uint8_t first[] = { DSS_ACK };
	static const uint8_t second[] = { 30, 8, 0x20, 0x01, 0, 0, 0, 9 };
	struct bench *bench = bench_new("coalesce", "count=2");

	segment_send(bench, 1000, first, sizeof(first), "hello ");
	CHECK_U64(bench->count, 0);
	CHECK_U64(bench->wake_at, 2 * NSEC_PER_MS);
	segment_send(bench, 1006, second, sizeof(second), "world");
	CHECK_U64(bench->count, 1);
	CHECK_U64(bench->wake_at, NSEC_NEVER);
	CHECK_PAYLOAD(bench->out[0], "hello world");
	CHECK_OPTIONS(bench->out[0], "1e082001aabbccdd");
	CHECK_U64(tcp_seq(bench->out[0]), 1000);
	CHECK_U64(tcp_ack(bench->out[0]), 6006);
	bench_check_out(bench);
	bench_free(bench);
}

static struct packet *coalesce_with(struct bench *bench)
{
	static const uint8_t first[] = { DSS_ACK };
	static const uint8_t second[] = { 30, 8, 0x20, 0x01, 0, 0, 0, 9 };

	segment_send(bench, 1000, first, sizeof(first), "hello ");
	segment_send(bench, 1006, second, sizeof(second), "world");
	bench->now = 2 * NSEC_PER_MS;
	box_wake(bench->box, bench->now);
	bench_check_out(bench);
	return bench_last(bench);
}

TEST(coalesce_options_last)
{
	struct bench *bench = bench_new("coalesce", "options=last");

	CHECK_OPTIONS(coalesce_with(bench), "1e08200100000009");
	CHECK_U64(bench->count, 1);
	bench_free(bench);
}

TEST(coalesce_options_none)
{
	struct bench *bench = bench_new("coalesce", "options=none");

	CHECK_OPTIONS(coalesce_with(bench), "");
	bench_free(bench);
}

TEST(coalesce_options_both)
{
	struct bench *bench = bench_new("coalesce", "options=both");

	bench->family = 6;
	CHECK_OPTIONS(coalesce_with(bench), "1e082001aabbccdd 1e08200100000009");
	bench_free(bench);
}

/* 20 and 24 bytes do not fit 40: the two stay apart, in order. */
TEST(coalesce_options_both_only_when_they_fit)
{
	static const uint8_t first[] = { CAPABLE };
	static const uint8_t second[] = { CAPABLE, 1, 1, 1, 1 };
	struct bench *bench = bench_new("coalesce", "options=both");

	segment_send(bench, 1000, first, sizeof(first), "hello ");
	segment_send(bench, 1006, second, sizeof(second), "world");
	CHECK_U64(bench->count, 0);
	segment_send(bench, 1011, second, sizeof(second), "!");
	CHECK_U64(bench->count, 1);
	CHECK_PAYLOAD(bench->out[0], "hello world");
	bench_free(bench);

	bench = bench_new("coalesce", "options=both");
	segment_send(bench, 1000, second, sizeof(second), "hello ");
	segment_send(bench, 1006, second, sizeof(second), "world");
	segment_send(bench, 1011, second, sizeof(second), "!");
	bench_check_out(bench);
	bench_free(bench);
}

TEST(coalesce_same_options_only)
{
	struct bench *bench = bench_new("coalesce", "options=same");

	coalesce_with(bench);
	CHECK_U64(bench->count, 2);
	CHECK_PAYLOAD(bench->out[0], "hello ");
	CHECK_U64(box_hits(bench->box), 0);
	bench_free(bench);
}

TEST(coalesce_keeps_order)
{
	struct bench *bench = bench_new("coalesce", "");

	segment_send(bench, 1000, NULL, 0, "one");
	segment_send(bench, 2000, NULL, 0, "far"); /* a hole: the first goes, this waits */
	CHECK_U64(bench->count, 1);
	segment_send(bench, 2003, NULL, 0, ""); /* an acknowledgement passes nothing */
	CHECK_U64(bench->count, 3);
	CHECK_PAYLOAD(bench->out[0], "one");
	CHECK_PAYLOAD(bench->out[1], "far");
	CHECK_PAYLOAD(bench->out[2], "");
	CHECK_U64(box_hits(bench->box), 0);
	bench_free(bench);
}

TEST(coalesce_size_is_a_bound)
{
	struct bench *bench = bench_new("coalesce", "size=48"); /* 40 of headers */

	segment_send(bench, 1000, NULL, 0, "0123");
	segment_send(bench, 1004, NULL, 0, "4567");
	segment_send(bench, 1008, NULL, 0, "8");
	CHECK_U64(bench->count, 1);
	CHECK_PAYLOAD(bench->out[0], "01234567");
	bench_free(bench);
}

TEST(coalesce_many)
{
	struct bench *bench = bench_new("coalesce", "size=65535");
	char payload[1001];
	uint32_t i;

	memset(payload, 'x', 1000);
	payload[1000] = '\0';
	for (i = 0; i < 65; i++)
		segment_send(bench, 1000 + 1000 * i, NULL, 0, payload);
	segment_send(bench, 66000, NULL, 0, payload);
	CHECK_U64(bench->count, 1);
	CHECK_U64(packet_payload_len(bench->out[0]), 65000);
	bench_check_out(bench);
	bench_free(bench);
}

/* ---- seq-rewrite ---- */

static const uint8_t sack[] = { 1, 1, 5, 18, 0, 0, 0x04, 0x06, 0, 0, 0x04, 0x10, 0, 0, 0x04, 0x20,
	0, 0, 0x04, 0x30 };

static struct packet *sack_through(struct bench *bench)
{
	bench_handshake(bench);
	bench_data(bench, TO_SERVER, 1000, "data");
	bench_send(bench,
		(struct segment){ TO_CLIENT, TCP_ACK, 5000, 1004 + 100, sack, sizeof(sack), NULL,
			0 });
	bench_check_out(bench);
	return bench_last(bench);
}

TEST(seq_rewrite_one_direction)
{
	struct bench *bench = bench_new("seq-rewrite", "offset=100;direction=to-server");
	struct packet *packet = sack_through(bench);

	CHECK_U64(tcp_seq(bench->out[0]), 1099);
	CHECK_U64(tcp_seq(bench->out[1]), 4999);
	CHECK_U64(tcp_ack(bench->out[1]), 900);
	CHECK_U64(tcp_seq(bench->out[2]), 1100);
	CHECK_U64(tcp_ack(bench->out[2]), 5000);
	CHECK_U64(tcp_seq(bench->out[3]), 1100);
	CHECK_U64(tcp_ack(packet), 1004);
	CHECK_U64(tcp_seq(packet), 5000);
	/* 0x406 - 100 = 0x3a2 and so on. */
	CHECK_OPTIONS(packet, "01010512 000003a2 000003ac 000003bc 000003cc");
	CHECK_U64(box_hits(bench->box), 5);
	bench_free(bench);
}

TEST(seq_rewrite_both_directions)
{
	struct bench *bench = bench_new("seq-rewrite", "offset=4294967295");
	struct packet *packet = sack_through(bench);

	CHECK_U64(tcp_seq(bench->out[0]), 998);
	CHECK_U64(tcp_seq(bench->out[1]), 4998);
	CHECK_U64(tcp_ack(bench->out[1]), 1001);
	CHECK_U64(tcp_ack(bench->out[2]), 5001);
	CHECK_U64(tcp_seq(packet), 4999);
	bench_free(bench);
}

TEST(seq_rewrite_sack_ignore)
{
	struct bench *bench = bench_new("seq-rewrite", "offset=100;sack=ignore");
	struct packet *packet = sack_through(bench);

	CHECK_U64(tcp_ack(packet), 1004);
	CHECK_OPTIONS(packet, "01010512 00000406 00000410 00000420 00000430");
	bench_free(bench);
}

TEST(seq_rewrite_sack_strip)
{
	struct bench *bench = bench_new("seq-rewrite", "offset=100;sack=strip");

	CHECK_OPTIONS(sack_through(bench), "");
	bench_free(bench);
}

TEST(seq_rewrite_random_is_one_per_direction)
{
	struct bench *bench = bench_new("seq-rewrite", "");
	uint32_t client, server;

	sack_through(bench);
	client = tcp_seq(bench->out[0]) - 999;
	server = tcp_seq(bench->out[1]) - 4999;
	CHECK(client != 0 && server != 0 && client != server);
	CHECK_U64(tcp_seq(bench->out[3]), (uint32_t)(1000 + client));
	CHECK_U64(tcp_ack(bench->out[3]), (uint32_t)(5000 - server));
	bench_free(bench);
}

/* Without the flag, what stands in the field of the acknowledgement is none. */
TEST(seq_rewrite_needs_the_flag_for_an_ack)
{
	struct bench *bench = bench_new("seq-rewrite", "offset=100");

	bench_handshake(bench);
	bench_send(bench, (struct segment){ TO_SERVER, TCP_RST, 1000, 0, NULL, 0, NULL, 0 });
	CHECK_U64(tcp_seq(bench_last(bench)), 1100);
	CHECK_U64(tcp_ack(bench_last(bench)), 0);
	bench_free(bench);
}

/* The same SYN again gets the same number. */
TEST(seq_rewrite_syn_again)
{
	struct bench *bench = bench_new("seq-rewrite", "");

	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 999, 0, NULL, 0, NULL, 0 });
	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 999, 0, NULL, 0, NULL, 0 });
	CHECK_U64(tcp_seq(bench->out[0]), tcp_seq(bench->out[1]));
	bench_free(bench);
}

TEST(seq_rewrite_leaves_strangers)
{
	struct bench *bench = bench_new("seq-rewrite", "");

	bench_data(bench, TO_SERVER, 1000, "data");
	CHECK_U64(tcp_seq(bench->out[0]), 1000);
	CHECK_U64(box_hits(bench->box), 0);
	bench_free(bench);
}

/* ---- port-map ---- */

TEST(port_map_there_and_back)
{
	struct bench *bench = bench_new("port-map", "map=443:8443,80:8080");

	bench_handshake(bench);
	CHECK_U64(tcp_dport(bench->out[0]), 8080);
	CHECK_U64(tcp_sport(bench->out[0]), NET_CLIENT_PORT);
	/* The reply as the server sends it: from 8080. */
	{
		struct packet *reply = packet_clone(bench->out[1]);

		CHECK_U64(tcp_sport(reply), 80);
		packet_write16(reply, reply->l4, 8080);
		packet_finish(reply);
		box_input(bench->box, reply, TO_CLIENT, 0);
		CHECK_U64(tcp_sport(bench_last(bench)), 80);
	}
	CHECK_U64(box_hits(bench->box), 3);
	bench_check_out(bench);
	bench_free(bench);
}
