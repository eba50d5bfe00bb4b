/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_packet.c - any bytes as a packet: parsed, walked, printed and read back, edited, compared
 * with itself and with a cut of itself.
 */
#include "probe/wire/diff.h"
#include "probe/wire/icmp.h"
#include "probe/wire/mptcp.h"
#include "probe/wire/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok)
{
	if (!ok)
		abort();
}

/* Full text gives the same bytes again; short text of a TCP packet gives a packet. */
static void text_round_trip(const struct packet *packet)
{
	struct packet *again = packet_new(PACKET_SMALL + PACKET_HEADROOM);
	size_t room = TEXT_FULL_SIZE(packet->length);
	char *text = malloc(room), line[TEXT_LINE];
	struct err err;

	expect(text != NULL);
	expect(packet_text(packet, TEXT_FULL, text, room) < room);
	expect(packet_from_text(again, text, &err));
	expect(again->length == packet->length);
	expect(memcmp(packet_data(again), packet_data(packet), packet->length) == 0);
	expect(again->form == packet->form);
	expect(packet_text(packet, TEXT_SHORT, line, sizeof(line)) < sizeof(line));
	free(text);
	packet_free(again);
}

/* What an option says encodes to the same bytes; its text reads back to the same bytes. */
static void walk_options(const struct packet *packet)
{
	uint8_t again[TCPOPT_SPACE];
	char text[TEXT_OPTION];
	struct tcpopt opt = { 0 };
	struct mptcp_opt mptcp;
	struct err err;
	uint32_t length;

	while (tcpopt_next(packet, &opt)) {
		const uint8_t *bytes = tcpopt_bytes(packet, &opt);

		if (opt.kind == TCPOPT_MPTCP && mptcp_parse(&mptcp, bytes, opt.length)) {
			expect(mptcp_emit(&mptcp, again) == opt.length);
			expect(memcmp(again, bytes, opt.length) == 0);
		}
		tcpopt_text(bytes, opt.length, text);
		expect(tcpopt_from_text(text, again, &length, &err));
		expect(length == opt.length && memcmp(again, bytes, length) == 0);
	}
	tcpopt_malformed(packet);
}

/* By how much the checksum is off, modulo ffff; what cannot be told counts as right. */
static uint32_t wrongness(const struct packet *packet)
{
	uint32_t at = packet_checksum_offset(packet);

	if (at == 0 || packet->is_fragment)
		return 0;
	if (packet->form == PACKET_UDP && get_be16(packet_data(packet) + at) == 0)
		return 0;
	return (get_be16(packet_data(packet) + at) + 0xffffu - packet_l4_checksum(packet)) % 0xffff;
}

/* Remove each option in some way, then insert bytes of payload; the checksum stays as wrong. */
static void edit(const struct packet *packet)
{
	struct packet *copy = packet_clone(packet);
	uint32_t wrong = wrongness(packet), payload;
	struct tcpopt opt = { 0 };
	unsigned int how = packet->length;

	if (copy->form == PACKET_TCP && tcpopt_next(copy, &opt))
		tcpopt_remove(copy, &opt, how % 3);
	if (copy->form == PACKET_TCP)
		tcpopt_insert_first(copy, "\x4d\x03\x01", 3);
	payload = copy->end - copy->payload;
	/* A UDP length shorter than the packet leaves a rest that is no payload. */
	if (packet_covered_end(copy) == copy->end &&
		packet_open_gap(copy, copy->payload + payload / 2, 1 + how % 3, false))
		packet_write(copy, copy->payload + payload / 2, "x", 1);
	packet_finish(copy);
	expect(packet_parse(copy) == packet->form);
	expect(wrongness(copy) == wrong);
	packet_free(copy);
}

static void compare(const struct packet *packet)
{
	static const uint8_t zeros[64];
	struct changes changes;
	char text[CHANGE_TEXT];
	uint32_t known, i;

	packet_diff(&changes, packet, packet_data(packet), packet->length, DIFF_HOP_MUTABLE);
	expect(changes.count == 0);
	for (known = 0; known < packet->length && known < 80; known += 1 + packet->length % 5) {
		packet_diff(&changes, packet, packet_data(packet), known, DIFF_HOP_MUTABLE);
		for (i = 0; i < changes.count; i++)
			change_text(&changes.list[i], packet, packet_data(packet), known, text);
		expect(changes.count == 0);
	}
	packet_diff(&changes, packet, zeros, sizeof(zeros), 0);
}

static void errors(const struct packet *packet)
{
	struct packet *answer = packet_new(PACKET_SMALL);
	struct icmp_plan plan = { .kind = ICMP_TIME_EXCEEDED };
	struct icmp_object object = { 0 };
	struct icmp_interface interface;
	struct icmp_mpls labels[4];
	struct icmp_error error;

	if (icmp_parse(&error, packet)) {
		expect(error.quote_offset + error.quote_length <= packet->end);
		expect(error.quote_known <= error.quote_length);
		while (icmp_object_next(packet, &error, &object)) {
			expect(object.offset + object.length <= packet->end);
			icmp_object_mpls(packet, &object, labels, 4);
			icmp_object_interface(packet, &object, &interface);
		}
	}
	plan.from.version = packet->version;
	plan.from.bytes[0] = 10;
	plan.quote = packet->length % 4;
	plan.quote_bytes = packet->length / 2;
	if (icmp_build(answer, &plan, packet)) {
		expect(packet_l4_checksum_ok(answer));
		expect(icmp_parse(&error, answer));
		expect(error.kind == ICMP_TIME_EXCEEDED);
	}
	packet_free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet *packet;

	if (size > PACKET_SMALL)
		return 0;
	packet = packet_new(PACKET_SMALL + PACKET_HEADROOM);
	expect(packet_set(packet, data, size));
	text_round_trip(packet);
	walk_options(packet);
	errors(packet);
	if (packet->form != PACKET_MALFORMED)
		edit(packet);
	compare(packet);
	packet_free(packet);
	return 0;
}
