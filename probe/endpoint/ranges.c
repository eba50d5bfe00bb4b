/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/ranges.h"

#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

void ranges_fini(struct ranges *set)
{
	free(set->list);
	*set = (struct ranges){ 0 };
}

size_t ranges_find(const struct ranges *set, uint64_t at)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (set->list[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Replace count ranges at index by one more or fewer: leaves room for inserted new ones. */
static bool ranges_splice(struct ranges *set, size_t index, size_t removed, size_t inserted)
{
	size_t tail = set->count - index - removed;

	if (set->count - removed + inserted > RANGES_MOST)
		return false;
	while (set->count - removed + inserted > set->capacity)
		set->list = xgrow(set->list, set->capacity, &set->capacity, sizeof(*set->list));
	if (tail > 0 && removed != inserted)
		memmove(set->list + index + inserted, set->list + index + removed,
			tail * sizeof(*set->list));
	set->count = set->count - removed + inserted;
	return true;
}

bool ranges_add(struct ranges *set, uint64_t first, uint64_t end)
{
	size_t index, last;

	if (first >= end)
		return true;
	/* Touching ranges merge, hence first - 1; position 0 touches nothing below it. */
	index = ranges_find(set, first > 0 ? first - 1 : 0);
	for (last = index; last < set->count && set->list[last].first <= end; last++) {
		if (set->list[last].first < first)
			first = set->list[last].first;
		if (set->list[last].end > end)
			end = set->list[last].end;
	}
	if (!ranges_splice(set, index, last - index, 1))
		return false;
	set->list[index] = (struct range){ first, end };
	return true;
}

bool ranges_remove(struct ranges *set, uint64_t first, uint64_t end)
{
	struct range keep[2];
	size_t index, last, kept = 0;

	if (first >= end)
		return true;
	index = ranges_find(set, first);
	for (last = index; last < set->count && set->list[last].first < end; last++) {
		if (set->list[last].first < first)
			keep[kept++] = (struct range){ set->list[last].first, first };
		if (set->list[last].end > end)
			keep[kept++] = (struct range){ end, set->list[last].end };
	}
	if (last == index)
		return true;
	if (!ranges_splice(set, index, last - index, kept))
		return false;
	memcpy(set->list + index, keep, kept * sizeof(*keep));
	return true;
}
