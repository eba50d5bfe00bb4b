/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/wire/text.h"
#include "tests/unit/hex.h"

#include <stdio.h>

/* As scapy builds it. */
#define SYN_HEX                                                                    \
	"450000380001400040064996c6120102c61264021388005000000001000000009002ffff" \
	"590b0000020405b4040201030307010101000000"
#define NAMES "10.0.0.1:1 > 10.0.0.2:2 "
#define FRAGMENT                                                                  \
	"4500003000032000400646c30a0000010a0000020001000200000000000000005002200" \
	"0ab0000003132333435363738"
#define QUOTE "4500002800000000010600000a0000010a0000021388005000000007"
#define TOLD  "[time-exceeded, rfc792 quote: 10.0.0.1:5000 > 10.0.0.2:80 tcp seq 7]"
#define ERROR "10.9.9.9 > 10.0.0.1 ttl 60 icmp 11/0 rest 00000000 len 28"

/* The text a text reads back as. */
static const char *again(const char *text, enum text_form form, char buf[static TEXT_LINE])
{
	struct packet *packet = packet_new(PACKET_SMALL);
	struct err err;

	if (packet_from_text(packet, text, &err))
		packet_text(packet, form, buf, TEXT_LINE);
	else
		snprintf(buf, TEXT_LINE, "%s", err.text);
	packet_free(packet);
	return buf;
}

TEST(text_of_a_tcp_packet_both_ways)
{
	static const char text[] =
		"198.18.1.2:5000 > 198.18.100.2:80 ttl 64 id 1 S 1:1(0) win 65535 "
		"<mss 1460,sackok,nop,wscale 7,nop,nop,nop,eol,eol,eol>";
	struct packet *packet = hex_packet(SYN_HEX);
	char buf[TEXT_LINE];
	struct err err;

	CHECK_U64(packet_text(packet, TEXT_FULL, buf, sizeof(buf)), sizeof(text) - 1);
	CHECK_TEXT(buf, text);
	CHECK(packet_from_text(packet, text, &err));
	CHECK_HEX(packet_data(packet), packet->length, SYN_HEX);
	packet_free(packet);
}

TEST(text_prints_what_it_reads)
{
	static const char *const texts[] = {
		"10.0.0.1:5000 > 10.0.0.2:80 ttl 64 S 1:1(0) win 65535 <kind 77 0102,wscale 7,eol>",
		"10.0.0.1:5000 > 10.0.0.2:80 ttl 1 P. 4294967295:2(3) ack 7 win 9 payload 616263",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 9 tos b8 id 7 nodf evil S 0:0(0) win 0",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 mf FR.UEWe 0:0(0) ack 1 win 0 urg 3 res 5 sum 0000",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 - 0:0(0) win 0",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 - 0:0(0) ack 5 win 0",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 ipopt 01010100 ipsum dead S 0:0(0) win 0 sum beef",
		"[fd00::1]:1 > [fd00::2]:2 ttl 3 tos 21 flow 12345 . 1:1(0) ack 2 win 3",
		"fd00::1 > fd00::2 ttl 3 ext 0 00010400000000 ext 60 00010400000000 proto 59 len 0",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 udp len 3 payload 78797a",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 udp len 3 ulen 9 sum 0000 payload 78797a pad 00ee",
		"10.0.0.1 > 10.0.0.2 ttl 64 icmp 8/0 rest 00010002 len 4 payload 70696e67",
		"fd00::1 > fd00::2 ttl 64 icmp 128/0 rest 00010002 len 0",
		"10.0.0.1 > 10.0.0.2 ttl 64 proto 47 len 2 payload abcd",
		"10.0.0.1 > 10.0.0.2 ttl 64 nodf frag 185 proto 6 len 0",
		"fd00::1 > fd00::2 ttl 64 ext 44 00001800000009 proto 6 len 1 payload 00",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 mf S 0:0(0) win 0 sum 1234",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 S 0:0(0) win 0 <nop,raw 4d07aa>",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 S 0:0(0) win 0 <raw 4d050000>",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64 S 0:0(0) win 0 <nop,eol,raw 1e03>",
		"raw",
		"raw 4500",
	};
	char buf[TEXT_LINE];
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK_TEXT(again(texts[i], TEXT_FULL, buf), texts[i]);
}

TEST(text_leaves_out_what_is_usual)
{
	char buf[TEXT_LINE];

	again("10.0.0.1:1 > 10.0.0.2:2 S 1:11(10) win 5 <mss 1460,kind 77>", TEXT_SHORT, buf);
	CHECK_TEXT(buf, NAMES "ttl 64 S 1:11(10) win 5 <mss 1460,kind 77,eol,eol>");
	again(NAMES "id 7 nodf S 1:1(0) win 5 [a comment] sum 0007", TEXT_SHORT, buf);
	CHECK_TEXT(buf, NAMES "ttl 64 S 1:1(0) win 5 sum 0007");
	again("raw 45000014", TEXT_SHORT, buf);
	CHECK_TEXT(buf, "malformed (IP packet cut) 4 bytes 45000014");
}

