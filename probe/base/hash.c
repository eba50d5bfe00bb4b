/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/base/hash.h"

#include <string.h>

uint64_t hash_u64(uint64_t hash, uint64_t value)
{
	unsigned __int128 product;

	product = (unsigned __int128)(hash ^ value ^ 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
	const uint8_t *in = bytes;
	uint64_t word;

	hash = hash_u64(hash, length);
	for (; length >= sizeof(word); length -= sizeof(word), in += sizeof(word)) {
		memcpy(&word, in, sizeof(word));
		hash = hash_u64(hash, word);
	}
	word = 0;
	memcpy(&word, in, length);
	return hash_u64(hash, word);
}
