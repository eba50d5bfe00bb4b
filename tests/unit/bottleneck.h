/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bottleneck.h - connections that share bottlenecks: several pairs of endpoints, each with paths of
 * its own that lead through one of a few queues. Clients send for ever; what servers read is
 * counted. Delays vary by a jitter in front of the queue, so that no two flows keep in step, but
 * packets of one path stay in order.
 */
#ifndef TESTS_UNIT_BOTTLENECK_H
#define TESTS_UNIT_BOTTLENECK_H

#include "probe/base/alloc.h"
#include "probe/endpoint/endpoint.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { FLOWS = 3, FLOW_PATHS = 2, QUEUES = 2, FLOW_CHUNK = 65536 };

/* Packets in order of their time at. */
struct lane {
	struct packet *first, *last;
};

struct queue {
	uint64_t rate_bps;
	uint32_t bytes; /* a packet that finds more waiting is dropped */
	nsec_t busy_until;
	uint64_t drops;
};

struct flow {
	struct endpoint *client, *server;
	struct conn *conn, *accepted;
	unsigned int path_count, queue[FLOW_PATHS];
	uint32_t loss_ppm[FLOW_PATHS];
	nsec_t delay[FLOW_PATHS]; /* one way */
	struct lane to_queue[FLOW_PATHS], to_server[FLOW_PATHS], to_client[FLOW_PATHS];
	nsec_t latest[FLOW_PATHS];    /* at the queue */
	uint64_t arrived[FLOW_PATHS]; /* payload bytes that passed the queue */
	uint64_t read;
	bool sleeps; /* the server's application does not read */
};

struct bottleneck {
	struct flow flow[FLOWS];
	unsigned int flow_count;
	struct queue queue[QUEUES];
	struct rng rng;
	nsec_t now, jitter;
	struct packet *spare;
};

static inline struct sockname flow_client(unsigned int path)
{
	return (struct sockname){ addr_v4(198, 18, (uint8_t)path, 1), path == 0 ? 40000 : 0 };
}

static inline void bottleneck_init(struct bottleneck *net, uint64_t seed)
{
	memset(net, 0, sizeof(*net));
	rng_init(&net->rng, seed);
	net->now = NSEC_PER_SEC;
	net->jitter = NSEC_PER_MS;
}

/* A connection of path_count paths; by default all lead through queue 0 with 10 ms each way. */
static inline struct flow *flow_add(struct bottleneck *net, struct endpoint_config config,
	unsigned int path_count)
{
	static const struct sockname server = { { 4, { 198, 18, 100, 1 } }, 80 };
	struct flow *flow = &net->flow[net->flow_count++];
	struct sockname local = flow_client(0);
	struct rng rng = rng_fork(&net->rng, "client");
	struct err err;
	unsigned int path;

	config.speaks = path_count > 1 ? SPEAKS_V1 : SPEAKS_TCP;
	flow->path_count = path_count;
	for (path = 0; path < path_count; path++)
		flow->delay[path] = 10 * NSEC_PER_MS;
	flow->server = endpoint_new(&config, &rng);
	CHECK(endpoint_listen(flow->server, &server, &err));
	for (path = 1; path < path_count; path++)
		config.join[config.join_count++] = flow_client(path).addr;
	rng_next(&net->rng);
	rng = rng_fork(&net->rng, "server");
	flow->client = endpoint_new(&config, &rng);
	flow->conn = endpoint_connect(flow->client, &local, &server, net->now, &err);
	CHECK(flow->conn != NULL);
	return flow;
}

static inline void lane_push(struct lane *lane, struct packet *packet, nsec_t at)
{
	packet->at = at;
	packet->next = NULL;
	if (lane->first == NULL)
		lane->first = packet;
	else
		lane->last->next = packet;
	lane->last = packet;
}

static inline struct packet *lane_pop(struct lane *lane, nsec_t now)
{
	struct packet *packet = lane->first;

	if (packet == NULL || packet->at > now)
		return NULL;
	lane->first = packet->next;
	return packet;
}

static inline struct packet *packet_take(struct bottleneck *net)
{
	struct packet *packet = net->spare;

	if (packet == NULL)
		return packet_new(PACKET_SMALL);
	net->spare = packet->next;
	return packet;
}

static inline void packet_give(struct bottleneck *net, struct packet *packet)
{
	packet->next = net->spare;
	net->spare = packet;
}

