/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two endpoints and a hostile path: the input says, step by step, which packet is delivered,
 * dropped, repeated or altered (checksums made right again, so that the alteration is seen), what
 * is invented, how time passes and what the applications do. Nothing may crash, leak, loop or hold
 * more than its limits. Inputs that are packets are given to both ends as they are, too.
 */
#include "probe/endpoint/endpoint.h"
#include "probe/wire/icmp.h"
#include "probe/wire/mptcp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUEUE_MOST = 64,
	OUTPUTS_MOST = 20000, /* packets in a row from one endpoint: more is a loop */
};

struct reader {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct reader *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

struct world {
	struct endpoint *endpoint[2];
	struct conn *conn[2];
	struct packet *queue[QUEUE_MOST];
	unsigned int first, count;
	struct packet *scratch;
	struct reader in;
	nsec_t now;
};

static const struct sockname client_name = { { 4, { 198, 18, 0, 1 } }, 40000 };
static const struct sockname server_name = { { 4, { 198, 18, 0, 2 } }, 80 };

static void drain(struct world *world)
{
	unsigned int side, outputs;

	for (side = 0; side < 2; side++) {
		outputs = 0;
		while (endpoint_output(world->endpoint[side], world->scratch, world->now)) {
			assert(outputs++ < OUTPUTS_MOST);
			assert(packet_parse(world->scratch) == PACKET_TCP);
			assert(packet_l4_checksum_ok(world->scratch));
			if (world->count == QUEUE_MOST)
				continue;
			world->queue[(world->first + world->count++) % QUEUE_MOST] =
				packet_clone(world->scratch);
		}
		assert(endpoint_deadline(world->endpoint[side]) > world->now);
	}
}

static void deliver(struct world *world, const struct packet *packet)
{
	struct sockname src, dst;

	if (packet->form != PACKET_TCP)
		return;
	packet_socknames(packet, &src, &dst);
	endpoint_input(world->endpoint[dst.port == server_name.port], packet, world->now);
}

static struct packet *pop(struct world *world)
{
	struct packet *packet = world->queue[world->first];

	world->first = (world->first + 1) % QUEUE_MOST;
	world->count--;
	return packet;
}

/* Change some bytes anywhere, or a field that matters, by a little. */
static void alter(struct world *world, struct packet *packet)
{
	static const uint32_t fields[] = { 4, 8, 13, 14 };
	uint8_t how = take(&world->in), value = take(&world->in);
	uint32_t offset, length = packet->end - packet->l4;

	if (how & 1) {
		offset = packet->l4 + fields[(how >> 1) % 4] + (how >> 3) % 4;
	} else {
		offset = packet->l4 + 20 + take(&world->in) % 60;
		if (offset - packet->l4 >= length)
			offset = packet->l4 + length - 1;
	}
	packet_write(packet, offset, &value, 1);
	packet_finish(packet);
	packet_parse(packet);
}

/* A packet of the connection with options taken from the input. */
static void invent(struct world *world)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	uint8_t from = take(&world->in), options[TCPOPT_SPACE], length;
	struct tcp_header header = { .src = from & 1 ? server_name : client_name,
		.dst = from & 1 ? client_name : server_name,
		.flags = take(&world->in) };
	uint8_t *payload;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		header.seq = header.seq << 8 | take(&world->in);
		header.ack = header.ack << 8 | take(&world->in);
	}
	if (from & 2 && world->count > 0) {
		/* Near the numbers in use. */
		const struct packet *known = world->queue[world->first];

		header.seq = (from & 4 ? tcp_ack(known) : tcp_seq(known)) + (header.seq & 0xff);
		header.ack = (from & 4 ? tcp_seq(known) : tcp_ack(known)) + (header.ack & 0xff);
	}
	header.window = header.flags;
	length = take(&world->in) % (TCPOPT_SPACE + 1);
	for (i = 0; i < length; i++)
		options[i] = i == 0 && from & 8 ? TCPOPT_MPTCP
			: i == 1 && from & 8    ? length
						: take(&world->in);
	packet_init_tcp(packet, &header);
	if (length > 0)
		tcpopt_append(packet, options, length);
	payload = packet_append_payload(packet, from & 16 ? 100 : 0);
	if (payload != NULL && from & 16)
		memset(payload, 'x', 100);
	packet_finish(packet);
	packet_parse(packet);
	deliver(world, packet);
	packet_free(packet);
}

