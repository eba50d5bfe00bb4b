/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options in hex are from Linux captures (v1) or were computed outside this project (v0).
 */
#include "tests/unit/unit.h"

#include "probe/base/rng.h"
#include "probe/wire/mptcp.h"
#include "tests/unit/hex.h"

/* Decode, encode again and compare; the decoded option is left in opt. */
static bool round_trip(struct mptcp_opt *opt, const char *hex)
{
	uint8_t bytes[TCPOPT_SPACE], again[TCPOPT_SPACE];
	uint32_t length = (uint32_t)hex_bytes(hex, bytes, sizeof(bytes));

	if (!mptcp_parse(opt, bytes, length))
		return false;
	CHECK_U64(opt->length, length);
	CHECK_HEX(again, mptcp_emit(opt, again), hex);
	return true;
}

TEST(mptcp_capable_in_all_five_lengths)
{
	struct mptcp_opt opt;

	CHECK(round_trip(&opt, "1e040181"));
	CHECK_U64(opt.subtype, MP_CAPABLE);
	CHECK_U64(opt.capable.version, 1);
	CHECK_U64(opt.capable.flags, MPC_CHECKSUM | MPC_HMAC);
	CHECK(!opt.capable.has_sender_key);
	CHECK(round_trip(&opt, "1e0c0001 0123456789abcdef"));
	CHECK_U64(opt.capable.version, 0);
	CHECK_U64(opt.capable.sender_key, 0x0123456789abcdef);
	CHECK(opt.capable.has_sender_key && !opt.capable.has_receiver_key);
	CHECK(round_trip(&opt, "1e140101 0123456789abcdef fedcba9876543210"));
	CHECK_U64(opt.capable.receiver_key, 0xfedcba9876543210);
	CHECK(opt.capable.has_receiver_key && !opt.capable.has_data_length);
	CHECK(round_trip(&opt, "1e160101 0123456789abcdef fedcba9876543210 4e20"));
	CHECK_U64(opt.capable.data_length, 20000);
	CHECK(!opt.capable.has_checksum);
	CHECK(round_trip(&opt, "1e180181 58fd4988d67dcda5 a3ec260d21f8b4ee 4e20 8c44"));
	CHECK(opt.capable.has_checksum);
	CHECK_U64(opt.capable.checksum, 0x8c44);
	CHECK(round_trip(&opt, "1e0c0fff 0123456789abcdef"));
	CHECK_U64(opt.capable.version, 15);
}

TEST(mptcp_join_in_all_three_forms)
{
	struct mptcp_opt opt;

	CHECK(round_trip(&opt, "1e0c1009c2960aee2fa8c5b8"));
	CHECK_U64(opt.join.form, JOIN_SYN);
	CHECK_U64(opt.join.address_id, 9);
	CHECK_U64(opt.join.token, 0xc2960aee);
	CHECK_U64(opt.join.nonce, 0x2fa8c5b8);
	CHECK(!opt.join.backup);
	CHECK(round_trip(&opt, "1e101100be20cbc6c929052760cd4c5b"));
	CHECK_U64(opt.join.form, JOIN_SYNACK);
	CHECK_U64(opt.join.hmac64, 0xbe20cbc6c9290527);
	CHECK_U64(opt.join.nonce, 0x60cd4c5b);
	CHECK(opt.join.backup);
	CHECK(round_trip(&opt, "1e1810004cf18cf8a0a32c5ccc3a51c5e7809976bed0963d"));
	CHECK_U64(opt.join.form, JOIN_ACK);
	CHECK_HEX(opt.join.hmac160, 20, "4cf18cf8a0a32c5ccc3a51c5e7809976bed0963d");
	CHECK(round_trip(&opt, "1e181fab4cf18cf8a0a32c5ccc3a51c5e7809976bed0963d"));
	CHECK_U64(opt.reserved, 0xfab);
}

struct dss_case {
	const char *hex;
	bool has_ack, ack_wide, has_mapping, dsn_wide, has_checksum, data_fin;
	uint64_t ack, dsn;
	uint32_t ssn;
	uint16_t length, checksum;
};

