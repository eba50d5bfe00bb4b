/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings on paths whose truth is known: boxes between hops, every kind of quote, silent hops.
 */
#include "tests/unit/unit.h"

#include "probe/wire/mptcp.h"
#include "probe/wire/text.h"
#include "tests/unit/hex.h"
#include "tracebox/attribute.h"

#include <stdio.h>

enum { HOPS = 8, BOXES = 4 };

/* A box stands in front of hop before. */
struct place {
	unsigned int before;
	void (*edit)(struct packet *packet);
};

struct ground {
	struct place boxes[BOXES];
	enum icmp_quote quote[HOPS + 1];
	uint32_t quote_bytes[HOPS + 1];
	bool silent[HOPS + 1];
	void (*translate)(struct packet *packet); /* what a NAT does to quotes on their way back */
	const char *probe;
	const char *answer; /* of the destination, behind the last hop */
	char found[2048];
};

#define SYN4   "198.18.1.2:5000 > 198.18.100.2:80 id 16384 S 268435456:268435456(0) win 5840 "
#define PROBE4 SYN4 "<mss 1460,sackok,timestamp 7 0,nop,wscale 14,mptcp capable v1 flags 81>"

static struct packet *from_text(const char *text)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	struct err err = { "" };

	if (!packet_from_text(packet, text, &err))
		unit_equal_text(err.text, "", __FILE__, __LINE__, text);
	return packet;
}

static struct packet *quote_at(const struct ground *ground, const struct packet *probe,
	unsigned int hop)
{
	struct icmp_plan plan = { .from = addr_v4(198, 18, (uint8_t)(100 + hop), 1),
		.kind = ICMP_TIME_EXCEEDED,
		.quote = ground->quote[hop],
		.quote_bytes = ground->quote_bytes[hop] };
	struct packet *seen = packet_clone(probe), *error = packet_new(PACKET_SMALL);

	if (probe->version == 6)
		addr_parse(&plan.from, "fd00:9::1");
	for (unsigned int i = 0; i < BOXES; i++) {
		if (ground->boxes[i].edit == NULL || ground->boxes[i].before > hop)
			continue;
		ground->boxes[i].edit(seen);
		packet_finish(seen);
	}
	packet_set_ttl(seen, 1);
	packet_finish(seen);
	if (ground->translate != NULL)
		ground->translate(seen);
	CHECK(icmp_build(error, &plan, seen));
	packet_free(seen);
	return error;
}

static void write_findings(struct ground *ground, const struct result *result)
{
	size_t used = 0;

	ground->found[0] = '\0';
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct finding *f = &result->findings[i];
		char name[OPTID_TEXT], before[64], after[64];
		const char *how = change_how_text(f->change.how);

		used += (size_t)snprintf(ground->found + used, sizeof(ground->found) - used,
			"%s%s %s%s%s [%s>%s] %u-%u %s%s", i > 0 ? "; " : "", finding_name(f, name),
			change_kind_text(f->change.kind), how != NULL ? " " : "",
			how != NULL ? how : "", finding_before(f, before, sizeof(before)),
			finding_after(f, after, sizeof(after)),
			f->after != NULL ? f->after->ttl : 0u, (unsigned int)f->before->ttl,
			f->is_exact ? "exact" : "bounded",
			f->is_translated       ? " nat"
				: f->is_hidden ? " hidden"
					       : "");
	}
}

/* Trace the ground and say what is found; the caller finishes the result's own checks in between.
 */
static void survey(struct ground *ground, void (*check)(const struct result *result))
{
	struct packet *probe = from_text(ground->probe != NULL ? ground->probe : PROBE4);
	struct packet *out = packet_new(PACKET_SMALL), *answer;
	struct trace_config config;
	struct result result;
	struct trace *trace;
	nsec_t now = 0;

	trace_config_default(&config);
	config.last_ttl = HOPS + 1;
	config.retries = 0;
	trace = trace_new(probe, &config);
	while (!trace_done(trace)) {
		if (!trace_output(trace, out, now)) {
			now = trace_deadline(trace);
			continue;
		}
		if (tcp_flags(out) & TCP_RST)
			continue;
		if (packet_ttl(out) > HOPS && ground->answer == NULL)
			continue;
		if (packet_ttl(out) <= HOPS && ground->silent[packet_ttl(out)])
			continue;
		answer = packet_ttl(out) > HOPS ? from_text(ground->answer)
						: quote_at(ground, out, packet_ttl(out));
		trace_input(trace, answer, now);
		packet_free(answer);
	}
	result_init(&result, trace);
	write_findings(ground, &result);
	if (check != NULL)
		check(&result);
	result_fini(&result);
	trace_free(trace);
	packet_free(probe);
	packet_free(out);
}

