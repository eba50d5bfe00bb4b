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

size_t segment_cut(struct segment_queue *queue, size_t index, uint16_t most, uint16_t sum)
{
	struct segment cut = *segment_at(queue, index);
	size_t count = ((size_t)cut.length + most - 1) / most, i;
	size_t end = queue->tail;

	if (cut.whole == 0) {
		cut.whole = cut.length;
		cut.sum = sum;
	}
	for (i = 1; i < count; i++)
		segment_push(queue);
	for (i = end - 1; i != index; i--)
		*segment_at(queue, i + count - 1) = *segment_at(queue, i);
	for (i = 0; i < count; i++) {
		uint16_t first = (uint16_t)(i * most);
		struct segment *piece = segment_at(queue, index + i);

		*piece = cut;
		piece->seq += first;
		piece->offset += first;
		piece->before = (uint16_t)(cut.before + first);
		piece->length = (uint16_t)(cut.length - first);
		if (piece->length > most)
			piece->length = most;
	}
	return count;
}
