/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The prober against a path played by hand: what it sends when, and whose answer a packet is.
 */
#include "tests/unit/unit.h"

#include "probe/wire/icmp.h"
#include "probe/wire/tcpopt.h"
#include "tests/unit/hex.h"
#include "tracebox/trace.h"

enum { HOPS = 40, EVENTS = 512 };

/* A path: hop i+1 answers after rtt[i] (0: never); the destination stands at hop end. */
struct played {
	struct trace *trace;
	nsec_t now, rtt[HOPS];
	unsigned int end;
	enum icmp_quote quote;
	void (*damage)(struct packet *quoted); /* what the path does to a probe before its quote */
	struct packet *arrivals[EVENTS];
	nsec_t at[EVENTS];
	unsigned int pending, sent, resets;
	unsigned int limited; /* TTL of a hop that answers six at once, then one a second */
	unsigned int said;
	nsec_t said_at;
};

static struct packet *make_probe(uint8_t version)
{
	struct tcp_header header = { .seq = 0x10000000,
		.flags = TCP_SYN,
		.window = 5840,
		.ip_id = 0x4000 };
	struct packet *probe = packet_new(PACKET_SMALL);

	sockname_parse(&header.src, version == 4 ? "198.18.1.2:5000" : "[fd00:1::2]:5000");
	sockname_parse(&header.dst, version == 4 ? "198.18.100.2:80" : "[fd00:100::2]:80");
	packet_init_tcp(probe, &header);
	tcpopt_append(probe, "\x02\x04\x05\xb4", 4);
	packet_finish(probe);
	return probe;
}

static struct addr hop_addr(const struct packet *probe, unsigned int ttl)
{
	struct addr addr, destination;

	packet_addrs(probe, &addr, &destination);
	addr.bytes[addr.version == 4 ? 2 : 3] = (uint8_t)(100 + ttl);
	return addr;
}

static struct packet *expired(const struct packet *probe, unsigned int ttl, enum icmp_quote quote)
{
	struct icmp_plan plan = { .from = hop_addr(probe, ttl),
		.kind = ICMP_TIME_EXCEEDED,
		.quote = quote,
		.quote_bytes = 20 };
	struct packet *error = packet_new(PACKET_SMALL);

	CHECK(icmp_build(error, &plan, probe));
	return error;
}

static struct packet *direct(const struct packet *probe, uint16_t flags)
{
	struct tcp_header header = { .seq = 0x777, .ack = tcp_seq(probe) + 1, .flags = flags };
	struct packet *answer = packet_new(PACKET_SMALL);

	packet_socknames(probe, &header.dst, &header.src);
	packet_init_tcp(answer, &header);
	packet_finish(answer);
	return answer;
}

/* As Linux limits its errors (icmp_ratelimit 1000). */
static bool may_answer(struct played *played)
{
	if (played->said == 0)
		played->said_at = played->now;
	while (played->said > 0 && played->now >= played->said_at + NSEC_PER_SEC) {
		played->said--;
		played->said_at += NSEC_PER_SEC;
	}
	return played->said < 6 && ++played->said;
}

static void play_probe(struct played *played, const struct packet *probe)
{
	unsigned int ttl = packet_ttl(probe), hop = ttl < played->end ? ttl : played->end;
	struct packet *seen;

	if (tcp_flags(probe) & TCP_RST) {
		played->resets++;
		return;
	}
	played->sent++;
	if (played->rtt[hop - 1] == 0 || (hop == played->limited && !may_answer(played)))
		return;
	seen = packet_clone(probe);
	if (played->damage != NULL)
		played->damage(seen);
	played->at[played->pending] = played->now + played->rtt[hop - 1];
	played->arrivals[played->pending++] = hop == played->end
		? direct(probe, TCP_SYN | TCP_ACK)
		: expired(seen, hop, played->quote);
	packet_free(seen);
}

static bool deliver_first(struct played *played)
{
	unsigned int first = 0;

	for (unsigned int i = 1; i < played->pending; i++)
		if (played->at[i] < played->at[first])
			first = i;
	if (played->pending == 0 || played->at[first] > trace_deadline(played->trace))
		return false;
	played->now = played->at[first];
	trace_input(played->trace, played->arrivals[first], played->now);
	packet_free(played->arrivals[first]);
	played->pending--;
	played->arrivals[first] = played->arrivals[played->pending];
	played->at[first] = played->at[played->pending];
	return true;
}

