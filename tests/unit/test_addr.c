/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/wire/addr.h"

TEST(addr_reads_and_prints_both_families)
{
	struct addr addr;
	char buf[ADDR_TEXT];

	CHECK(addr_parse(&addr, "198.18.1.2"));
	CHECK_U64(addr.version, 4);
	CHECK_HEX(addr.bytes, 16, "c6120102 000000000000000000000000");
	CHECK_TEXT(addr_text(&addr, buf), "198.18.1.2");
	CHECK(addr_parse(&addr, "fd00:1::0:2"));
	CHECK_U64(addr.version, 6);
	CHECK_HEX(addr.bytes, 16, "fd000001000000000000000000000002");
	CHECK_TEXT(addr_text(&addr, buf), "fd00:1::2");
}

TEST(addr_refuses_what_is_neither)
{
	static const char *const texts[] = {
		"",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"fd00:::1",
		"fd00::1%eth0",
		"host",
		"1.2.3.4:80",
	};
	struct addr addr = addr_v4(1, 1, 1, 1);
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK(!addr_parse(&addr, texts[i]));
	CHECK_U64(addr.bytes[3], 1);
}

TEST(addr_equality_counts_the_family)
{
	static const uint8_t bytes[16] = { 1, 2, 3, 4 };
	struct addr a = addr_v4(1, 2, 3, 4), b = addr_from_bytes(6, bytes), c = a;

	CHECK(addr_equal(&a, &c));
	CHECK(!addr_equal(&a, &b));
	c.bytes[3]++;
	CHECK(!addr_equal(&a, &c));
}

TEST(sockname_reads_and_prints_both_families)
{
	struct sockname name, other;
	char buf[SOCKNAME_TEXT];

	CHECK(sockname_parse(&name, "198.18.1.2:80"));
	CHECK_U64(name.port, 80);
	CHECK_TEXT(sockname_text(&name, buf), "198.18.1.2:80");
	CHECK(sockname_parse(&other, "[fd00:1::2]:65535"));
	CHECK_U64(other.port, 65535);
	CHECK_TEXT(sockname_text(&other, buf), "[fd00:1::2]:65535");
	CHECK(!sockname_equal(&name, &other));
	other = name;
	CHECK(sockname_equal(&name, &other));
	other.port++;
	CHECK(!sockname_equal(&name, &other));
}

TEST(sockname_refuses_what_is_none)
{
	static const char *const texts[] = {
		"",
		":",
		"1.2.3.4",
		"1.2.3.4:",
		"1.2.3.4:65536",
		"1.2.3.4:-1",
		"1.2.3.4:80 ",
		"fd00::1:80",
		"[fd00::1]80",
		"[fd00::1:80",
		"fd00::1]:80",
		"[1.2.3.4]:80",
		"[]:80",
		"1.2.3.4:000080",
	};
	struct sockname name;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		CHECK(!sockname_parse(&name, texts[i]));
}
