/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pm.h - path managers: which further subflows a connection should have, as a table chosen by name.
 * They only say what they want next; when a subflow may be started at all (F8a, F7d, F33), and that
 * a path is not tried again in vain (F43, F57, O11, O17), holds for all of them.
 */
#ifndef PROBE_ENDPOINT_PM_H
#define PROBE_ENDPOINT_PM_H

#include "probe/endpoint/state.h"

/* Where a subflow would go; the local port is chosen when it is started. */
struct path_pair {
	struct sockname local, remote;
};

struct pm_ops {
	const char *name; /* the table ends with NULL */
	const char *text;
	/* The pair of a number, counted from 0; false when there are no more. */
	bool (*pair)(const struct conn *conn, unsigned int number, struct path_pair *pair);
	/* Subflows wanted of each pair. */
	unsigned int (*copies)(const struct conn *conn);
};

extern const struct pm_ops pm_list[];

/* NULL when there is none of that name. */
const struct pm_ops *pm_find(const char *name);

/*
 * Start what the path manager wants and may have now; leaves behind in join_at when it will want
 * more (O11).
 */
void pm_settle(struct conn *conn, nsec_t now);

#endif
