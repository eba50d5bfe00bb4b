/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options in hex are from Linux captures, from the RFCs, or were computed outside this project.
 */
#include "tests/unit/unit.h"

#include "probe/wire/text.h"
#include "tests/unit/hex.h"

#define BYTES_38 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425"

#define TEN_IDS " 1 2 3 4 5 6 7 8 9 10"

struct option_case {
	const char *hex, *text, *value;
};

static void check_both_ways(const struct option_case *cases, size_t count)
{
	uint8_t bytes[TCPOPT_SPACE], again[TCPOPT_SPACE];
	char buf[TEXT_OPTION];
	struct err err;
	uint32_t length, back;
	size_t i;

	for (i = 0; i < count; i++) {
		length = (uint32_t)hex_bytes(cases[i].hex, bytes, sizeof(bytes));
		CHECK_TEXT(tcpopt_text(bytes, length, buf), cases[i].text);
		if (cases[i].value != NULL)
			CHECK_TEXT(tcpopt_value_text(bytes, length, buf), cases[i].value);
		CHECK(tcpopt_from_text(cases[i].text, again, &back, &err));
		CHECK_HEX(again, back, cases[i].hex);
	}
}

TEST(option_text_of_the_common_kinds)
{
	static const struct option_case cases[] = {
		{ "00", "eol", "" },
		{ "01", "nop", "" },
		{ "020405b4", "mss 1460", "1460" },
		{ "03030e", "wscale 14", "14" },
		{ "0402", "sackok", "" },
		{ "050a00000001ffffffff", "sack 1:4294967295", "1:4294967295" },
		{ "05120000000100000002 0000000300000004", "sack 1:2 3:4", NULL },
		{ "080a00000001fffffffe", "timestamp 1 4294967294", "1 4294967294" },
		{ "1312 00112233445566778899aabbccddeeff", "md5 00112233445566778899aabbccddeeff",
			"00112233445566778899aabbccddeeff" },
		{ "1d10 0102 0304050607080910111213 ff", "ao 01020304050607080910111213ff", NULL },
		{ "2202", "tfo", "" },
		{ "220a0011223344556677", "tfo 0011223344556677", "0011223344556677" },
		{ "ed02", "edo", "" },
		{ "ed04000a", "edo 10", "10" },
		{ "ed06000a0010", "edo 10 16", "10 16" },
		{ "fe04f989", "exp 254 f989", "" },
		{ "fd08f98900112233", "exp 253 f989 00112233", "00112233" },
		{ "fe06e2d4c3d9", "exp 254 e2d4c3d9", "" },
		{ "4d02", "kind 77", "" },
		{ "4d040102", "kind 77 0102", "0102" },
	};

	check_both_ways(cases, sizeof(cases) / sizeof(*cases));
}

TEST(option_text_of_a_length_that_is_wrong_is_plain_bytes)
{
	static const struct option_case cases[] = {
		{ "0203ff", "kind 2 ff", "ff" },
		{ "0302", "kind 3", "" },
		{ "040300", "kind 4 00", NULL },
		{ "0502", "kind 5", NULL },
		{ "050600000001", "kind 5 00000001", NULL },
		{ "080900000000000000", "kind 8 00000000000000", NULL },
		{ "fe0301", "kind 254 01", NULL },
		{ "ed0300", "kind 237 00", NULL },
		{ "1e02", "kind 30", NULL },
		{ "1e0390", "kind 30 90", NULL },
		{ "1e0320", "kind 30 20", NULL },
	};

	check_both_ways(cases, sizeof(cases) / sizeof(*cases));
}

