/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nsec.h - time in the toolkit: unsigned nanoseconds since the start of a run.
 * Nothing below probe/io and mbtest/net reads a clock; time is an argument.
 */
#ifndef PROBE_BASE_NSEC_H
#define PROBE_BASE_NSEC_H

#include <stdint.h>

typedef uint64_t nsec_t;

#define NSEC_NEVER   UINT64_MAX
#define NSEC_PER_US  ((nsec_t)1000)
#define NSEC_PER_MS  ((nsec_t)1000000)
#define NSEC_PER_SEC ((nsec_t)1000000000)

/* The earlier of two moments. */
static inline nsec_t nsec_min(nsec_t a, nsec_t b)
{
	return a < b ? a : b;
}

/* In milliseconds, to the microsecond: as it is printed. */
static inline double nsec_to_ms(nsec_t time)
{
	nsec_t us = time / NSEC_PER_US;

	return (double)us / 1000.0;
}

#endif
