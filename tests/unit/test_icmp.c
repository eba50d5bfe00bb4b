/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/wire/icmp.h"
#include "tests/unit/hex.h"
#include "tests/unit/wire_text.h"

#define SYN4 "10.0.0.1:5000 > 10.0.0.2:80 ttl 1 id 7 S 1:1(0) win 9 <mss 1460,sackok,nop,wscale 7>"
#define SYN6 "[fd00::1]:5000 > [fd00::2]:80 ttl 1 S 1:1(0) win 9 <mss 1460,sackok,nop,wscale 7>"

static struct icmp_plan plan_of(const char *from, enum icmp_quote quote)
{
	struct icmp_plan plan = { .kind = ICMP_TIME_EXCEEDED, .quote = quote };

	CHECK(addr_parse(&plan.from, from));
	return plan;
}

/* Build, check the checksum, read. False when nothing was built. */
static bool build(const struct icmp_plan *plan, const char *about, struct packet *out,
	struct icmp_error *error)
{
	struct packet *packet = text_packet(about);
	bool built = icmp_build(out, plan, packet);
	const uint8_t *quote;

	if (built) {
		CHECK(packet_ip_checksum_ok(out) && packet_l4_checksum_ok(out));
		CHECK(icmp_parse(error, out));
		quote = packet_data(out) + error->quote_offset;
		CHECK(memcmp(quote, packet_data(packet), error->quote_known) == 0);
	}
	packet_free(packet);
	return built;
}

struct quote_case {
	const char *from, *about;
	enum icmp_quote quote;
	uint32_t bytes, length, known;
	enum icmp_quote read_as;
};

TEST(icmp_quotes_as_much_as_the_router_does)
{
	static const struct quote_case cases[] = {
		{ "10.9.9.9", SYN4, ICMP_QUOTE_RFC792, 0, 28, 28, ICMP_QUOTE_RFC792 },
		{ "10.9.9.9", SYN4, ICMP_QUOTE_PARTIAL, 20, 40, 40, ICMP_QUOTE_PARTIAL },
		{ "10.9.9.9", SYN4, ICMP_QUOTE_PARTIAL, 8, 28, 28, ICMP_QUOTE_RFC792 },
		{ "10.9.9.9", SYN4, ICMP_QUOTE_PARTIAL, 999, 52, 52, ICMP_QUOTE_FULL },
		{ "10.9.9.9", SYN4, ICMP_QUOTE_FULL, 0, 52, 52, ICMP_QUOTE_FULL },
		{ "10.9.9.9", SYN4, ICMP_QUOTE_RFC4884, 0, 128, 52, ICMP_QUOTE_RFC4884 },
		{ "10.9.9.9", SYN4, ICMP_QUOTE_RFC4884, 8, 128, 28, ICMP_QUOTE_RFC4884 },
		{ "fd00::9", SYN6, ICMP_QUOTE_RFC792, 0, 48, 48, ICMP_QUOTE_RFC792 },
		{ "fd00::9", SYN6, ICMP_QUOTE_FULL, 0, 72, 72, ICMP_QUOTE_FULL },
		{ "fd00::9", SYN6, ICMP_QUOTE_RFC4884, 0, 128, 72, ICMP_QUOTE_RFC4884 },
		/* 1400 bytes are more than fit (RFC 1812 4.3.2.3, RFC 4443 2.4). */
		{ "10.9.9.9", "10.0.0.1:5 > 10.0.0.2:8 . 1:1401(1400) win 9", ICMP_QUOTE_FULL, 0,
			548, 548, ICMP_QUOTE_FULL },
		{ "fd00::9", "[fd00::1]:5 > [fd00::2]:8 . 1:1401(1400) win 9", ICMP_QUOTE_FULL, 0,
			1232, 1232, ICMP_QUOTE_FULL },
	};
	struct packet *out = packet_new(PACKET_SMALL);
	struct icmp_error error = { 0 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct icmp_plan plan = plan_of(cases[i].from, cases[i].quote);

		plan.quote_bytes = cases[i].bytes;
		CHECK(build(&plan, cases[i].about, out, &error));
		CHECK_U64(error.quote_length, cases[i].length);
		CHECK_U64(error.quote_known, cases[i].known);
		CHECK_TEXT(icmp_quote_text(error.quote), icmp_quote_text(cases[i].read_as));
		CHECK_U64(packet_ttl(out), 64);
	}
	packet_free(out);
}