static void set_all(struct ground *ground, enum icmp_quote quote, uint32_t bytes)
{
	for (unsigned int hop = 0; hop <= HOPS; hop++) {
		ground->quote[hop] = quote;
		ground->quote_bytes[hop] = bytes;
	}
}

#define CHECK_FOUND(ground, want)                  \
	do {                                       \
		survey(ground, NULL);              \
		CHECK_TEXT((ground)->found, want); \
	} while (0)

/* ---- boxes ---- */

static void remove_kind(struct packet *p, uint8_t kind, enum tcpopt_remove_how how)
{
	struct tcpopt opt;

	if (tcpopt_find(p, kind, &opt))
		tcpopt_remove(p, &opt, how);
}

static void strip_gap(struct packet *p)
{
	remove_kind(p, TCPOPT_MPTCP, REMOVE_GAP);
}

static void strip_nop(struct packet *p)
{
	remove_kind(p, TCPOPT_MPTCP, REMOVE_NOP);
}

static void strip_timestamp(struct packet *p)
{
	remove_kind(p, TCPOPT_TIMESTAMP, REMOVE_GAP);
}

static void clamp_to(struct packet *p, uint16_t mss)
{
	struct tcpopt opt;

	CHECK(tcpopt_find(p, TCPOPT_MSS, &opt));
	packet_write16(p, opt.offset + 2, mss);
}

static void clamp_1400(struct packet *p)
{
	clamp_to(p, 1400);
}

static void clamp_1300(struct packet *p)
{
	clamp_to(p, 1300);
}

static void set_window(struct packet *p)
{
	packet_write16(p, p->l4 + 14, 1000);
}

static void set_seq(struct packet *p)
{
	packet_write32(p, p->l4 + 4, tcp_seq(p) + 100000);
}

static void set_id(struct packet *p)
{
	packet_write16(p, 4, 0);
}

static void set_dscp(struct packet *p)
{
	packet_write(p, 1, "\x28", 1);
}

static void clear_dscp(struct packet *p)
{
	packet_write(p, 1, "\x00", 1);
}

static void nat_out(struct packet *p)
{
	packet_write(p, 12, "\xc6\x12\x01\xc8", 4);
	packet_write16(p, p->l4, 61000);
}

/* What the NAT does to the quote on its way back: addresses and ports, not the TCP checksum. */
static void nat_back(struct packet *p)
{
	packet_write(p, 12, "\xc6\x12\x01\x02", 4);
	packet_write16(p, p->l4, 5000);
	packet_finish_lengths(p);
}

/* ---- where ---- */

TEST(attribute_clean_path_has_no_finding)
{
	static const uint32_t cuts[] = { 8, 9, 12, 13, 16, 18, 20, 21, 24, 26, 27, 30, 40, 44, 60 };
	struct ground ground = { .quote[0] = ICMP_QUOTE_FULL };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	CHECK_FOUND(&ground, "");
	set_all(&ground, ICMP_QUOTE_RFC792, 0);
	CHECK_FOUND(&ground, "");
	set_all(&ground, ICMP_QUOTE_RFC4884, 0);
	CHECK_FOUND(&ground, "");
	set_all(&ground, ICMP_QUOTE_RFC4884, 8);
	CHECK_FOUND(&ground, "");
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		set_all(&ground, ICMP_QUOTE_PARTIAL, cuts[i]);
		CHECK_FOUND(&ground, "");
	}
}

