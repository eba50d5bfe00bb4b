/* SPDX-License-Identifier: BSD-2-Clause */
/* The applications of mpprobe at both ends of a wire: echo, headers, and what a reflector would do.
 */
#include "probe/base/alloc.h"
#include "probe/endpoint/client.h"
#include "probe/endpoint/serve.h"
#include "probe/wire/tcpopt.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE_PACKETS = 4096, RECEIVED_MOST = 1 << 20 };

/* Two machines and a wire of 5 ms; what the server sent is counted. */
struct wire {
	struct endpoint *endpoints[2];
	struct client *client;
	struct serve *serve;
	struct packet *queue[WIRE_PACKETS]; /* in order; at is the time of arrival */
	bool to_server[WIRE_PACKETS];
	size_t first, end;
	nsec_t now;
	uint64_t bytes[2]; /* carried to the client, to the server */
	uint8_t *received;
	size_t received_length;
	const char *prefix;
};

static const struct sockname server_name = { { 4, { 198, 18, 100, 2 } }, 80 };
static const struct sockname client_name = { { 4, { 198, 18, 1, 2 } }, 20000 };

static void fill(void *self, uint64_t offset, uint8_t *bytes, size_t length)
{
	const struct wire *wire = self;
	size_t prefix = strlen(wire->prefix), i;

	for (i = 0; i < length; i++)
		bytes[i] = offset + i < prefix ? (uint8_t)wire->prefix[offset + i]
					       : (uint8_t)(offset + i);
}

static void take(void *self, uint64_t offset, const uint8_t *bytes, size_t length)
{
	struct wire *wire = self;

	CHECK(offset == wire->received_length && offset + length <= RECEIVED_MOST);
	memcpy(wire->received + offset, bytes, length);
	wire->received_length += length;
}

static void wire_init(struct wire *wire, uint64_t length, const char *prefix, unsigned int joins)
{
	struct client_config client = { .local = client_name,
		.remote = server_name,
		.join_count = joins,
		.patience = 10 * NSEC_PER_SEC };
	struct serve_config serve = { .connections_most = 4, .idle = 30 * NSEC_PER_SEC };
	struct endpoint_config config;
	struct rng rng;
	struct err err;
	unsigned int i;

	memset(wire, 0, sizeof(*wire));
	endpoint_config_default(&config);
	config.path_manager = "none";
	rng_init(&rng, 1);
	client.endpoint = wire->endpoints[0] = endpoint_new(&config, &rng);
	config.synack_once = true;
	rng_init(&rng, 2);
	serve.endpoint = wire->endpoints[1] = endpoint_new(&config, &rng);
	CHECK(endpoint_listen(wire->endpoints[1], &server_name, &err));
	wire->prefix = prefix;
	wire->received = xmalloc(RECEIVED_MOST);
	client.stream = (struct client_stream){ length, fill, take, wire };
	for (i = 0; i < joins; i++) {
		client.joins[i].addr = addr_v4(198, 18, 2, (uint8_t)(2 + i));
		client.joins[i].port = 20000;
	}
	wire->client = client_new(&client, &err);
	wire->serve = serve_new(&serve);
}

static void wire_fini(struct wire *wire)
{
	for (; wire->first < wire->end; wire->first++)
		packet_free(wire->queue[wire->first % WIRE_PACKETS]);
	client_free(wire->client);
	serve_free(wire->serve);
	endpoint_free(wire->endpoints[0]);
	endpoint_free(wire->endpoints[1]);
	free(wire->received);
}

/* Whatever both have to send now goes onto the wire. */
static void wire_pull(struct wire *wire)
{
	struct machine machines[2] = { client_machine(wire->client), serve_machine(wire->serve) };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct packet *packet = packet_new(PACKET_SMALL);

		while (machines[i].ops->output(machines[i].self, packet, wire->now)) {
			CHECK(wire->end - wire->first < WIRE_PACKETS);
			packet->at = wire->now + 5 * NSEC_PER_MS;
			wire->to_server[wire->end % WIRE_PACKETS] = i == 0;
			wire->queue[wire->end++ % WIRE_PACKETS] = packet;
			wire->bytes[i == 0] += packet->length;
			packet = packet_new(PACKET_SMALL);
		}
		packet_free(packet);
	}
}

