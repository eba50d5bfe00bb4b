/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/ring.h"

#include "probe/base/alloc.h"
#include "probe/wire/checksum.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RING_LEAST = 4096 };

void ring_fini(struct ring *ring)
{
	free(ring->bytes);
	*ring = (struct ring){ 0 };
}

size_t ring_piece(const struct ring *ring, uint64_t at, size_t length, const uint8_t **piece)
{
	size_t index = (size_t)at & (ring->capacity - 1);
	size_t room = ring->capacity - index;

	assert(at >= ring->first && at + length <= ring->end);
	*piece = ring->bytes + index;
	return length < room ? length : room;
}

static void ring_grow(struct ring *ring, uint64_t need)
{
	struct ring grown = { .first = ring->first, .end = ring->end };
	const uint8_t *piece;
	uint64_t at;
	size_t step;

	grown.capacity = ring->capacity > 0 ? ring->capacity : RING_LEAST;
	while (grown.capacity < need)
		grown.capacity *= 2;
	grown.bytes = xmalloc(grown.capacity);
	for (at = ring->first; at < ring->end; at += step) {
		size_t index = (size_t)at & (grown.capacity - 1);

		step = ring_piece(ring, at, (size_t)(ring->end - at), &piece);
		if (step > grown.capacity - index)
			step = grown.capacity - index;
		memcpy(grown.bytes + index, piece, step);
	}
	free(ring->bytes);
	*ring = grown;
}

void ring_write(struct ring *ring, uint64_t at, const void *bytes, size_t length)
{
	const uint8_t *in = bytes;
	size_t index, step;

	assert(at >= ring->first);
	if (length == 0)
		return;
	if (at + length - ring->first > ring->capacity)
		ring_grow(ring, at + length - ring->first);
	index = (size_t)at & (ring->capacity - 1);
	step = ring->capacity - index;
	if (step > length)
		step = length;
	memcpy(ring->bytes + index, in, step);
	memcpy(ring->bytes, in + step, length - step);
	if (at + length > ring->end)
		ring->end = at + length;
}

void ring_read(const struct ring *ring, uint64_t at, void *bytes, size_t length)
{
	uint8_t *out = bytes;
	const uint8_t *piece;
	size_t step;

	for (; length > 0; length -= step, at += step, out += step) {
		step = ring_piece(ring, at, length, &piece);
		memcpy(out, piece, step);
	}
}

uint16_t ring_sum(const struct ring *ring, uint64_t at, size_t length)
{
	const uint8_t *piece;
	uint64_t sum = 0;
	size_t done, step;

	for (done = 0; done < length; done += step) {
		uint16_t part;

		step = ring_piece(ring, at + done, length - done, &piece);
		part = checksum_fold(checksum_add(0, piece, step));
		sum += done % 2 ? checksum_swap(part) : part;
	}
	return checksum_fold(sum);
}

void ring_drop(struct ring *ring, uint64_t below)
{
	if (below > ring->first)
		ring->first = below;
	if (ring->end < ring->first)
		ring->end = ring->first;
}
