/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/wire/field.h"
#include "tests/unit/wire_text.h"

#include <string.h>

#define TCP4                                                                        \
	"198.18.1.2:5000 > 198.18.100.2:80 ttl 63 tos ba id 4660 P. 7:10(3) ack 9 " \
	"win 512 urg 5 res 3 <mss 1460> payload 616263"
#define TCP6 \
	"[fd00::1]:5000 > [fd00::2]:80 ttl 9 tos 21 flow 12345 ext 0 00010400000000 S 1:1(0) win 1"

struct value_case {
	const char *packet, *name, *text;
};

/* Value of a field that is there, as text; returns buf. */
static const char *value_text(const struct packet *packet, const struct field *field, char *buf,
	size_t size)
{
	uint32_t offset, length;
	struct layers layers;

	layers_of_packet(&layers, packet);
	CHECK(field_covered(field, &layers) && field_range(field, &layers, &offset, &length));
	return field_bytes_text(field, packet_data(packet) + offset, length, buf, size);
}

TEST(field_reads_each_field)
{
	static const struct value_case cases[] = {
		{ TCP4, "ip.version", "4" },
		{ TCP4, "ip.header-length", "5" },
		{ TCP4, "ip.dscp", "46" },
		{ TCP4, "ip.ecn", "2" },
		{ TCP4, "ip.length", "47" },
		{ TCP4, "ip.id", "4660" },
		{ TCP4, "ip.flags", "2" },
		{ TCP4, "ip.fragment-offset", "0" },
		{ TCP4, "ip.ttl", "63" },
		{ TCP4, "ip.protocol", "6" },
		{ TCP4, "ip.src", "198.18.1.2" },
		{ TCP4, "ip.dst", "198.18.100.2" },
		{ TCP4, "ip.options", "" },
		{ TCP4, "tcp.sport", "5000" },
		{ TCP4, "tcp.dport", "80" },
		{ TCP4, "tcp.seq", "7" },
		{ TCP4, "tcp.ack", "9" },
		{ TCP4, "tcp.offset", "6" },
		{ TCP4, "tcp.reserved", "3" },
		{ TCP4, "tcp.flags", "P." },
		{ TCP4, "tcp.window", "512" },
		{ TCP4, "tcp.urgent", "5" },
		{ TCP4, "payload", "616263" },
		{ TCP4 " sum 00ef", "tcp.checksum", "0xef" },
		{ TCP6, "ip6.version", "6" },
		{ TCP6, "ip6.dscp", "8" },
		{ TCP6, "ip6.ecn", "1" },
		{ TCP6, "ip6.flow-label", "0x12345" },
		{ TCP6, "ip6.length", "28" },
		{ TCP6, "ip6.next-header", "0" },
		{ TCP6, "ip6.hop-limit", "9" },
		{ TCP6, "ip6.src", "fd00::1" },
		{ TCP6, "ip6.dst", "fd00::2" },
		{ TCP6, "ip6.extensions", "0600010400000000" },
		{ "10.0.0.1:53 > 10.0.0.2:5 udp len 2 sum 0000", "udp.length", "10" },
		{ "10.0.0.1:53 > 10.0.0.2:5 udp len 2 sum 0000", "udp.checksum", "0x0" },
		{ "10.0.0.1 > 10.0.0.2 icmp 8/1 rest 00010002 len 0", "icmp.type", "8" },
		{ "10.0.0.1 > 10.0.0.2 icmp 8/1 rest 00010002 len 0", "icmp.code", "1" },
		{ "fd00::1 > fd00::2 icmp 128/0 rest 00010002 len 0", "icmp.id", "1" },
		{ "fd00::1 > fd00::2 icmp 128/0 rest 00010002 len 0", "icmp.seq", "2" },
	};
	char buf[64];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct packet *p = text_packet(cases[i].packet);
		const struct field *field = field_find(cases[i].name);

		CHECK(field != NULL);
		CHECK_TEXT(value_text(p, field, buf, sizeof(buf)), cases[i].text);
		packet_free(p);
	}
}

TEST(field_is_not_there_in_other_layers)
{
	static const struct value_case cases[] = {
		{ TCP4, "ip6.src", "" },
		{ TCP6, "ip.src", "" },
		{ TCP4, "udp.sport", "" },
		{ "10.0.0.1:53 > 10.0.0.2:5 udp len 2", "tcp.sport", "" },
		{ "10.0.0.1 > 10.0.0.2 frag 5 proto 6 len 40", "tcp.sport", "" },
	};
	struct layers layers;
	uint32_t offset, length;
	uint64_t value;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct packet *p = text_packet(cases[i].packet);
		const struct field *field = field_find(cases[i].name);

		layers_of_packet(&layers, p);
		CHECK(!field_range(field, &layers, &offset, &length));
		CHECK(!field_get(field, p, &value));
		CHECK(!field_set(field, p, 1));
		packet_free(p);
	}
	CHECK(field_find("tcp") == NULL);
	CHECK(field_find("") == NULL);
}

