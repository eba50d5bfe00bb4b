/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.h - a fast 64-bit hash for event logs and tables; not cryptographic. The same bytes give
 * the same value on every little-endian machine and in every process.
 */
#ifndef PROBE_BASE_HASH_H
#define PROBE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Bijective mixing of 64 bits (the finaliser of splitmix64). */
static inline uint64_t hash_mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

/* Fold length bytes into a running hash; start with 0. */
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length);

/* Fold one number into a running hash. */
uint64_t hash_u64(uint64_t hash, uint64_t value);

#endif
