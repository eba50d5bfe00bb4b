/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_nat.c - address translation: mappings, both families, and ICMP errors with their quotes.
 */
#include "tests/unit/box_fixture.h"

#include "probe/wire/icmp.h"

static struct packet *syn_packet(const char *src, const char *dst)
{
	struct tcp_header header = { .flags = TCP_SYN, .seq = 1 };
	struct packet *packet = packet_new(PACKET_SMALL);

	CHECK(sockname_parse(&header.src, src) && sockname_parse(&header.dst, dst));
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	return packet;
}

/* Send a SYN between two names; what it became, "src > dst", or why it was dropped. */
static void translates(struct bench *bench, enum dir dir, const char *src, const char *dst,
	const char *want)
{
	unsigned int drops = bench->drops;
	char a[SOCKNAME_TEXT], b[SOCKNAME_TEXT], got[2 * SOCKNAME_TEXT + 4];
	struct sockname from, to;

	box_input(bench->box, syn_packet(src, dst), dir, bench->now);
	if (bench->drops > drops) {
		CHECK_TEXT(bench->reason, want);
		return;
	}
	packet_socknames(bench_last(bench), &from, &to);
	snprintf(got, sizeof(got), "%s > %s", sockname_text(&from, a), sockname_text(&to, b));
	CHECK_TEXT(got, want);
}

#define SERVER_NAME "198.18.100.2:80"

TEST(nat_there_and_back)
{
	struct bench *bench = bench_new("nat", "");

	translates(bench, TO_SERVER, "198.18.1.2:40000", SERVER_NAME,
		"198.18.1.200:20000 > " SERVER_NAME);
	translates(bench, TO_CLIENT, SERVER_NAME, "198.18.1.200:20000",
		SERVER_NAME " > 198.18.1.2:40000");
	translates(bench, TO_SERVER, "198.18.1.2:40001", SERVER_NAME,
		"198.18.1.200:20001 > " SERVER_NAME);
	translates(bench, TO_SERVER, "198.18.1.2:40000", SERVER_NAME,
		"198.18.1.200:20000 > " SERVER_NAME);
	CHECK_U64(box_hits(bench->box), 4);
	bench_check_out(bench);
	bench_free(bench);
}

TEST(nat_in_ipv6)
{
	struct bench *bench = bench_new("nat", "");

	translates(bench, TO_SERVER, "[fd00:1::2]:40000", "[fd00:100::2]:80",
		"[fd00:1::200]:20000 > [fd00:100::2]:80");
	translates(bench, TO_CLIENT, "[fd00:100::2]:80", "[fd00:1::200]:20000",
		"[fd00:100::2]:80 > [fd00:1::2]:40000");
	bench_check_out(bench);
	bench_free(bench);
}

TEST(nat_drops_what_nobody_asked_for)
{
	struct bench *bench = bench_new("nat", "");

	translates(bench, TO_CLIENT, SERVER_NAME, "198.18.1.200:20000", "no mapping");
	/* What is not for the box is none of its business. */
	translates(bench, TO_CLIENT, SERVER_NAME, "198.18.1.2:40000",
		SERVER_NAME " > 198.18.1.2:40000");
	bench_free(bench);
}

TEST(nat_preserves_ports_that_are_free)
{
	struct bench *bench = bench_new("nat", "preserve=true");

	translates(bench, TO_SERVER, "198.18.1.2:40000", SERVER_NAME,
		"198.18.1.200:40000 > " SERVER_NAME);
	translates(bench, TO_SERVER, "198.18.1.3:40000", SERVER_NAME,
		"198.18.1.200:20000 > " SERVER_NAME);
	bench_free(bench);
}

