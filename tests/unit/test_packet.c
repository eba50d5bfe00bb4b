/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets in hex were built with scapy, so that no expected checksum is our own.
 */
#include "tests/unit/unit.h"

#include "probe/wire/packet.h"
#include "tests/unit/hex.h"

#define SYN                                                                   \
	"450000380001400040064996c6120102c6126402 13880050000000010000000090" \
	"02ffff590b0000 020405b4040201030307010101000000"
#define UDP4 "4500001f00030000401166c90a0000010a000002 0035041d000bf509 78797a"
#define V6_OPTS                                                                        \
	"60000000001b0040fd000000000000000000000000000001fd00000000000000000000000000" \
	"0002 3c00010400000000 1100010400000000 0035041d000b0f08 78797a"
#define ROUTING_4                                                                       \
	"60000000003c2b40fd000000000000000000000000000001fd00000000000000000000000000"  \
	"0009 0604040101000000fd000000000000000000000000000002fd0000000000000000000000" \
	"00000009 0001000200000000000000005002200095db0000"
#define ROUTING_0                                                                       \
	"60000000003c2b40fd000000000000000000000000000001fd00000000000000000000000000"  \
	"0009 0604000200000000fd000000000000000000000000000008fd0000000000000000000000" \
	"00000002 0001000200000000000000005002200095db0000"
#define ICMP4 "4500002000030000400166d80a0000010a000002 0800192c00010002 70696e67"
#define ICMP6                                                                          \
	"60000000000c3a40fd000000000000000000000000000001fd00000000000000000000000000" \
	"0002 8000a6e000010002 70696e67"
#define ROUTING_DONE                                                                    \
	"60000000003c2b40fd000000000000000000000000000001fd00000000000000000000000000"  \
	"0002 0604040001000000fd000000000000000000000000000003fd0000000000000000000000" \
	"00000002 0001000200000000000000005002200095db0000"
/* An authentication header of 16 bytes (RFC 4302) before TCP. */
#define AUTHENTICATION                                                                 \
	"6000000000243340fd000000000000000000000000000001fd00000000000000000000000000" \
	"0002 06020000000000010000000200000003 0001000200000000000000005002200095db0000"
/* The first of several fragments. */
#define FIRST_OF_6                                                                     \
	"60000000001c2c40fd000000000000000000000000000001fd00000000000000000000000000" \
	"0002 0600000100000009 0001000200000000000000005002200012340000"
#define FRAGMENT_1                                                                 \
	"4500003000032000400646c30a0000010a000002 0001000200000000000000005002200" \
	"0ab0000003132333435363738"
#define FRAGMENT_2 "4500001c00030004400666d30a0000010a000002 3132333435363738"
#define FRAGMENT_6                                                                     \
	"6000000000102c40fd000000000000000000000000000001fd00000000000000000000000000" \
	"0002 0600001800000009 3132333435363738"
#define IP_OPTIONS                                                          \
	"4800003400030000400658b40a0000010a000002 070b04000000000000000000" \
	"0001000200000000000000005004200 07bdb0000"

TEST(packet_parses_tcp_over_ipv4)
{
	struct packet *p = hex_packet(SYN);
	struct sockname src, dst;
	char buf[SOCKNAME_TEXT];

	CHECK_U64(p->form, PACKET_TCP);
	CHECK_U64(p->version, 4);
	CHECK_U64(p->l4, 20);
	CHECK_U64(p->payload, 56);
	CHECK_U64(p->end, 56);
	packet_socknames(p, &src, &dst);
	CHECK_TEXT(sockname_text(&src, buf), "198.18.1.2:5000");
	CHECK_TEXT(sockname_text(&dst, buf), "198.18.100.2:80");
	CHECK_U64(tcp_seq(p), 1);
	CHECK_U64(tcp_flags(p), TCP_SYN);
	CHECK_U64(tcp_window(p), 65535);
	CHECK_U64(tcp_seq_len(p), 1);
	CHECK_U64(packet_ttl(p), 64);
	CHECK(packet_ip_checksum_ok(p) && packet_l4_checksum_ok(p));
	packet_free(p);
}

