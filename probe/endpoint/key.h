/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * key.h - keys, tokens, initial data sequence numbers and HMACs of MPTCP (RFC 6824 and RFC 8684,
 * 3.1 and 3.2). The only user of the crypto library. Keys are 64-bit numbers in host order whose
 * big-endian bytes stand on the wire.
 */
#ifndef PROBE_ENDPOINT_KEY_H
#define PROBE_ENDPOINT_KEY_H

#include <stdint.h>

struct addr;

struct key_digest {
	uint32_t token; /* most significant 32 bits of the hash */
	uint64_t idsn;  /* least significant 64 bits */
};

/* SHA-1 for version 0, SHA-256 for version 1. */
struct key_digest key_digest(uint8_t version, uint64_t key);

/*
 * HMAC of MP_JOIN sent by the owner of key_local (its key and its nonce first): 20 bytes as in
 * the third ACK; the SYN/ACK carries the first eight.
 */
void key_join_hmac(uint8_t version, uint64_t key_local, uint64_t key_remote, uint32_t nonce_local,
	uint32_t nonce_remote, uint8_t hmac[static 20]);

/* The same as the 64-bit number of the SYN/ACK. */
uint64_t key_join_hmac64(const uint8_t hmac[static 20]);

/* HMAC of a v1 ADD_ADDR (rightmost 64 bits); port 0 when absent. */
uint64_t key_add_addr_hmac(uint64_t key_local, uint64_t key_remote, uint8_t address_id,
	const struct addr *addr, uint16_t port);

/* A number that nobody can guess, whatever others they have seen. */
uint64_t key_random(void);

/* Equality in constant time. */
_Bool key_equal(const void *a, const void *b, unsigned int length);

#endif