/* A quote of 28 bytes: IP header and eight bytes of TCP. */
TEST(field_covered_ends_where_the_bytes_end)
{
	struct packet *p = text_packet(TCP4);
	struct layers layers;
	uint64_t value;

	layers_read(&layers, packet_data(p), 28);
	CHECK(field_covered(field_find("tcp.seq"), &layers));
	CHECK(!field_covered(field_find("tcp.ack"), &layers));
	CHECK(!field_covered(field_find("payload"), &layers));
	CHECK(field_covered(field_find("ip.options"), &layers));
	CHECK(field_read(field_find("tcp.seq"), &layers, packet_data(p), &value));
	CHECK_U64(value, 7);
	layers_read(&layers, packet_data(p), 40);
	CHECK(!field_covered(field_find("payload"), &layers));
	layers_read(&layers, packet_data(p), 27);
	CHECK(!field_covered(field_find("tcp.seq"), &layers));
	CHECK(!field_read(field_find("tcp.seq"), &layers, packet_data(p), &value));
	packet_free(p);
}

/* Every number set to all ones and to zero: nothing beside it changes. */
TEST(field_set_changes_its_bits_alone)
{
	static const char *const packets[] = { TCP4, TCP6, "10.0.0.1:53 > 10.0.0.2:5 udp len 2",
		"10.0.0.1 > 10.0.0.2 icmp 8/1 rest 00010002 len 0" };
	const struct field *field, *other;
	size_t i, k, n;

	for (i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		for (k = 0; (field = field_at(k)) != NULL; k++) {
			struct packet *p = text_packet(packets[i]), *before = packet_clone(p);
			uint64_t ones, value, was;

			if (!field_get(field, p, &value)) {
				packet_free(p);
				packet_free(before);
				continue;
			}
			ones = (UINT64_C(1) << field->width) - 1;
			CHECK(!field_set(field, p, ones + 1));
			CHECK(field_set(field, p, ones));
			for (n = 0; (other = field_at(n)) != NULL; n++) {
				if (!field_get(other, p, &value) || !field_get(other, before, &was))
					continue;
				CHECK_U64(value, other == field ? ones : was);
			}
			CHECK(field_set(field, p, 0) && field_get(field, p, &value));
			CHECK_U64(value, 0);
			packet_free(p);
			packet_free(before);
		}
	}
}

TEST(field_table_marks_what_routers_change)
{
	static const char *const mutable[] = { "ip.ttl", "ip.checksum", "ip6.hop-limit" };
	const struct field *field;
	size_t i, k;

	for (i = 0; (field = field_at(i)) != NULL; i++) {
		bool marked = false;

		for (k = 0; k < 3; k++)
			marked = marked || strcmp(field->name, mutable[k]) == 0;
		CHECK_U64(field->hop_mutable, marked);
		CHECK(field_find(field->name) == field);
	}
	CHECK(field_find("tcp.checksum")->follows && field_find("ip.checksum")->follows);
	CHECK(field_find("ip.length")->follows && field_find("tcp.offset")->follows);
	CHECK(!field_find("tcp.seq")->follows && !field_find("ip.ttl")->follows);
}

/* Of a header's extensions, what follows is only known when all of them are. */
TEST(layers_of_cut_extensions)
{
	struct packet *p = text_packet(TCP6);
	struct layers layers;

	layers_read(&layers, packet_data(p), 43);
	CHECK_U64(layers.l4, 0);
	CHECK_U64(layers.protocol, 0);
	layers_read(&layers, packet_data(p), 44);
	CHECK_U64(layers.l4, 48);
	CHECK_U64(layers.protocol, PROTOCOL_TCP);
	packet_free(p);
}

TEST(layers_of_damaged_bytes_are_as_much_as_can_be_told)
{
	static const uint8_t no_ip[] = { 0x00, 0x01, 0x08, 0x00 };
	struct packet *p = text_packet(TCP4);
	struct sockname src, dst;
	struct layers layers;

	layers_read(&layers, no_ip, sizeof(no_ip));
	CHECK_U64(layers.version, 0);
	CHECK_U64(layers.l4, 0);
	CHECK(!layers_socknames(&layers, no_ip, &src, &dst));
	layers_read(&layers, packet_data(p), 0);
	CHECK_U64(layers.version, 0);
	layers_read(&layers, packet_data(p), 32);
	CHECK_U64(layers.l4, 20);
	CHECK_U64(layers.payload, 0);
	CHECK_U64(layers.end, 47);
	CHECK(layers_socknames(&layers, packet_data(p), &src, &dst));
	CHECK_U64(src.port, 5000);
	layers_read(&layers, packet_data(p), 33);
	CHECK_U64(layers.payload, 44);
	packet_bytes(p)[32] = 0x40;
	layers_read(&layers, packet_data(p), 40);
	CHECK_U64(layers.payload, 0);
	/* A length that is too small to be true (RFC 791 3.1) is not believed. */
	put_be16(packet_bytes(p) + 2, 19);
	layers_read(&layers, packet_data(p), 40);
	CHECK(!layers.has_end);
	CHECK_U64(layers.known, 40);
	put_be16(packet_bytes(p) + 2, 36);
	layers_read(&layers, packet_data(p), 40);
	CHECK_U64(layers.known, 36);
	packet_free(p);
}