static void play(struct played *played)
{
	struct packet *probe = packet_new(PACKET_SMALL);

	while (!trace_done(played->trace)) {
		while (trace_output(played->trace, probe, played->now))
			play_probe(played, probe);
		if (!deliver_first(played) && trace_deadline(played->trace) != NSEC_NEVER)
			played->now = trace_deadline(played->trace);
	}
	while (played->pending > 0)
		packet_free(played->arrivals[--played->pending]);
	packet_free(probe);
}

static void begin(struct played *played, unsigned int end, nsec_t rtt, uint8_t last_ttl)
{
	struct trace_config config;
	struct packet *probe = make_probe(4);

	*played = (struct played){ .end = end, .quote = ICMP_QUOTE_FULL };
	for (unsigned int i = 0; i < HOPS; i++)
		played->rtt[i] = rtt;
	trace_config_default(&config);
	if (last_ttl != 0) {
		config.last_ttl = last_ttl;
		config.silent_limit = 0;
	}
	played->trace = trace_new(probe, &config);
	packet_free(probe);
}

static enum answer_kind kind_at(const struct played *played, uint8_t ttl)
{
	return trace_hop(played->trace, ttl)->answer.kind;
}

TEST(trace_thirty_hops_take_one_round_trip)
{
	struct played played;

	begin(&played, 30, 50 * NSEC_PER_MS, 31);
	play(&played);
	CHECK(played.now <= 65 * NSEC_PER_MS);
	CHECK_U64(trace_last_ttl(played.trace), 30);
	CHECK_U64(kind_at(&played, 29), ANSWER_TIME_EXCEEDED);
	CHECK_U64(kind_at(&played, 30), ANSWER_SYN_ACK);
	CHECK(played.sent <= 31);
	CHECK_U64(played.resets, 1);
	trace_free(played.trace);
}

TEST(trace_ten_silent_hops_are_asked_again)
{
	struct played played;

	begin(&played, 30, 50 * NSEC_PER_MS, 31);
	for (unsigned int i = 2; i < 22; i += 2)
		played.rtt[i] = 0;
	play(&played);
	CHECK(played.now <= 300 * NSEC_PER_MS);
	CHECK_U64(played.sent, 31 + 20);
	CHECK_U64(trace_hop(played.trace, 3)->sent, 3);
	CHECK_U64(trace_hop(played.trace, 4)->sent, 1);
	trace_free(played.trace);
}

TEST(trace_a_hop_that_limits_its_answers_gets_time)
{
	struct trace_config config;
	struct packet *probe = make_probe(4);
	struct played played;

	begin(&played, 4, 10 * NSEC_PER_MS, 0);
	trace_free(played.trace);
	trace_config_default(&config);
	config.probes = 8;
	played.trace = trace_new(probe, &config);
	played.limited = 2;
	play(&played);
	CHECK_U64(trace_hop(played.trace, 2)->answered, 8);
	CHECK_U64(trace_hop(played.trace, 3)->answered, 8);
	CHECK_U64(trace_hop(played.trace, 3)->sent, 8);
	CHECK(played.now < 4 * NSEC_PER_SEC);
	trace_free(played.trace);
	packet_free(probe);
}

/* Ten traces, one after the other: the hop has used up its answers when the seventh begins. */
TEST(trace_traces_in_a_row_share_what_a_hop_has_answered)
{
	struct packet *probe = make_probe(4);
	struct trace_pace pace = { { 0 } };
	struct trace_config config;
	struct played played;

	begin(&played, 4, 10 * NSEC_PER_MS, 0);
	played.limited = 1;
	trace_config_default(&config);
	config.pace = &pace;
	for (unsigned int i = 0; i < 10; i++) {
		trace_free(played.trace);
		played.trace = trace_new(probe, &config);
		play(&played);
		CHECK_U64(kind_at(&played, 1), ANSWER_TIME_EXCEEDED);
	}
	trace_free(played.trace);
	packet_free(probe);
}

TEST(trace_silent_destination_ends_in_time)
{
	struct played played;

	begin(&played, 30, 50 * NSEC_PER_MS, 31);
	played.rtt[29] = 0;
	play(&played);
	CHECK(played.now <= 500 * NSEC_PER_MS);
	CHECK(played.sent <= 93);
	CHECK(trace_destination(played.trace) == NULL);
	CHECK_U64(played.resets, 0);
	trace_free(played.trace);
}

