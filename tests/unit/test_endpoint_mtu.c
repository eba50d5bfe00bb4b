/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path MTU discovery (RFC 1191, RFC 8201): what is too big comes again in pieces, under the mapping
 * it had; and who cannot know what is on its way changes nothing (RFC 5927).
 */
#include "probe/wire/icmp.h"
#include "tests/unit/endpoint_pipe.h"

enum { MAPPED_MOST = 160000 };

/* A link that takes less from a moment on, and what its router says. */
struct link {
	uint32_t mtu, later; /* the same until ... */
	nsec_t changes_at;
	struct icmp_plan says;
	uint32_t seq_off;  /* it quotes another sequence number than the one it saw */
	bool tells;        /* the true MTU, whatever says has */
	nsec_t lost_until; /* the rests of what was cut */
	bool passes;       /* it does not even drop */
	uint32_t largest;  /* that passed, of the client's */
	uint32_t *mapped;  /* SSN of the client's mapping that each SSN has, or NULL */
};

static void answer(struct pipe *pipe, const struct packet *about, enum pipe_side to)
{
	const struct link *link = pipe->hook_state;
	struct packet *error = packet_new(PACKET_SMALL), *quoted = packet_clone(about);

	packet_write32(quoted, quoted->l4 + 4, tcp_seq(about) + link->seq_off);
	packet_finish(quoted);
	packet_parse(quoted);
	CHECK(icmp_build(error, &link->says, quoted));
	pipe->sender = !to;
	pipe_send(pipe, error, 0);
	pipe->sender = to;
	packet_free(quoted);
	packet_free(error);
}

/* F52: whatever it is cut into, a byte stays under the mapping it was declared with. */
static void check_mapping(struct link *link, const struct packet *packet)
{
	struct mptcp_opt option;
	uint32_t i;

	if (!mptcp_find(packet, MP_DSS, &option, NULL) || !option.dss.has_mapping ||
		option.dss.data_fin)
		return;
	CHECK(option.dss.ssn + option.dss.length <= MAPPED_MOST);
	for (i = option.dss.ssn; i < option.dss.ssn + option.dss.length; i++) {
		CHECK(link->mapped[i] == 0 || link->mapped[i] == option.dss.ssn);
		link->mapped[i] = option.dss.ssn;
	}
}

static bool is_rest(const struct packet *packet)
{
	struct mptcp_opt option;

	return mptcp_find(packet, MP_DSS, &option, NULL) && option.dss.has_mapping &&
		packet_payload_len(packet) > 0 &&
		packet_payload_len(packet) < option.dss.length / 2;
}

static enum pipe_verdict narrow(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct link *link = pipe->hook_state;
	uint32_t mtu = pipe->now < link->changes_at ? link->mtu : link->later;

	(void)path;
	if (from == CLIENT && link->mapped != NULL)
		check_mapping(link, packet);
	if (from == CLIENT && pipe->now < link->lost_until && is_rest(packet))
		return PIPE_DROP;
	if (packet->length > mtu) {
		pipe->hits++;
		if (link->tells)
			link->says.value = mtu;
		answer(pipe, packet, from);
		if (!link->passes)
			return PIPE_DROP;
	}
	if (from == CLIENT && packet->length > link->largest)
		link->largest = packet->length;
	return PIPE_PASS;
}

static void begin(struct pipe *pipe, const struct endpoint_config *config, struct link *link)
{
	pipe_init(pipe, config, config, 51);
	pipe->hook = narrow;
	pipe->hook_state = link;
	pipe->app[CLIENT].to_write = pipe->app[SERVER].to_write = 150001;
}

/* Without waiting for a time-out, and with a window that no loss has made smaller. */
TEST(what_is_too_big_comes_in_pieces)
{
	unsigned int speaks, checksum;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++)
		for (checksum = 0; checksum < 2; checksum++) {
			struct endpoint_config config = pipe_config(speaks, checksum);
			struct link link = { .mtu = 1400,
				.later = 601,
				.changes_at = NSEC_PER_SEC + 60 * NSEC_PER_MS,
				.tells = true,
				.says = { .from = addr_v4(198, 18, 0, 254),
					.kind = ICMP_TOO_BIG } };
			struct pipe pipe;

			link.mapped = xcalloc(MAPPED_MOST, sizeof(*link.mapped));
			begin(&pipe, &config, &link);
			pipe_run(&pipe, NSEC_PER_SEC + 600 * NSEC_PER_MS);
			CHECK(pipe_is_clean(&pipe));
			CHECK(pipe.hits > 10);
			CHECK_U64(pipe_info(&pipe, SERVER).mode,
				speaks == SPEAKS_TCP ? MODE_TCP : MODE_MPTCP);
			CHECK(pipe_info(&pipe, CLIENT).subflows[0].cwnd >= 10 * 536);
			pipe_fini(&pipe);
			free(link.mapped);
		}
}

/*
 * O2: who has but a part of a mapping owes no DATA_ACK, with a checksum cannot give one, however
 * often it is asked. The connection waits for the rest.
 */
