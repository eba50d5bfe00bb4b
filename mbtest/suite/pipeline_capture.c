/* SPDX-License-Identifier: BSD-2-Clause */
/* pipeline_capture.c - a capture through a pipeline: packets keep their times. */
#include "mbtest/suite/pipeline.h"

#include <string.h>

enum { WAKES_AT_MOST = 1000000 }; /* after the last packet: a box that never rests */

static void run_out(void *self, struct packet *packet, enum dir dir)
{
	struct pipeline_result *result = self;

	result->sent[dir]++;
	capture_add(result->out, packet, result->now, 0, false);
	pipeline_give(result->pipeline, packet);
}

static void run_dropped(void *self, const struct packet *packet, const char *reason)
{
	struct pipeline_result *result = self;

	(void)packet;
	(void)reason;
	result->dropped++;
}

/* Whose packets go to the server: told, or the one to whom the first SYN goes. */
static struct addr find_server(const struct pipeline_plan *plan, const struct capture *in,
	struct packet *packet)
{
	struct addr src, dst, first = { 0, { 0 } };
	size_t i;

	if (plan->server.version != 0)
		return plan->server;
	for (i = 0; i < in->count; i++) {
		if (!capture_get(in, i, packet) || packet->form == PACKET_MALFORMED)
			continue;
		packet_addrs(packet, &src, &dst);
		if (packet->form == PACKET_TCP &&
			(tcp_flags(packet) & (TCP_SYN | TCP_ACK)) == TCP_SYN)
			return dst;
		if (first.version == 0)
			first = dst;
	}
	return first;
}

/* Wake what is due by then, each at its own time. */
static void wake_until(struct pipeline_result *result, nsec_t until)
{
	nsec_t at;

	for (unsigned int wakes = 0; wakes < WAKES_AT_MOST; wakes++) {
		at = pipeline_deadline(result->pipeline);
		if (at == NSEC_NEVER || at > until)
			return;
		if (at > result->now)
			result->now = at;
		pipeline_wake(result->pipeline, result->now);
	}
}

static void pass_packet(struct pipeline_result *result, const struct packet *packet,
	const struct addr *server)
{
	struct packet *copy = pipeline_packet(result->pipeline,
		packet->length + PACKET_HEADROOM > PACKET_SMALL ? PACKET_LARGE : PACKET_SMALL);
	enum dir dir = TO_SERVER;
	struct addr src, dst;

	if (packet->form != PACKET_MALFORMED) {
		packet_addrs(packet, &src, &dst);
		dir = addr_equal(&dst, server) ? TO_SERVER : TO_CLIENT;
	}
	result->packets[dir]++;
	result->bytes[dir] += packet->length;
	packet_copy(copy, packet);
	pipeline_input(result->pipeline, copy, dir, result->now);
}

bool pipeline_run(const struct pipeline_plan *plan, const struct capture *in, struct capture *out,
	struct pipeline_result *result, struct err *err)
{
	const struct pipeline_host host = { .out = run_out,
		.dropped = run_dropped,
		.self = result };
	struct packet *packet;
	struct addr server;

	memset(result, 0, sizeof(*result));
	result->out = out;
	result->pipeline = pipeline_new(plan->path, plan->seed, &host, err);
	if (result->pipeline == NULL)
		return false;
	packet = packet_new(PACKET_LARGE);
	server = find_server(plan, in, packet);
	for (size_t i = 0; i < in->count && pipeline_error(result->pipeline) == NULL; i++) {
		capture_get(in, i, packet);
		wake_until(result, in->records[i].at);
		if (in->records[i].at > result->now)
			result->now = in->records[i].at;
		pass_packet(result, packet, &server);
	}
	wake_until(result, NSEC_NEVER - 1);
	packet_free(packet);
	return pipeline_error(result->pipeline) == NULL ||
		err_set(err, "%s", pipeline_error(result->pipeline));
}