TEST(trace_ends_behind_eight_silent_hops)
{
	struct played played;

	begin(&played, 5, 10 * NSEC_PER_MS, 0);
	played.rtt[4] = 0;
	play(&played);
	CHECK_U64(trace_last_ttl(played.trace), 12);
	CHECK_U64(played.sent, 4 + 32 + 8 * 2);
	trace_free(played.trace);
}

/* An eight-hop gap in front of a hop that answers is no end. */
TEST(trace_goes_on_when_a_farther_hop_answers)
{
	struct played played;

	begin(&played, 14, 10 * NSEC_PER_MS, 0);
	for (unsigned int i = 3; i < 12; i++)
		played.rtt[i] = 0;
	play(&played);
	CHECK_U64(trace_last_ttl(played.trace), 14);
	CHECK_U64(kind_at(&played, 13), ANSWER_TIME_EXCEEDED);
	trace_free(played.trace);
}

/* A destination much farther away than the last router is found, late as its answer may be. */
TEST(trace_near_hops_do_not_set_the_wait_for_far_ones)
{
	struct played played;

	begin(&played, 4, NSEC_PER_MS, 0);
	played.rtt[3] = 280 * NSEC_PER_MS;
	play(&played);
	CHECK_U64(trace_last_ttl(played.trace), 4);
	CHECK_U64(kind_at(&played, 4), ANSWER_SYN_ACK);
	trace_free(played.trace);
}

TEST(trace_probes_differ_in_id_and_falling_sequence_alone)
{
	struct played played;
	struct packet *a = packet_new(PACKET_SMALL), *b = packet_new(PACKET_SMALL);

	begin(&played, 5, NSEC_PER_MS, 0);
	trace_probe(played.trace, 3, 0, a);
	trace_probe(played.trace, 3, 2, b);
	CHECK_U64(tcp_seq(a), 0x10000000 - 3);
	CHECK_U64(tcp_seq(b), 0x10000000 - 0x203);
	CHECK_U64(get_be16(packet_data(b) + 4), 0x4203);
	CHECK(packet_ip_checksum_ok(b) && packet_l4_checksum_ok(b));
	packet_write32(b, b->l4 + 4, tcp_seq(a));
	packet_write16(b, 4, 0x4003);
	packet_finish(b);
	CHECK(memcmp(packet_data(a), packet_data(b), a->length) == 0);
	packet_free(a);
	packet_free(b);
	trace_free(played.trace);
}

TEST(trace_fixed_sequence_goes_one_at_a_time)
{
	struct trace_config config;
	struct packet *probe = make_probe(4), *out = packet_new(PACKET_SMALL);
	struct trace *trace;

	trace_config_default(&config);
	config.fixed_seq = true;
	trace = trace_new(probe, &config);
	CHECK(trace_output(trace, out, 0));
	CHECK(!trace_output(trace, out, NSEC_PER_MS));
	CHECK_U64(tcp_seq(out), 0x10000000);
	trace_free(trace);
	packet_free(probe);
	packet_free(out);
}

/* ---- what survived ---- */

static void new_id(struct packet *p)
{
	packet_write16(p, 4, 7);
	packet_finish(p);
}

static void new_seq(struct packet *p)
{
	packet_write32(p, p->l4 + 4, tcp_seq(p) + 0x12345678);
	packet_finish(p);
}

static void new_both(struct packet *p)
{
	new_id(p);
	new_seq(p);
}

static void new_port_and_seq(struct packet *p)
{
	packet_write16(p, p->l4, 61000);
	new_seq(p);
}

static void new_destination(struct packet *p)
{
	packet_write(p, 16, "\xc6\x12\x09\x09", 4);
	packet_finish(p);
}

static void check_matches(void (*damage)(struct packet *), enum answer_match match)
{
	static const enum icmp_quote quotes[] = { ICMP_QUOTE_RFC792, ICMP_QUOTE_PARTIAL,
		ICMP_QUOTE_FULL, ICMP_QUOTE_RFC4884 };
	struct played played;

	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		begin(&played, 6, 10 * NSEC_PER_MS, 0);
		played.quote = quotes[i];
		played.damage = damage;
		play(&played);
		CHECK_U64(trace_last_ttl(played.trace), 6);
		for (uint8_t ttl = 1; ttl < 6; ttl++) {
			const struct answer *answer = &trace_hop(played.trace, ttl)->answer;

			CHECK_U64(answer->kind, ANSWER_TIME_EXCEEDED);
			CHECK_U64(answer->match, match);
			CHECK_U64(answer->from.bytes[2], 100u + ttl);
		}
		trace_free(played.trace);
	}
}

