/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose answer a packet is, when anybody may have sent it: numbers decide, and where a box rewrites
 * them, what quotes have shown of that.
 */
#include "tests/unit/unit.h"

#include "probe/wire/icmp.h"
#include "tracebox/trace.h"

#include <string.h>

enum { LAST = 6, ELSEWHERE = 0x5555 };

static struct trace *sent_data(uint16_t flags, uint32_t length)
{
	struct tcp_header header = { .seq = 0x10000000, .ack = 0x999, .flags = flags };
	struct packet *probe = packet_new(PACKET_SMALL);
	struct trace_config config;
	struct trace *trace;

	sockname_parse(&header.src, "198.18.1.2:5000");
	sockname_parse(&header.dst, "198.18.100.2:80");
	packet_init_tcp(probe, &header);
	if (length > 0)
		memset(packet_append_payload(probe, length), 'x', length);
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

static struct trace *sent_trace(uint16_t flags)
{
	return sent_data(flags, 0);
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
		for (unsigned int ttl = 1; ttl <= LAST; ttl++)
			CHECK_U64(trace_hop(trace, (uint8_t)ttl)->answered, 0);
	}
	packet_free(error);
	packet_free(probe);
	trace_free(trace);
}

/* ---- SYNs that arrive in another order ---- */

enum { ORDER = 8 };

/* What acknowledges the SYN of this TTL; TTL 0 ends a row. */
struct said {
	uint8_t ttl;
	uint16_t flags;
};

enum { SYN_ACK = TCP_SYN | TCP_ACK, RST_ACK = TCP_RST | TCP_ACK };

/*
 * All that is due until then. What is reset: bit n for the connection of TTL n's first probe, of
 * which so much was taken.
 */
static unsigned int go_on(struct trace *trace, nsec_t until, uint32_t taken)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	unsigned int resets = 0;

	while (!trace_done(trace) && trace_deadline(trace) <= until)
		while (trace_output(trace, packet, trace_deadline(trace)))
			if (tcp_flags(packet) & TCP_RST)
				resets |= 1u << (seq_of(trace, 0) + taken - tcp_seq(packet));
	packet_free(packet);
	return resets;
}

/*
 * The destination stands at 4. What Linux says, a millisecond apart, to probes that arrive in the
 * order given in front, and whose connections the RSTs close: one of them may be open.
 */
