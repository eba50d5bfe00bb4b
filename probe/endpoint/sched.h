/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.h - which subflow carries the next piece of the stream, as a table of operations.
 */
#ifndef PROBE_ENDPOINT_SCHED_H
#define PROBE_ENDPOINT_SCHED_H

#include "probe/endpoint/stream.h"

struct sched_ops {
	const char *name;
	/* One of count candidates, all of which can send now. */
	struct subflow *(*pick)(struct subflow *const *candidates, unsigned int count);
};

/* The emptiest congestion window first, so that all paths with room carry data. */
extern const struct sched_ops sched_least_filled;

/* The subflow to send on now and what; NULL when there is nothing to send or no room. */
struct subflow *sched_next(const struct conn *conn, struct piece *piece);

#endif
