/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/checksum.h"

#include "probe/wire/addr.h"

#include <stdbool.h>
#include <string.h>

static uint64_t load64(const uint8_t *in)
{
	uint64_t word;

	memcpy(&word, in, sizeof(word));
	return word;
}

/* One step of a 64-bit ones' complement sum: the carry comes back in (RFC 1071 2.C). */
static uint64_t add_carry(uint64_t sum, uint64_t word)
{
	bool carry = __builtin_add_overflow(sum, word, &sum);

	return sum + carry;
}

/*
 * Words are summed in the machine's own order and the result is swapped once (RFC 1071 2.B); four
 * chains, because each addition waits for the carry of the one before.
 */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t length)
{
	const uint8_t *in = bytes;
	uint64_t a = 0, b = 0, c = 0, d = 0, word = 0;
	uint32_t half;

	for (; length >= 32; length -= 32, in += 32) {
		a = add_carry(a, load64(in));
		b = add_carry(b, load64(in + 8));
		c = add_carry(c, load64(in + 16));
		d = add_carry(d, load64(in + 24));
	}
	for (; length >= 8; length -= 8, in += 8)
		a = add_carry(a, load64(in));
	if (length >= 4) {
		memcpy(&half, in, sizeof(half));
		b = add_carry(b, half);
		length -= 4;
		in += 4;
	}
	memcpy(&word, in, length);
	a = add_carry(add_carry(add_carry(a, b), add_carry(c, d)), word);

	a = (a & UINT32_MAX) + (a >> 32);
	half = (uint32_t)((a & UINT32_MAX) + (a >> 32));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	half = __builtin_bswap32(half);
#endif
	return sum + half;
}

uint16_t checksum_swap(uint16_t folded)
{
	return (uint16_t)(folded << 8 | folded >> 8);
}

uint16_t checksum_adjust(uint16_t field, uint16_t old, uint16_t new_)
{
	uint32_t sum = (uint32_t)(uint16_t)~field + (uint16_t)~old + new_;

	return checksum_finish(sum);
}

uint64_t checksum_pseudo(const struct addr *src, const struct addr *dst, uint8_t protocol,
	uint32_t length)
{
	uint64_t sum = (uint64_t)protocol + length;

	sum = checksum_add(sum, src->bytes, addr_len(src));
	return checksum_add(sum, dst->bytes, addr_len(dst));
}

uint64_t checksum_dss(uint64_t dsn, uint32_t ssn, uint16_t length)
{
	return (dsn >> 32) + (dsn & UINT32_MAX) + ssn + length;
}