struct kind_case {
	const char *from, *about;
	enum icmp_kind kind;
	uint32_t value;
	uint8_t type, code;
};

TEST(icmp_has_the_types_of_both_versions)
{
	static const struct kind_case cases[] = {
		{ "10.9.9.9", SYN4, ICMP_TIME_EXCEEDED, 0, 11, 0 },
		{ "10.9.9.9", SYN4, ICMP_UNREACHABLE, 0, 3, 13 },
		{ "10.9.9.9", SYN4, ICMP_TOO_BIG, 1400, 3, 4 },
		{ "10.9.9.9", SYN4, ICMP_PARAMETER_PROBLEM, 20, 12, 0 },
		{ "fd00::9", SYN6, ICMP_TIME_EXCEEDED, 0, 3, 0 },
		{ "fd00::9", SYN6, ICMP_UNREACHABLE, 0, 1, 1 },
		{ "fd00::9", SYN6, ICMP_TOO_BIG, 1400, 2, 0 },
		{ "fd00::9", SYN6, ICMP_PARAMETER_PROBLEM, 70, 4, 0 },
	};
	struct packet *out = packet_new(PACKET_SMALL);
	struct icmp_error error = { 0 };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct icmp_plan plan = plan_of(cases[i].from, ICMP_QUOTE_FULL);

		plan.kind = cases[i].kind;
		plan.code = cases[i].kind == ICMP_TOO_BIG ? 99 : cases[i].code;
		plan.value = cases[i].value;
		CHECK(build(&plan, cases[i].about, out, &error));
		CHECK_U64(error.type, cases[i].type);
		CHECK_U64(error.code, cases[i].code);
		CHECK_TEXT(icmp_kind_text(error.kind), icmp_kind_text(cases[i].kind));
		CHECK_U64(error.value, cases[i].value);
	}
	packet_free(out);
}

/* RFC 1122 3.2.2, RFC 4443 2.4 (e). */
TEST(icmp_is_silent_about_what_may_not_be_answered)
{
	static const char *const about[] = {
		"10.0.0.1 > 10.0.0.2 icmp 11/0 rest 00000000 len 0",
		"10.0.0.1 > 10.0.0.2 icmp 3/1 rest 00000000 len 0",
		"10.0.0.1 > 10.0.0.2 icmp 5/1 rest 00000000 len 0",
		"10.0.0.1:5 > 224.0.0.1:5 udp len 1",
		"0.0.0.0:5 > 10.0.0.1:5 udp len 1",
		"255.255.255.255:5 > 10.0.0.1:5 udp len 1",
		"10.0.0.1 > 10.0.0.2 frag 3 proto 6 len 8",
		"[fd00::1]:5 > [fd00::2]:5 udp len 1",
		"raw 450000",
		"raw 00010203",
	};
	static const char *const about_v6[] = {
		"fd00::1 > fd00::2 icmp 3/0 rest 00000000 len 0",
		"[fd00::1]:5 > [ff02::1]:5 udp len 1",
		"[ff02::1]:5 > [fd00::1]:5 udp len 1",
		"[::]:5 > [fd00::1]:5 udp len 1",
		"fd00::1 > fd00::2 ext 44 00001800000009 proto 6 len 8",
	};
	struct icmp_plan plan = plan_of("10.9.9.9", ICMP_QUOTE_FULL);
	struct packet *out = packet_new(PACKET_SMALL), *tiny = packet_new(100);
	struct icmp_error error = { 0 };
	size_t i;

	for (i = 0; i < sizeof(about) / sizeof(*about); i++)
		CHECK_TEXT(build(&plan, about[i], out, &error) ? about[i] : "", "");
	CHECK(build(&plan, "10.0.0.1 > 10.0.0.2 icmp 8/0 rest 00000000 len 0", out, &error));
	CHECK(!build(&plan, SYN4, tiny, &error));
	plan = plan_of("fd00::9", ICMP_QUOTE_FULL);
	for (i = 0; i < sizeof(about_v6) / sizeof(*about_v6); i++)
		CHECK_TEXT(build(&plan, about_v6[i], out, &error) ? about_v6[i] : "", "");
	CHECK(build(&plan, "fd00::1 > fd00::2 icmp 128/0 rest 00000000 len 0", out, &error));
	packet_free(out);
	packet_free(tiny);
}

