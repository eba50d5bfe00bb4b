/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_fixture.h - one box and nothing else: what goes in, what comes out, and why not.
 */
#ifndef TESTS_UNIT_BOX_FIXTURE_H
#define TESTS_UNIT_BOX_FIXTURE_H

#include "tests/unit/unit.h"

#include "mbtest/box.h"
#include "mbtest/net/net.h"
#include "probe/wire/tcpopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_MAX = 256 };

struct bench {
	struct box *box;
	struct err err;
	uint8_t family;
	nsec_t now, wake_at;
	struct packet *out[OUT_MAX]; /* as they left */
	enum dir out_dir[OUT_MAX];
	unsigned int count;
	unsigned int drops;
	const char *reason; /* of the last drop */
	unsigned int edits;
	uint8_t old_bytes[64], new_bytes[64];
	uint32_t old_length, new_length;
};

static inline void bench_emit(void *self, struct packet *packet, enum dir dir)
{
	struct bench *bench = self;

	bench->out[bench->count] = packet;
	bench->out_dir[bench->count++] = dir;
}

static inline void bench_drop(void *self, struct packet *packet, enum dir dir, const char *reason)
{
	struct bench *bench = self;

	(void)dir;
	bench->drops++;
	bench->reason = reason;
	packet_free(packet);
}

static inline struct packet *bench_spare(void *self, uint32_t capacity)
{
	(void)self;
	return packet_new(capacity <= PACKET_SMALL ? PACKET_SMALL : capacity);
}

static inline void bench_wake_at(void *self, nsec_t at)
{
	((struct bench *)self)->wake_at = at;
}

static inline void bench_edited(void *self, enum dir dir, const uint8_t *old_bytes,
	uint32_t old_length, const uint8_t *new_bytes, uint32_t new_length)
{
	struct bench *bench = self;

	(void)dir;
	bench->edits++;
	bench->old_length = old_length;
	bench->new_length = new_length;
	memcpy(bench->old_bytes, old_bytes, old_length);
	memcpy(bench->new_bytes, new_bytes, new_length);
}

/* A box with arguments written "name=text;name=text". box is NULL when it was refused. */
static inline struct bench *bench_new(const char *name, const char *text)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct box_host host = { .emit = bench_emit,
		.drop = bench_drop,
		.spare = bench_spare,
		.wake_at = bench_wake_at,
		.edited = bench_edited,
		.self = bench };
	struct box_arg args[16];
	char copy[512], *at = copy, *pair, *value;
	struct rng rng;
	size_t count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((pair = strsep(&at, ";")) != NULL && *pair != '\0') {
		value = strchr(pair, '=');
		*value++ = '\0';
		args[count++] = (struct box_arg){ pair, value, strlen(value) };
	}
	rng_init(&rng, 1);
	bench->family = 4;
	bench->wake_at = NSEC_NEVER;
	bench->box = box_new(name, box_type_find(name), args, count, &host, &rng, 0, &bench->err);
	return bench;
}

static inline void bench_free(struct bench *bench)
{
	unsigned int i;

	box_free(bench->box);
	for (i = 0; i < bench->count; i++)
		packet_free(bench->out[i]);
	free(bench);
}

/* A segment; options in raw bytes, a multiple of four. */
struct segment {
	enum dir dir;
	uint16_t flags;
	uint32_t seq, ack;
	const void *options;
	uint32_t options_length;
	const void *payload;
	uint32_t length;
};

static inline struct packet *segment_packet(const struct bench *bench,
	const struct segment *segment)
{
	bool forward = segment->dir == TO_SERVER;
	struct sockname client = { net_client_addr(0, bench->family), NET_CLIENT_PORT };
	struct sockname server = { net_server_addr(bench->family), NET_SERVER_PORT };
	struct tcp_header header = { .src = forward ? client : server,
		.dst = forward ? server : client,
		.seq = segment->seq,
		.ack = segment->ack,
		.flags = segment->flags,
		.window = 1000,
		.ip_id = 7 };
	struct packet *packet = packet_new(PACKET_SMALL);

	packet_init_tcp(packet, &header);
	if (segment->options_length > 0)
		tcpopt_append(packet, segment->options, segment->options_length);
	if (segment->length > 0)
		memcpy(packet_append_payload(packet, segment->length), segment->payload,
			segment->length);
	packet_finish(packet);
	return packet;
}

static inline void bench_send(struct bench *bench, struct segment segment)
{
	box_input(bench->box, segment_packet(bench, &segment), segment.dir, bench->now);
}

/* Client's SYN 999 and server's SYN/ACK 4999: first bytes 1000 and 5000. */
static inline void bench_handshake(struct bench *bench)
{
	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 999, 0, NULL, 0, NULL, 0 });
	bench_send(bench,
		(struct segment){ TO_CLIENT, TCP_SYN | TCP_ACK, 4999, 1000, NULL, 0, NULL, 0 });
	bench_send(bench, (struct segment){ TO_SERVER, TCP_ACK, 1000, 5000, NULL, 0, NULL, 0 });
}

static inline void bench_data(struct bench *bench, enum dir dir, uint32_t seq, const char *payload)
{
	bench_send(bench,
		(struct segment){ dir, TCP_ACK | TCP_PSH, seq, dir == TO_SERVER ? 5000 : 1000, NULL,
			0, payload, (uint32_t)strlen(payload) });
}

static inline void bench_ack(struct bench *bench, enum dir dir, uint32_t ack)
{
	bench_send(bench,
		(struct segment){ dir, TCP_ACK, dir == TO_SERVER ? 1000 : 5000, ack, NULL, 0, NULL,
			0 });
}

/* The last packet out. */
static inline struct packet *bench_last(struct bench *bench)
{
	return bench->out[bench->count - 1];
}

/* Everything that leaves is whole: it parses to its own lengths, with right checksums. */
static inline void bench_check_out(const struct bench *bench)
{
	unsigned int i;

	for (i = 0; i < bench->count; i++) {
		struct packet *copy = packet_clone(bench->out[i]);

		CHECK(packet_parse(copy) == bench->out[i]->form);
		CHECK_U64(copy->end, bench->out[i]->end);
		CHECK_U64(copy->payload, bench->out[i]->payload);
		CHECK(packet_ip_checksum_ok(copy));
		CHECK(packet_l4_checksum_ok(copy));
		packet_free(copy);
	}
}

/* Payload of a packet against a text. */
static inline void payload_check(const struct packet *packet, const char *text, const char *file,
	int line)
{
	char got[256];
	uint32_t length = packet_payload_len(packet);

	snprintf(got, sizeof(got), "%.*s", (int)length, (const char *)packet_payload(packet));
	unit_equal_text(got, text, file, line, "payload");
	unit_equal_u64(length, strlen(text), file, line, "payload length");
}

static inline void options_check(const struct packet *packet, const char *hex, const char *file,
	int line)
{
	unit_equal_hex(packet_l4(packet) + 20, packet->payload - packet->l4 - 20, hex, file, line,
		"options");
}

#define CHECK_PAYLOAD(packet, text) payload_check((packet), (text), __FILE__, __LINE__)
#define CHECK_OPTIONS(packet, hex)  options_check((packet), (hex), __FILE__, __LINE__)

#endif