struct form_case {
	const char *hex;
	enum packet_form form;
	uint32_t l4, payload;
};

TEST(packet_parses_every_form_and_verifies_its_checksums)
{
	static const struct form_case cases[] = {
		{ SYN, PACKET_TCP, 20, 56 },
		{ UDP4, PACKET_UDP, 20, 28 },
		{ V6_OPTS, PACKET_UDP, 56, 64 },
		{ ROUTING_4, PACKET_TCP, 80, 100 },
		{ ROUTING_0, PACKET_TCP, 80, 100 },
		{ ROUTING_DONE, PACKET_TCP, 80, 100 },
		{ AUTHENTICATION, PACKET_TCP, 56, 76 },
		{ FIRST_OF_6, PACKET_TCP, 48, 68 },
		{ ICMP4, PACKET_ICMP, 20, 28 },
		{ ICMP6, PACKET_ICMP, 40, 48 },
		{ FRAGMENT_1, PACKET_TCP, 20, 40 },
		{ FRAGMENT_2, PACKET_FRAGMENT, 20, 20 },
		{ FRAGMENT_6, PACKET_FRAGMENT, 48, 48 },
		{ IP_OPTIONS, PACKET_TCP, 32, 52 },
		{ "450000150000000040fd0000 0a0000010a000002 ff", PACKET_OTHER, 20, 20 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct packet *p = hex_packet(cases[i].hex);

		CHECK_U64(p->form, cases[i].form);
		CHECK_U64(p->l4, cases[i].l4);
		CHECK_U64(p->payload, cases[i].payload);
		CHECK(packet_l4_checksum_ok(p));
		if (p->form != PACKET_OTHER)
			CHECK(packet_ip_checksum_ok(p));
		packet_free(p);
	}
}

TEST(packet_tells_a_wrong_checksum)
{
	static const char *const cases[] = { SYN, UDP4, V6_OPTS, ROUTING_4, ROUTING_0, ICMP4,
		ICMP6 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct packet *p = hex_packet(cases[i]);
		uint16_t right = get_be16(packet_data(p) + packet_checksum_offset(p));

		CHECK_U64(packet_l4_checksum(p), right);
		packet_bytes(p)[packet_checksum_offset(p)] ^= 1;
		CHECK(!packet_l4_checksum_ok(p));
		CHECK_U64(packet_l4_checksum(p), right);
		if (p->version == 4) {
			right = get_be16(packet_data(p) + 10);
			packet_bytes(p)[10] ^= 1;
			CHECK(!packet_ip_checksum_ok(p));
			CHECK_U64(packet_ip_checksum(p), right);
		}
		packet_free(p);
	}
}

/* Hop-by-hop options first. */
#define V6_WITH(length, rest)                                    \
	"60000000" length "0040fd000000000000000000000000000001" \
	"fd000000000000000000000000000002" rest

#define V4_TCP(offset) \
	"4500002800000000400600000a0000010a000002 000100020000000000000000" offset "200000000000"

struct fault_case {
	const char *hex;
	enum packet_fault fault;
};

TEST(packet_names_every_fault)
{
	static const struct fault_case cases[] = {
		{ "", FAULT_EMPTY },
		{ "55", FAULT_IP_VERSION },
		{ "45", FAULT_IP_TRUNCATED },
		{ "4500001400000000400600000a0000010a0000", FAULT_IP_TRUNCATED },
		{ "4500002900000000400600000a0000010a000002", FAULT_IP_TRUNCATED },
		{ "4500001500000000400600000a0000010a000002", FAULT_IP_TRUNCATED },
		{ "4600001800000000400600000a0000010a000002", FAULT_IP_TRUNCATED },
		{ "4400001400000000400600000a0000010a000002", FAULT_IP_HEADER_LENGTH },
		{ "4500001300000000400600000a0000010a000002", FAULT_IP_TOTAL_LENGTH },
		{ "4600001400000000400600000a0000010a000002 00000000", FAULT_IP_TOTAL_LENGTH },
		{ "4500001400000000400600000a0000010a000002", FAULT_L4_TRUNCATED },
		{ "4500001a00000000401100000a0000010a000002 000100020007", FAULT_L4_TRUNCATED },
		{ "4500001c00000000401100000a0000010a000002 0001000200070000", FAULT_UDP_LENGTH },
		{ "4500001c00000000401100000a0000010a000002 0001000200090000", FAULT_UDP_LENGTH },
		{ "4500001b00000000400100000a0000010a000002 08000000000000", FAULT_L4_TRUNCATED },
		{ V4_TCP("4002"), FAULT_TCP_OFFSET },
		{ V4_TCP("6002"), FAULT_TCP_OFFSET },
		{ V6_WITH("0001", ""), FAULT_IP_TRUNCATED },
		{ V6_WITH("0000", ""), FAULT_EXTENSION },
		{ V6_WITH("0008", "0601000000000000"), FAULT_EXTENSION },
		{ V6_WITH("0008", "0600000000000000"), FAULT_L4_TRUNCATED },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct packet *p = hex_packet(cases[i].hex);

		CHECK_TEXT(packet_fault_text(p->fault), packet_fault_text(cases[i].fault));
		CHECK_U64(p->form, PACKET_MALFORMED);
		packet_free(p);
	}
}

TEST(packet_keeps_link_padding_apart)
{
	struct packet *p = hex_packet(UDP4 "0000000000");

	CHECK_U64(p->length, 36);
	CHECK_U64(packet_payload_len(p), 3);
	CHECK(packet_l4_checksum_ok(p));
	packet_free(p);
}

TEST(packet_copies_and_refuses_what_does_not_fit)
{
	struct packet *p = hex_packet(SYN), *clone = packet_clone(p), *tiny = packet_new(55);
	struct packet *close = packet_new(60);
	uint8_t big[56] = { 0x45 };

	clone->next = p;
	packet_bytes(p)[8] = 1;
	CHECK(packet_copy(clone, p));
	CHECK(clone->next == p);
	CHECK_U64(packet_ttl(clone), 1);
	CHECK(!packet_copy(tiny, p));
	CHECK(!packet_set(tiny, big, 56));
	CHECK(packet_set(tiny, big, 55));
	CHECK(packet_copy(close, p));
	CHECK_U64(close->capacity, 60);
	CHECK_U64(tcp_window(close), 65535);
	packet_free(p);
	packet_free(clone);
	packet_free(tiny);
	packet_free(close);
}

/* Memory that is lent, so that what is written beside it shows. */
static struct packet *borrow(uint8_t *lent, uint32_t room, const struct packet *from)
{
	struct packet *packet = packet_new(PACKET_SMALL);

	memset(lent, 0xee, room);
	memcpy(lent + 8, packet_data(from), from->length);
	CHECK(packet_borrow(packet, lent + 8, from->length));
	return packet;
}

TEST(what_is_borrowed_is_edited_in_its_place)
{
	struct packet *syn = hex_packet(SYN), *p;
	uint8_t lent[128];

	p = borrow(lent, sizeof(lent), syn);
	CHECK(packet_data(p) == lent + 8);
	CHECK_U64(p->form, PACKET_TCP);
	packet_set_ttl(p, 7);
	packet_close_gap(p, p->l4 + 20, 4);
	packet_finish(p);
	CHECK(packet_data(p) == lent + 8);
	CHECK_U64(packet_ttl(p), 7);
	CHECK_U64(p->length, syn->length - 4);
	CHECK(packet_ip_checksum_ok(p) && packet_l4_checksum_ok(p));
	/* What has become shorter may grow again where it is. */
	CHECK(packet_open_gap(p, p->payload, 4, true));
	CHECK(packet_data(p) == lent + 8);
	CHECK_U64(lent[7], 0xee);
	CHECK_U64(lent[8 + syn->length], 0xee);
	packet_free(syn);
	packet_free(p);
}

TEST(what_is_borrowed_and_grows_moves)
{
	struct packet *syn = hex_packet(SYN), *p;
	uint8_t lent[128];

	p = borrow(lent, sizeof(lent), syn);
	CHECK(packet_open_gap(p, p->payload, 4, true));
	packet_finish(p);
	memset(lent, 0xee, sizeof(lent));
	CHECK_U64(p->capacity, PACKET_SMALL);
	CHECK_U64(p->length, syn->length + 4);
	CHECK(packet_ip_checksum_ok(p) && packet_l4_checksum_ok(p));
	CHECK(memcmp(packet_l4(p), packet_l4(syn), 12) == 0);
	packet_free(syn);
	packet_free(p);
}

TEST(what_is_borrowed_can_be_kept_copied_and_set)
{
	struct packet *syn = hex_packet(SYN), *kept, *copy, *set, *tiny = packet_new(55);
	uint8_t lent[3][128];

	CHECK(!packet_borrow(tiny, packet_bytes(syn), syn->length));
	kept = borrow(lent[0], sizeof(lent[0]), syn);
	set = borrow(lent[1], sizeof(lent[1]), syn);
	copy = packet_clone(kept);
	packet_own(kept);
	packet_own(kept);
	CHECK(packet_set(set, packet_data(syn), syn->length));
	/* From a borrower to a borrower: each has its own then. */
	CHECK(packet_borrow(tiny, lent[2], 20));
	CHECK(!packet_copy(tiny, copy));
	memset(lent, 0xee, sizeof(lent));
	CHECK_HEX(packet_data(kept), kept->length, SYN);
	CHECK_HEX(packet_data(copy), copy->length, SYN);
	CHECK_HEX(packet_data(set), set->length, SYN);
	CHECK_U64(copy->capacity, PACKET_SMALL);
	packet_free(syn);
	packet_free(kept);
	packet_free(copy);
	packet_free(set);
	packet_free(tiny);
}

static void put_data(uint8_t *at)
{
	static const uint8_t data[] = { 'd', 'a', 't', 'a', '!' };

	memcpy(at, data, sizeof(data));
}

TEST(packet_init_builds_tcp_over_both_families)
{
	struct tcp_header header = {
		.seq = 0x11223344,
		.ack = 0x55667788,
		.flags = TCP_PSH | TCP_ACK | TCP_URG,
		.window = 512,
		.urgent = 9,
		.ip_id = 0x1234,
		.flow_label = 0xff12345,
	};
	struct packet *p = packet_new(PACKET_SMALL);
	uint8_t *payload;

	sockname_parse(&header.src, "198.18.1.2:5000");
	sockname_parse(&header.dst, "198.18.100.2:80");
	packet_init_tcp(p, &header);
	payload = packet_append_payload(p, 5);
	put_data(payload);
	packet_finish(p);
	CHECK_HEX(packet_data(p), 38,
		"4500002d123440004006376ec6120102c6126402138800501122334455667788"
		"503802009d85");
	CHECK(packet_ip_checksum_ok(p) && packet_l4_checksum_ok(p));

	sockname_parse(&header.src, "[fd00::1]:5000");
	sockname_parse(&header.dst, "[fd00::2]:80");
	header.flags = TCP_SYN | TCP_AE;
	header.ttl = 9;
	header.urgent = 0;
	packet_init_tcp(p, &header);
	payload = packet_append_payload(p, 5);
	put_data(payload);
	packet_finish(p);
	CHECK_HEX(packet_data(p), p->length,
		"6001234500190609fd000000000000000000000000000001fd000000000000000000000000"
		"0000021388005011223344556677885102020093e900006461746121");
	packet_free(p);
}

TEST(packet_append_payload_stops_at_the_capacity_and_the_ip_length)
{
	struct tcp_header header = { .flags = TCP_ACK };
	struct packet *p = packet_new(2048), *large = packet_new(100000);

	sockname_parse(&header.src, "198.18.1.2:5000");
	sockname_parse(&header.dst, "198.18.100.2:80");
	packet_init_tcp(p, &header);
	CHECK(packet_append_payload(p, 2048 - 40 - 64 + 1) == NULL);
	CHECK_U64(p->length, 40);
	CHECK(packet_append_payload(p, 2048 - 40 - 64) != NULL);
	packet_init_tcp(large, &header);
	CHECK(packet_append_payload(large, 65536 - 40) == NULL);
	CHECK(packet_append_payload(large, 65535 - 40) != NULL);
	CHECK(packet_append_payload(large, 1) == NULL);
	packet_free(p);
	packet_free(large);
}