TEST(trace_quote_of_every_kind_matches)
{
	check_matches(NULL, MATCH_SEQUENCE);
}

TEST(trace_rewritten_id_leaves_the_sequence)
{
	check_matches(new_id, MATCH_SEQUENCE);
}

TEST(trace_rewritten_sequence_leaves_the_id)
{
	check_matches(new_seq, MATCH_ID);
	check_matches(new_port_and_seq, MATCH_ID);
}

TEST(trace_rewritten_destination_leaves_both)
{
	check_matches(new_destination, MATCH_SEQUENCE);
}

TEST(trace_with_both_rewritten_turns_tell)
{
	check_matches(new_both, MATCH_TURN);
}

/* Quotes that name no probe of ours: another host's traffic, or a guess. */
TEST(trace_foreign_quotes_are_no_answers)
{
	struct played played;
	struct packet *probe = packet_new(PACKET_SMALL), *error;

	begin(&played, 6, 10 * NSEC_PER_MS, 0);
	while (trace_output(played.trace, probe, played.now))
		played.now += NSEC_PER_MS;
	/* Right addresses and destination port, guessed source port, id and sequence. */
	packet_write16(probe, probe->l4, 9999);
	new_both(probe);
	error = expired(probe, 2, ICMP_QUOTE_FULL);
	trace_input(played.trace, error, played.now);
	packet_free(error);
	/* A probe that has not been sent: TTL 40 is outside the window. */
	trace_probe(played.trace, 40, 0, probe);
	packet_write(probe, 16, "\x01\x02\x03\x04", 4);
	packet_finish(probe);
	error = expired(probe, 2, ICMP_QUOTE_FULL);
	trace_input(played.trace, error, played.now);
	packet_free(error);
	for (uint8_t ttl = 1; ttl < 64; ttl++)
		CHECK_U64(kind_at(&played, ttl), ANSWER_NONE);
	packet_free(probe);
	trace_free(played.trace);
}

/* RFC 792: IP header and eight bytes; the probe of TTL 3, built by scapy. */
TEST(trace_reads_a_quote_that_scapy_made)
{
	struct played played;
	struct packet *out = packet_new(PACKET_SMALL), *error;

	begin(&played, 6, 10 * NSEC_PER_MS, 0);
	while (trace_output(played.trace, out, played.now))
		played.now += NSEC_PER_MS;
	error = hex_packet("45000038000100004001ea9bc6120302c6120102"
			   "0b00d12a00000000"
			   "4500002c40034000010648a0c6120102c6126402"
			   "138800500ffffffd");
	trace_input(played.trace, error, played.now);
	CHECK_U64(kind_at(&played, 3), ANSWER_TIME_EXCEEDED);
	CHECK_U64(trace_hop(played.trace, 3)->answer.match, MATCH_SEQUENCE);
	packet_free(error);
	packet_free(out);
	trace_free(played.trace);
}

TEST(trace_resets_what_it_half_opened)
{
	struct trace_config config;
	struct packet *probe = make_probe(4), *out = packet_new(PACKET_SMALL), *answer;
	struct trace *trace;
	uint32_t seq;

	trace_config_default(&config);
	config.last_ttl = 1;
	trace = trace_new(probe, &config);
	CHECK(trace_output(trace, out, 0));
	answer = direct(out, TCP_SYN | TCP_ACK);
	trace_input(trace, answer, 5);
	CHECK(trace_accepted_seq(trace, &seq));
	CHECK_U64(seq, 0x10000000 - 1);
	CHECK(trace_output(trace, out, 5));
	CHECK_U64(tcp_flags(out), TCP_RST);
	CHECK_U64(tcp_seq(out), 0x10000000);
	CHECK(!trace_output(trace, out, 5));
	CHECK(trace_done(trace));
	trace_free(trace);
	packet_free(answer);
	packet_free(probe);
	packet_free(out);
}
