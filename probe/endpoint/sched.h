/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.h - which subflow carries the next piece of the stream, as a table chosen by name. That
 * backup subflows wait for want of others (RFC 8684 3.3.8) holds for all schedulers.
 */
#ifndef PROBE_ENDPOINT_SCHED_H
#define PROBE_ENDPOINT_SCHED_H

#include "probe/endpoint/stream.h"

struct sched_ops {
	const char *name; /* the table ends with NULL */
	const char *text;
	bool redundant;       /* each subflow carries the whole stream */
	bool leaves_doubtful; /* a subflow whose timer expired keeps no backup idle */
	/* One of count candidates, all of which can send now; NULL: better wait for another. */
	struct subflow *(*pick)(const struct conn *conn, struct subflow *const *candidates,
		unsigned int count);
};

/* least-filled, lowest-rtt, round-robin, redundant, backup. */
extern const struct sched_ops sched_list[];

/* NULL when there is none of that name. */
const struct sched_ops *sched_find(const char *name);

/* The subflow to send on now and what; NULL when there is nothing to send or no room. */
struct subflow *sched_next(const struct conn *conn, struct piece *piece);

#endif