TEST(match_answers_to_syns_in_any_order)
{
	static const struct {
		struct said said[ORDER];
		enum answer_kind kind;
		unsigned int resets;
	} rows[] = {
		/* 4 5 6 */
		{ { { 4, SYN_ACK }, { 4, TCP_ACK } }, ANSWER_SYN_ACK, 1 << 4 },
		/* 5 4 6 */
		{ { { 5, SYN_ACK }, { 4, RST_ACK }, { 6, SYN_ACK } }, ANSWER_SYN_ACK,
			1 << 5 | 1 << 6 },
		/* 5 4, and the answers change places */
		{ { { 4, RST_ACK }, { 5, SYN_ACK } }, ANSWER_SYN_ACK, 1 << 5 },
		/* 6 4 5 */
		{ { { 6, SYN_ACK }, { 4, RST_ACK }, { 5, SYN_ACK } }, ANSWER_SYN_ACK,
			1 << 5 | 1 << 6 },
		/* 6 5 4 */
		{ { { 6, SYN_ACK }, { 5, RST_ACK }, { 4, SYN_ACK } }, ANSWER_SYN_ACK,
			1 << 4 | 1 << 6 },
		/* 4 5, and the ACK overtakes the SYN/ACK */
		{ { { 4, TCP_ACK }, { 4, SYN_ACK } }, ANSWER_SYN_ACK, 1 << 4 },
		/* A port that is closed. */
		{ { { 5, RST_ACK }, { 4, RST_ACK }, { 6, RST_ACK } }, ANSWER_RST, 0 },
		/* A box refuses in the server's name, before and behind the server's answer. */
		{ { { 4, RST_ACK }, { 4, SYN_ACK } }, ANSWER_RST, 1 << 4 },
		{ { { 4, SYN_ACK }, { 4, RST_ACK } }, ANSWER_SYN_ACK, 1 << 4 },
		/* A server that accepts them all, and one that goes on saying so. */
		{ { { 4, SYN_ACK }, { 5, SYN_ACK }, { 6, SYN_ACK } }, ANSWER_SYN_ACK, 1 << 4 },
		{ { { 4, SYN_ACK }, { 4, SYN_ACK }, { 4, SYN_ACK } }, ANSWER_SYN_ACK, 1 << 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trace *trace = sent_trace(TCP_SYN);
		const struct trace_hop *hop;
		unsigned int resets = 0;
		nsec_t now = 2000;

		for (uint8_t ttl = 1; ttl < 4; ttl++)
			quote(trace, ttl, seq_of(trace, ttl), 20);
		for (const struct said *said = rows[i].said; said->ttl != 0; said++) {
			resets |= go_on(trace, now, 1);
			segment_at(trace, now, said->flags, 0x777, seq_of(trace, said->ttl) + 1);
			now += NSEC_PER_MS;
		}
		resets |= go_on(trace, 2000 + 20 * NSEC_PER_MS, 1);
		CHECK(trace_done(trace));
		hop = trace_destination(trace);
		CHECK(hop != NULL);
		if (hop == NULL)
			return;
		CHECK_U64(hop->answer.kind, rows[i].kind);
		CHECK_U64(trace_last_ttl(trace), 4);
		CHECK_U64(tcp_flags(hop->answer.packet),
			rows[i].kind == ANSWER_RST ? RST_ACK : SYN_ACK);
		CHECK_U64(resets, rows[i].resets);
		trace_free(trace);
	}
}

/* A box at 2 refuses the first SYN in the server's name; routers behind it let the others pass. */
TEST(match_reset_in_front_of_routers_is_no_servers)
{
	struct trace *trace = sent_trace(TCP_SYN);

	segment(trace, RST_ACK, 0, seq_of(trace, 2) + 1);
	quote(trace, 1, seq_of(trace, 1), 20);
	quote(trace, 3, seq_of(trace, 3), 20);
	segment(trace, SYN_ACK, 0x777, seq_of(trace, 4) + 1);
	CHECK_U64(go_on(trace, NSEC_PER_SEC, 1), 1 << 4);
	CHECK_U64(trace_hop(trace, 2)->answer.kind, ANSWER_RST);
	CHECK_U64(reached(trace), 2);
}

/* The connection is closed before a SYN is repeated that may reach the server, and at the end. */
TEST(match_silent_hop_may_be_the_servers)
{
	static const struct {
		uint8_t silent;
		unsigned int before; /* resets before its last probe */
		unsigned int resets;
	} rows[] = { { 2, 0, 1 }, { 3, 2, 2 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trace *trace = sent_trace(TCP_SYN);
		struct packet *packet = packet_new(PACKET_SMALL);
		unsigned int resets = 0, before = 0;

		for (uint8_t ttl = 1; ttl < 4; ttl++)
			if (ttl != rows[i].silent)
				quote(trace, ttl, seq_of(trace, ttl), 20);
		segment(trace, SYN_ACK, 0x777, seq_of(trace, 4) + 1);
		while (!trace_done(trace)) {
			if (!trace_output(trace, packet, trace_deadline(trace)))
				continue;
			resets += (tcp_flags(packet) & TCP_RST) != 0;
			before = (tcp_flags(packet) & TCP_RST) ? before : resets;
		}
		CHECK_U64(before, rows[i].before);
		CHECK_U64(resets, rows[i].resets);
		CHECK_U64(trace_hop(trace, rows[i].silent)->sent, 3);
		packet_free(packet);
		CHECK_U64(reached(trace), 4);
	}
}

/* What is lost between the prober and a server at 4: bit n, the n-th of its kind. */
struct losses {
	unsigned int syns, resets, answers;
};

/* As Linux has it: RFC 9293 3.10.7.4, of ACKs that nobody needs one in a while (RFC 5961). */
struct server {
	struct losses losses;
	bool is_open, has_acked;
	uint32_t begin; /* of what it expects */
};

static bool is_lost(unsigned int *losses)
{
	bool is_lost = *losses & 1;

	*losses >>= 1;
	return is_lost;
}

static uint16_t server_answer(struct server *server, uint32_t seq)
{
	bool was_open = server->is_open, had_acked = server->has_acked;

	if (!was_open)
		server->begin = seq + 1;
	server->is_open = seq + 1 == server->begin || (int32_t)(seq + 1 - server->begin) < 0;
	if (!was_open || seq + 1 == server->begin)
		return SYN_ACK;
	if (!server->is_open)
		return RST_ACK;
	server->has_acked = true;
	return had_acked ? 0 : TCP_ACK;
}

static void server_hear(struct server *server, struct trace *trace, uint16_t flags, uint32_t seq,
	nsec_t now)
{
	uint16_t answer;

	if (flags & TCP_RST) {
		if (!is_lost(&server->losses.resets) && seq == server->begin)
			server->is_open = false;
		return;
	}
	if (is_lost(&server->losses.syns))
		return;
	answer = server_answer(server, seq);
	if (answer != 0 && !is_lost(&server->losses.answers))
		segment_at(trace, now, answer, 0x777, answer == RST_ACK ? seq + 1 : server->begin);
}

/* Of a SYN, a RST or an answer that is lost the server's place and its SYN/ACK are found. */
TEST(match_what_is_lost_is_asked_again)
{
	static const struct losses rows[] = {
		{ .syns = 1 << 0 },
		{ .syns = 1 << 0 | 1 << 1 },
		{ .syns = 1 << 0 | 1 << 3 },
		{ .syns = 1 << 0, .resets = 1 << 0 },
		{ .answers = 1 << 0 },
		{ .answers = 1 << 0, .resets = 1 << 0 },
		{ .answers = 1 << 0, .syns = 1 << 3 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trace *trace = sent_trace(TCP_SYN);
		struct packet *packet = packet_new(PACKET_SMALL);
		struct server server = { .losses = rows[i] };

		for (uint8_t ttl = 1; ttl < 4; ttl++)
			quote(trace, ttl, seq_of(trace, ttl), 20);
		for (unsigned int ttl = 4; ttl <= LAST; ttl++)
			server_hear(&server, trace, TCP_SYN, seq_of(trace, (uint8_t)ttl), 2000);
		while (!trace_done(trace)) {
			nsec_t now = trace_deadline(trace);

			if (trace_output(trace, packet, now))
				server_hear(&server, trace, tcp_flags(packet), tcp_seq(packet),
					now + NSEC_PER_MS);
		}
		CHECK_U64(trace_last_ttl(trace), 4);
		CHECK_U64(trace_hop(trace, 4)->answer.kind, ANSWER_SYN_ACK);
		CHECK(!server.is_open);
		packet_free(packet);
		CHECK_U64(reached(trace), 4);
	}
}

/* The server at 4 takes the SYN alone, or its data as well; a RST is to all (RFC 9293 3.10.7.1). */
TEST(match_answers_to_a_syn_with_data)
{
	static const struct {
		uint32_t length, taken;
		uint16_t flags;
	} rows[] = {
		{ 1, 1, SYN_ACK },
		{ 1, 2, SYN_ACK },
		{ 2, 1, SYN_ACK },
		{ 2, 3, SYN_ACK },
		{ 100, 1, SYN_ACK },
		{ 100, 101, SYN_ACK },
		{ 1, 2, RST_ACK },
		{ 100, 101, RST_ACK },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct trace *trace = sent_data(TCP_SYN, rows[i].length);
		unsigned int resets;
		uint32_t seq = 0;

		for (uint8_t ttl = 1; ttl < 4; ttl++)
			quote(trace, ttl, seq_of(trace, ttl), 20);
		segment(trace, rows[i].flags, 0x777, seq_of(trace, 4) + rows[i].taken);
		CHECK(trace_accepted_seq(trace, &seq) == (rows[i].flags == SYN_ACK));
		CHECK_U64(seq, rows[i].flags == SYN_ACK ? seq_of(trace, 4) : 0);
		resets = go_on(trace, NSEC_PER_SEC, rows[i].taken);
		CHECK_U64(resets, rows[i].flags == SYN_ACK ? 1 << 4 : 0);
		CHECK_U64(reached(trace), 4);
	}
}
