/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose answer a packet is, when anybody may have sent it: numbers decide, and where a box rewrites
 * them, what quotes have shown of that.
 */
#include "tests/unit/unit.h"

#include "probe/wire/icmp.h"
#include "tracebox/trace.h"

enum { LAST = 6, ELSEWHERE = 0x5555 };

static struct trace *sent_trace(uint16_t flags)
{
	struct tcp_header header = { .seq = 0x10000000, .ack = 0x999, .flags = flags };
	struct packet *probe = packet_new(PACKET_SMALL);
	struct trace_config config;
	struct trace *trace;

	sockname_parse(&header.src, "198.18.1.2:5000");
	sockname_parse(&header.dst, "198.18.100.2:80");
	packet_init_tcp(probe, &header);
	packet_finish(probe);
	trace_config_default(&config);
	config.rate = 0;
	config.last_ttl = LAST;
	trace = trace_new(probe, &config);
	while (trace_output(trace, probe, 0))
		;
	packet_free(probe);
	return trace;
}

/* The sequence number of the probe with this TTL. */
static uint32_t seq_of(const struct trace *trace, uint8_t ttl)
{
	struct packet *probe = packet_new(PACKET_SMALL);
	uint32_t seq;

	trace_probe(trace, ttl, 0, probe);
	seq = tcp_seq(probe);
	packet_free(probe);
	return seq;
}

/* A hop quotes the probe of its TTL with another number, and as much of TCP as given. */
static void quote(struct trace *trace, uint8_t ttl, uint32_t seq, uint32_t bytes)
{
	struct icmp_plan plan = { .kind = ICMP_TIME_EXCEEDED,
		.quote = ICMP_QUOTE_PARTIAL,
		.quote_bytes = bytes };
	struct packet *probe = packet_new(PACKET_SMALL), *error = packet_new(PACKET_SMALL);

	trace_probe(trace, ttl, 0, probe);
	packet_write32(probe, probe->l4 + 4, seq);
	packet_finish(probe);
	addr_parse(&plan.from, "198.18.7.1");
	CHECK(icmp_build(error, &plan, probe));
	trace_input(trace, error, 1000);
	packet_free(error);
	packet_free(probe);
}

static void segment_at(struct trace *trace, nsec_t now, uint16_t flags, uint32_t seq, uint32_t ack)
{
	struct tcp_header header = { .seq = seq, .ack = ack, .flags = flags };
	struct packet *packet = packet_new(PACKET_SMALL);

	sockname_parse(&header.dst, "198.18.1.2:5000");
	sockname_parse(&header.src, "198.18.100.2:80");
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	trace_input(trace, packet, now);
	packet_free(packet);
}

static void segment(struct trace *trace, uint16_t flags, uint32_t seq, uint32_t ack)
{
	segment_at(trace, 2000, flags, seq, ack);
}

/* Let time pass until this TTL has the only probe under way; the moment it was sent. */
static nsec_t turn_of(struct trace *trace, uint8_t ttl)
{
	struct packet *probe = packet_new(PACKET_SMALL);
	nsec_t now = 2000;

	do {
		while (!trace_output(trace, probe, now))
			now = trace_deadline(trace);
	} while (packet_ttl(probe) != ttl);
	CHECK(!trace_output(trace, probe, now));
	packet_free(probe);
	return now;
}

/* The TTL that the destination is believed to have answered; 0: none. */
static unsigned int reached(struct trace *trace)
{
	const struct trace_hop *hop = trace_destination(trace);
	unsigned int ttl = hop != NULL && hop->answered > 0 ? hop->answer.ttl : 0;

	trace_free(trace);
	return ttl;
}

TEST(match_segments_by_what_they_acknowledge)
{
	static const struct {
		uint16_t flags;
		bool right, answers;
	} rows[] = {
		{ TCP_SYN | TCP_ACK, true, true },
		{ TCP_SYN | TCP_ACK, false, false },
		{ TCP_RST | TCP_ACK, true, true },
		{ TCP_RST | TCP_ACK, false, false },
		{ TCP_RST, true, false },
		{ TCP_RST, false, false },
		{ TCP_SYN, true, false },
		{ 0, true, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trace *trace = sent_trace(TCP_SYN);

		segment(trace, rows[i].flags, 0x777,
			rows[i].right ? seq_of(trace, 4) + 1 : ELSEWHERE);
		CHECK_U64(reached(trace), rows[i].answers ? 4 : 0);
	}
}

TEST(match_reset_of_a_segment_with_ack)
{
	struct trace *trace = sent_trace(TCP_ACK);

	segment(trace, TCP_RST, 0x998, 0);
	CHECK(trace_destination(trace) == NULL);
	/* Whose reset it is, is not known before there is but one probe. */
	segment(trace, TCP_RST, 0x999, 0);
	CHECK(trace_destination(trace) == NULL);
	segment_at(trace, turn_of(trace, 4) + 2000, TCP_RST, 0x999, 0);
	CHECK_U64(reached(trace), 4);
}

TEST(match_number_that_a_box_always_puts)
{
	struct trace *trace = sent_trace(TCP_SYN);

	segment(trace, TCP_SYN | TCP_ACK, 0x777, ELSEWHERE + 1);
	CHECK(trace_destination(trace) == NULL);
	quote(trace, 2, ELSEWHERE, 8);
	segment(trace, TCP_SYN | TCP_ACK, 0x777, ELSEWHERE + 1);
	CHECK(trace_destination(trace) == NULL);
	segment_at(trace, turn_of(trace, 3) + 2000, TCP_SYN | TCP_ACK, 0x777, ELSEWHERE + 1);
	CHECK_U64(reached(trace), 3);
}

TEST(match_number_that_a_box_moves)
{
	struct trace *trace = sent_trace(TCP_SYN);

	quote(trace, 2, seq_of(trace, 2) + 0x1000000, 8);
	segment(trace, TCP_SYN | TCP_ACK, 0x777, seq_of(trace, 5) + 0x1000000 + 1);
	CHECK_U64(reached(trace), 5);
}

/* Anybody knows two addresses. */
TEST(match_quote_without_ports_by_its_numbers_alone)
{
	struct trace *trace = sent_trace(TCP_SYN);
	struct icmp_plan plan = { .kind = ICMP_TIME_EXCEEDED, .quote = ICMP_QUOTE_PARTIAL };
	struct packet *probe = packet_new(PACKET_SMALL), *error = packet_new(PACKET_SMALL);

	addr_parse(&plan.from, "198.18.7.1");
	trace_probe(trace, 3, 0, probe);
	packet_write16(probe, 4, ELSEWHERE);
	packet_finish(probe);
	for (uint32_t bytes = 0; bytes < 4; bytes++) {
		CHECK(icmp_build(error, &plan, probe));
		error->length = error->l4 + 8 + 20 + bytes;
		packet_write16(error, 2, (uint16_t)error->length);
		packet_finish(error);
		packet_parse(error);
		trace_input(trace, error, 1000);
		for (uint8_t ttl = 1; ttl <= LAST; ttl++)
			CHECK_U64(trace_hop(trace, ttl)->answered, 0);
	}
	packet_free(error);
	packet_free(probe);
	trace_free(trace);
}
