/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/wire/diff.h"
#include "tests/unit/wire_text.h"

#define NAMES "10.0.0.1:5000 > 10.0.0.2:80 "
#define SYN   NAMES "S 1:1(0) win 9 "

/* All changes that do not merely follow, one a line. */
static void findings(const char *before, const char *after, uint32_t known, char *buf, size_t size)
{
	struct packet *sent = text_packet(before), *seen = text_packet(after);
	struct changes changes;
	char line[CHANGE_TEXT];
	size_t i, used = 0;

	if (known == 0)
		known = seen->length;
	packet_diff(&changes, sent, packet_data(seen), known, 0);
	buf[0] = '\0';
	for (i = 0; i < changes.count; i++) {
		change_text(&changes.list[i], sent, packet_data(seen), known, line);
		if (!changes.list[i].follows)
			used += (size_t)snprintf(buf + used, size - used, "%s%s",
				used > 0 ? "; " : "", line);
	}
	packet_free(sent);
	packet_free(seen);
}

struct diff_case {
	const char *before, *after, *changes;
	uint32_t known;
};

static void check_cases(const struct diff_case *cases, size_t count)
{
	char buf[2048];
	size_t i;

	for (i = 0; i < count; i++) {
		findings(cases[i].before, cases[i].after, cases[i].known, buf, sizeof(buf));
		CHECK_TEXT(buf, cases[i].changes);
	}
}

TEST(diff_of_fields)
{
	static const struct diff_case cases[] = {
		{ SYN, SYN, "", 0 },
		{ SYN, NAMES "ttl 9 S 1:1(0) win 9", "", 0 },
		{ SYN, NAMES "tos 02 id 7 nodf S 1:1(0) win 9",
			"ip.ecn 0 -> 2; ip.id 0 -> 7; ip.flags 2 -> 0", 0 },
		{ SYN, "10.0.0.9:5001 > 10.0.0.2:80 S 1:1(0) win 9",
			"ip.src 10.0.0.1 -> 10.0.0.9; tcp.sport 5000 -> 5001", 0 },
		{ SYN, NAMES "SE 2:2(0) win 8 urg 3 res 1",
			"tcp.seq 1 -> 2; tcp.reserved 0 -> 1; tcp.flags S -> SE; "
			"tcp.window 9 -> 8; tcp.urgent 0 -> 3",
			0 },
		{ SYN, NAMES "ipopt 01010100 S 1:1(0) win 9", "ip.options added 01010100", 0 },
		{ NAMES "ipopt 01010100 S 1:1(0) win 9", SYN, "ip.options removed 01010100", 0 },
		{ NAMES ". 1:4(3) win 9 payload 616263", NAMES ". 1:4(3) win 9 payload 616263", "",
			0 },
		{ NAMES ". 1:4(3) win 9 payload 616263", NAMES ". 1:4(3) win 9 payload 616264",
			"payload 616263 -> 616264", 0 },
		{ NAMES ". 1:4(3) win 9 payload 616263", NAMES ". 1:3(2) win 9 payload 6162",
			"payload 616263 -> 6162", 0 },
		{ NAMES ". 1:4(3) win 9 payload 616263", NAMES ". 1:1(0) win 9",
			"payload removed 616263", 0 },
		{ SYN, NAMES "S 1:3(2) win 9 payload 6162", "payload added 6162", 0 },
		{ SYN, "[fd00::1]:5000 > [fd00::2]:80 S 1:1(0) win 9", "ip.version 4 -> 6", 0 },
		{ SYN, "10.0.0.1 > 10.0.0.2 proto 47 len 20", "ip.protocol 6 -> 47", 0 },
		{ "[fd00::1]:5 > [fd00::2]:8 S 1:1(0) win 9",
			"[fd00::1]:5 > [fd00::2]:8 flow 12345 ttl 3 S 1:1(0) win 9",
			"ip6.flow-label 0x0 -> 0x12345", 0 },
		{ "10.0.0.1:5 > 10.0.0.2:8 udp len 1", "10.0.0.1:6 > 10.0.0.2:8 udp len 1",
			"udp.sport 5 -> 6", 0 },
	};

	check_cases(cases, sizeof(cases) / sizeof(*cases));
}

#define WITH(options) NAMES "ipopt " options " S 1:1(0) win 9"

