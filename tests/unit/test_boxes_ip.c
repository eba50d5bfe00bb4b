/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_boxes_ip.c - boxes of the IP header, of single TCP options and of the MTU, alone: what they
 * count, refuse and leave alone. What they do to the wire is test_boxes_ip.py's, against scapy.
 */
#include "tests/unit/box_fixture.h"

#include "probe/wire/checksum.h"
#include "probe/wire/icmp.h"

static const struct {
	const char *name, *args;
} boxes[] = {
	{ "ttl", "value=9" },
	{ "dscp", "value=9" },
	{ "ecn", "value=ce;only=any" },
	{ "ipid", "value=9" },
	{ "df", "" },
	{ "fragment", "size=100" },
	{ "ip-options", "op=add" },
	{ "mss-clamp", "value=9" },
	{ "wscale-strip", "" },
	{ "ts-strip", "" },
	{ "mtu", "size=100" },
};

enum { BOXES = sizeof(boxes) / sizeof(boxes[0]) };

static const uint8_t syn_options[] = { 2, 4, 5, 0xb4, 3, 3, 7, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1,
	1 };

/* A SYN with MSS, window scale, timestamps and some payload. */
static struct packet *some_syn(struct bench *bench, uint8_t family)
{
	static const uint8_t payload[300];
	struct segment segment = { TO_SERVER, TCP_SYN, 1, 0, syn_options, sizeof(syn_options),
		payload, sizeof(payload) };

	bench->family = family;
	return segment_packet(bench, &segment);
}

static void refused(const char *name, const char *args, const char *want)
{
	struct bench *bench = bench_new(name, args);

	CHECK(bench->box == NULL);
	CHECK_TEXT(bench->err.text, want);
	bench_free(bench);
}

TEST(parameters_are_refused_in_a_sentence)
{
	refused("ttl", "value=256",
		"box ttl: parameter value: \"256\" is not a whole number within 0..255");
	refused("fragment", "size=67",
		"box fragment: parameter size: \"67\" is not a whole number within 68..65535");
	refused("ip-options", "option=9404000",
		"box ip-options: parameter option: \"9404000\" is not hex digits of 1 to 40 bytes");
	refused("ip-options", "option=94z4",
		"box ip-options: parameter option: \"94z4\" is not hex digits of 1 to 40 bytes");
	refused("ip-options", "option=",
		"box ip-options: parameter option: \"\" is not hex digits of 1 to 40 bytes");
	refused("mtu", "address=fd00::1", "box mtu: parameter address is not an IPv4 address");
	refused("mtu", "address6=198.18.1.1", "box mtu: parameter address6 is not an IPv6 address");
}

TEST(an_option_of_forty_bytes_is_the_longest)
{
	char args[128] = "op=add;option=";
	struct bench *bench;
	size_t i;

	for (i = 0; i < 80; i++)
		args[14 + i] = '1';
	bench = bench_new("ip-options", args);
	CHECK(bench->box != NULL);
	bench_free(bench);
	args[94] = args[95] = '1';
	bench = bench_new("ip-options", args);
	CHECK(bench->box == NULL);
	bench_free(bench);
}

/* Each acts on a packet of the IPv4 it is for once, and says so. */
TEST(each_counts_what_it_did)
{
	unsigned int i;

	for (i = 0; i < BOXES; i++) {
		struct bench *bench = bench_new(boxes[i].name, boxes[i].args);
		struct packet *syn = some_syn(bench, 4), *before = packet_clone(syn);

		box_input(bench->box, syn, TO_SERVER, 0);
		bench_check_out(bench);
		CHECK(bench->count > 0);
		CHECK(bench->out[0]->length != before->length ||
			memcmp(packet_data(bench->out[0]), packet_data(before), before->length) !=
				0);
		/* The drop, and the error that the box sends. */
		CHECK_U64(box_hits(bench->box), strcmp(boxes[i].name, "mtu") == 0 ? 2 : 1);
		packet_free(before);
		bench_free(bench);
	}
}

/* What IPv6 does not have passes as it is, and is no hit. */
TEST(ipv4_alone)
{
	static const char *const names[] = { "ipid", "df", "ip-options" };
	static const char *const args[] = { "value=9", "op=set", "op=add" };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct bench *bench = bench_new(names[i], args[i]);
		struct packet *syn = some_syn(bench, 6), *before = packet_clone(syn);

		box_input(bench->box, syn, TO_SERVER, 0);
		CHECK_U64(bench->out[0]->length, before->length);
		CHECK(memcmp(packet_data(bench->out[0]), packet_data(before), before->length) == 0);
		CHECK_U64(box_hits(bench->box), 0);
		packet_free(before);
		bench_free(bench);
	}
}