TEST(text_short_form_tells_what_an_error_quotes)
{
	char buf[TEXT_LINE];

	again(ERROR " payload " QUOTE, TEXT_SHORT, buf);
	CHECK_TEXT(buf, ERROR " " TOLD);
}

TEST(text_refuses_with_a_sentence)
{
	static const char *const texts[] = {
		"",
		"10.0.0.1:1",
		"10.0.0.1:1 > ",
		"10.0.0.1:1 10.0.0.2:2 S 1:1(0) win 5",
		"10.0.0.1:1 > 10.0.0.2 S 1:1(0) win 5",
		"10.0.0.1:1 > [fd00::1]:2 S 1:1(0) win 5",
		"10.0.0.1 > 10.0.0.2 S 1:1(0) win 5",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 256 S 1:1(0) win 5",
		"10.0.0.1:1 > 10.0.0.2:2 ttl",
		"10.0.0.1:1 > 10.0.0.2:2 ttl 64",
		"10.0.0.1:1 > 10.0.0.2:2 SS 1:1(0) win 5",
		"10.0.0.1:1 > 10.0.0.2:2 X 1:1(0) win 5",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:2(0) win 5",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0 win 5",
		"10.0.0.1:1 > 10.0.0.2:2 S 1 win 5",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 65536",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 5 payload ff",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:3(2) win 5 payload f",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:2(1) win 5 payload ff payload ff",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 5 <mss 1460",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 5 <mss 65536>",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 5 <mss>",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 5 <bogus 1>",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 5 <nop> <nop>",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 5 nonsense",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:1(0) win 5 pad 00 win 6",
		"10.0.0.1:1 > 10.0.0.2:2 ipopt 0101 S 1:1(0) win 5",
		"10.0.0.1:1 > 10.0.0.2:2 ipopt 010101 S 1:1(0) win 5",
		"10.0.0.1:1 > 10.0.0.2 udp len 0",
		"10.0.0.1 > 10.0.0.2:1 udp len 0",
		"10.0.0.1:1 > 10.0.0.2:2 udp len 3 ulen 7",
		"10.0.0.1 > 10.0.0.2 icmp 8 rest 00000000 len 0",
		"10.0.0.1 > 10.0.0.2 proto 6 len 0",
		"10.0.0.1:1 > 10.0.0.2:2 S 1:65001(65000) win 5",
		"raw 4",
		"raw zz",
	};
	struct packet *packet = packet_new(PACKET_SMALL);
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		err.text[0] = '\0';
		CHECK_TEXT(packet_from_text(packet, texts[i], &err) ? texts[i] : "", "");
		CHECK(err.text[0] != '\0');
	}
	packet_free(packet);
}

TEST(text_is_cut_to_the_room_there_is)
{
	static const char *const packets[] = { SYN_HEX, QUOTE };
	char whole[TEXT_LINE], buf[TEXT_LINE];
	size_t length, size, i;

	for (i = 0; i < 2; i++) {
		struct packet *packet = hex_packet(packets[i]);

		length = packet_text(packet, TEXT_FULL, whole, sizeof(whole));
		CHECK_U64(strlen(whole), length);
		for (size = 1; size <= length + 1; size++) {
			memset(buf, 'x', sizeof(buf));
			CHECK_U64(packet_text(packet, TEXT_FULL, buf, size), length);
			CHECK(strlen(buf) < size);
			CHECK(memcmp(buf, whole, strlen(buf)) == 0);
			CHECK(buf[size] == 'x');
		}
		packet_free(packet);
	}
}

/* What is a right checksum cannot be told of a fragment, so it is always printed. */
TEST(text_of_a_first_fragment_tells_its_checksum)
{
	struct packet *packet = hex_packet(FRAGMENT);
	char buf[TEXT_LINE];

	packet_text(packet, TEXT_FULL, buf, sizeof(buf));
	CHECK(strstr(buf, " mf S 0:8(8) ") != NULL);
	CHECK(strstr(buf, " sum ab00 ") != NULL);
	packet_free(packet);
}

TEST(text_of_flags_both_ways)
{
	char buf[TCP_FLAGS_TEXT];
	uint16_t flags, back;

	for (flags = 0; flags < 512; flags++) {
		CHECK(tcp_flags_parse(&back, tcp_flags_text(flags, buf)));
		CHECK_U64(back, flags);
	}
	CHECK_TEXT(tcp_flags_text(TCP_SYN | TCP_ACK, buf), "S.");
	CHECK_TEXT(tcp_flags_text(0x1ff, buf), "SFRP.UEWe");
	CHECK(!tcp_flags_parse(&back, ""));
	CHECK(!tcp_flags_parse(&back, "-S"));
	CHECK(!tcp_flags_parse(&back, "S S"));
}
