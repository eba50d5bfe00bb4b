/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline.c - see pipeline.h. Boxes stand in a row, the client's side first. What one emits waits
 * in a queue for the next, so that no box is entered while it is at work.
 */
#include "mbtest/suite/pipeline.h"

#include "probe/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	STAGES = SCENARIO_ELEMENTS * NET_PATHS,
	WAKES_AT_MOST = 1000000, /* after the last packet: a box that never rests */
};

struct pipeline;

struct stage {
	struct pipeline *pipeline;
	struct box *box;
	int index;
	nsec_t wake_at;
};

/* A packet on its way to a stage. */
struct delivery {
	struct packet *packet;
	int stage;
	enum dir dir;
};

struct pipeline {
	struct stage stages[STAGES];
	int stage_count;
	struct delivery *queue; /* first in, first out */
	size_t first, end, capacity;
	struct capture *out;
	nsec_t now;
	struct err *err;
	bool failed;
};

/* ---- the host of a box ---- */

static void enqueue(struct pipeline *pipeline, struct packet *packet, int stage, enum dir dir)
{
	if (pipeline->first == pipeline->end)
		pipeline->first = pipeline->end = 0;
	pipeline->queue = xgrow(pipeline->queue, pipeline->end, &pipeline->capacity,
		sizeof(*pipeline->queue));
	pipeline->queue[pipeline->end++] = (struct delivery){ packet, stage, dir };
}

static void host_emit(void *self, struct packet *packet, enum dir dir)
{
	struct stage *stage = self;

	enqueue(stage->pipeline, packet, stage->index + (dir == TO_SERVER ? 1 : -1), dir);
}

static void host_drop(void *self, struct packet *packet, enum dir dir, const char *reason)
{
	(void)self;
	(void)dir;
	(void)reason;
	packet_free(packet);
}

static struct packet *host_spare(void *self, uint32_t capacity)
{
	(void)self;
	return packet_new(capacity);
}

static void host_wake_at(void *self, nsec_t at)
{
	((struct stage *)self)->wake_at = at;
}

static void host_fail(void *self, const char *sentence)
{
	struct stage *stage = self;

	stage->pipeline->failed = true;
	err_set(stage->pipeline->err, "%s", sentence);
}

static bool add_stage(struct pipeline *pipeline, const struct element *element,
	const struct rng *rng, struct err *err)
{
	struct stage *stage = &pipeline->stages[pipeline->stage_count];
	struct box_host host = { .emit = host_emit,
		.drop = host_drop,
		.spare = host_spare,
		.wake_at = host_wake_at,
		.fail = host_fail,
		.self = stage };
	struct rng own;
	char name[32];

	stage->pipeline = pipeline;
	stage->index = pipeline->stage_count;
	stage->wake_at = NSEC_NEVER;
	snprintf(name, sizeof(name), "stage %d", stage->index);
	own = rng_fork(rng, name);
	stage->box = box_new(element->box, element->type, element->args, element->arg_count, &host,
		&own, 0, err);
	if (stage->box == NULL)
		return false;
	pipeline->stage_count++;
	return true;
}

static bool add_stages(struct pipeline *pipeline, const struct pipeline_plan *plan, struct err *err)
{
	unsigned int i;
	struct rng rng;

	rng_init(&rng, plan->seed);
	for (i = 0; i < plan->path->element_count; i++) {
		const struct element *element = &plan->path->elements[i];

		if (element->kind == ELEMENT_ECMP)
			return err_set(err, "a pipeline has no branches: ecmp is for networks");
		if (element->kind == ELEMENT_BOX && !add_stage(pipeline, element, &rng, err))
			return false;
	}
	return true;
}

/* ---- packets through it ---- */

static void drain(struct pipeline *pipeline)
{
	while (pipeline->first < pipeline->end) {
		struct delivery next = pipeline->queue[pipeline->first++];

		if (next.stage >= 0 && next.stage < pipeline->stage_count && !pipeline->failed) {
			box_input(pipeline->stages[next.stage].box, next.packet, next.dir,
				pipeline->now);
			continue;
		}
		if (!pipeline->failed)
			capture_add(pipeline->out, next.packet, pipeline->now, 0, false);
		packet_free(next.packet);
	}
}

/* Wake the box that is due first, if any is by then. */
static bool wake_one(struct pipeline *pipeline, nsec_t until)
{
	struct stage *due = NULL;
	int i;

	for (i = 0; i < pipeline->stage_count; i++) {
		struct stage *stage = &pipeline->stages[i];

		if (stage->wake_at != NSEC_NEVER && stage->wake_at <= until &&
			(due == NULL || stage->wake_at < due->wake_at))
			due = stage;
	}
	if (due == NULL || pipeline->failed)
		return false;
	if (due->wake_at > pipeline->now)
		pipeline->now = due->wake_at;
	due->wake_at = NSEC_NEVER;
	box_wake(due->box, pipeline->now);
	drain(pipeline);
	return true;
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

static bool pass_capture(struct pipeline *pipeline, const struct pipeline_plan *plan,
	const struct capture *in)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	struct addr server = find_server(plan, in, packet), src, dst;
	unsigned int wakes = 0;
	size_t i;

	for (i = 0; i < in->count && !pipeline->failed; i++) {
		enum dir dir = TO_SERVER;

		capture_get(in, i, packet);
		while (wake_one(pipeline, in->records[i].at))
			continue;
		if (in->records[i].at > pipeline->now)
			pipeline->now = in->records[i].at;
		if (packet->form != PACKET_MALFORMED) {
			packet_addrs(packet, &src, &dst);
			dir = addr_equal(&dst, &server) ? TO_SERVER : TO_CLIENT;
		}
		enqueue(pipeline, packet_clone(packet),
			dir == TO_SERVER ? 0 : pipeline->stage_count - 1, dir);
		drain(pipeline);
	}
	while (wakes++ < WAKES_AT_MOST && wake_one(pipeline, NSEC_NEVER - 1))
		continue;
	packet_free(packet);
	return !pipeline->failed;
}

bool pipeline_run(const struct pipeline_plan *plan, const struct capture *in, struct capture *out,
	struct err *err)
{
	struct pipeline *pipeline = xcalloc(1, sizeof(*pipeline));
	bool ok;
	int i;

	pipeline->out = out;
	pipeline->err = err;
	ok = add_stages(pipeline, plan, err) && pass_capture(pipeline, plan, in);
	for (i = 0; i < pipeline->stage_count; i++)
		box_free(pipeline->stages[i].box);
	for (; pipeline->first < pipeline->end; pipeline->first++)
		packet_free(pipeline->queue[pipeline->first].packet);
	free(pipeline->queue);
	free(pipeline);
	return ok;
}
