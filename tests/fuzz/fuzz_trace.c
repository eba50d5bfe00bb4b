/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_trace.c - answers that anybody may have made: the input is put together with the quote of a
 * probe that was sent, damaged as it says, and handed to a trace, which is then read and reported.
 * Before it comes a segment in the destination's name. Whatever does not name a probe leaves no
 * trace; nothing crashes.
 */
#include "probe/wire/icmp.h"
#include "probe/wire/tcpopt.h"
#include "tracebox/attribute.h"
#include "tracebox/compat.h"
#include "tracebox/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ROOM = 2048,
	SENT = 6,
};

static struct trace *sent_trace(bool is_v6)
{
	struct tcp_header header = { .seq = 1u << 31, .flags = TCP_SYN, .window = 9 };
	struct packet *probe = packet_new(ROOM);
	struct trace_config config;
	struct trace *trace;

	sockname_parse(&header.src, is_v6 ? "[fd00:1::2]:5000" : "198.18.1.2:5000");
	sockname_parse(&header.dst, is_v6 ? "[fd00:100::2]:80" : "198.18.100.2:80");
	packet_init_tcp(probe, &header);
	tcpopt_append(probe, "\x02\x04\x05\xb4\x1e\x04\x01\x81", 8);
	packet_finish(probe);
	trace_config_default(&config);
	config.rate = 0;
	config.last_ttl = SENT;
	trace = trace_new(probe, &config);
	while (trace_output(trace, probe, 0))
		;
	packet_free(probe);
	return trace;
}

/* An ICMP error about one of the probes, of which the input overwrites what it likes. */
static void forge(struct packet *error, const struct trace *trace, const uint8_t *data, size_t size)
{
	struct icmp_plan plan = { .kind = (enum icmp_kind)(data[0] % ICMP_OTHER_ERROR),
		.quote = (enum icmp_quote)(data[1] % 4),
		.quote_bytes = data[2] };
	struct packet *probe = packet_new(ROOM);

	trace_probe(trace, (uint8_t)(1 + data[3] % SENT), 0, probe);
	addr_parse(&plan.from, probe->version == 6 ? "fd00:7::1" : "198.18.7.1");
	if (!icmp_build(error, &plan, probe))
		abort();
	for (size_t at = 4; at + 2 < size; at += 3) {
		size_t where = ((size_t)data[at] << 8 | data[at + 1]) % error->length;

		packet_bytes(error)[where] = data[at + 2];
	}
	if (size % 5 == 0 && data[2] < error->length)
		error->length -= data[2];
	packet_parse(error);
	packet_free(probe);
}

/* Whether a hop has an answer. */
static bool is_answered(const struct trace *trace)
{
	for (unsigned int ttl = 1; ttl <= SENT; ttl++)
		if (trace_hop(trace, (uint8_t)ttl)->answered > 0)
			return true;
	return false;
}

/* A segment from the destination: a SYN/ACK or a reset must acknowledge what was sent. */
static void forge_segment(struct packet *packet, struct trace *trace, const uint8_t *data)
{
	struct tcp_header header = { .flags = data[1] & 0x3f };
	struct packet *probe = packet_new(ROOM);
	bool names = false;

	memcpy(&header.ack, data, sizeof(header.ack));
	if (data[2] & 1)
		header.ack = (1u << 31) + 1 - data[3] % 16;
	for (unsigned int ttl = 1; ttl <= SENT; ttl++) {
		trace_probe(trace, (uint8_t)ttl, 0, probe);
		names |= header.ack == tcp_seq(probe) + 1;
	}
	packet_socknames(probe, &header.dst, &header.src);
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	trace_input(trace, packet, 500);
	names &= (header.flags & TCP_ACK) != 0;
	if ((header.flags & (TCP_SYN | TCP_RST)) != 0 && is_answered(trace) != names)
		abort();
	packet_free(probe);
}

static void read_result(const struct trace *trace)
{
	char text[COMPAT_TEXT];
	struct result result;

	result_init(&result, trace);
	for (size_t i = 0; i < result.finding_count; i++)
		verdict_finding(&result.findings[i], text);
	for (size_t i = 0; i < result.hop_count; i++) {
		struct icmp_object object = { 0 };

		compat_text(&result.hops[i], text);
		while (result.hops[i].has_quote &&
			icmp_object_next(result.hops[i].hop->answer.packet, &result.hops[i].error,
				&object))
			;
	}
	verdict_clean(&result, text);
	result_fini(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet *packet = packet_new(ROOM);
	struct trace *trace;

	if (size >= 4 && size < ROOM - PACKET_HEADROOM) {
		trace = sent_trace(data[0] & 1);
		forge_segment(packet, trace, data);
		forge(packet, trace, data, size);
		trace_input(trace, packet, 1000);
		if (packet_set(packet, data, size))
			trace_input(trace, packet, 2000);
		read_result(trace);
		trace_free(trace);
	}
	packet_free(packet);
	return 0;
}