/* What is no IP packet is left alone by all. */
TEST(malformed_packets_pass)
{
	static const uint8_t cut[] = { 0x45, 3, 0x10, 0, 1, 2, 0x43, 4 }, long_one[200] = { 0x75 };
	unsigned int i;

	for (i = 0; i < BOXES; i++) {
		struct bench *bench = bench_new(boxes[i].name, boxes[i].args);
		struct packet *packet = packet_new(PACKET_SMALL);

		packet_set(packet, cut, sizeof(cut));
		box_input(bench->box, packet, TO_SERVER, 0);
		packet = packet_new(PACKET_SMALL);
		packet_set(packet, long_one, sizeof(long_one));
		box_input(bench->box, packet, TO_SERVER, 0);
		CHECK_U64(bench->count, 2);
		CHECK_HEX(packet_data(bench->out[0]), bench->out[0]->length, "4503100001024304");
		CHECK_U64(bench->out[1]->length, 200);
		CHECK_U64(box_hits(bench->box), 0);
		bench_free(bench);
	}
}

/* A header checksum that was wrong is wrong by as much, where the header is only edited. */
TEST(wrong_header_checksums_stay_wrong)
{
	unsigned int i;

	for (i = 0; i < BOXES; i++) {
		struct bench *bench = bench_new(boxes[i].name, boxes[i].args);
		struct packet *syn = some_syn(bench, 4);

		packet_bytes(syn)[10] ^= 0x40;
		box_input(bench->box, syn, TO_SERVER, 0);
		if (strcmp(boxes[i].name, "fragment") != 0 && strcmp(boxes[i].name, "mtu") != 0)
			CHECK(!packet_ip_checksum_ok(bench->out[0]));
		bench_free(bench);
	}
}

/* What is there already is no hit. */
TEST(the_same_again_is_no_hit)
{
	static const char *const names[] = { "ttl", "dscp", "ecn", "ipid", "df", "mss-clamp",
		"wscale-strip", "ts-strip" };
	unsigned int i, k;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (k = 0; strcmp(boxes[k].name, names[i]) != 0; k++)
			;
		struct bench *bench = bench_new(names[i], boxes[k].args);

		box_input(bench->box, some_syn(bench, 4), TO_SERVER, 0);
		box_input(bench->box, packet_clone(bench_last(bench)), TO_SERVER, 0);
		CHECK_U64(bench->count, 2);
		CHECK_U64(box_hits(bench->box), 1);
		bench_free(bench);
	}
}

TEST(mtu_says_why)
{
	struct bench *bench = bench_new("mtu", "size=100;answer=none");

	box_input(bench->box, some_syn(bench, 4), TO_SERVER, 0);
	CHECK_U64(bench->drops, 1);
	CHECK_TEXT(bench->reason, "larger than the MTU");
	CHECK_U64(bench->count, 0);
	bench_free(bench);
}

TEST(mtu_answers_the_way_back)
{
	struct bench *bench = bench_new("mtu", "size=100");
	struct icmp_error error;

	box_input(bench->box, some_syn(bench, 6), TO_SERVER, 0);
	CHECK_U64(bench->drops, 1);
	CHECK_U64(bench->out_dir[0], TO_CLIENT);
	CHECK(icmp_parse(&error, bench->out[0]));
	CHECK_U64(error.kind, ICMP_TOO_BIG);
	CHECK_U64(error.value, 100);
	bench_free(bench);
}

TEST(ip_options_drop_says_why)
{
	struct bench *bench = bench_new("ip-options", "op=add"), *drop;

	box_input(bench->box, some_syn(bench, 4), TO_SERVER, 0);
	drop = bench_new("ip-options", "op=drop");
	box_input(drop->box, packet_clone(bench_last(bench)), TO_SERVER, 0);
	CHECK_TEXT(drop->reason, "has IP options");
	bench_free(drop);
	bench_free(bench);
}

