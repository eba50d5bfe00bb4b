/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum.h - the Internet checksum (RFC 1071), in full and incrementally (RFC 1624), and the
 * DSS checksum of MPTCP (RFC 8684 3.3.1), all over one accumulator.
 */
#ifndef PROBE_WIRE_CHECKSUM_H
#define PROBE_WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

struct addr;

/*
 * Add length bytes, read as big-endian 16-bit words from an even position, to a folded or unfolded
 * ones' complement sum; an odd last byte is padded with zero. Start with 0.
 */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t length);

/* Fold a sum to 16 bits, not complemented. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & UINT16_MAX) + (sum >> 16 & UINT16_MAX) + (sum >> 32 & UINT16_MAX) +
		(sum >> 48);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* The value for a checksum field: the folded sum, complemented. */
static inline uint16_t checksum_finish(uint64_t sum)
{
	return (uint16_t)~checksum_fold(sum);
}

/* The sum of the same bytes had they started at an odd offset (RFC 1071 2.B: byte swap). */
uint16_t checksum_swap(uint16_t folded);

/*
 * The checksum field after the 16-bit word old in the covered data became new (RFC 1624 eqn. 3);
 * a wrong checksum stays wrong by the same amount.
 */
uint16_t checksum_adjust(uint16_t field, uint16_t old, uint16_t new_);

/* Pseudo-header sum of TCP, UDP or ICMPv6 over either family (RFC 9293 3.1, RFC 8200 8.1). */
uint64_t checksum_pseudo(const struct addr *src, const struct addr *dst, uint8_t protocol,
	uint32_t length);

/*
 * Pseudo-header sum of a DSS mapping (RFC 8684 fig. 10): add the sum of the mapped payload, fold
 * and complement. length is the Data-Level Length as on the wire (a DATA_FIN counts one).
 */
uint64_t checksum_dss(uint64_t dsn, uint32_t ssn, uint16_t length);

#endif