/* RFC 4950 and RFC 5837: one object of each, told apart and read back. */
TEST(icmp_extensions_hold_labels_and_interfaces)
{
	const struct icmp_mpls stack[2] = { { 16001, 2, false, 7 }, { 0xfffff, 0, true, 1 } };
	struct icmp_interface in = { .role = ICMP_ROLE_OUTGOING, .index = 5, .mtu = 1500 };
	struct icmp_interface back;
	struct icmp_plan plan = plan_of("10.9.9.9", ICMP_QUOTE_RFC4884);
	struct packet *out = packet_new(PACKET_SMALL);
	struct icmp_objects objects = { 0 };
	struct icmp_object object = { 0 };
	struct icmp_mpls labels[3];
	struct icmp_error error = { 0 };

	in.has_index = in.has_addr = in.has_name = in.has_mtu = true;
	snprintf(in.name, sizeof(in.name), "eth0");
	addr_parse(&in.addr, "fd00::7");
	CHECK(icmp_objects_add_mpls(&objects, stack, 2));
	CHECK(icmp_objects_add_interface(&objects, &in));
	CHECK(icmp_objects_add(&objects, 200, 9, "abcd", 4));
	CHECK_HEX(objects.bytes, objects.length,
		"000c0101 03e81407 fffff101 0028028f 00000005 "
		"0002 0000 fd000000000000000000000000000007 0865746830000000 000005dc "
		"0008c809 61626364");
	plan.objects = &objects;
	CHECK(build(&plan, SYN4, out, &error));
	CHECK(error.has_extensions && error.extensions_ok);
	CHECK(icmp_object_next(out, &error, &object));
	CHECK_U64(icmp_object_mpls(out, &object, labels, 3), 2);
	CHECK_U64(labels[0].label, 16001);
	CHECK_U64(labels[0].traffic_class, 2);
	CHECK(!labels[0].bottom && labels[1].bottom);
	CHECK_U64(labels[1].ttl, 1);
	CHECK(!icmp_object_interface(out, &object, &back));
	CHECK(icmp_object_next(out, &error, &object));
	CHECK(icmp_object_interface(out, &object, &back));
	CHECK_U64(back.role, ICMP_ROLE_OUTGOING);
	CHECK_U64(back.index, 5);
	CHECK(addr_equal(&back.addr, &in.addr));
	CHECK_TEXT(back.name, "eth0");
	CHECK_U64(back.mtu, 1500);
	CHECK_U64(icmp_object_mpls(out, &object, labels, 3), 0);
	CHECK(icmp_object_next(out, &error, &object));
	CHECK_U64(object.class_, 200);
	CHECK_HEX(packet_data(out) + object.offset, object.length, "61626364");
	CHECK(!icmp_object_next(out, &error, &object));
	packet_free(out);
}

TEST(icmp_objects_stop_at_their_room)
{
	struct icmp_objects objects = { 0 };
	uint8_t body[ICMP_OBJECTS_MAX] = { 0 };

	CHECK(!icmp_objects_add(&objects, 1, 1, body, ICMP_OBJECTS_MAX - 3));
	CHECK_U64(objects.length, 0);
	CHECK(icmp_objects_add(&objects, 1, 1, body, ICMP_OBJECTS_MAX - 8));
	CHECK(icmp_objects_add(&objects, 1, 1, body, 0));
	CHECK(!icmp_objects_add(&objects, 1, 1, body, 0));
}

