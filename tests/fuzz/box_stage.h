/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_stage.h - one box under any packets. Nothing may crash, leak or fail, and what goes in whole
 * comes out whole: the same lengths when parsed anew, and right checksums if they were right.
 */
#ifndef TESTS_FUZZ_BOX_STAGE_H
#define TESTS_FUZZ_BOX_STAGE_H

#include "mbtest/box.h"
#include "mbtest/net/net.h"
#include "probe/wire/tcpopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	const char *box;
	const char *args[5][2];
};

/* The box under test, and what it asked for. */
struct stage {
	struct box *box;
	nsec_t wake_at;
	nsec_t now;
	bool leaves_checksum;
	bool all_right; /* every packet so far was whole and had right checksums */
};

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static bool is_right(const struct packet *packet)
{
	return packet_ip_checksum_ok(packet) && packet_l4_checksum_ok(packet);
}

static void stage_emit(void *self, struct packet *packet, enum dir dir)
{
	struct stage *stage = self;
	struct packet *again = packet_clone(packet);

	(void)dir;
	expect(packet_parse(again) == packet->form);
	if (packet->form != PACKET_MALFORMED) {
		expect(again->end == packet->end && again->l4 == packet->l4);
		expect(again->payload == packet->payload);
		expect(!stage->all_right || stage->leaves_checksum || is_right(packet));
	}
	packet_free(again);
	packet_free(packet);
}

static void stage_drop(void *self, struct packet *packet, enum dir dir, const char *reason)
{
	(void)self;
	(void)dir;
	expect(reason != NULL && *reason != '\0');
	packet_free(packet);
}

static struct packet *stage_spare(void *self, uint32_t capacity)
{
	(void)self;
	return packet_new(capacity <= PACKET_SMALL ? PACKET_SMALL : capacity);
}

/* No packet makes a box fail. */
static void stage_fail(void *self, const char *sentence)
{
	(void)self;
	fprintf(stderr, "%s\n", sentence);
	abort();
}

static void stage_wake_at(void *self, nsec_t at)
{
	((struct stage *)self)->wake_at = at;
}

/* A segment of the connection, its fields from the first bytes. */
static struct packet *segment_from(const uint8_t *bytes, size_t length, enum dir dir)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	uint8_t family = length > 0 && bytes[0] % 4 == 0 ? 6 : 4;
	struct sockname client = { net_client_addr(0, family), 40000 };
	struct sockname server = { net_server_addr(family), 80 };
	struct tcp_header header = { .src = client,
		.dst = server,
		.seq = 100,
		.ack = 100,
		.flags = TCP_ACK };
	uint32_t options;

	if (dir == TO_CLIENT) {
		header.src = server;
		header.dst = client;
	}
	if (length >= 6) {
		header.flags = bytes[1] < 128 ? TCP_ACK : bytes[1];
		header.seq += bytes[2] % 32;
		header.ack += bytes[3] % 32;
		options = bytes[4] % 11 * 4u;
		bytes += 5;
		length -= 5;
	} else {
		options = 0;
	}
	packet_init_tcp(packet, &header);
	if (options > 0 && options <= length && tcpopt_append(packet, bytes, options)) {
		bytes += options;
		length -= options;
	}
	if (length > 0)
		memcpy(packet_append_payload(packet, (uint32_t)length), bytes, length);
	packet_finish(packet);
	return packet;
}

static void send_packet(struct stage *stage, struct packet *packet, enum dir dir, nsec_t now)
{
	if (packet->form == PACKET_MALFORMED || packet->is_fragment || !is_right(packet))
		stage->all_right = false;
	if (stage->wake_at <= now) {
		stage->wake_at = NSEC_NEVER;
		box_wake(stage->box, now);
	}
	box_input(stage->box, packet, dir, now);
}

static void stage_init(struct stage *stage, const struct plan *plan, const struct box_type *type)
{
	struct box_host host = { .emit = stage_emit,
		.drop = stage_drop,
		.spare = stage_spare,
		.wake_at = stage_wake_at,
		.fail = stage_fail,
		.self = stage };
	struct box_arg args[5];
	struct rng rng = { 1 };
	struct err err;
	size_t count;

	*stage = (struct stage){ .wake_at = NSEC_NEVER, .all_right = true };
	for (count = 0; count < 5 && plan->args[count][0] != NULL; count++) {
		args[count] = (struct box_arg){ plan->args[count][0], plan->args[count][1],
			strlen(plan->args[count][1]) };
		stage->leaves_checksum |= strcmp(plan->args[count][1], "leave") == 0;
	}
	stage->box = box_new(plan->box, type, args, count, &host, &rng, 0, &err);
	expect(stage->box != NULL);
}

/*
 * A row of packets: of each a byte that says how the rest is meant, a length, the bytes. Half of
 * them are taken as they are, half are put into segments of one connection, so that boxes that
 * remember see something to remember.
 */
static void stage_run(struct stage *stage, const uint8_t *data, size_t size)
{
	size_t length;

	for (; size >= 3; data += length, size -= length, stage->now += NSEC_PER_MS) {
		enum dir dir = data[0] & 1 ? TO_CLIENT : TO_SERVER;
		bool is_segment = (data[0] & 2) != 0;
		struct packet *packet;

		length = get_be16(data + 1) % ((data[0] & 12) == 0 ? 1400u : 80u);
		data += 3;
		size -= 3;
		if (length > size)
			length = size;
		if (is_segment) {
			packet = segment_from(data, length, dir);
		} else {
			packet = packet_new(PACKET_SMALL);
			packet_set(packet, data, length);
		}
		send_packet(stage, packet, dir, stage->now);
	}
}

#endif
