/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - a window of bytes of a stream, addressed by their 64-bit position in the stream. It
 * grows as the window does, never zeroes, and knows nothing of what the bytes mean.
 */
#ifndef PROBE_ENDPOINT_RING_H
#define PROBE_ENDPOINT_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
	uint8_t *bytes;
	size_t capacity;     /* a power of two, or 0 */
	uint64_t first, end; /* positions held: first <= p < end, holes included */
};

void ring_fini(struct ring *ring);

/* Store length bytes at position at >= first; end moves up where needed. */
void ring_write(struct ring *ring, uint64_t at, const void *bytes, size_t length);

/* Copy out bytes that are held. */
void ring_read(const struct ring *ring, uint64_t at, void *bytes, size_t length);

/* The longest contiguous piece at a position, at most length bytes: returns its size. */
size_t ring_piece(const struct ring *ring, uint64_t at, size_t length, const uint8_t **piece);

/* Folded Internet checksum of length bytes from a position, as if starting at an even offset. */
uint16_t ring_sum(const struct ring *ring, uint64_t at, size_t length);

/* Forget everything below a position (which may lie past end). */
void ring_drop(struct ring *ring, uint64_t below);

#endif