static const struct dss_case dss_cases[] = {
	{ .hex = "1e042000" },
	{ .hex = "1e082001 bee495cb", .has_ack = true, .ack = 0xbee495cb },
	{ .hex = "1e0c2003 334fc234bee495cb",
		.has_ack = true,
		.ack_wide = true,
		.ack = 0x334fc234bee495cb },
	{ .hex = "1e0e2004 bee495cb 00000001 0013",
		.has_mapping = true,
		.dsn = 0xbee495cb,
		.ssn = 1,
		.length = 19 },
	{ .hex = "1e102004 bee495cb 00000001 0013 0933",
		.has_mapping = true,
		.has_checksum = true,
		.dsn = 0xbee495cb,
		.ssn = 1,
		.length = 19,
		.checksum = 0x0933 },
	{ .hex = "1e12200c 334fc234bee495cb 00000001 0013",
		.has_mapping = true,
		.dsn_wide = true,
		.dsn = 0x334fc234bee495cb,
		.ssn = 1,
		.length = 19 },
	{ .hex = "1e14201c 7f877eb159ebdbb6 00000000 0001 cc23",
		.has_mapping = true,
		.dsn_wide = true,
		.has_checksum = true,
		.data_fin = true,
		.dsn = 0x7f877eb159ebdbb6,
		.length = 1,
		.checksum = 0xcc23 },
	{ .hex = "1e122005 21f1055a bee495cb 00000001 0013",
		.has_ack = true,
		.has_mapping = true,
		.ack = 0x21f1055a,
		.dsn = 0xbee495cb,
		.ssn = 1,
		.length = 19 },
	{ .hex = "1e142005 21f1055a bee495cb 00000001 0013 0933",
		.has_ack = true,
		.has_mapping = true,
		.has_checksum = true,
		.ack = 0x21f1055a,
		.dsn = 0xbee495cb,
		.ssn = 1,
		.length = 19,
		.checksum = 0x0933 },
	{ .hex = "1e162007 00000000 21f1055a bee495cb 00000001 0013",
		.has_ack = true,
		.ack_wide = true,
		.has_mapping = true,
		.ack = 0x21f1055a,
		.dsn = 0xbee495cb,
		.ssn = 1,
		.length = 19 },
	{ .hex = "1e18200d 21f1055a 334fc234bee495cb 00000001 0013 1234",
		.has_ack = true,
		.has_mapping = true,
		.dsn_wide = true,
		.has_checksum = true,
		.ack = 0x21f1055a,
		.dsn = 0x334fc234bee495cb,
		.ssn = 1,
		.length = 19,
		.checksum = 0x1234 },
	{ .hex = "1e1c200f 334fc234bee495cb e3df8ee121f10548 00000001 0012 8752",
		.has_ack = true,
		.ack_wide = true,
		.has_mapping = true,
		.dsn_wide = true,
		.has_checksum = true,
		.ack = 0x334fc234bee495cb,
		.dsn = 0xe3df8ee121f10548,
		.ssn = 1,
		.length = 18,
		.checksum = 0x8752 },
	/* a without A, m without M, reserved bits: nothing is lost. */
	{ .hex = "1e042fea", .ack_wide = true, .dsn_wide = true },
};

TEST(mptcp_dss_in_all_its_widths)
{
	struct mptcp_opt opt;
	size_t i;

	for (i = 0; i < sizeof(dss_cases) / sizeof(*dss_cases); i++) {
		const struct dss_case *want = &dss_cases[i];

		CHECK(round_trip(&opt, want->hex));
		CHECK_U64(opt.dss.has_ack, want->has_ack);
		CHECK_U64(opt.dss.ack_wide, want->ack_wide);
		CHECK_U64(opt.dss.has_mapping, want->has_mapping);
		CHECK_U64(opt.dss.dsn_wide, want->dsn_wide);
		CHECK_U64(opt.dss.has_checksum, want->has_checksum);
		CHECK_U64(opt.dss.data_fin, want->data_fin);
		CHECK_U64(opt.dss.ack, want->ack);
		CHECK_U64(opt.dss.dsn, want->dsn);
		CHECK_U64(opt.dss.ssn, want->ssn);
		CHECK_U64(opt.dss.length, want->length);
		CHECK_U64(opt.dss.checksum, want->checksum);
	}
}

