/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/segment.h"

#include "probe/base/alloc.h"

#include <stdlib.h>

enum { SEGMENTS_LEAST = 32 };

void segment_queue_fini(struct segment_queue *queue)
{
	free(queue->slots);
	*queue = (struct segment_queue){ 0 };
}

struct segment *segment_push(struct segment_queue *queue)
{
	struct segment_queue grown = *queue;
	size_t i;

	if (queue->tail - queue->head == queue->capacity) {
		grown.capacity = queue->capacity > 0 ? queue->capacity * 2 : SEGMENTS_LEAST;
		grown.slots = xmalloc(grown.capacity * sizeof(*grown.slots));
		for (i = queue->head; i != queue->tail; i++)
			*segment_at(&grown, i) = *segment_at(queue, i);
		free(queue->slots);
		*queue = grown;
	}
	return segment_at(queue, queue->tail++);
}
