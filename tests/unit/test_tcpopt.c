/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edited packets are compared with what scapy builds for the edited option list.
 */
#include "tests/unit/unit.h"

#include "probe/wire/tcpopt.h"
#include "tests/unit/hex.h"

#define DATA                                                                                \
	"45000039000740004006498fc6120102c6126402 13880050000003e8000007d0801801f4c97a0000" \
	"020405b44d0401020303070068656c6c6f"
#define WITHOUT_MSS                                                                        \
	"450000350007400040064993c6120102c612640213880050000003e8000007d0701801f4e1360000" \
	"4d0401020303070068656c6c6f"
#define WITHOUT_77                                                                         \
	"450000350007400040064993c6120102c612640213880050000003e8000007d0701801f427850000" \
	"020405b40303070068656c6c6f"

/* A packet with these options, in hex, a multiple of four bytes. */
static struct packet *with_options(const char *options)
{
	struct tcp_header header = { .flags = TCP_ACK };
	struct packet *p = packet_new(PACKET_SMALL);
	uint8_t bytes[TCPOPT_SPACE], *at;
	uint32_t length = (uint32_t)hex_bytes(options, bytes, sizeof(bytes));

	sockname_parse(&header.src, "198.18.1.2:5000");
	sockname_parse(&header.dst, "198.18.100.2:80");
	packet_init_tcp(p, &header);
	at = packet_append_payload(p, length + 1);
	memcpy(at, bytes, length);
	at[length] = 'x';
	packet_finish(p);
	packet_bytes(p)[32] = (uint8_t)((5 + length / 4) << 4);
	packet_parse(p);
	packet_mark_stale(p);
	packet_finish(p);
	return p;
}

#define CHECK_OPTIONS(packet, hex) CHECK_HEX(packet_data(packet) + 40, (packet)->payload - 40, hex)

/* Bytes, offset and checksum of a packet are consistent after an edit. */
static void settled(struct packet *p)
{
	uint32_t payload = p->payload;

	packet_finish(p);
	CHECK_U64(packet_parse(p), PACKET_TCP);
	CHECK_U64(p->payload, payload);
	CHECK_U64(packet_payload_len(p), 1);
	CHECK(packet_ip_checksum_ok(p) && packet_l4_checksum_ok(p));
}

TEST(tcpopt_next_walks_in_order)
{
	struct packet *p = with_options("020405b4 01 1e0381 0303 07 00");
	struct tcpopt opt = { 0 };

	CHECK(tcpopt_next(p, &opt));
	CHECK_U64(opt.kind, TCPOPT_MSS);
	CHECK_U64(opt.length, 4);
	CHECK_U64(opt.offset, 40);
	CHECK(tcpopt_next(p, &opt));
	CHECK_U64(opt.kind, TCPOPT_NOP);
	CHECK(tcpopt_next(p, &opt));
	CHECK_U64(opt.kind, TCPOPT_MPTCP);
	CHECK_U64(opt.offset, 45);
	CHECK(tcpopt_next(p, &opt));
	CHECK_U64(opt.kind, TCPOPT_WSCALE);
	CHECK(tcpopt_next(p, &opt));
	CHECK_U64(opt.kind, TCPOPT_EOL);
	CHECK(!tcpopt_next(p, &opt));
	CHECK(!tcpopt_next(p, &opt));
	CHECK(!tcpopt_malformed(p));
	packet_free(p);
}

#define ZEROS_16 "00000000000000000000000000000000"

struct walk_case {
	const char *options;
	unsigned int count;
	bool malformed;
	uint32_t room;
};

