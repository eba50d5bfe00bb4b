/* SPDX-License-Identifier: BSD-2-Clause */
/* pipeline_capture.c - a capture through a pipeline: packets keep their times. */
#include "mbtest/suite/pipeline.h"

enum { WAKES_AT_MOST = 1000000 }; /* after the last packet: a box that never rests */

struct run {
	struct pipeline *pipeline;
	struct capture *out;
	nsec_t now;
};

static void run_out(void *self, struct packet *packet, enum dir dir)
{
	struct run *run = self;

	(void)dir;
	capture_add(run->out, packet, run->now, 0, false);
	pipeline_give(run->pipeline, packet);
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
static void wake_until(struct run *run, nsec_t until)
{
	nsec_t at;

	for (unsigned int wakes = 0; wakes < WAKES_AT_MOST; wakes++) {
		at = pipeline_deadline(run->pipeline);
		if (at == NSEC_NEVER || at > until)
			return;
		if (at > run->now)
			run->now = at;
		pipeline_wake(run->pipeline, run->now);
	}
}

static void pass_packet(struct run *run, const struct packet *packet, const struct addr *server)
{
	struct packet *copy = pipeline_packet(run->pipeline,
		packet->length + PACKET_HEADROOM > PACKET_SMALL ? PACKET_LARGE : PACKET_SMALL);
	enum dir dir = TO_SERVER;
	struct addr src, dst;

	if (packet->form != PACKET_MALFORMED) {
		packet_addrs(packet, &src, &dst);
		dir = addr_equal(&dst, server) ? TO_SERVER : TO_CLIENT;
	}
	packet_copy(copy, packet);
	pipeline_input(run->pipeline, copy, dir, run->now);
}

bool pipeline_run(const struct pipeline_plan *plan, const struct capture *in, struct capture *out,
	struct err *err)
{
	struct run run = { .out = out };
	const struct pipeline_host host = { .out = run_out, .self = &run };
	struct packet *packet;
	struct addr server;
	bool ok;

	run.pipeline = pipeline_new(plan->path, plan->seed, &host, err);
	if (run.pipeline == NULL)
		return false;
	packet = packet_new(PACKET_LARGE);
	server = find_server(plan, in, packet);
	for (size_t i = 0; i < in->count && pipeline_error(run.pipeline) == NULL; i++) {
		capture_get(in, i, packet);
		wake_until(&run, in->records[i].at);
		if (in->records[i].at > run.now)
			run.now = in->records[i].at;
		pass_packet(&run, packet, &server);
	}
	wake_until(&run, NSEC_NEVER - 1);
	packet_free(packet);
	ok = pipeline_error(run.pipeline) == NULL ||
		err_set(err, "%s", pipeline_error(run.pipeline));
	pipeline_free(run.pipeline);
	return ok;
}
