/* SPDX-License-Identifier: BSD-2-Clause */
/* inline_live.c - see inline.h: what both ways have in common, the clock among it. */
#include "mbtest/suite/inline.h"

#include <time.h>

#define TICK_NS NSEC_PER_SEC

static nsec_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

nsec_t inline_now(const struct inline_run *run)
{
	return clock_now() - run->origin;
}

static void send_packet(struct inline_run *run, const struct packet *packet, enum dir dir)
{
	run->counts.sent[dir]++;
	if (run->plan.after != NULL)
		pcap_log_add(run->plan.after, packet, inline_now(run));
	run->send(run->self, packet, dir);
}

static void host_out(void *self, struct packet *packet, enum dir dir)
{
	struct inline_run *run = self;

	if (run->original != NULL && packet->ticket == run->original->ticket)
		run->original_sent = true;
	send_packet(run, packet, dir);
	pipeline_give(run->pipeline, packet);
}

static void host_dropped(void *self, const struct packet *packet, const char *reason)
{
	struct inline_run *run = self;

	(void)reason;
	/* A box that failed drops what it held; that may still go out as it came. */
	if (pipeline_error(run->pipeline) != NULL)
		return;
	run->counts.dropped++;
	if (run->dropped != NULL)
		run->dropped(run->self, packet);
}

bool inline_begin(struct inline_run *run, const struct inline_plan *plan, struct err *err)
{
	const struct pipeline_host host = { host_out, host_dropped, run };

	run->plan = *plan;
	run->origin = clock_now();
	run->tick_at = TICK_NS;
	run->pipeline = pipeline_new(plan->path, plan->seed, &host, err);
	if (run->pipeline != NULL && plan->fail_open)
		run->original = packet_new(PACKET_LARGE + PACKET_HEADROOM);
	return run->pipeline != NULL;
}

void inline_end(struct inline_run *run)
{
	pipeline_free(run->pipeline);
	packet_free(run->original);
	run->pipeline = NULL;
	run->original = NULL;
}

struct packet *inline_packet(struct inline_run *run, uint32_t length)
{
	bool is_small = length + 2 * PACKET_HEADROOM <= PACKET_SMALL;

	return pipeline_packet(run->pipeline, is_small ? PACKET_SMALL : PACKET_LARGE);
}

/* The first failure is kept; the packet that met it goes on as it came where that was asked for. */
static void note_failure(struct inline_run *run, enum dir dir)
{
	const char *sentence = pipeline_error(run->pipeline);

	if (run->failed || sentence == NULL)
		return;
	run->failed = true;
	err_set(&run->failure, "%s", sentence);
	if (run->plan.fail_open && run->original->length > 0 && !run->original_sent)
		send_packet(run, run->original, dir);
}

void inline_input(struct inline_run *run, struct packet *packet, enum dir dir, nsec_t now)
{
	uint64_t ticket = packet->ticket;

	run->counts.packets[dir]++;
	run->counts.bytes[dir] += packet->length;
	if (run->plan.before != NULL)
		pcap_log_add(run->plan.before, packet, now);
	if (run->failed) {
		if (run->plan.fail_open)
			send_packet(run, packet, dir);
		pipeline_give(run->pipeline, packet);
		return;
	}
	if (run->original != NULL) {
		packet_copy(run->original, packet);
		run->original->ticket = ticket;
		run->original_sent = false;
	}
	pipeline_input(run->pipeline, packet, dir, now);
	note_failure(run, dir);
	if (run->original != NULL)
		run->original->length = 0;
}

nsec_t inline_turn(struct inline_run *run, bool *go_on)
{
	nsec_t now = inline_now(run), due;

	if (!run->failed && pipeline_deadline(run->pipeline) <= now) {
		pipeline_wake(run->pipeline, now);
		note_failure(run, TO_SERVER);
	}
	if (now >= run->tick_at) {
		run->tick_at = now + TICK_NS;
		if (run->plan.tick != NULL)
			run->plan.tick(run->plan.tick_self, &run->counts, now);
	}
	*go_on = !run->failed || run->plan.fail_open;
	due = nsec_min(run->tick_at, pipeline_deadline(run->pipeline));
	return due > now ? due - now : 0;
}
