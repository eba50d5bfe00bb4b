/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/base/rng.h"
#include "probe/wire/addr.h"
#include "probe/wire/checksum.h"

/* RFC 1071 3: the sum of this sequence is ddf2. */
TEST(checksum_of_the_rfc_1071_example)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	CHECK_U64(checksum_fold(checksum_add(0, bytes, sizeof(bytes))), 0xddf2);
	CHECK_U64(checksum_finish(checksum_add(0, bytes, sizeof(bytes))), 0x220d);
}

TEST(checksum_of_an_odd_length_pads_with_zero)
{
	static const uint8_t bytes[] = { 0x12, 0x34, 0x56 };

	CHECK_U64(checksum_fold(checksum_add(0, bytes, 3)), 0x1234 + 0x5600);
	CHECK_U64(checksum_fold(checksum_add(0, bytes, 1)), 0x1200);
	CHECK_U64(checksum_fold(checksum_add(0, bytes, 0)), 0);
}

/* Word by word, as RFC 1071 4.1 has it. */
static uint16_t naive(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < length; i++)
		sum += (uint32_t)(i % 2 == 0 ? bytes[i] << 8 : bytes[i]);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

TEST(checksum_agrees_with_the_plain_loop_at_every_length_and_alignment)
{
	uint8_t bytes[1600];
	struct rng rng;
	size_t length, offset;

	rng_init(&rng, 1);
	rng_fill(&rng, bytes, sizeof(bytes));
	for (length = 0; length < 1500; length += length < 100 ? 1 : 37) {
		for (offset = 0; offset < 9; offset++)
			CHECK_U64(checksum_fold(checksum_add(0, bytes + offset, length)),
				naive(bytes + offset, length));
	}
}

TEST(checksum_of_all_ones_does_not_overflow)
{
	uint8_t bytes[1024];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = 0xff;
	CHECK_U64(checksum_fold(checksum_add(0, bytes, sizeof(bytes))), 0xffff);
	CHECK_U64(checksum_fold(UINT64_MAX), 0xffff);
	CHECK_U64(checksum_fold(0x1fffe), 0xffff);
	CHECK_U64(checksum_fold(UINT64_C(0xffffffff00010000)), 1);
}

TEST(checksum_parts_add_up_with_a_swap_after_an_odd_part)
{
	static const uint8_t bytes[] = { 0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03 };
	uint64_t head = checksum_add(0, bytes, 3);
	uint16_t tail = checksum_fold(checksum_add(0, bytes + 3, 4));

	CHECK_U64(checksum_fold(head + checksum_swap(tail)), naive(bytes, sizeof(bytes)));
}

/* RFC 1624 4: header checksum dd2f, a field 5555 becomes 3285: 0000. */
TEST(checksum_adjust_of_the_rfc_1624_example)
{
	CHECK_U64(checksum_adjust(0xdd2f, 0x5555, 0x3285), 0x0000);
	CHECK_U64(checksum_adjust(0xdd2f, 0x5555, 0x5555), 0xdd2f);
}

/* Sums taken by hand: a TCP segment over IPv4, a UDP datagram over IPv6. */
TEST(checksum_pseudo_of_both_families)
{
	static const uint8_t v6[16] = { 0xfd, 0, [15] = 1 };
	struct addr a = addr_v4(192, 0, 2, 1), b = addr_v4(198, 51, 100, 2);
	struct addr c = addr_from_bytes(6, v6);

	CHECK_U64(checksum_fold(checksum_pseudo(&a, &b, 6, 20)),
		(0xc000 + 0x0201 + 0xc633 + 0x6402 + 6 + 20) % 0xffff);
	CHECK_U64(checksum_fold(checksum_pseudo(&c, &c, 17, 8)),
		(2 * (0xfd00 + 1) + 17 + 8) % 0xffff);
}

static uint16_t dss(uint64_t dsn, uint32_t ssn, uint16_t length, const void *payload, size_t size)
{
	return checksum_finish(checksum_add(checksum_dss(dsn, ssn, length), payload, size));
}

/* Vectors computed outside this project over RFC 8684 fig. 10; the last three are a kernel's. */
TEST(checksum_dss_vectors)
{
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	const uint64_t dsn = 0x570762cd38be9819;
	uint8_t ramp[256];
	unsigned int i;

	for (i = 0; i < 256; i++)
		ramp[i] = (uint8_t)i;
	CHECK_U64(dss(dsn, 0, 1, "", 0), 0x7552);
	CHECK_U64(dss(dsn, 1, 1, "a", 1), 0x1451);
	CHECK_U64(dss(dsn, 1, 2, "ab", 2), 0x13ee);
	CHECK_U64(dss(dsn, 1, 18, request, 18), 0x96a0);
	CHECK_U64(dss(dsn, 1, 256, ramp, 256), 0xb412);
	CHECK_U64(dss(0xe3df8ee121f10548, 1, 18, request, 18), 0x8752);
	CHECK_U64(dss(0x7f877eb159ebdbb6, 0, 1, "", 0), 0xcc23);
	CHECK_U64(checksum_finish(checksum_dss(0x7f877eb159eb8d95, 1, 20000) + 0x3fe0), 0x8c44);
	CHECK_U64(checksum_finish(checksum_dss(0xa6aceb63d0f3bb71, 1, 301) + 0xce63), 0x11f8);
}
