/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hex.h - packets and bytes of tests, written as hex digits (spaces are ignored).
 */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include "probe/wire/packet.h"

#include <stdlib.h>
#include <string.h>

/* Decode into bytes, at most room; returns the number of bytes. */
static inline size_t hex_bytes(const char *hex, uint8_t *bytes, size_t room)
{
	size_t count = 0;
	char digits[3] = "";

	for (; *hex != '\0'; hex++) {
		if (*hex == ' ')
			continue;
		digits[strlen(digits)] = *hex;
		if (strlen(digits) < 2 || count == room)
			continue;
		bytes[count++] = (uint8_t)strtoul(digits, NULL, 16);
		memset(digits, 0, sizeof(digits));
	}
	return count;
}

/* A parsed packet; free it with packet_free. */
static inline struct packet *hex_packet(const char *hex)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	uint8_t bytes[PACKET_SMALL];

	packet_set(packet, bytes, hex_bytes(hex, bytes, sizeof(bytes)));
	return packet;
}

#endif
