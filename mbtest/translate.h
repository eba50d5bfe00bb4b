/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * translate.h - putting another address and port into a packet, or into the packet that an ICMP
 * error quotes: what address translators share.
 */
#ifndef MBTEST_TRANSLATE_H
#define MBTEST_TRANSLATE_H

#include "probe/wire/packet.h"

enum side {
	SIDE_SRC,
	SIDE_DST,
};

/*
 * A packet has a name on each side to translate: TCP and UDP, and ICMP echo, whose identifier is
 * in the place of a port (RFC 3022 2.2); whole or the first of its fragments.
 */
bool translate_fits(const struct packet *packet);

/* Whether what fits has ports of this protocol, and not an echo's identifier. */
bool translate_has_ports(uint8_t protocol);

/* An ICMP echo request or reply, which has one identifier and no ports. */
bool translate_is_echo(const struct packet *packet);

/* The name on a side, and the one on the other, whose port is 0 where there is but one. */
void translate_names(const struct packet *packet, enum side side, struct sockname *name,
	struct sockname *remote);

/* Put an address (of the packet's family) and a port into a packet that fits. */
void translate_packet(struct packet *packet, enum side side, const struct sockname *name);

/* Put another address into any packet. */
void translate_addr(struct packet *packet, enum side side, const struct addr *addr);

/* The packet in an ICMP error, as far as its ports; the identifier of an echo is both of them. */
struct quote {
	struct sockname src, dst;
	uint8_t protocol;
	uint32_t ip, l4; /* offsets of its headers in the packet */
	uint32_t end;    /* offset behind what is quoted for sure: no padding, no extensions */
};

/* False when the packet is no ICMP error or its quote has no ports. */
bool quote_read(const struct packet *packet, struct quote *quote);

/* What a translator does to the packets that ICMP errors quote. */
enum quotes {
	QUOTES_TRANSLATE, /* names and checksums, as RFC 5508 4.2 has it */
	QUOTES_NAMES,     /* names alone: the transport checksum no longer fits */
	QUOTES_LEAVE,
};

/*
 * Put an address and a port into the quote; the checksums in it follow as far as they are quoted,
 * that of the transport header with QUOTES_TRANSLATE alone. Not with QUOTES_LEAVE.
 */
void quote_translate(struct packet *packet, const struct quote *quote, enum side side,
	const struct sockname *name, enum quotes how);

/*
 * A TCP packet with the names of a quoted one, and nothing else of it: to look up its flow
 * (flow.h). Free it. NULL when the quoted packet is not TCP.
 */
struct packet *quote_packet(const struct quote *quote);

/*
 * Overwrite four bytes of the quoted TCP header, at an offset from its first byte; its checksum
 * follows if it is quoted. False when the bytes are not.
 */
bool quote_write32(struct packet *packet, const struct quote *quote, uint32_t offset,
	uint32_t value);

#endif
