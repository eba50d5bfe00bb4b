/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/key.h"

#include "probe/base/bytes.h"
#include "probe/wire/addr.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

enum {
	HASH_MOST = SHA256_DIGEST_LENGTH,
	HASH_BLOCK = 64,   /* of SHA-1 and SHA-256 alike */
	MESSAGE_MOST = 19, /* ADD_ADDR: id, IPv6 address, port */
};

/* SHA-1 in version 0, SHA-256 from version 1 on; returns the digest's length. */
static unsigned int hash(uint8_t version, const void *bytes, size_t length, uint8_t out[HASH_MOST])
{
	unsigned int digest = 0;
	int done;

	done = EVP_Digest(bytes, length, out, &digest, version == 0 ? EVP_sha1() : EVP_sha256(),
		NULL);
	assert(done == 1);
	return digest;
}

struct key_digest key_digest(uint8_t version, uint64_t key)
{
	uint8_t bytes[8], out[HASH_MOST];
	unsigned int length;

	put_be64(bytes, key);
	length = hash(version, bytes, sizeof(bytes), out);
	return (struct key_digest){ .token = get_be32(out), .idsn = get_be64(out + length - 8) };
}

/*
 * RFC 2104 over the one-shot digest: with keys this short it needs no key schedule, and costs a
 * third of the library's HMAC object.
 */
static unsigned int hmac(uint8_t version, uint64_t first_key, uint64_t second_key,
	const uint8_t *message, size_t length, uint8_t out[HASH_MOST])
{
	uint8_t inner[HASH_BLOCK + MESSAGE_MOST], outer[HASH_BLOCK + HASH_MOST];
	unsigned int digest;
	int i;

	assert(length <= MESSAGE_MOST);
	memset(inner, 0, HASH_BLOCK);
	put_be64(inner, first_key);
	put_be64(inner + 8, second_key);
	memcpy(outer, inner, HASH_BLOCK);
	for (i = 0; i < HASH_BLOCK; i++) {
		inner[i] ^= 0x36;
		outer[i] ^= 0x5c;
	}
	memcpy(inner + HASH_BLOCK, message, length);
	digest = hash(version, inner, HASH_BLOCK + length, outer + HASH_BLOCK);
	return hash(version, outer, HASH_BLOCK + digest, out);
}

void key_join_hmac(uint8_t version, uint64_t key_local, uint64_t key_remote, uint32_t nonce_local,
	uint32_t nonce_remote, uint8_t hmac_out[static 20])
{
	uint8_t message[8], out[HASH_MOST];

	put_be32(message, nonce_local);
	put_be32(message + 4, nonce_remote);
	hmac(version, key_local, key_remote, message, sizeof(message), out);
	memcpy(hmac_out, out, 20);
}

uint64_t key_join_hmac64(const uint8_t hmac_in[static 20])
{
	return get_be64(hmac_in);
}

uint64_t key_add_addr_hmac(uint64_t key_local, uint64_t key_remote, uint8_t address_id,
	const struct addr *addr, uint16_t port)
{
	uint8_t message[MESSAGE_MOST], out[HASH_MOST];
	size_t length = addr_len(addr);
	unsigned int digest;

	message[0] = address_id;
	memcpy(message + 1, addr->bytes, length);
	put_be16(message + 1 + length, port);
	digest = hmac(1, key_local, key_remote, message, 1 + length + 2, out);
	return get_be64(out + digest - 8);
}

_Bool key_equal(const void *a, const void *b, unsigned int length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

uint64_t key_random(void)
{
	uint8_t bytes[8];
	int done = RAND_bytes(bytes, sizeof(bytes));

	assert(done == 1);
	(void)done;
	return get_be64(bytes);
}
