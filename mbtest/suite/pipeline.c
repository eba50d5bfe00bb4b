/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline.c - see pipeline.h. What a box emits waits in a queue for the next, so that no box is
 * entered while it is at work.
 */
#include "mbtest/suite/pipeline.h"

#include "mbtest/packet_pool.h"
#include "probe/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

enum { STAGES = SCENARIO_ELEMENTS * NET_PATHS };

struct stage {
	struct pipeline *pipeline;
	struct box *box;
	int index;
	nsec_t wake_at;
	uint64_t sent[DIRS], dropped;
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
	struct packet_pool pool;
	struct pipeline_host host;
	nsec_t now;
	bool failed;
	struct err error;
};

/* ---- the host of a box ---- */

static void enqueue(struct pipeline *pipeline, struct packet *packet, int stage, enum dir dir)
{
	pipeline->queue = xgrow(pipeline->queue, pipeline->end, &pipeline->capacity,
		sizeof(*pipeline->queue));
	pipeline->queue[pipeline->end++] = (struct delivery){ packet, stage, dir };
}

static void host_emit(void *self, struct packet *packet, enum dir dir)
{
	struct stage *stage = self;

	stage->sent[dir]++;
	enqueue(stage->pipeline, packet, stage->index + (dir == TO_SERVER ? 1 : -1), dir);
}

static void host_drop(void *self, struct packet *packet, enum dir dir, const char *reason)
{
	struct stage *stage = self;
	struct pipeline *pipeline = stage->pipeline;

	(void)dir;
	/* A box that failed lets go what it held, which is no verdict of its. */
	if (!pipeline->failed)
		stage->dropped++;
	if (pipeline->host.dropped != NULL)
		pipeline->host.dropped(pipeline->host.self, packet, reason);
	pool_give(&pipeline->pool, packet);
}

static struct packet *host_spare(void *self, uint32_t capacity)
{
	return pool_take(&((struct stage *)self)->pipeline->pool, capacity);
}

static void host_wake_at(void *self, nsec_t at)
{
	((struct stage *)self)->wake_at = at;
}

static void host_fail(void *self, const char *sentence)
{
	struct pipeline *pipeline = ((struct stage *)self)->pipeline;

	if (!pipeline->failed)
		err_set(&pipeline->error, "%s", sentence);
	pipeline->failed = true;
}

/* What is no box does nothing. */
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

	if (element->kind == ELEMENT_ECMP)
		return err_set(err, "a pipeline has no branches: ecmp is for networks");
	if (element->kind != ELEMENT_BOX)
		return true;
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

struct pipeline *pipeline_new(const struct path_plan *path, uint64_t seed,
	const struct pipeline_host *host, struct err *err)
{
	struct pipeline *pipeline = xcalloc(1, sizeof(*pipeline));
	struct rng rng;

	pipeline->host = *host;
	rng_init(&rng, seed);
	for (unsigned int i = 0; i < path->element_count; i++) {
		if (!add_stage(pipeline, &path->elements[i], &rng, err)) {
			pipeline_free(pipeline);
			return NULL;
		}
	}
	return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
	if (pipeline == NULL)
		return;
	/* Boxes first: they drop what they hold. */
	for (int i = 0; i < pipeline->stage_count; i++)
		box_free(pipeline->stages[i].box);
	for (; pipeline->first < pipeline->end; pipeline->first++)
		packet_free(pipeline->queue[pipeline->first].packet);
	pool_fini(&pipeline->pool);
	free(pipeline->queue);
	free(pipeline);
}

struct packet *pipeline_packet(struct pipeline *pipeline, uint32_t capacity)
{
	return pool_take(&pipeline->pool, capacity);
}

void pipeline_give(struct pipeline *pipeline, struct packet *packet)
{
	pool_give(&pipeline->pool, packet);
}

/* ---- packets through it ---- */

static void drain(struct pipeline *pipeline)
{
	while (pipeline->first < pipeline->end) {
		struct delivery next = pipeline->queue[pipeline->first++];

		if (pipeline->failed)
			pool_give(&pipeline->pool, next.packet);
		else if (next.stage >= 0 && next.stage < pipeline->stage_count)
			box_input(pipeline->stages[next.stage].box, next.packet, next.dir,
				pipeline->now);
		else
			pipeline->host.out(pipeline->host.self, next.packet, next.dir);
	}
	pipeline->first = pipeline->end = 0;
}

void pipeline_input(struct pipeline *pipeline, struct packet *packet, enum dir dir, nsec_t now)
{
	if (now > pipeline->now)
		pipeline->now = now;
	enqueue(pipeline, packet, dir == TO_SERVER ? 0 : pipeline->stage_count - 1, dir);
	drain(pipeline);
}

/* The box that is to be woken first, or NULL. */
static struct stage *first_due(struct pipeline *pipeline)
{
	struct stage *due = NULL;

	for (int i = 0; i < pipeline->stage_count; i++) {
		struct stage *stage = &pipeline->stages[i];

		if (stage->wake_at != NSEC_NEVER && (due == NULL || stage->wake_at < due->wake_at))
			due = stage;
	}
	return pipeline->failed ? NULL : due;
}

nsec_t pipeline_deadline(const struct pipeline *pipeline)
{
	nsec_t at = NSEC_NEVER;

	for (int i = 0; i < pipeline->stage_count && !pipeline->failed; i++)
		at = nsec_min(at, pipeline->stages[i].wake_at);
	return at;
}

/* Wake the box that is due first, if any is by then. */
static bool wake_one(struct pipeline *pipeline, nsec_t until)
{
	struct stage *due = first_due(pipeline);

	if (due == NULL || due->wake_at > until)
		return false;
	if (due->wake_at > pipeline->now)
		pipeline->now = due->wake_at;
	due->wake_at = NSEC_NEVER;
	box_wake(due->box, pipeline->now);
	drain(pipeline);
	return true;
}

void pipeline_wake(struct pipeline *pipeline, nsec_t now)
{
	while (wake_one(pipeline, now))
		continue;
}

const char *pipeline_error(const struct pipeline *pipeline)
{
	return pipeline->failed ? pipeline->error.text : NULL;
}

bool pipeline_counts(const struct pipeline *pipeline, unsigned int position,
	struct pipeline_counts *counts)
{
	const struct stage *stage = &pipeline->stages[position];

	if (position >= (unsigned int)pipeline->stage_count)
		return false;
	*counts = (struct pipeline_counts){
		.name = box_name(stage->box),
		.hits = box_hits(stage->box),
		.sent = { stage->sent[TO_SERVER], stage->sent[TO_CLIENT] },
		.dropped = stage->dropped,
	};
	return true;
}
