/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_capture.c - captures that anybody may have made: the input describes packets of a few
 * address pairs, whose options are its own bytes; they are taken apart into connections, and the
 * connections are told in both formats. What comes out says only that nothing crashes, and that
 * every packet kept is a packet given.
 */
#include "probe/analyze/split.h"
#include "probe/endpoint/key.h"
#include "probe/report.h"
#include "probe/wire/tcpopt.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PAIRS = 6,
	HEAD = 6,             /* bytes of the input before a packet's options */
	BYTES_HELD = 1 << 14, /* so that payload is left out, too */
	TOKEN_OFFSET = 4,
};

struct told {
	FILE *out;
	uint64_t connections, packets;
};

static void tell(void *self, const struct view *view, const uint64_t *numbers)
{
	struct told *told = self;
	uint32_t i;

	for (i = 0; i < view->capture->count; i++)
		if (numbers[i] == 0 || numbers[i] > told->packets)
			abort();
	for (i = 0; i < view->connection_count; i++) {
		struct history history;
		struct report_connection connection = { &history, numbers, ++told->connections,
			i % 2 == 0 };

		history_init(&history, view, i);
		capture_json.connection(told->out, &connection);
		capture_text.connection(told->out, &connection);
		history_fini(&history);
	}
}

/* A join of no token means the connection whose keys are zero: no fuzzer finds a digest. */
static void join_something(uint8_t *options, uint32_t length)
{
	struct mptcp_opt opt;
	uint32_t token = key_digest(1, 0).token;

	if (mptcp_parse(&opt, options, length) && opt.subtype == MP_JOIN &&
		opt.join.form == JOIN_SYN && opt.join.token == 0)
		put_be32(options + TOKEN_OFFSET, token);
}

/* The packet that the input describes at data; how many bytes of it that took. */
static size_t forge(struct packet *packet, const uint8_t *data, size_t size)
{
	struct tcp_header header = { .window = 1000, .flags = data[1] };
	struct sockname client = { addr_v4(198, 18, 1, 2), (uint16_t)(5000 + data[0] % PAIRS) };
	struct sockname server = { addr_v4(198, 18, 100, 2), 80 };
	uint32_t length = data[4] % (TCPOPT_SPACE + 1), payload = data[5];
	uint8_t options[TCPOPT_SPACE] = { 0 }, *bytes;

	if (length > size - HEAD)
		length = (uint32_t)(size - HEAD);
	header.src = data[0] & 0x80 ? server : client;
	header.dst = data[0] & 0x80 ? client : server;
	header.seq = data[0] & 0x40 ? data[2] : data[2] * 0x01010101u;
	header.ack = data[0] & 0x40 ? data[3] : data[3] * 0x01010101u;
	packet_init_tcp(packet, &header);
	memcpy(options, data + HEAD, length);
	join_something(options, length);
	tcpopt_append(packet, options, length);
	bytes = packet_append_payload(packet, payload);
	if (payload > 0)
		memset(bytes, data[2], payload);
	packet_finish(packet);
	packet_parse(packet);
	return HEAD + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told told = { .out = fopen("/dev/null", "w") };
	struct split *split = split_new(BYTES_HELD, tell, &told);
	struct packet *packet = packet_new(PACKET_LARGE);
	nsec_t now = 0;
	size_t at = 0;

	if (packet_set(packet, data, size)) {
		packet->at = now;
		split_add(split, packet, ++told.packets);
	}
	while (at + HEAD < size) {
		now += data[at] & 0x20 ? 200 * NSEC_PER_SEC : NSEC_PER_MS;
		at += forge(packet, data + at, size - at);
		if (data[0] & 1)
			packet->length -= packet->length > 60 ? 7 : 0;
		packet_parse(packet);
		packet->at = now;
		split_add(split, packet, ++told.packets);
	}
	split_finish(split);
	if (split_held(split) != 0)
		abort();
	split_free(split);
	packet_free(packet);
	fclose(told.out);
	return 0;
}