/* Until nothing happens any more, or nothing before end. */
static void wire_run(struct wire *wire, nsec_t end)
{
	struct machine machines[2] = { client_machine(wire->client), serve_machine(wire->serve) };

	for (;;) {
		nsec_t next;

		wire_pull(wire);
		next = nsec_min(machines[0].ops->deadline(machines[0].self),
			machines[1].ops->deadline(machines[1].self));
		if (wire->first < wire->end)
			next = nsec_min(next, wire->queue[wire->first % WIRE_PACKETS]->at);
		if (next > end)
			return;
		wire->now = next > wire->now ? next : wire->now;
		while (wire->first < wire->end &&
			wire->queue[wire->first % WIRE_PACKETS]->at <= wire->now) {
			size_t at = wire->first++ % WIRE_PACKETS;
			struct machine to = machines[wire->to_server[at]];

			packet_parse(wire->queue[at]);
			to.ops->input(to.self, wire->queue[at], wire->now);
			packet_free(wire->queue[at]);
		}
	}
}

TEST(echo)
{
	struct client_result result;
	struct served served;
	struct wire wire;
	uint8_t byte;
	size_t i;

	wire_init(&wire, 300000, "", 2);
	wire_run(&wire, 60 * NSEC_PER_SEC);
	client_result(wire.client, &result);
	CHECK_U64(result.info.end, END_CLEAN);
	CHECK_U64(result.sent, 300000);
	CHECK_U64(wire.received_length, 300000);
	for (i = 0; i < wire.received_length; i++) {
		fill(&wire, i, &byte, 1);
		if (wire.received[i] != byte)
			break;
	}
	CHECK_U64(i, 300000);
	CHECK_U64(result.joins_asked, 2);
	CHECK_U64(result.info.subflow_count, 3);
	for (i = 0; i < 3; i++)
		CHECK(result.info.subflows[i].bytes_sent > 0);
	CHECK(client_done(wire.client));
	CHECK(serve_ended(wire.serve, &served));
	CHECK_U64(served.received, 300000);
	CHECK_U64(served.answered, 300000);
	CHECK_U64(served.what, SERVED_ECHO);
	CHECK_U64(serve_open(wire.serve), 0);
	wire_fini(&wire);
}

/* The lines of an answer parse back into the packets; the first is the SYN, as it was received. */
static void check_headers(const struct wire *wire)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	char *text = xcalloc(1, wire->received_length + 1), *line;
	unsigned int count = 0;

	memcpy(text, wire->received, wire->received_length);
	CHECK(strncmp(text, SERVE_REQUEST, strlen(SERVE_REQUEST)) == 0);
	for (line = strchr(text, '\n') + 1; *line != '\0'; line = strchr(line, '\n') + 1) {
		bool sent = strncmp(line, "sent ", 5) == 0;
		const char *at = strchr(line, ' ') + 1;
		uint8_t bytes[200];
		unsigned int length = 0, value;

		CHECK(sent || strncmp(line, "received ", 9) == 0);
		for (; sscanf(at, "%2x", &value) == 1 && length < sizeof(bytes); at += 2)
			bytes[length++] = (uint8_t)value;
		CHECK(packet_set(packet, bytes, length));
		packet_fill_cut(packet);
		CHECK_U64(packet->form, PACKET_TCP);
		if (count == 0)
			CHECK(!sent && tcp_flags(packet) == TCP_SYN);
		if (count == 1)
			CHECK(sent && tcp_flags(packet) == (TCP_SYN | TCP_ACK));
		CHECK_U64(sent ? tcp_dport(packet) : tcp_sport(packet), client_name.port);
		count++;
	}
	CHECK(count >= 4);
	packet_free(packet);
	free(text);
}