TEST(a_part_is_not_owed_a_data_ack)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, true);
		struct link link = { .mtu = 1400,
			.later = 1400,
			.tells = true,
			.lost_until = 9 * NSEC_PER_SEC,
			.says = { .from = addr_v4(198, 18, 0, 254), .kind = ICMP_TOO_BIG } };
		struct pipe pipe;

		begin(&pipe, &config, &link);
		pipe_run(&pipe, 9 * NSEC_PER_SEC);
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
		CHECK(pipe.app[SERVER].read < 150001);
		pipe_run(&pipe, 40 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

/* A router of before RFC 1191 says no size: the next plateau, until it passes. */
TEST(routers_that_do_not_tell)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, true);
	struct link link = { .mtu = 700,
		.later = 700,
		.says = { .from = addr_v4(198, 18, 0, 254), .kind = ICMP_TOO_BIG } };
	struct pipe pipe;

	begin(&pipe, &config, &link);
	pipe_run(&pipe, NSEC_PER_SEC + 100 * NSEC_PER_MS);
	link.largest = 0;
	pipe_run(&pipe, NSEC_PER_SEC + 800 * NSEC_PER_MS);
	CHECK(pipe_is_clean(&pipe));
	CHECK_U64(link.largest, 508);
	pipe_fini(&pipe);
}

/* Nothing of it lets a segment shrink: the packets are as large as ever. */
TEST(who_cannot_know_changes_nothing)
{
	static const struct {
		enum icmp_kind kind;
		uint8_t code;
		uint32_t value, seq_off;
	} cases[] = {
		{ ICMP_TOO_BIG, 0, 1000, 0x80000000 }, /* far from what is outstanding */
		{ ICMP_TOO_BIG, 0, 1000, 10000000 },   /* not sent yet */
		{ ICMP_TOO_BIG, 0, 1000, -2000000u },  /* acknowledged long ago */
		{ ICMP_TOO_BIG, 0, 90, 0 },            /* no link is that small */
		{ ICMP_TOO_BIG, 0, 1500, 0 },          /* larger than what it complains of */
		{ ICMP_UNREACHABLE, 3, 0, 0 },         /* of hard errors none ends a connection */
		{ ICMP_UNREACHABLE, 2, 0, 0 },
		{ ICMP_TIME_EXCEEDED, 0, 0, 0 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct endpoint_config config = pipe_config(SPEAKS_V1, false);
		struct link link = { .mtu = 1200,
			.later = 1200,
			.passes = true,
			.seq_off = cases[i].seq_off,
			.says = { .from = addr_v4(198, 18, 0, 254),
				.kind = cases[i].kind,
				.code = cases[i].code } };
		struct pipe pipe;

		link.says.value = cases[i].value;
		begin(&pipe, &config, &link);
		pipe_run(&pipe, 10 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		CHECK(pipe.hits > 50);
		CHECK_U64(link.largest, 1500);
		CHECK_U64(pipe_info(&pipe, CLIENT).end, END_CLEAN);
		pipe_fini(&pipe);
	}
}

/* The error comes when the connection was aborted: there is nothing to repeat. */
TEST(after_an_abort)
{
	unsigned int on_ack;

	for (on_ack = 0; on_ack < 2; on_ack++) {
		struct endpoint_config config = pipe_config(SPEAKS_V1, true);
		struct link link = { .mtu = 1200,
			.later = 1200,
			.tells = true,
			.says = { .from = addr_v4(198, 18, 0, 254), .kind = ICMP_TOO_BIG } };
		struct pipe pipe;

		config.fastclose_on_ack = on_ack;
		begin(&pipe, &config, &link);
		pipe_run(&pipe, NSEC_PER_SEC + 12 * NSEC_PER_MS);
		CHECK(pipe.hits > 0);
		conn_abort(pipe.app[CLIENT].conn);
		pipe_run(&pipe, 10 * NSEC_PER_SEC);
		CHECK_U64(pipe_info(&pipe, CLIENT).end, END_ABORTED);
		pipe_fini(&pipe);
	}
}

/* RFC 8201 4: an IPv6 host never goes below 1280. */
TEST(ipv6)
{
	uint32_t mtu;

	for (mtu = 1279; mtu <= 1280; mtu++) {
		struct endpoint_config config = pipe_config(SPEAKS_V0, true);
		struct sockname client = { .port = 40000 }, server = { .port = 80 };
		struct link link = { .mtu = mtu,
			.later = mtu,
			.passes = true,
			.tells = true,
			.says = { .kind = ICMP_TOO_BIG } };
		struct pipe pipe;

		CHECK(addr_parse(&client.addr, "fd00::1") && addr_parse(&server.addr, "fd00::2"));
		CHECK(addr_parse(&link.says.from, "fd00::254"));
		pipe_init_between(&pipe, &config, &config, 51, &client, &server);
		pipe.hook = narrow;
		pipe.hook_state = &link;
		pipe.app[CLIENT].to_write = 150001;
		pipe_run(&pipe, NSEC_PER_SEC + 50 * NSEC_PER_MS);
		link.largest = 0;
		pipe_run(&pipe, 10 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(link.largest, mtu == 1280 ? 1280 : 1500);
		pipe_fini(&pipe);
	}
}
