/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addr.h - network addresses of both families and address:port pairs, as plain values.
 */
#ifndef PROBE_WIRE_ADDR_H
#define PROBE_WIRE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* version 4: the first four bytes count, the others are zero; 6: all; 0: no address. */
struct addr {
	uint8_t version;
	uint8_t bytes[16];
};

struct sockname {
	struct addr addr;
	uint16_t port;
};

enum { ADDR_TEXT = 48, SOCKNAME_TEXT = 56 };

/* Bytes of an address on the wire: 4, 16 or 0. */
static inline size_t addr_len(const struct addr *addr)
{
	return addr->version == 4 ? 4 : addr->version == 6 ? 16 : 0;
}

struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);

/* From 4 or 16 bytes in network order. */
static inline struct addr addr_from_bytes(uint8_t version, const uint8_t *bytes)
{
	struct addr addr = { .version = version };
	uint64_t word = 0;

	/* Written as it will be read, in words: see sockname_equal, and whoever hashes addresses.
	 */
	memcpy(&word, bytes, version == 4 ? 4 : 8);
	memcpy(addr.bytes, &word, sizeof(word));
	if (version == 6)
		memcpy(addr.bytes + 8, bytes + 8, 8);
	return addr;
}

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->version == b->version && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static inline bool sockname_equal(const struct sockname *a, const struct sockname *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

/* "198.18.1.2" or "fd00:1::2"; false when the text is neither. */
bool addr_parse(struct addr *addr, const char *text);

/* Write the text form into buf (at least ADDR_TEXT bytes) and return buf. */
const char *addr_text(const struct addr *addr, char buf[static ADDR_TEXT]);

/* "198.18.1.2:80" or "[fd00:1::2]:80", both ways. */
bool sockname_parse(struct sockname *name, const char *text);
const char *sockname_text(const struct sockname *name, char buf[static SOCKNAME_TEXT]);

#endif