TEST(headers)
{
	struct wire wire;

	wire_init(&wire, 4000, SERVE_REQUEST, 0);
	wire_run(&wire, 60 * NSEC_PER_SEC);
	CHECK(wire.received_length > 400 && wire.received_length < 4000);
	check_headers(&wire);
	wire_fini(&wire);
}

/* A request no longer than its first line is answered by that line. */
TEST(answers_are_not_longer_than_requests)
{
	struct wire wire;
	uint64_t length;

	for (length = strlen(SERVE_REQUEST); length < 700; length += 97) {
		wire_init(&wire, length, SERVE_REQUEST, 0);
		wire_run(&wire, 60 * NSEC_PER_SEC);
		CHECK(wire.received_length <= length);
		CHECK(wire.received_length >= strlen(SERVE_REQUEST));
		wire_fini(&wire);
	}
}

static struct packet *make_syn(uint32_t number)
{
	static const uint8_t options[] = { 2, 4, 5, 180, 30, 4, 1, 1 };
	struct packet *packet = packet_new(PACKET_SMALL);
	struct tcp_header header = { .dst = server_name, .flags = TCP_SYN, .window = 1000 };

	header.src.addr =
		addr_v4(10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number);
	header.src.port = 1000;
	header.seq = number * 77;
	packet_init_tcp(packet, &header);
	tcpopt_append(packet, options, sizeof(options));
	packet_finish(packet);
	packet_parse(packet);
	return packet;
}

/* One SYN whose sender never speaks again: one SYN/ACK in five minutes, and then nothing is kept.
 */
TEST(a_syn_is_not_multiplied)
{
	struct machine server;
	struct packet *packet;
	struct wire wire;
	unsigned int sent = 0;
	nsec_t now;

	wire_init(&wire, 0, "", 0);
	server = serve_machine(wire.serve);
	packet = make_syn(1);
	server.ops->input(server.self, packet, 0);
	for (now = 0; now < 300 * NSEC_PER_SEC; now += 100 * NSEC_PER_MS) {
		while (server.ops->output(server.self, packet, now)) {
			packet_parse(packet);
			CHECK_U64(tcp_flags(packet), TCP_SYN | TCP_ACK);
			sent++;
		}
	}
	CHECK_U64(sent, 1);
	CHECK(server.ops->deadline(server.self) == NSEC_NEVER);
	packet_free(packet);
	wire_fini(&wire);
}

/* A flood, and in the midst of it an honest client that gets through. */
TEST(a_flood_does_not_keep_others_out)
{
	struct client_result result;
	struct machine server;
	struct wire wire;
	struct packet *out = packet_new(PACKET_SMALL);
	uint32_t i, answers = 0;

	wire_init(&wire, 5000, "", 0);
	server = serve_machine(wire.serve);
	for (i = 0; i < 20000; i++) {
		struct packet *packet = make_syn(i);

		server.ops->input(server.self, packet, 0);
		while (server.ops->output(server.self, out, 0))
			answers++;
		packet_free(packet);
	}
	CHECK_U64(answers, 20000);
	wire_run(&wire, 60 * NSEC_PER_SEC);
	client_result(wire.client, &result);
	CHECK_U64(result.info.end, END_CLEAN);
	CHECK_U64(wire.received_length, 5000);
	packet_free(out);
	wire_fini(&wire);
}

/* Keys and numbers from the crypto library are not those that the seed would give. */
TEST(secret_numbers)
{
	struct endpoint_config config;
	struct packet *packet = packet_new(PACKET_SMALL);
	uint32_t seen[2];
	struct rng rng;
	struct err err;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct endpoint *endpoint;

		endpoint_config_default(&config);
		config.secret_random = true;
		rng_init(&rng, 7);
		endpoint = endpoint_new(&config, &rng);
		endpoint_connect(endpoint, &client_name, &server_name, 0, &err);
		CHECK(endpoint_output(endpoint, packet, 0));
		packet_parse(packet);
		seen[i] = tcp_seq(packet);
		endpoint_free(endpoint);
	}
	CHECK(seen[0] != seen[1]);
	packet_free(packet);
}
