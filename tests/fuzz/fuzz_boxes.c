/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_boxes.c - any packets through every box. Nothing may crash or leak, and what goes in whole
 * comes out whole: the same lengths when parsed anew, and right checksums if they were right.
 *
 * The input is a row of packets: a byte that says how the rest is meant, a length, the bytes. Half
 * of them are taken as they are, half are put into segments of one connection, so that boxes that
 * remember see something to remember.
 */
#include "mbtest/box.h"
#include "mbtest/net/net.h"
#include "probe/wire/tcpopt.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct plan {
	const char *box;
	const char *args[5][2];
};

static const struct plan plans[] = {
	{ "strip", { { "kind", "30" } } },
	{ "strip", { { "kind", "8" }, { "checksum", "leave" } } },
	{ "nop", { { "subtype", "dss" } } },
	{ "eol", { { "kind", "5" }, { "from", "3B" } } },
	{ "split", { { "mss", "3" } } },
	{ "split", { { "mss", "1" }, { "options", "last" }, { "psh", "all" } } },
	{ "split", { { "mss", "7" }, { "options", "none" } } },
	{ "coalesce", { { "options", "both" }, { "hold", "10ms" } } },
	{ "coalesce", { { "options", "last" }, { "size", "1500" } } },
	{ "coalesce", { { "options", "none" }, { "size", "65535" } } },
	{ "coalesce", { { "options", "same" }, { "count", "2" } } },
	{ "seq-rewrite", { { "offset", "random" } } },
	{ "seq-rewrite", { { "offset", "7" }, { "sack", "strip" } } },
	{ "rewrite", { { "pattern", "a" }, { "replacement", "bcd" } } },
	{ "rewrite", { { "pattern", "ab" }, { "replacement", "" } } },
	{ "flip", { { "offset", "1" }, { "every", "2" } } },
	{ "nat", { { "idle", "3ms" } } },
	{ "nat", { { "mapping", "symmetric" }, { "preserve", "true" } } },
	{ "nat", { { "kind", "destination" }, { "port", "8080" } } },
	{ "port-map", { { "map", "80:8080,8080:80" } } },
	{ "blackhole", { { "kind", "30" }, { "from", "2" }, { "heal", "5ms" } } },
	{ "loss", { { "chance", "0.5" } } },
	{ "delay", { { "time", "2ms" }, { "jitter", "2ms" } } },
	{ "reorder", { { "every", "2" }, { "after", "2" } } },
	{ "duplicate", { { "copies", "2" } } },
	{ "rate", { { "rate", "1000000" }, { "queue", "2000" } } },
	{ "firewall",
		{ { "holes", "reset" }, { "unseen_acks", "drop" }, { "out_of_window", "reset" },
			{ "unknown_flows", "reset" }, { "resets", "both" } } },
	{ "firewall",
		{ { "unknown_options", "reset" }, { "syn_data", "drop" },
			{ "unseen_acks", "reset" }, { "idle", "5ms" }, { "resets", "both" } } },
};

/* What a box must be told; every box of the list is tried with nothing else, too. */
static const char *const needed[][2] = {
	{ "time", "2ms" },
	{ "map", "80:8080" },
	{ "rate", "1000000" },
	{ "pattern", "a" },
	{ "replacement", "bcd" },
};

/* The box under test, and what it asked for. */
struct stage {
	struct box *box;
	nsec_t wake_at;
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

static void stage_init(struct stage *stage, const struct plan *plan)
{
	struct box_host host = { .emit = stage_emit,
		.drop = stage_drop,
		.spare = stage_spare,
		.wake_at = stage_wake_at,
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
	stage->box =
		box_new(plan->box, box_type_find(plan->box), args, count, &host, &rng, 0, &err);
	expect(stage->box != NULL);
}

/* A plan for a box of the list, with what it must be told. */
static struct plan plan_of(const struct box_entry *entry)
{
	const struct box_param *param = entry->type->params;
	struct plan plan = { .box = entry->name };
	size_t count = 0, i;

	for (; param != NULL && param->name != NULL; param++) {
		for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
			if (param->default_text != NULL || strcmp(param->name, needed[i][0]) != 0)
				continue;
			plan.args[count][0] = needed[i][0];
			plan.args[count++][1] = needed[i][1];
		}
	}
	return plan;
}

static void run_row(const struct plan *plan, const uint8_t *data, size_t size)
{
	struct stage stage;
	nsec_t now = 0;
	size_t length;

	stage_init(&stage, plan);
	for (; size >= 3; data += length, size -= length, now += NSEC_PER_MS) {
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
		send_packet(&stage, packet, dir, now);
	}
	box_free(stage.box);
}

/* The whole input as one packet: captures are seeds. */
static void run_one(const struct plan *plan, const uint8_t *data, size_t size)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	struct stage stage;

	stage_init(&stage, plan);
	if (packet_set(packet, data, size))
		send_packet(&stage, packet, TO_SERVER, 0);
	else
		packet_free(packet);
	box_free(stage.box);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = sizeof(plans) / sizeof(plans[0]), i;
	const struct box_entry *entry;

	for (i = 0; i < count; i++)
		run_row(&plans[i], data, size);
	for (entry = box_list; entry->name != NULL; entry++) {
		struct plan plan = plan_of(entry);

		run_row(&plan, data, size);
	}
	run_one(&plans[(size > 0 ? data[size - 1] : 0) % count], data, size);
	return 0;
}