TEST(option_text_of_mptcp)
{
	static const struct option_case cases[] = {
		{ "1e040181", "mptcp capable v1 flags 81", "v1 flags 81" },
		{ "1e0c0001 0123456789abcdef", "mptcp capable v0 flags 01 key 0123456789abcdef",
			NULL },
		{ "1e140101 0123456789abcdef fedcba9876543210",
			"mptcp capable v1 flags 01 key 0123456789abcdef peer fedcba9876543210",
			NULL },
		{ "1e180181 58fd4988d67dcda5 a3ec260d21f8b4ee 4e20 8c44",
			"mptcp capable v1 flags 81 key 58fd4988d67dcda5 peer a3ec260d21f8b4ee "
			"len 20000 sum 8c44",
			NULL },
		{ "1e0c1109c2960aee2fa8c5b8",
			"mptcp join syn id 9 token c2960aee nonce 2fa8c5b8 backup", NULL },
		{ "1e101000be20cbc6c929052760cd4c5b",
			"mptcp join synack id 0 hmac be20cbc6c9290527 nonce 60cd4c5b", NULL },
		{ "1e1810004cf18cf8a0a32c5ccc3a51c5e7809976bed0963d",
			"mptcp join ack hmac 4cf18cf8a0a32c5ccc3a51c5e7809976bed0963d", NULL },
		{ "1e042000", "mptcp dss", "" },
		{ "1e082001bee495cb", "mptcp dss ack4 bee495cb", "ack4 bee495cb" },
		{ "1e14201c 7f877eb159ebdbb6 00000000 0001 cc23",
			"mptcp dss fin dsn8 7f877eb159ebdbb6 ssn 0 len 1 sum cc23", NULL },
		{ "1e142005 21f1055a bee495cb 00000001 0013 0933",
			"mptcp dss ack4 21f1055a dsn4 bee495cb ssn 1 len 19 sum 0933", NULL },
		{ "1e1a200f 334fc234bee495cb e3df8ee121f10548 00000001 0012",
			"mptcp dss ack8 334fc234bee495cb dsn8 e3df8ee121f10548 ssn 1 len 18",
			NULL },
		{ "1e042fea", "mptcp dss a m reserved fe0", NULL },
		{ "1e083405c6122002", "mptcp add_addr v0 id 5 addr 198.18.32.2", NULL },
		{ "1e123006c6122002138d97d91124b6969f07",
			"mptcp add_addr id 6 addr 198.18.32.2 port 5005 hmac 97d91124b6969f07",
			NULL },
		{ "1e163108fd000032000000000000000000000002138e",
			"mptcp add_addr echo id 8 addr fd00:32::2 port 5006", NULL },
		{ "1e054005fa", "mptcp remove_addr 5 250", "5 250" },
		{ "1e0350", "mptcp prio", "" },
		{ "1e045107", "mptcp prio backup id 7", "backup id 7" },
		{ "1e0c6000334fc234bee495cb", "mptcp fail dsn 334fc234bee495cb", NULL },
		{ "1e0c70004cd952415123332b", "mptcp fastclose key 4cd952415123332b", NULL },
		{ "1e048106", "mptcp tcprst reason 6 transient flags 01", NULL },
		{ "1e048e00", "mptcp tcprst reason 0 flags 0e", NULL },
	};

	check_both_ways(cases, sizeof(cases) / sizeof(*cases));
}

TEST(option_text_reads_lists)
{
	uint8_t bytes[TCPOPT_SPACE];
	struct err err;
	uint32_t length;

	CHECK(tcpopt_from_text("nop, nop , timestamp 1 2,raw 4d05aa", bytes, &length, &err));
	CHECK_HEX(bytes, length, "0101 080a0000000100000002 4d05aa");
	CHECK(tcpopt_from_text("", bytes, &length, &err));
	CHECK_U64(length, 0);
	CHECK(tcpopt_from_text("kind 77 " BYTES_38, bytes, &length, &err));
	CHECK_U64(length, 40);
}

TEST(option_text_refuses_with_a_sentence)
{
	static const char *const texts[] = {
		"nop,",
		",",
		"nop nop",
		"mss -1",
		"mss 1 2",
		"sack 1",
		"sack 1:2:3",
		"timestamp 1",
		"kind",
		"kind 1",
		"kind 256",
		"kind 77 0",
		"kind 77 00 00",
		"exp 77 f989",
		"exp 254 f9",
		"exp 254",
		"edo 1 2 3",
		"mptcp",
		"mptcp nothing",
		"mptcp join",
		"mptcp join rst",
		"mptcp capable v16",
		"mptcp capable v1 flags 100",
		"mptcp capable v1 flags 81 len 5",
		"mptcp dss ack4",
		"mptcp dss ack4 100000000",
		"mptcp dss nonsense",
		"mptcp dss sum 1234",
		"mptcp add_addr id 5",
		"mptcp add_addr id 5 addr 1.2.3",
		"mptcp remove_addr",
		"mptcp remove_addr 256",
		"mptcp remove_addr" TEN_IDS TEN_IDS TEN_IDS TEN_IDS,
		"mptcp join ack hmac 00",
		"mptcp dss reserved 1000",
	};
	uint8_t bytes[TCPOPT_SPACE];
	struct err err;
	uint32_t length;
	size_t i;

	CHECK(!tcpopt_from_text("kind 77,kind 78 " BYTES_38, bytes, &length, &err));
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		err.text[0] = '\0';
		CHECK_TEXT(tcpopt_from_text(texts[i], bytes, &length, &err) ? texts[i] : "", "");
		CHECK(err.text[0] != '\0');
	}
}