/* A router complains to the sender of a packet that it was too big. */
static void complain(struct world *world)
{
	struct packet *about = pop(world);
	struct icmp_plan plan = { .from = addr_v4(198, 18, 0, 254), .kind = ICMP_TOO_BIG };

	plan.value = (uint32_t)take(&world->in) << 3;
	plan.quote = take(&world->in) & 1 ? ICMP_QUOTE_FULL : ICMP_QUOTE_RFC792;
	if (icmp_build(world->scratch, &plan, about))
		endpoint_input(world->endpoint[tcp_sport(about) == server_name.port],
			world->scratch, world->now);
	packet_free(about);
}

static void application(struct world *world)
{
	uint8_t what = take(&world->in), side = what & 1, bytes[4096] = { 0 };
	struct sockname second = { { 4, { 198, 18, 1, 1 } }, (uint16_t)(50000 + what) };
	struct conn *conn = world->conn[side];
	struct err err;

	if (conn == NULL && side == 1)
		conn = world->conn[1] = endpoint_accept(world->endpoint[1]);
	if (conn == NULL)
		return;
	switch (what >> 1 & 15) {
	case 0:
		conn_shutdown(conn);
		break;
	case 1:
		if (what & 0x80)
			conn_abort(conn);
		break;
	case 2:
		conn_join(conn, &second, &server_name, world->now, &err);
		break;
	case 3:
		while (conn_read(conn, bytes, sizeof(bytes)) > 0)
			;
		break;
	case 4:
		conn_announce(conn, &second, world->now, &err);
		break;
	case 5:
		conn_withdraw(conn, &second.addr, 1, &err);
		break;
	case 6:
		conn_set_backup(conn, what >> 5, what & 0x80, &err);
		break;
	case 7:
		conn_drop(conn, what >> 5, &err);
		break;
	default:
		conn_write(conn, bytes, (size_t)what * 16);
		break;
	}
	assert(conn_readable(conn) <= 1u << 16);
}

static void pass_time(struct world *world)
{
	uint8_t how = take(&world->in);
	nsec_t due = nsec_min(endpoint_deadline(world->endpoint[0]),
		endpoint_deadline(world->endpoint[1]));

	if (how & 1 && due != NSEC_NEVER)
		world->now = due;
	else
		world->now += (nsec_t)how * NSEC_PER_MS;
}

static void step(struct world *world)
{
	uint8_t op = take(&world->in) & 15;
	struct packet *packet;

	if (op == 14) {
		invent(world);
	} else if (op == 13 || op == 12) {
		application(world);
	} else if (op == 11 || world->count == 0) {
		pass_time(world);
	} else if (op == 15) {
		complain(world);
	} else {
		packet = pop(world);
		if (op == 9)
			alter(world, packet);
		if (op != 10)
			deliver(world, packet);
		if (op == 8)
			deliver(world, packet);
		packet_free(packet);
	}
	drain(world);
}

static void raw_packet(struct world *world, const uint8_t *data, size_t size)
{
	if (size == 0 || !packet_set(world->scratch, data, size))
		return;
	endpoint_input(world->endpoint[0], world->scratch, world->now);
	endpoint_input(world->endpoint[1], world->scratch, world->now);
	drain(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .in = { data, size }, .now = NSEC_PER_SEC };
	struct endpoint_config config;
	struct rng rng;
	struct err err;
	uint8_t setting = take(&world.in);

	endpoint_config_default(&config);
	config.speaks = setting & 3;
	config.checksum = setting & 4;
	config.sack = !(setting & 8);
	config.timestamps = !(setting & 16);
	config.receive_buffer = config.send_buffer = 1u << 16;
	config.faults = setting & 128 ? setting >> 3 & 15 : 0;
	rng_init(&rng, setting);
	world.scratch = packet_new(PACKET_LARGE);
	world.endpoint[0] = endpoint_new(&config, &rng);
	rng_init(&rng, setting + 256u);
	world.endpoint[1] = endpoint_new(&config, &rng);
	endpoint_listen(world.endpoint[1], &server_name, &err);
	world.conn[0] =
		endpoint_connect(world.endpoint[0], &client_name, &server_name, world.now, &err);
	drain(&world);
	if (setting & 64)
		raw_packet(&world, world.in.at, world.in.left);
	while (world.in.left > 0)
		step(&world);
	while (world.count > 0)
		packet_free(pop(&world));
	packet_free(world.scratch);
	endpoint_free(world.endpoint[0]);
	endpoint_free(world.endpoint[1]);
	return 0;
}