/* Extensions that are damaged, cut, or from before RFC 4884. */
TEST(icmp_extensions_of_all_sorts)
{
	struct icmp_plan plan = plan_of("10.9.9.9", ICMP_QUOTE_RFC4884);
	struct packet *out = packet_new(PACKET_SMALL);
	struct icmp_mpls label = { 3, 0, true, 1 };
	struct icmp_objects objects = { 0 };
	struct icmp_object object = { 0 };
	struct icmp_error error = { 0 };

	icmp_objects_add_mpls(&objects, &label, 1);
	plan.objects = &objects;
	CHECK(build(&plan, SYN4, out, &error));
	packet_bytes(out)[error.extensions_offset + 7] ^= 1;
	CHECK(icmp_parse(&error, out) && error.has_extensions && !error.extensions_ok);
	packet_bytes(out)[error.extensions_offset + 7] ^= 1;
	/* Checksum zero: not computed. */
	put_be16(packet_bytes(out) + error.extensions_offset - 2, 0);
	CHECK(icmp_parse(&error, out) && error.extensions_ok);
	/* An object longer than the packet is none. */
	put_be16(packet_bytes(out) + error.extensions_offset, 9);
	CHECK(icmp_parse(&error, out) && !icmp_object_next(out, &error, &object));
	put_be16(packet_bytes(out) + error.extensions_offset, 3);
	CHECK(!icmp_object_next(out, &error, &object));

	/* The length field of 0, as before the RFC: found by version and checksum. */
	CHECK(build(&plan, SYN4, out, &error));
	packet_bytes(out)[25] = 0;
	CHECK(icmp_parse(&error, out));
	CHECK_U64(error.quote, ICMP_QUOTE_RFC4884);
	CHECK_U64(error.quote_length, 128);
	CHECK(error.extensions_ok);
	packet_bytes(out)[error.extensions_offset] ^= 1;
	CHECK(icmp_parse(&error, out) && !error.has_extensions);

	CHECK(build(&plan, SYN4, out, &error));
	packet_bytes(out)[25] = 0;
	packet_bytes(out)[error.extensions_offset - 4] = 0x10;
	packet_bytes(out)[error.extensions_offset - 2] += 0x10;
	CHECK(icmp_parse(&error, out) && !error.has_extensions);

	/* A length field that says more than there is. */
	CHECK(build(&plan, SYN4, out, &error));
	packet_bytes(out)[25] = 255;
	CHECK(icmp_parse(&error, out) && !error.has_extensions);
	CHECK_U64(error.quote_length, 140);
	/* Beside the MTU stands the length field. */
	plan.kind = ICMP_TOO_BIG;
	plan.value = 1400;
	CHECK(build(&plan, SYN4, out, &error));
	CHECK_U64(error.value, 1400);
	CHECK(error.extensions_ok);
	packet_free(out);
}

/* A router that quotes 28 bytes and fills up with zeros must not make a packet look changed. */
TEST(icmp_padding_is_not_the_packet)
{
	static const char quoted[] = "45000034000740000106 259b 0a0000010a000002 1388005000000001";
	struct packet *out = packet_new(PACKET_SMALL);
	struct icmp_error error = { 0 };
	char text[TEXT_LINE];

	snprintf(text, sizeof(text),
		"10.9.9.9 > 10.0.0.1 icmp 11/0 rest 00200000 len 128 payload "
		"45000034000740000106259b0a0000010a0000021388005000000001%0200d",
		0);
	packet_free(out);
	out = text_packet(text);
	CHECK(icmp_parse(&error, out));
	CHECK_U64(error.quote, ICMP_QUOTE_RFC4884);
	CHECK_U64(error.quote_known, 28);
	CHECK_HEX(packet_data(out) + error.quote_offset, 28, quoted);
	packet_free(out);
}

TEST(icmp_parse_of_what_is_no_error)
{
	static const char *const texts[] = {
		"10.0.0.1 > 10.0.0.2 icmp 8/0 rest 00010002 len 4",
		"fd00::1 > fd00::2 icmp 128/0 rest 00010002 len 4",
		SYN4,
	};
	struct icmp_error error = { 0 };
	struct packet *p;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		p = text_packet(texts[i]);
		CHECK(!icmp_parse(&error, p));
		packet_free(p);
	}
	p = text_packet("fd00::1 > fd00::2 icmp 100/0 rest 00010002 len 4");
	CHECK(icmp_parse(&error, p));
	CHECK_U64(error.kind, ICMP_OTHER_ERROR);
	CHECK_U64(error.quote_known, 4);
	packet_free(p);
}
