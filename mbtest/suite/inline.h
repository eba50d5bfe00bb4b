/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inline.h - boxes in the way of real traffic: a pipeline between where packets come from and where
 * they go, counters, captures of both sides, and what happens when a box fails. Where packets come
 * from is inline_bridge.c (two interfaces) and inline_queue.c (a queue of the kernel's firewall).
 */
#ifndef MBTEST_SUITE_INLINE_H
#define MBTEST_SUITE_INLINE_H

#include "mbtest/suite/pipeline.h"
#include "probe/io/pcap_log.h"

#include <signal.h>

struct inline_counts {
	uint64_t packets[DIRS],
		bytes[DIRS]; /* that came, for the boxes, by where they were going */
	uint64_t sent[DIRS];
	uint64_t passed;  /* not for boxes: no IP, or of the link alone */
	uint64_t dropped; /* by boxes */
	uint64_t refused; /* by the interface: full, or too large for it */
	uint64_t missed;  /* came faster than they were read */
};

struct inline_plan {
	const struct path_plan *path;
	uint64_t seed;
	bool fail_open;                  /* when a box fails, go on without boxes, else stop */
	struct pcap_log *before, *after; /* may be NULL */
	/* Told of what went on about once a second, and at the end. May be NULL. */
	void (*tick)(void *self, const struct inline_counts *counts, nsec_t now);
	void *tick_self;
	int stop; /* becomes readable when it is to end */
};

struct inline_run {
	struct inline_plan plan;
	struct pipeline *pipeline;
	struct inline_counts counts;
	bool failed; /* a box; with fail_open packets go on without boxes */
	struct err failure;
	nsec_t origin, tick_at;
	struct packet *original; /* of the packet in the pipeline, for when a box fails */
	bool original_sent;
	/* Whoever moves packets: sends one away (the packet stays the caller's), lets one go. */
	void (*send)(void *self, const struct packet *packet, enum dir dir);
	void (*dropped)(void *self, const struct packet *packet);
	void *self;
};

/* ---- for the two that move packets ---- */

/* The caller has set send, dropped and self. False when a box cannot be made. */
bool inline_begin(struct inline_run *run, const struct inline_plan *plan, struct err *err);

/* Let go everything but the counters of the boxes, which inline_end takes. */
void inline_end(struct inline_run *run);

/* Time since inline_begin. */
nsec_t inline_now(const struct inline_run *run);

/* An IP packet (taken, parsed, of inline_packet) through the boxes. */
struct packet *inline_packet(struct inline_run *run, uint32_t length);
void inline_input(struct inline_run *run, struct packet *packet, enum dir dir, nsec_t now);

/*
 * What is due by now: boxes, and the tick. Returns how long to sleep at most; false (in *go_on)
 * when it is over.
 */
nsec_t inline_turn(struct inline_run *run, bool *go_on);

/* ---- the two ---- */

/* Between two interfaces; what comes in by the first goes to the server. */
bool inline_bridge(struct inline_run *run, const struct inline_plan *plan, const char *in,
	const char *out, struct err *err);

/*
 * Packets of an NFQUEUE. Whose packets go to the server: told by its address, or (version 0) who
 * opened a connection, or was seen first, is the client.
 */
bool inline_queue(struct inline_run *run, const struct inline_plan *plan, uint16_t number,
	const struct addr *server, struct err *err);

#endif
