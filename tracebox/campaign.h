/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * campaign.h - many traces at once, as one machine: a bounded number of them in flight, one rate
 * for all, answers given to the trace whose destination they are about. Memory does not grow with
 * the number of targets.
 */
#ifndef TRACEBOX_CAMPAIGN_H
#define TRACEBOX_CAMPAIGN_H

#include "tracebox/trace.h"

enum campaign_next {
	CAMPAIGN_PROBE,
	CAMPAIGN_LATER, /* none for now: ask again when something has happened */
	CAMPAIGN_END,
};

struct campaign_config {
	struct trace_config trace; /* its rate is that of the campaign */
	unsigned int active;       /* targets in flight at once */
	/* Fill the next target's probe; tag is handed back. */
	enum campaign_next (*next)(void *self, struct packet *probe, void **tag);
	/* A target is done; the trace is now the receiver's. */
	void (*complete)(void *self, struct trace *trace, void *tag);
	/* The campaign is freed before a target was done: what its tag stands for is to go. */
	void (*abandon)(void *tag);
	void *self;
};

struct campaign;

struct campaign *campaign_new(const struct campaign_config *config);
void campaign_free(struct campaign *campaign);

struct machine campaign_machine(struct campaign *campaign);

/* No target is left. */
bool campaign_done(const struct campaign *campaign);

#endif
