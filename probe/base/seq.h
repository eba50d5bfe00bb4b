/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seq.h - the only place where sequence numbers are compared: 32-bit TCP sequence numbers
 * (RFC 9293 3.4) and 64-bit MPTCP data sequence numbers (RFC 8684 3.3.1), both modular.
 */
#ifndef PROBE_BASE_SEQ_H
#define PROBE_BASE_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* a comes before b. */
static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* a comes after b. */
static inline bool seq_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

/* first <= seq < end, modulo 2^32. */
static inline bool seq_between(uint32_t seq, uint32_t first, uint32_t end)
{
	return seq - first < end - first;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_after(a, b) ? a : b;
}

static inline bool dsn_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static inline bool dsn_after(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) > 0;
}

static inline uint64_t dsn_max(uint64_t a, uint64_t b)
{
	return dsn_after(a, b) ? a : b;
}

/*
 * The 64-bit number nearest to ref whose low half is low (RFC 8684 3.3.1): ref plus the
 * sign-extended 32-bit difference. A distance of exactly 2^31 is undefined by nature.
 */
static inline uint64_t dsn_expand(uint64_t ref, uint32_t low)
{
	return ref + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)ref);
}

#endif