/* Options whose lengths cannot be: what stands before them is removed, the rest stays. */
static void options_become(const char *args, const char *options, uint32_t length, const char *want)
{
	struct bench *bench = bench_new("ip-options", args);
	struct packet *packet = some_syn(bench, 4);

	CHECK(packet_open_gap(packet, 20, length, true));
	packet_write(packet, 20, options, length);
	packet_finish(packet);
	box_input(bench->box, packet, TO_SERVER, 0);
	bench_check_out(bench);
	packet = bench_last(bench);
	CHECK_HEX(packet_data(packet) + 20, packet->l4 - 20, want);
	CHECK_U64(packet_payload_len(packet), 300);
	bench_free(bench);
}

TEST(ip_options_that_make_no_sense)
{
	options_become("", "\x94\x04\0\0\x07\x01\x02\x03", 8, "07010203");
	options_become("", "\x94\x04\0\0\x07\xff\x02\x03", 8, "07ff0203");
	options_become("", "\x07\x00\x02\x03", 4, "07000203");
	options_become("op=add", "\x07\x00\x02\x03", 4, "07000203");
	/* A last byte that should have a length, and what an end of the list hides. */
	options_become("", "\x94\x04\0\0\x01\x01\x01\x07", 8, "01010107");
	options_become("", "\x94\x04\0\0\0\x94\x04\0", 8, "");
	options_become("op=add", "\0\x94\x04\0", 4, "94040000");
	options_become("op=nop", "\x94\x04\0\0\0\x94\x04\0", 8, "01010101 00940400");
}

/* A fragment so small that TCP's header is cut is a packet all the same. */
TEST(fragment_within_the_header)
{
	struct bench *bench = bench_new("fragment", "size=68");
	uint8_t options[40] = { [0] = 77, [1] = 40 };
	struct segment segment = { TO_SERVER, TCP_ACK, 1, 2, options, sizeof(options), "data", 4 };
	struct packet *first;

	box_input(bench->box, segment_packet(bench, &segment), TO_SERVER, 0);
	CHECK_U64(bench->count, 2);
	first = bench->out[0];
	CHECK_U64(first->length, 68);
	CHECK_HEX(packet_data(first) + 2, 2, "0044");
	CHECK_HEX(packet_data(first) + 6, 2, "2000");
	CHECK_U64(checksum_fold(checksum_add(0, packet_data(first), 20)), 0xffff);
	CHECK_HEX(packet_data(bench->out[1]) + 6, 2, "0006");
	CHECK_U64(bench->out[1]->length, 20 + 12 + 4);
	bench_free(bench);
}

/* Bytes behind the IP packet are the link's: they count for nothing, and do not become payload. */
TEST(link_padding_is_no_length)
{
	struct bench *bench = bench_new("fragment", "size=344");
	struct packet *syn = some_syn(bench, 4);

	CHECK_U64(syn->length, 360);
	syn->length += 20;
	memset(packet_bytes(syn) + 360, 0xee, 20);
	box_input(bench->box, syn, TO_SERVER, 0);
	CHECK_U64(bench->count, 2);
	CHECK_U64(bench->out[0]->length, 340);
	CHECK_U64(bench->out[1]->length, 40);
	bench_free(bench);
	bench = bench_new("mtu", "size=360");
	syn = some_syn(bench, 4);
	syn->length += 20;
	box_input(bench->box, syn, TO_SERVER, 0);
	CHECK_U64(bench->drops, 0);
	bench_free(bench);
}

/* No room behind 60 bytes of IPv6 extension headers and the fragment header. */
TEST(fragment_without_room)
{
	struct bench *bench = bench_new("fragment", "size=68");
	struct packet *syn = some_syn(bench, 6);
	static const uint8_t hop_by_hop[16] = { PROTOCOL_TCP, 1, 1, 12 }, next = 0;

	CHECK(packet_open_gap(syn, 40, sizeof(hop_by_hop), true));
	packet_write(syn, 40, hop_by_hop, sizeof(hop_by_hop));
	packet_write(syn, 6, &next, 1);
	packet_finish(syn);
	packet_parse(syn);
	CHECK_U64(syn->form, PACKET_TCP);
	box_input(bench->box, syn, TO_SERVER, 0);
	CHECK_U64(bench->count, 1);
	CHECK_U64(box_hits(bench->box), 0);
	bench_free(bench);
}

/* The same seed gives the same identifications. */
TEST(random_ids_are_of_the_seed)
{
	uint16_t ids[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct bench *bench = bench_new("ipid", "op=random");

		box_input(bench->box, some_syn(bench, 4), TO_SERVER, 0);
		ids[i] = get_be16(packet_data(bench_last(bench)) + 4);
		bench_free(bench);
	}
	CHECK_U64(ids[0], ids[1]);
}