TEST(tcpopt_next_ends_where_the_list_ends)
{
	static const struct walk_case cases[] = {
		{ "", 0, false, 40 },
		{ "01010101", 4, false, 36 },
		{ "00000000", 1, false, 40 },
		{ "01001e03", 2, false, 39 },
		{ "01010102", 3, true, 0 },
		{ "01010200", 2, true, 0 },
		{ "01010201", 2, true, 0 },
		{ "01010203", 2, true, 0 },
		{ "010202 02", 2, true, 0 },
		{ "4d04aabb", 1, false, 36 },
		{ "4d02 4d02", 2, false, 36 },
		{ "4d28 000000000000" ZEROS_16 ZEROS_16, 1, false, 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct packet *p = with_options(cases[i].options);
		struct tcpopt opt = { 0 };
		unsigned int count = 0;

		while (tcpopt_next(p, &opt))
			count++;
		CHECK_U64(count, cases[i].count);
		CHECK_U64(tcpopt_malformed(p), cases[i].malformed);
		CHECK_U64(tcpopt_room(p), cases[i].room);
		packet_free(p);
	}
}

TEST(tcpopt_of_other_packets_are_none)
{
	struct packet *p =
		hex_packet("4500001f00030000401166c90a0000010a000002 0035041d000bf509 78797a");
	struct tcpopt opt = { 0 };

	CHECK(!tcpopt_next(p, &opt));
	CHECK(!tcpopt_malformed(p));
	CHECK_U64(tcpopt_room(p), 0);
	CHECK(!tcpopt_append(p, "\1", 1));
	CHECK(!tcpopt_insert_first(p, "\1", 1));
	packet_free(p);
}

TEST(tcpopt_remove_closes_the_gap)
{
	struct packet *p = hex_packet(DATA);
	struct tcpopt opt;

	CHECK(tcpopt_find(p, TCPOPT_MSS, &opt));
	tcpopt_remove(p, &opt, REMOVE_GAP);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, WITHOUT_MSS);
	packet_free(p);

	p = hex_packet(DATA);
	CHECK(tcpopt_find(p, 77, &opt));
	tcpopt_remove(p, &opt, REMOVE_GAP);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length, WITHOUT_77);
	packet_free(p);
}

struct remove_case {
	const char *before;
	uint8_t kind;
	enum tcpopt_remove_how how;
	const char *after;
};

