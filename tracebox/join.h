/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * join.h - the traces of one live connection read together: what several kinds of segments show of
 * the same hops is one result, and what has one cause is one finding.
 */
#ifndef TRACEBOX_JOIN_H
#define TRACEBOX_JOIN_H

#include "tracebox/result.h"
#include "tracebox/established.h"

/*
 * The result of the parts that an established machine has traced; info (borrowed) is of their
 * connection. NULL fields of the result where nothing was traced.
 */
struct joined {
	struct result result; /* of the withheld data; its findings are those of all */
	struct result others[ESTABLISHED_PARTS];
	size_t other_count;
};

void joined_init(struct joined *joined, const struct established_part *parts, size_t count,
	const struct conn_info *info);
void joined_fini(struct joined *joined);

#endif
