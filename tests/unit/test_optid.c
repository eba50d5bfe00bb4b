/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/wire/optid.h"
#include "tests/unit/hex.h"
#include "tests/unit/wire_text.h"

struct name_case {
	const char *hex, *name;
};

TEST(optid_names_every_option)
{
	static const struct name_case cases[] = {
		{ "020405b4", "tcp.option.mss" },
		{ "030307", "tcp.option.wscale" },
		{ "0402", "tcp.option.sackok" },
		{ "050a0000000100000002", "tcp.option.sack" },
		{ "080a0000000100000002", "tcp.option.timestamp" },
		{ "2202", "tcp.option.tfo" },
		{ "1d04ffff", "tcp.option.ao" },
		{ "4d02", "tcp.option.77" },
		{ "fe04f989", "tcp.option.exp.f989" },
		{ "fd06f9890001", "tcp.option.exp.f989" },
		{ "fe06e2d4c3d9", "tcp.option.exp.e2d4c3d9" },
		{ "fe0301", "tcp.option.254" },
		{ "1e040181", "tcp.option.mptcp.mp_capable" },
		{ "1e042000", "tcp.option.mptcp.dss" },
		{ "1e0390", "tcp.option.mptcp.9" },
		{ "1e02", "tcp.option.mptcp" },
		{ "01", "tcp.option.nop" },
		{ "00", "tcp.option.eol" },
	};
	uint8_t bytes[TCPOPT_SPACE];
	char name[OPTID_TEXT];
	struct optid id, pattern;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		id = optid_of(bytes, (uint32_t)hex_bytes(cases[i].hex, bytes, sizeof(bytes)));
		CHECK_TEXT(optid_text(&id, name), cases[i].name);
		CHECK(optid_parse(&pattern, name));
		CHECK(optid_matches(&pattern, &id));
		CHECK(optid_parse(&pattern, name + strlen("tcp.option.")));
		CHECK(optid_matches(&pattern, &id));
		CHECK(optid_equal(&id, &id));
	}
}

TEST(optid_patterns_match_what_they_say)
{
	struct optid mptcp, dss, capable, exp, smc, kind_254;

	CHECK(optid_parse(&mptcp, "mptcp") && optid_parse(&dss, "mptcp.dss"));
	CHECK(optid_parse(&capable, "tcp.option.mptcp.0"));
	CHECK(optid_matches(&mptcp, &dss) && optid_matches(&mptcp, &capable));
	CHECK(!optid_matches(&dss, &mptcp) && !optid_matches(&dss, &capable));
	CHECK(!optid_equal(&dss, &capable) && !optid_equal(&dss, &mptcp));
	CHECK(!optid_equal(&capable, &mptcp));
	CHECK(optid_parse(&exp, "exp") && optid_parse(&smc, "exp.e2d4c3d9"));
	CHECK(optid_parse(&kind_254, "254"));
	CHECK(optid_matches(&exp, &kind_254) && !optid_matches(&smc, &kind_254));
	CHECK(!optid_matches(&exp, &mptcp));
}

TEST(optid_parse_refuses_what_is_no_name)
{
	static const char *const names[] = { "", "tcp.option.", "256", "-1", "mptcp.", "mptcp.16",
		"mptcp.nothing", "exp.", "exp.xyz", "exp.123456789", "experiment", "MSS", "mss ",
		"1e1", "tcp.seq" };
	struct optid id;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		CHECK_TEXT(optid_parse(&id, names[i]) ? names[i] : "", "");
}