struct add_addr_case {
	const char *hex, *addr;
	bool is_v0, echo;
	uint8_t id;
	uint16_t port;
	uint64_t hmac;
};

TEST(mptcp_add_addr_of_both_versions)
{
	static const struct add_addr_case cases[] = {
		{ "1e083405c6122002", "198.18.32.2", true, false, 5, 0, 0 },
		{ "1e0a3405c6122002138d", "198.18.32.2", true, false, 5, 5005, 0 },
		{ "1e143607fd000032000000000000000000000002", "fd00:32::2", true, false, 7, 0, 0 },
		{ "1e163607fd000032000000000000000000000002138e", "fd00:32::2", true, false, 7,
			5006, 0 },
		{ "1e103005c6122002ad067a8cf2811587", "198.18.32.2", false, false, 5, 0,
			0xad067a8cf2811587 },
		{ "1e123006c6122002138d97d91124b6969f07", "198.18.32.2", false, false, 6, 5005,
			0x97d91124b6969f07 },
		{ "1e1c3007fd000032000000000000000000000002d1ed83a3e6c97671", "fd00:32::2", false,
			false, 7, 0, 0xd1ed83a3e6c97671 },
		{ "1e1e3008fd000032000000000000000000000002138e2de4b6e6d0b82469", "fd00:32::2",
			false, false, 8, 5006, 0x2de4b6e6d0b82469 },
		{ "1e083105c6122002", "198.18.32.2", false, true, 5, 0, 0 },
		{ "1e0a3106c6122002138d", "198.18.32.2", false, true, 6, 5005, 0 },
		{ "1e143107fd000032000000000000000000000002", "fd00:32::2", false, true, 7, 0, 0 },
		{ "1e163107fd000032000000000000000000000002138e", "fd00:32::2", false, true, 7,
			5006, 0 },
	};
	struct mptcp_opt opt;
	char buf[ADDR_TEXT];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK(round_trip(&opt, cases[i].hex));
		CHECK_TEXT(addr_text(&opt.add_addr.addr, buf), cases[i].addr);
		CHECK_U64(opt.add_addr.is_v0, cases[i].is_v0);
		CHECK_U64(opt.add_addr.echo, cases[i].echo);
		CHECK_U64(opt.add_addr.address_id, cases[i].id);
		CHECK_U64(opt.add_addr.has_port, cases[i].port != 0);
		CHECK_U64(opt.add_addr.port, cases[i].port);
		CHECK_U64(opt.add_addr.has_hmac, cases[i].hmac != 0);
		CHECK_U64(opt.add_addr.hmac, cases[i].hmac);
	}
	CHECK(round_trip(&opt, "1e103e05c6122002ad067a8cf2811587"));
	CHECK_U64(opt.reserved, 0xe00);
}

TEST(mptcp_short_options)
{
	struct mptcp_opt opt;

	CHECK(round_trip(&opt, "1e044005"));
	CHECK_U64(opt.remove_addr.count, 1);
	CHECK(round_trip(&opt, "1e054005fa"));
	CHECK_HEX(opt.remove_addr.ids, opt.remove_addr.count, "05fa");
	CHECK(round_trip(&opt, "1e0351"));
	CHECK(opt.prio.backup && !opt.prio.has_address_id);
	CHECK(round_trip(&opt, "1e0350"));
	CHECK(!opt.prio.backup);
	CHECK(round_trip(&opt, "1e045107"));
	CHECK(opt.prio.has_address_id);
	CHECK_U64(opt.prio.address_id, 7);
	CHECK(round_trip(&opt, "1e0c6000334fc234bee495cb"));
	CHECK_U64(opt.fail_dsn, 0x334fc234bee495cb);
	CHECK(round_trip(&opt, "1e0c70004cd952415123332b"));
	CHECK_U64(opt.fastclose_key, 0x4cd952415123332b);
	CHECK(round_trip(&opt, "1e048000"));
	CHECK(!opt.tcprst.transient);
	CHECK(round_trip(&opt, "1e048b06"));
	CHECK(opt.tcprst.transient);
	CHECK_U64(opt.tcprst.flags, 0xb);
	CHECK_U64(opt.tcprst.reason, RESET_MIDDLEBOX);
}