/* RFC 4787 4.1: the same mapping for all remote ends, or one for each. */
TEST(nat_mapping_behaviour)
{
	struct bench *bench = bench_new("nat", "");

	translates(bench, TO_SERVER, "198.18.1.2:40000", SERVER_NAME,
		"198.18.1.200:20000 > " SERVER_NAME);
	translates(bench, TO_SERVER, "198.18.1.2:40000", "198.18.100.2:81",
		"198.18.1.200:20000 > 198.18.100.2:81");
	translates(bench, TO_CLIENT, "198.18.100.2:82", "198.18.1.200:20000",
		"198.18.100.2:82 > 198.18.1.2:40000");
	bench_free(bench);
	bench = bench_new("nat", "mapping=symmetric");
	translates(bench, TO_SERVER, "198.18.1.2:40000", SERVER_NAME,
		"198.18.1.200:20000 > " SERVER_NAME);
	translates(bench, TO_SERVER, "198.18.1.2:40000", "198.18.100.2:81",
		"198.18.1.200:20001 > 198.18.100.2:81");
	translates(bench, TO_CLIENT, "198.18.100.2:82", "198.18.1.200:20000", "no mapping");
	bench_free(bench);
}

TEST(nat_forgets)
{
	struct bench *bench = bench_new("nat", "idle=10ms");

	translates(bench, TO_SERVER, "198.18.1.2:40000", SERVER_NAME,
		"198.18.1.200:20000 > " SERVER_NAME);
	bench->now = 10 * NSEC_PER_MS;
	translates(bench, TO_CLIENT, SERVER_NAME, "198.18.1.200:20000",
		SERVER_NAME " > 198.18.1.2:40000");
	bench->now = 21 * NSEC_PER_MS;
	translates(bench, TO_CLIENT, SERVER_NAME, "198.18.1.200:20000", "no mapping");
	translates(bench, TO_SERVER, "198.18.1.2:40000", SERVER_NAME,
		"198.18.1.200:20001 > " SERVER_NAME);
	translates(bench, TO_CLIENT, SERVER_NAME, "198.18.1.200:20000", "no mapping");
	bench_free(bench);
}

TEST(nat_runs_out_of_ports)
{
	struct bench *bench = bench_new("nat", "first_port=30000;last_port=30001");

	translates(bench, TO_SERVER, "198.18.1.2:1", SERVER_NAME,
		"198.18.1.200:30000 > " SERVER_NAME);
	translates(bench, TO_SERVER, "198.18.1.2:2", SERVER_NAME,
		"198.18.1.200:30001 > " SERVER_NAME);
	translates(bench, TO_SERVER, "198.18.1.2:3", SERVER_NAME, "no port left");
	bench_free(bench);
}

TEST(nat_of_the_destination)
{
	struct bench *bench = bench_new("nat", "kind=destination;address=198.18.100.2;port=8080");

	translates(bench, TO_SERVER, "198.18.1.2:40000", "203.0.113.5:80",
		"198.18.1.2:40000 > 198.18.100.2:8080");
	translates(bench, TO_CLIENT, "198.18.100.2:8080", "198.18.1.2:40000",
		"203.0.113.5:80 > 198.18.1.2:40000");
	/* Another client's connection is not mapped. */
	translates(bench, TO_CLIENT, "198.18.100.2:8080", "198.18.1.2:40001",
		"198.18.100.2:8080 > 198.18.1.2:40001");
	bench_check_out(bench);
	bench_free(bench);
}

TEST(nat_many_mappings)
{
	struct bench *bench = bench_new("nat", "");
	char src[32], want[64];
	unsigned int i;

	for (i = 0; i < 3000; i++) {
		snprintf(src, sizeof(src), "198.18.1.2:%u", 1000 + i % 1000);
		snprintf(want, sizeof(want), "198.18.1.200:%u > " SERVER_NAME, 20000 + i % 1000);
		translates(bench, TO_SERVER, src, SERVER_NAME, want);
		packet_free(bench->out[--bench->count]);
	}
	bench_free(bench);
}

/*
 * A router beyond the box reports about a packet as the box sent it; the client must find its own
 * packet quoted (RFC 5508 4.2), byte for byte.
 */
