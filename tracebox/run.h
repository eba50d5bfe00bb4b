/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h - one trace over a channel, from probe to result, with a word after every hop.
 */
#ifndef TRACEBOX_RUN_H
#define TRACEBOX_RUN_H

#include "tracebox/view.h"
#include "tracebox/channel.h"

#include <stdio.h>

struct run_plan {
	const struct channel *channel;
	struct trace_config config;
	/* A hop is settled, in the order of TTLs; true: stop the trace. May be NULL. */
	bool (*hop)(void *self, const struct hop_view *view);
	void *self;
	bool names;    /* report no hop before its name is found or given up */
	FILE *filters; /* told the capture filter of each hop; NULL: nobody */
};

/* Whether names of hops are looked for; asking begins to. */
bool run_names_pending(const struct channel *channel, const struct trace *trace);

/* The finished trace, to be freed by the caller; NULL when the network failed. */
struct trace *run_trace(const struct run_plan *plan, const struct packet *probe, struct err *err);

/*
 * Send one packet, at most tries times, and wait for its answer: a copy to be freed, or NULL for
 * silence. False when the network failed.
 */
bool run_exchange(const struct channel *channel, const struct packet *probe, nsec_t wait,
	unsigned int tries, struct packet **answer, struct err *err);

/* Send one packet and wait for nothing. */
bool run_send(const struct channel *channel, const struct packet *packet, struct err *err);

#endif