TEST(mptcp_remove_addr_may_fill_the_header)
{
	struct mptcp_opt opt;

	CHECK(round_trip(&opt,
		"1e28400102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122"
		"232425"));
	CHECK_U64(opt.remove_addr.count, 37);
}

TEST(mptcp_refuses_what_neither_version_defines)
{
	static const char *const cases[] = {
		"1e",
		"1e02",
		"1e0300",
		"1e050181aa",
		"1e0b000101234567890000",
		"1e081009c2960aee",
		"1e1110000000000000000000000000000000",
		"1e0320",
		"1e072001bee495",
		"1e092001bee495cbaa",
		"1e0a2001bee495cbaabb",
		"1e0d2004bee495cb0000000100",
		"1e083005c6122002",
		"1e083605c6122002",
		"1e143405fd000032000000000000000000000002",
		"1e103105c6122002ad067a8cf2811587",
		"1e093405c612200200",
		"1e0340",
		"1e0551aabb",
		"1e0b600033000000000000",
		"1e0d7000330000000000000000",
		"1e0380",
		"1e05800000",
		"1e0490aa",
		"1e04f0aa",
	};
	struct mptcp_opt opt;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK(!round_trip(&opt, cases[i]));
}

/* Whatever decodes encodes to the same bytes, reserved bits included. */
TEST(mptcp_random_options_lose_nothing)
{
	uint8_t bytes[TCPOPT_SPACE], again[TCPOPT_SPACE];
	unsigned int decoded[9] = { 0 };
	struct mptcp_opt opt;
	struct rng rng;
	int i;

	rng_init(&rng, 8);
	for (i = 0; i < 200000; i++) {
		uint32_t length = 3 + (uint32_t)rng_below(&rng, 38);

		rng_fill(&rng, bytes, sizeof(bytes));
		bytes[0] = TCPOPT_MPTCP;
		bytes[1] = (uint8_t)length;
		if (!mptcp_parse(&opt, bytes, length))
			continue;
		decoded[opt.subtype]++;
		CHECK_U64(mptcp_emit(&opt, again), length);
		CHECK(memcmp(bytes, again, length) == 0);
	}
	for (i = 0; i < 9; i++)
		CHECK(decoded[i] > 50);
}

TEST(mptcp_find_and_next_skip_what_does_not_decode)
{
	static const uint8_t options[] = {
		1,
		1,
		30,
		4,
		0x20,
		0x01,
		30,
		2,
		30,
		8,
		0x20,
		1,
		0,
		0,
		0,
		5,
		30,
		3,
		0x51,
		30,
		8,
		0x20,
		1,
		0,
		0,
		0,
		6,
		0,
	};
	struct tcp_header header = { .flags = TCP_ACK };
	struct packet *p = packet_new(PACKET_SMALL);
	struct tcpopt at = { 0 };
	struct mptcp_opt opt;

	sockname_parse(&header.src, "198.18.1.2:5000");
	sockname_parse(&header.dst, "198.18.100.2:80");
	packet_init_tcp(p, &header);
	CHECK(tcpopt_append(p, options, sizeof(options)));
	CHECK(mptcp_find(p, MP_DSS, &opt, &at));
	CHECK_U64(opt.dss.ack, 5);
	CHECK_U64(at.offset, 48);
	CHECK(mptcp_find(p, MP_PRIO, &opt, NULL));
	CHECK(!mptcp_find(p, MP_CAPABLE, &opt, NULL));
	memset(&at, 0, sizeof(at));
	CHECK(mptcp_next(p, &at, &opt) && opt.subtype == MP_DSS && opt.dss.ack == 5);
	CHECK(mptcp_next(p, &at, &opt) && opt.subtype == MP_PRIO);
	CHECK(mptcp_next(p, &at, &opt) && opt.subtype == MP_DSS && opt.dss.ack == 6);
	CHECK(!mptcp_next(p, &at, &opt));
	packet_free(p);
}

TEST(mptcp_subtypes_have_names)
{
	CHECK_TEXT(mptcp_subtype_name(MP_CAPABLE), "mp_capable");
	CHECK_TEXT(mptcp_subtype_name(MP_TCPRST), "mp_tcprst");
	CHECK(mptcp_subtype_name(9) == NULL);
	CHECK(mptcp_subtype_name(15) == NULL);
}