static void icmp_comes_back(uint8_t family, enum icmp_quote quote)
{
	struct bench *bench = bench_new("nat", "");
	struct icmp_plan plan = { .kind = ICMP_TIME_EXCEEDED, .quote = quote };
	struct segment segment = { TO_SERVER, TCP_ACK, 1, 2, NULL, 0, "payload", 7 };
	struct packet *sent, *answer = packet_new(PACKET_SMALL), *got;
	struct sockname src, dst;
	struct icmp_error error;

	bench->family = family;
	sent = segment_packet(bench, &segment);
	box_input(bench->box, packet_clone(sent), TO_SERVER, 0);
	CHECK(addr_parse(&plan.from, family == 4 ? "203.0.113.1" : "fd00:99::1"));
	CHECK(icmp_build(answer, &plan, bench_last(bench)));
	box_input(bench->box, answer, TO_CLIENT, 0);
	got = bench_last(bench);
	bench_check_out(bench);
	packet_socknames(got, &src, &dst);
	CHECK(addr_equal(&src.addr, &plan.from));
	src.addr = net_client_addr(0, family);
	CHECK(addr_equal(&dst.addr, &src.addr));
	CHECK(icmp_parse(&error, got));
	CHECK(error.quote_known > 0 &&
		memcmp(packet_data(got) + error.quote_offset, packet_data(sent),
			error.quote_known) == 0);
	CHECK_U64(box_hits(bench->box), 2);
	packet_free(sent);
	bench_free(bench);
}

TEST(nat_translates_quotes)
{
	icmp_comes_back(4, ICMP_QUOTE_FULL);
	icmp_comes_back(4, ICMP_QUOTE_RFC792);
	icmp_comes_back(4, ICMP_QUOTE_RFC4884);
	icmp_comes_back(6, ICMP_QUOTE_FULL);
}

/* The client itself reports about a packet from the server: that, too, leaves in the box's name. */
TEST(nat_translates_quotes_outwards)
{
	struct bench *bench = bench_new("nat", "");
	struct icmp_plan plan = { .from = net_client_addr(0, 4),
		.kind = ICMP_UNREACHABLE,
		.code = 3 };
	struct packet *answer = packet_new(PACKET_SMALL), *got;
	struct icmp_error error;
	struct addr src, dst;

	translates(bench, TO_SERVER, "198.18.1.2:40000", SERVER_NAME,
		"198.18.1.200:20000 > " SERVER_NAME);
	translates(bench, TO_CLIENT, SERVER_NAME, "198.18.1.200:20000",
		SERVER_NAME " > 198.18.1.2:40000");
	CHECK(icmp_build(answer, &plan, bench_last(bench)));
	box_input(bench->box, answer, TO_SERVER, 0);
	got = bench_last(bench);
	bench_check_out(bench);
	packet_addrs(got, &src, &dst);
	CHECK_HEX(src.bytes, 4, "c61201c8");
	CHECK(icmp_parse(&error, got));
	CHECK_HEX(packet_data(got) + error.quote_offset + 16, 4, "c61201c8");
	CHECK_U64(get_be16(packet_data(got) + error.quote_offset + 22), 20000);
	bench_free(bench);
}

/* The box remembers no more than so many: the oldest mapping gives way to a new one. */
TEST(nat_is_bounded)
{
	enum { MOST = 16384 };
	struct bench *bench = bench_new("nat", "kind=destination;address=198.18.100.9");
	char name[SOCKNAME_TEXT];
	unsigned int i;

	for (i = 0; i <= MOST; i++) {
		snprintf(name, sizeof(name), "198.18.1.2:%u", 1000 + i);
		box_input(bench->box, syn_packet(name, SERVER_NAME), TO_SERVER, 0);
		packet_free(bench_last(bench));
		bench->count = 0;
	}
	translates(bench, TO_CLIENT, "198.18.100.9:80", "198.18.1.2:1001",
		SERVER_NAME " > 198.18.1.2:1001");
	translates(bench, TO_CLIENT, "198.18.100.9:80", "198.18.1.2:1000",
		"198.18.100.9:80 > 198.18.1.2:1000");
	bench_free(bench);
}
