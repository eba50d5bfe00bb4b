/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/base/seq.h"

TEST(seq_compares_across_the_wrap)
{
	CHECK(seq_before(0xffffffff, 0));
	CHECK(!seq_before(0, 0xffffffff));
	CHECK(seq_after(0, 0xfffffff0));
	CHECK(!seq_before(7, 7) && !seq_after(7, 7));
	CHECK(seq_between(0, 0xfffffff0, 0x10));
	CHECK(seq_between(0xfffffff0, 0xfffffff0, 0x10));
	CHECK(!seq_between(0x10, 0xfffffff0, 0x10));
	CHECK(!seq_between(5, 5, 5));
	CHECK_U64(seq_max(0xffffffff, 1), 1);
	CHECK(dsn_before(UINT64_MAX, 0) && dsn_after(0, UINT64_MAX));
	CHECK_U64(dsn_max(UINT64_MAX, 3), 3);
}

/* The vectors of RFC 8684 3.3.1 expansion, worked out by hand. */
TEST(dsn_expands_to_the_nearest)
{
	CHECK_U64(dsn_expand(0x00000001fffffff0, 0x00000010), 0x0000000200000010);
	CHECK_U64(dsn_expand(0x0000000200000010, 0xfffffff0), 0x00000001fffffff0);
	CHECK_U64(dsn_expand(0x00000001fffffff0, 0xfffffff8), 0x00000001fffffff8);
	CHECK_U64(dsn_expand(0xffffffffffffffff, 0x00000000), 0x0000000000000000);
}