/* The client's applications always have something to send, the servers' read it. */
static inline void flow_run(struct bottleneck *net, struct flow *flow)
{
	static const uint8_t zeros[FLOW_CHUNK];
	static uint8_t bytes[FLOW_CHUNK];
	struct packet *packet = packet_take(net);
	struct sockname src, dst;
	size_t length;
	unsigned int path;
	nsec_t at;

	while (conn_write(flow->conn, zeros, sizeof(zeros)) > 0)
		;
	if (flow->accepted == NULL)
		flow->accepted = endpoint_accept(flow->server);
	while (flow->accepted != NULL && !flow->sleeps &&
		(length = conn_read(flow->accepted, bytes, sizeof(bytes))) > 0)
		flow->read += length;
	for (; endpoint_output(flow->client, packet, net->now); packet = packet_take(net)) {
		CHECK(packet_parse(packet) == PACKET_TCP);
		packet_socknames(packet, &src, &dst);
		path = src.addr.bytes[2];
		at = net->now + flow->delay[path] / 2 + rng_below(&net->rng, net->jitter);
		if (flow->latest[path] < at)
			flow->latest[path] = at;
		lane_push(&flow->to_queue[path], packet, flow->latest[path]);
	}
	for (; endpoint_output(flow->server, packet, net->now); packet = packet_take(net)) {
		CHECK(packet_parse(packet) == PACKET_TCP);
		packet_socknames(packet, &src, &dst);
		path = dst.addr.bytes[2];
		lane_push(&flow->to_client[path], packet, net->now + flow->delay[path]);
	}
	packet_give(net, packet);
}

/* Drop-tail, and losses at random behind it. */
static inline void queue_accept(struct bottleneck *net, struct flow *flow, unsigned int path,
	struct packet *packet)
{
	struct queue *queue = &net->queue[flow->queue[path]];
	nsec_t wait = queue->busy_until > net->now ? queue->busy_until - net->now : 0;

	if (wait * queue->rate_bps / 8 / NSEC_PER_SEC > queue->bytes) {
		queue->drops++;
		packet_give(net, packet);
		return;
	}
	queue->busy_until =
		net->now + wait + (nsec_t)packet->length * 8 * NSEC_PER_SEC / queue->rate_bps;
	if (rng_chance(&net->rng, flow->loss_ppm[path], 1000000)) {
		packet_give(net, packet);
		return;
	}
	flow->arrived[path] += packet_payload_len(packet);
	lane_push(&flow->to_server[path], packet,
		queue->busy_until + flow->delay[path] - flow->delay[path] / 2);
}

static inline void flow_deliver(struct bottleneck *net, struct flow *flow, unsigned int path)
{
	struct packet *packet;

	while ((packet = lane_pop(&flow->to_queue[path], net->now)) != NULL)
		queue_accept(net, flow, path, packet);
	while ((packet = lane_pop(&flow->to_server[path], net->now)) != NULL) {
		endpoint_input(flow->server, packet, net->now);
		packet_give(net, packet);
	}
	while ((packet = lane_pop(&flow->to_client[path], net->now)) != NULL) {
		endpoint_input(flow->client, packet, net->now);
		packet_give(net, packet);
	}
}

static inline nsec_t flow_next(const struct flow *flow)
{
	nsec_t next = nsec_min(endpoint_deadline(flow->client), endpoint_deadline(flow->server));
	unsigned int path;

	for (path = 0; path < flow->path_count; path++) {
		const struct lane *lanes[] = { &flow->to_queue[path], &flow->to_server[path],
			&flow->to_client[path] };
		unsigned int i;

		for (i = 0; i < 3; i++)
			if (lanes[i]->first != NULL)
				next = nsec_min(next, lanes[i]->first->at);
	}
	return next;
}

static inline void bottleneck_run(struct bottleneck *net, nsec_t until)
{
	unsigned int i, path;
	nsec_t next;

	for (;;) {
		next = NSEC_NEVER;
		for (i = 0; i < net->flow_count; i++) {
			flow_run(net, &net->flow[i]);
			next = nsec_min(next, flow_next(&net->flow[i]));
		}
		if (next > until)
			break;
		net->now = next;
		for (i = 0; i < net->flow_count; i++)
			for (path = 0; path < net->flow[i].path_count; path++)
				flow_deliver(net, &net->flow[i], path);
	}
	net->now = until;
}

static inline void lane_free(struct packet *packet)
{
	struct packet *next;

	for (; packet != NULL; packet = next) {
		next = packet->next;
		packet_free(packet);
	}
}

static inline void bottleneck_fini(struct bottleneck *net)
{
	unsigned int i, path;

	for (i = 0; i < net->flow_count; i++) {
		struct flow *flow = &net->flow[i];

		for (path = 0; path < flow->path_count; path++) {
			lane_free(flow->to_queue[path].first);
			lane_free(flow->to_server[path].first);
			lane_free(flow->to_client[path].first);
		}
		endpoint_free(flow->client);
		endpoint_free(flow->server);
	}
	lane_free(net->spare);
}

#endif
