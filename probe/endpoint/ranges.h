/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ranges.h - a sorted set of disjoint, non-touching ranges of stream positions. Its size is
 * bounded: adding beyond RANGES_MOST is refused, so that a peer cannot grow it for ever.
 */
#ifndef PROBE_ENDPOINT_RANGES_H
#define PROBE_ENDPOINT_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANGES_MOST = 512 };

struct range {
	uint64_t first, end;
};

struct ranges {
	struct range *list;
	size_t count, capacity;
};

void ranges_fini(struct ranges *set);

/* Join first..end to the set; false when it would become too large (the set is then unchanged). */
bool ranges_add(struct ranges *set, uint64_t first, uint64_t end);

/* Take first..end out of the set; false when a split would make it too large. */
bool ranges_remove(struct ranges *set, uint64_t first, uint64_t end);

/* Index of the first range whose end lies after a position; count when there is none. */
size_t ranges_find(const struct ranges *set, uint64_t at);

#endif