TEST(attribute_removed_option_between_two_hops)
{
	struct ground ground = { .boxes = { { 4, strip_nop } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	CHECK_FOUND(&ground, "tcp.option.mptcp.mp_capable removed nop [v1 flags 81>] 3-4 exact");
	ground.boxes[0].edit = strip_gap;
	CHECK_FOUND(&ground, "tcp.option.mptcp.mp_capable removed gap [v1 flags 81>] 3-4 exact");
}

TEST(attribute_first_hop_is_changed_behind_the_sender)
{
	struct ground ground = { .boxes = { { 1, set_window } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	CHECK_FOUND(&ground, "tcp.window modified [5840>1000] 0-1 exact");
}

TEST(attribute_silent_hops_bound_the_place)
{
	struct ground ground = { .boxes = { { 4, set_window } }, .silent = { [3] = true } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	CHECK_FOUND(&ground, "tcp.window modified [5840>1000] 2-4 bounded");
	ground.silent[1] = ground.silent[2] = true;
	CHECK_FOUND(&ground, "tcp.window modified [5840>1000] 0-4 bounded");
}

TEST(attribute_short_quotes_bound_the_place)
{
	struct ground ground = { .boxes = { { 4, clamp_1400 } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	ground.quote[3] = ground.quote[4] = ICMP_QUOTE_RFC792;
	CHECK_FOUND(&ground, "tcp.option.mss modified [1460>1400] 2-5 bounded");
	/* The header alone, 20 bytes: its checksum says that something happened, hop 5 says what.
	 */
	ground.quote[4] = ICMP_QUOTE_PARTIAL;
	ground.quote_bytes[4] = 20;
	CHECK_FOUND(&ground, "tcp.option.mss modified [1460>1400] 2-5 bounded");
}

/* RFC 792 alone: only the checksum-free eight bytes; nothing can be known, nothing is said. */
TEST(attribute_nothing_is_said_of_what_no_quote_shows)
{
	struct ground ground = { .boxes = { { 4, clamp_1400 } } };

	set_all(&ground, ICMP_QUOTE_RFC792, 0);
	CHECK_FOUND(&ground, "");
}

TEST(attribute_checksum_tells_of_what_is_behind_the_quote)
{
	struct ground ground = { .boxes = { { 4, clamp_1400 } } };
	char want[64];

	set_all(&ground, ICMP_QUOTE_PARTIAL, 20);
	survey(&ground, NULL);
	snprintf(want, sizeof(want), "tcp.checksum modified");
	CHECK(strncmp(ground.found, want, strlen(want)) == 0);
	CHECK(strstr(ground.found, "3-4 exact hidden") != NULL);
	/* What the quote shows explains the checksum: the window. */
	ground.boxes[0].edit = set_window;
	CHECK_FOUND(&ground, "tcp.window modified [5840>1000] 3-4 exact");
}

TEST(attribute_two_boxes_two_findings)
{
	struct ground ground = { .boxes = { { 3, clamp_1400 }, { 6, clamp_1300 } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	CHECK_FOUND(&ground,
		"tcp.option.mss modified [1460>1400] 2-3 exact; "
		"tcp.option.mss modified [1400>1300] 5-6 exact");
	ground.boxes[1].edit = strip_timestamp;
	CHECK_FOUND(&ground,
		"tcp.option.mss modified [1460>1400] 2-3 exact; "
		"tcp.option.timestamp removed gap [7 0>] 5-6 exact");
}

TEST(attribute_changed_back_is_a_finding_too)
{
	struct ground ground = { .boxes = { { 3, set_dscp }, { 6, clear_dscp } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	CHECK_FOUND(&ground,
		"ip.dscp modified [0>10] 2-3 exact; ip.dscp modified [10>0] 5-6 exact");
}

TEST(attribute_numbers_of_the_probe_are_no_change)
{
	struct ground ground = { .boxes = { { 3, set_seq }, { 5, set_id } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	survey(&ground, NULL);
	CHECK(strstr(ground.found, "tcp.seq modified") == ground.found);
	CHECK(strstr(ground.found, "2-3 exact; ip.id modified") != NULL);
	CHECK(strstr(ground.found, "4-5 exact") != NULL);
	CHECK_U64(strlen(ground.found) < 120, true);
}

/* ---- network address translation ---- */

TEST(attribute_nat_seen_in_the_quotes)
{
	struct ground ground = { .boxes = { { 3, nat_out } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	CHECK_FOUND(&ground,
		"ip.src modified [198.18.1.2>198.18.1.200] 2-3 exact; "
		"tcp.sport modified [5000>61000] 2-3 exact");
}

TEST(attribute_nat_that_translates_quotes_back_leaves_the_checksum)
{
	struct ground ground = { .boxes = { { 3, nat_out } }, .translate = nat_back };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	survey(&ground, NULL);
	CHECK(strstr(ground.found, "tcp.checksum modified") == ground.found);
	CHECK(strstr(ground.found, "2-3 exact nat") != NULL);
}

/* ---- lengths ---- */

/* As some routers quote it. */
static void damage_length(struct packet *p)
{
	packet_write16(p, 2, (uint16_t)(p->length - 20));
}

static void exchange_length(struct packet *p)
{
	packet_write16(p, 2, (uint16_t)(p->length << 8 | p->length >> 8));
}

static void shorten(struct packet *p)
{
	packet_write16(p, 2, (uint16_t)(p->length - 4));
}

TEST(attribute_length_tells_of_what_is_behind_the_quote)
{
	struct ground ground = { .boxes = { { 4, strip_gap } } };

	set_all(&ground, ICMP_QUOTE_RFC792, 0);
	CHECK_FOUND(&ground, "ip.length modified [64>60] 3-4 exact");
	ground.boxes[1] = (struct place){ 6, strip_timestamp };
	CHECK_FOUND(&ground,
		"ip.length modified [64>60] 3-4 exact; ip.length modified [60>52] 5-6 exact");
	/* A quote that shows why, and that it happened in between. */
	ground.quote[8] = ICMP_QUOTE_FULL;
	CHECK_FOUND(&ground,
		"tcp.option.timestamp removed gap [7 0>] 0-8 bounded; "
		"tcp.option.mptcp.mp_capable removed gap [v1 flags 81>] 0-8 bounded");
}

TEST(attribute_damaged_lengths_are_no_change)
{
	struct ground ground = { .translate = damage_length };

	set_all(&ground, ICMP_QUOTE_RFC792, 0);
	CHECK_FOUND(&ground, "");
	ground.translate = exchange_length;
	CHECK_FOUND(&ground, "");
	ground.translate = shorten;
	CHECK_FOUND(&ground, "ip.length modified [64>60] 0-1 exact");
}

/* ---- fragments ---- */

static void mark_fragment(struct packet *p)
{
	packet_write16(p, 6, 0x2000);
}

static void change_payload(struct packet *p)
{
	packet_write16(p, 6, 0x4000);
	packet_write(p, p->payload + 1, "!", 1);
}

/* A first fragment shows neither that the payload is shorter, nor that all of it is as it was. */
TEST(attribute_first_fragment_says_nothing_of_the_payload)
{
	struct ground ground = { .boxes = { { 4, mark_fragment } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	ground.probe = "198.18.1.2:5000 > 198.18.100.2:80 id 16384 S "
		       "268435456:268435459(3) win 5840 payload 414243";
	CHECK_FOUND(&ground, "ip.flags modified [2>1] 3-4 exact");
	ground.boxes[1] = (struct place){ 6, change_payload };
	CHECK_FOUND(&ground,
		"ip.flags modified [2>1] 3-4 exact; ip.flags modified [1>2] 5-6 exact; "
		"payload modified [414243>412143] 3-6 bounded");
}

/* ---- quotes that lie ---- */

TEST(attribute_one_hop_that_all_others_deny_is_no_finding)
{
	/* Stands in front of hop 4 and is undone in front of hop 5: hop 4 alone shows it. */
	struct ground ground = { .boxes = { { 4, set_dscp }, { 5, clear_dscp } } };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	CHECK_FOUND(&ground, "");
}

/* ---- the destination ---- */

#define ANSWER4 "198.18.100.2:80 > 198.18.1.2:5000 S. 77:77(0) ack 268435448 win 5840 "

static void check_plain(const struct result *result)
{
	CHECK(result->destination.reached);
	CHECK_U64(result->destination.ttl, 9);
	CHECK_U64(result->destination.reply, ANSWER_SYN_ACK);
	CHECK(result->destination.asked_mptcp);
	CHECK(!result->destination.supports_mptcp && !result->destination.mirrors_mptcp);
}

static void check_supported(const struct result *result)
{
	CHECK(result->destination.supports_mptcp && !result->destination.mirrors_mptcp);
	CHECK(result->destination.has_version);
	CHECK_U64(result->destination.version, 1);
}

static void check_mirrored(const struct result *result)
{
	CHECK(!result->destination.supports_mptcp && result->destination.mirrors_mptcp);
}

TEST(attribute_destination_supports_or_mirrors_or_does_not)
{
	struct ground ground = { .answer = ANSWER4 "<mss 1460>" };

	set_all(&ground, ICMP_QUOTE_FULL, 0);
	survey(&ground, check_plain);
	CHECK_TEXT(ground.found, "");
	ground.answer = ANSWER4 "<mss 1460,mptcp capable v1 flags 81 key 0102030405060708>";
	survey(&ground, check_supported);
	ground.answer = ANSWER4 "<mss 1460,mptcp capable v1 flags 81>";
	survey(&ground, check_mirrored);
	/* Version 0 holds our key: it coming back is no support. */
	ground.probe = SYN4 "<mptcp capable v0 flags 81 key 1122334455667788>";
	ground.answer = ANSWER4 "<mptcp capable v0 flags 81 key 1122334455667788>";
	survey(&ground, check_mirrored);
}