/* RFC 791 3.1: what routers write at the pointer and past it is no change of theirs. */
TEST(diff_of_recorded_routes)
{
	static const struct diff_case cases[] = {
		{ WITH("070b04000000000000000001"), WITH("070b08c61201020000000001"), "", 0 },
		{ WITH("070b04000000000000000001"), WITH("070b0cc6120102c612020201"), "", 0 },
		{ WITH("01070b08c612010200000000"), WITH("01070b0cc6120102c6120202"), "", 0 },
		{ WITH("440c05000000000000000000"), WITH("440c09100000012c00000000"), "", 0 },
		{ WITH("830704c6120202010707040000000001"),
			WITH("830708c6120201010707080102030401"), "", 0 },
		{ WITH("070b08c61201020000000001"), WITH("070b0cc6120109c612020201"),
			"ip.options 070b08c61201020000000001 -> 070b0cc6120109c612020201", 0 },
		{ WITH("070b04000000000000000001"), WITH("070b08c61201020000000901"),
			"ip.options 070b04000000000000000001 -> 070b08c61201020000000901", 0 },
		{ WITH("070b08c61201020000000001"), WITH("070b04c61201020000000001"),
			"ip.options 070b08c61201020000000001 -> 070b04c61201020000000001", 0 },
		{ WITH("070b04000000000000000001"), WITH("070b04000000000000000000"),
			"ip.options 070b04000000000000000001 -> 070b04000000000000000000", 0 },
		{ WITH("070b04000000000000000001"), WITH("010101010101010101010101"),
			"ip.options 070b04000000000000000001 -> 010101010101010101010101", 0 },
		{ WITH("94040000"), WITH("94040001"), "ip.options 94040000 -> 94040001", 0 },
	};

	check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

TEST(diff_of_options)
{
	static const struct diff_case cases[] = {
		{ SYN "<mss 1460>", SYN "<mss 1400>", "tcp.option.mss 1460 -> 1400", 0 },
		{ SYN "<mss 1460,wscale 7>", SYN "<mss 1460>", "tcp.option.wscale removed (gap)",
			0 },
		{ SYN "<mss 1460,wscale 7>", SYN "<wscale 7>", "tcp.option.mss removed (gap)", 0 },
		{ SYN "<mss 1460>", SYN "<mss 1460,sackok,nop,nop>", "tcp.option.sackok added", 0 },
		{ SYN "<mptcp capable v1 flags 81,mss 1460>", SYN "<nop,nop,nop,nop,mss 1460>",
			"tcp.option.mptcp.mp_capable removed (nop)", 0 },
		{ SYN "<mss 1460,mptcp capable v1 flags 81,wscale 7,nop>",
			SYN "<mss 1460,raw 0000000003030701>",
			"tcp.option.mptcp.mp_capable removed (eol); "
			"tcp.option.wscale removed (eol)",
			0 },
		{ SYN "<mptcp dss ack4 00000001>", SYN "<mptcp dss ack4 00000002>",
			"tcp.option.mptcp.dss ack4 00000001 -> ack4 00000002", 0 },
		{ SYN "<mptcp prio>", SYN "<mptcp capable v1 flags 81>",
			"tcp.option.mptcp.mp_prio removed (gap); "
			"tcp.option.mptcp.mp_capable added v1 flags 81",
			0 },
		{ SYN "<sackok,nop,nop,mss 5,wscale 7,nop>",
			SYN "<nop,nop,mss 5,wscale 7,nop,eol,eol>",
			"tcp.option.sackok removed (gap)", 0 },
		/* Every instance counts: the equal ones are paired first. */
		{ SYN "<mss 1460>", SYN "<mss 1400,mss 1460>", "tcp.option.mss added 1400", 0 },
		{ SYN "<mss 1,mss 2,mss 3>", SYN "<mss 1,mss 3>", "tcp.option.mss removed (gap)",
			0 },
		{ SYN "<mss 1,mss 2>", SYN "<mss 3,mss 2>", "tcp.option.mss 1 -> 3", 0 },
		/* Order, and padding where nothing else is changed. */
		{ SYN "<mss 5,wscale 7,nop>", SYN "<nop,wscale 7,mss 5>",
			"tcp.option-order mss,wscale -> wscale,mss", 0 },
		{ SYN "<mss 5,wscale 7,nop>", SYN "<mss 5,nop,wscale 7>",
			"tcp.option.eol mss,wscale,nop -> mss,nop,wscale", 0 },
		{ SYN "<mss 5,nop,nop,nop,nop>", SYN "<mss 5>", "tcp.option.nop 4 -> 0", 0 },
		{ SYN "<mss 5,wscale 7,nop>", SYN "<mss 5,wscale 7,eol>", "tcp.option.nop 1 -> 0",
			0 },
		/* Padding that follows from a removed option is no finding. */
		{ SYN "<mss 5,nop,wscale 7>", SYN "<mss 5>", "tcp.option.wscale removed (gap)", 0 },
		{ SYN "<mss 5,kind 77 01,wscale 7,eol,eol>", SYN "<mss 5,wscale 7,eol>",
			"tcp.option.77 removed (gap)", 0 },
	};

	check_cases(cases, sizeof(cases) / sizeof(*cases));
}

/* What a quote does not show is neither removed nor changed. */
TEST(diff_of_cut_quotes)
{
	static const char sent[] = SYN "<mss 1460,sackok,timestamp 1 0,nop,wscale 7>";
	static const char no_sack[] = SYN "<mss 1460,nop,nop,timestamp 1 0,nop,wscale 7>";
	static const char gone[] = SYN "<mss 1460,timestamp 1 0,nop,wscale 7,nop,nop>";
	static const char data[] = NAMES ". 1:9(8) win 9 payload 6162636465666768";
	static const struct diff_case cases[] = {
		{ sent, NAMES "S 2:2(0) win 8 <mss 1400>", "tcp.seq 1 -> 2", 28 },
		{ sent, NAMES "S 2:2(0) win 8 <mss 1400>", "tcp.seq 1 -> 2", 35 },
		{ sent, NAMES "S 2:2(0) win 8 <mss 1400>", "tcp.seq 1 -> 2; tcp.window 9 -> 8",
			36 },
		{ sent, sent, "", 40 },
		{ sent, sent, "", 43 },
		{ sent, sent, "", 44 },
		{ sent, sent, "", 57 },
		{ sent, no_sack, "", 45 },
		{ sent, no_sack, "tcp.option.sackok removed (nop)", 46 },
		{ sent, gone, "", 46 },
		{ sent, gone, "", 53 },
		/* In a header that is no shorter it may have been moved. */
		{ sent, gone, "", 54 },
		{ sent, gone, "tcp.option.sackok removed (gap)", 60 },
		{ sent, SYN "<mss 1460,sackok,wscale 7>", "", 48 },
		{ sent, SYN "<mss 1460,sackok,wscale 7>", "tcp.option.timestamp removed (gap)",
			49 },
		/* What is changed before the cut is changed. */
		{ sent, SYN "<mss 1460,sackok,timestamp 2 0,nop,wscale 7>", "", 51 },
		{ sent, SYN "<mss 1460,sackok,timestamp 2 0,nop,wscale 7>",
			"tcp.option.timestamp 1 0 -> 00000002", 52 },
		{ sent, SYN "<mss 1460,eol,eol,timestamp 1 0,nop,wscale 7>",
			"tcp.option.sackok removed (eol); tcp.option.timestamp removed (eol); "
			"tcp.option.wscale removed (eol)",
			45 },
		{ sent, SYN "<mss 1400,sackok,timestamp 1 0,nop,wscale 7>",
			"tcp.option.mss 1460 -> 1400", 44 },
		{ data, data, "", 42 },
		{ data, NAMES ". 1:9(8) win 9 payload 6100636465666768", "", 41 },
		{ data, NAMES ". 1:9(8) win 9 payload 6100636465666768",
			"payload 6162636465666768 -> 6100", 42 },
	};

	check_cases(cases, sizeof(cases) / sizeof(*cases));
}

TEST(diff_follows_are_marked)
{
	struct packet *sent = text_packet(SYN "<mss 1460,wscale 7,nop>");
	struct packet *seen = text_packet(SYN "<mss 1460>");
	struct changes changes;
	unsigned int follow = 0, find = 0;
	size_t i;

	packet_diff(&changes, sent, packet_data(seen), seen->length, DIFF_HOP_MUTABLE);
	for (i = 0; i < changes.count; i++) {
		follow += changes.list[i].follows;
		find += !changes.list[i].follows;
	}
	/* ip.length, ip.checksum, tcp.offset, tcp.checksum, NOP; wscale */
	CHECK_U64(follow, 5);
	CHECK_U64(find, 1);
	packet_diff(&changes, sent, packet_data(seen), seen->length, 0);
	CHECK_U64(changes.count, 5);
	packet_free(sent);
	packet_free(seen);
}

/* NOPs that stand where an option was, or hide behind an EOL, are not counted as well. */
TEST(diff_of_replaced_options_is_one_change)
{
	static const char *const after[] = { SYN "<mss 5,nop,nop,nop,nop,nop,wscale 7>",
		SYN "<mss 5,raw 0000000001030307>" };
	struct packet *sent = text_packet(SYN "<mss 5,mptcp capable v1 flags 81,nop,wscale 7>");
	struct changes changes;
	size_t i, k;

	for (i = 0; i < 2; i++) {
		struct packet *seen = text_packet(after[i]);

		packet_diff(&changes, sent, packet_data(seen), seen->length, 0);
		for (k = 0; k < changes.count; k++)
			CHECK(changes.list[k].field != NULL || changes.list[k].how != HOW_NONE);
		packet_free(seen);
	}
	packet_free(sent);
}

TEST(diff_counts_instances)
{
	struct packet *sent = text_packet(SYN "<mss 1,mss 2,mss 3>");
	struct packet *seen = text_packet(SYN "<mss 1,mss 2,mss 4>");
	struct changes changes;
	char buf[CHANGE_TEXT];
	const uint8_t *bytes;
	size_t i;

	packet_diff(&changes, sent, packet_data(seen), seen->length, 0);
	for (i = 0; i < changes.count && changes.list[i].follows;)
		i++;
	CHECK(i < changes.count);
	CHECK_U64(changes.list[i].instance, 2);
	CHECK_TEXT(change_name(&changes.list[i], buf), "tcp.option.mss");
	CHECK_TEXT(change_before(&changes.list[i], sent, buf, sizeof(buf)), "3");
	bytes = packet_data(seen);
	CHECK_TEXT(change_after(&changes.list[i], bytes, seen->length, buf, sizeof(buf)), "4");
	CHECK_TEXT(change_after(&changes.list[i], bytes, 47, buf, sizeof(buf)), "");
	CHECK_TEXT(change_after(&changes.list[i], bytes, 49, buf, sizeof(buf)), "");
	packet_free(sent);
	packet_free(seen);
}