TEST(tcpopt_remove_pads_and_drops_padding)
{
	static const struct remove_case cases[] = {
		{ "020405b4 03030700", 3, REMOVE_GAP, "020405b4" },
		{ "020405b4 01030307", 3, REMOVE_GAP, "020405b4" },
		{ "020405b4 01030307", 2, REMOVE_GAP, "01030307" },
		{ "020405b4 03030700", 3, REMOVE_NOP, "020405b401010100" },
		{ "020405b4 03030700", 2, REMOVE_EOL, "0000000003030700" },
		{ "030307 1e0381 4d03aa 4d03bb", 30, REMOVE_GAP, "030307 4d03aa 4d03bb 000000" },
		{ "0101080a0000000100000002 1e0381 01", 30, REMOVE_GAP,
			"0101080a0000000100000002" },
		{ "4d03aa 1e0381 0101", 30, REMOVE_GAP, "4d03aa01" },
		/* What an EOL hides is kept; so is a list nobody can read. */
		{ "1e0381 00 4d040102", 30, REMOVE_GAP, "004d0401 02000000" },
		{ "1e0381 4d 0f000000", 30, REMOVE_GAP, "4d0f0000 00000000" },
		{ "020405b4", 2, REMOVE_GAP, "" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct packet *p = with_options(cases[i].before);
		struct tcpopt opt;

		CHECK(tcpopt_find(p, cases[i].kind, &opt));
		tcpopt_remove(p, &opt, cases[i].how);
		CHECK_OPTIONS(p, cases[i].after);
		settled(p);
		packet_free(p);
	}
}

TEST(tcpopt_append_reuses_the_padding)
{
	static const uint8_t timestamp[] = { 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
	static const uint8_t wscale[] = { 1, 3, 3, 7 };
	struct packet *p = with_options("");

	CHECK(tcpopt_append(p, timestamp, 10));
	CHECK_OPTIONS(p, "080a0000000100000002 0000");
	CHECK_U64(tcpopt_room(p), 30);
	CHECK(tcpopt_append(p, wscale, 4));
	CHECK_OPTIONS(p, "080a0000000100000002 01030307 0000");
	CHECK(tcpopt_append(p, wscale + 1, 3));
	CHECK_OPTIONS(p, "080a0000000100000002 01030307 030307 000000");
	CHECK(tcpopt_append(p, timestamp, 10));
	CHECK(tcpopt_append(p, timestamp, 10));
	CHECK_U64(tcpopt_room(p), 3);
	CHECK(!tcpopt_append(p, wscale, 4));
	CHECK(tcpopt_append(p, wscale + 1, 3));
	CHECK_U64(tcpopt_room(p), 0);
	CHECK_U64(p->payload, 80);
	settled(p);
	packet_free(p);
}

TEST(tcpopt_append_takes_what_an_eol_hides_and_refuses_a_malformed_list)
{
	struct packet *p = with_options("4d03aa 00 4d040102"), *bad = with_options("0101014d");

	CHECK(tcpopt_append(p, "\3\3\7", 3));
	CHECK_OPTIONS(p, "4d03aa 030307 0000");
	settled(p);
	CHECK(!tcpopt_append(bad, "\3\3\7", 3));
	CHECK_OPTIONS(bad, "0101014d");
	packet_free(p);
	packet_free(bad);
}

TEST(tcpopt_replace_keeps_the_neighbours)
{
	struct packet *p = with_options("4d03aa 1e0381 4d03bb 010101");
	struct tcpopt opt;

	CHECK(tcpopt_find(p, 30, &opt));
	CHECK(tcpopt_replace(p, &opt, "\36\3\177", 3));
	CHECK_OPTIONS(p, "4d03aa 1e037f 4d03bb 010101");
	CHECK(tcpopt_find(p, 30, &opt));
	CHECK(tcpopt_replace(p, &opt, "\115\6\1\2\3\4", 6));
	CHECK_OPTIONS(p, "4d03aa 4d0601020304 4d03bb");
	CHECK(tcpopt_find(p, 77, &opt));
	CHECK(tcpopt_replace(p, &opt, NULL, 0));
	CHECK_OPTIONS(p, "4d0601020304 4d03bb 000000");
	settled(p);
	packet_free(p);
}

TEST(tcpopt_replace_and_insert_refuse_what_does_not_fit)
{
	static const uint8_t big[50] = { 77, 50 };
	struct packet *p = with_options("4d24 0000000000000000 0000000000000000 0000000000000000"
					"0000000000000000 0000 4d02 0101");
	struct tcpopt opt = { 0 };

	CHECK(!tcpopt_insert_first(p, "\115\3\1", 3));
	CHECK(!tcpopt_insert_first(p, big, sizeof(big)));
	CHECK(tcpopt_next(p, &opt));
	CHECK(!tcpopt_replace(p, &opt, big, 39));
	CHECK_U64(p->payload, 80);
	CHECK(tcpopt_insert_first(p, "\115\2", 2));
	CHECK_HEX(packet_data(p) + 40, 4, "4d024d24");
	CHECK_HEX(packet_data(p) + 76, 4, "00004d02");
	settled(p);
	packet_free(p);
}

#define ALL       "020405b4 030307 080a00000001fffffffe 0512 0000000100000002 fffffff000000010 00"
#define ALL_WRONG "020305 0302 080900000000000000 050b000000000000000000 010101"

TEST(tcpopt_decodes_the_common_ones)
{
	struct packet *p = with_options(ALL);
	struct packet *bad = with_options(ALL_WRONG);
	struct sack_block blocks[4];
	uint32_t value = 0, echo = 0;
	uint8_t shift = 0;

	CHECK(tcpopt_wscale(p, &shift) && tcpopt_timestamp(p, &value, &echo));
	CHECK_U64(shift, 7);
	CHECK_U64(value, 1);
	CHECK_U64(echo, 0xfffffffe);
	CHECK_U64(tcpopt_sack(p, blocks), 2);
	CHECK_U64(blocks[0].end, 2);
	CHECK_U64(blocks[1].first, 0xfffffff0);
	CHECK_U64(blocks[1].end, 0x10);
	CHECK(!tcpopt_wscale(bad, &shift));
	CHECK(!tcpopt_timestamp(bad, &value, &echo));
	CHECK_U64(tcpopt_sack(bad, blocks), 0);
	packet_free(p);
	packet_free(bad);
}

TEST(tcpopt_names_known_kinds)
{
	CHECK_TEXT(tcpopt_kind_name(TCPOPT_SACK_PERMITTED), "sackok");
	CHECK_TEXT(tcpopt_kind_name(TCPOPT_TIMESTAMP), "timestamp");
	CHECK(tcpopt_kind_name(77) == NULL);
	CHECK(tcpopt_kind_name(255) == NULL);
}
