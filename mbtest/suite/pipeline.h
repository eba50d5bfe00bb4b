/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline.h - the boxes of a path in a row, the client's side first, and nothing else: no network
 * and no hosts. Whoever runs it hands in packets and takes what comes out, at any time it likes to
 * call it: that of a capture, or the real one of an inline middlebox.
 */
#ifndef MBTEST_SUITE_PIPELINE_H
#define MBTEST_SUITE_PIPELINE_H

#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"
#include "probe/wire/capture.h"

#include <stdbool.h>
#include <stdint.h>

struct pipeline;

struct pipeline_host {
	/* A packet leaves at an end; it is the host's, to be given back by pipeline_give. */
	void (*out)(void *self, struct packet *packet, enum dir dir);
	/* A box has dropped a packet. */
	void (*dropped)(void *self, const struct packet *packet, const char *reason);
	void *self;
};

/* The boxes of a path; its links and hops do nothing. NULL when one cannot be made. */
struct pipeline *pipeline_new(const struct path_plan *path, uint64_t seed,
	const struct pipeline_host *host, struct err *err);
void pipeline_free(struct pipeline *pipeline);

/* An empty packet, and the way back; nothing is allocated once as many are there as are needed. */
struct packet *pipeline_packet(struct pipeline *pipeline, uint32_t capacity);
void pipeline_give(struct pipeline *pipeline, struct packet *packet);

/* A packet (taken, parsed) enters at the end it comes from. */
void pipeline_input(struct pipeline *pipeline, struct packet *packet, enum dir dir, nsec_t now);

/* When a box wants to be woken next, or NSEC_NEVER; wake those whose time has come. */
nsec_t pipeline_deadline(const struct pipeline *pipeline);
void pipeline_wake(struct pipeline *pipeline, nsec_t now);

/* Why a box failed; NULL: none did. Packets inside are then gone, and none is let through. */
const char *pipeline_error(const struct pipeline *pipeline);

/* What the box at a position did; false when there is none. */
struct pipeline_counts {
	const char *name;
	uint64_t hits, sent[DIRS], dropped;
};

bool pipeline_counts(const struct pipeline *pipeline, unsigned int position,
	struct pipeline_counts *counts);

/* ---- over a capture ---- */

struct pipeline_plan {
	const struct path_plan *path;
	/* Packets for it go to the server; version 0: told from the first SYN or first packet. */
	struct addr server;
	uint64_t seed;
};

struct pipeline_result {
	uint64_t packets[DIRS], bytes[DIRS], sent[DIRS], dropped;
	struct pipeline *pipeline; /* as it was left, the caller's; NULL: a box could not be made */
	struct capture *out;
	nsec_t now;
};

/*
 * Append what comes out to a capture; false when a box cannot be made or failed. The pipeline has
 * the result as its host, and is to be freed before it.
 */
bool pipeline_run(const struct pipeline_plan *plan, const struct capture *in, struct capture *out,
	struct pipeline_result *result, struct err *err);

#endif
