/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcpopt.h - TCP options of a parsed TCP packet, in order, unknown ones included (RFC 9293 3.1).
 *
 * An option is a view: kind, length and offset. Edits keep the header a multiple of four bytes
 * (padding with EOL, dropping NOPs and EOLs at the end that fill a word and more) and leave lengths
 * and checksums to packet_finish. Edits end the validity of every view taken before.
 */
#ifndef PROBE_WIRE_TCPOPT_H
#define PROBE_WIRE_TCPOPT_H

#include "probe/wire/packet.h"

enum {
	TCPOPT_EOL = 0,
	TCPOPT_NOP = 1,
	TCPOPT_MSS = 2,
	TCPOPT_WSCALE = 3,
	TCPOPT_SACK_PERMITTED = 4,
	TCPOPT_SACK = 5,
	TCPOPT_TIMESTAMP = 8,
	TCPOPT_MD5 = 19,
	TCPOPT_AO = 29,
	TCPOPT_MPTCP = 30,
	TCPOPT_TFO = 34,
	TCPOPT_EDO = 237,
	TCPOPT_EXP1 = 253,
	TCPOPT_EXP2 = 254,
	TCPOPT_SPACE = 40, /* bytes of options a TCP header can hold */
	TCPOPT_FIRST = 20, /* where they begin in it */
};

/* One option. length counts kind and length bytes; EOL and NOP have length 1. */
struct tcpopt {
	uint8_t kind;
	uint8_t length;
	uint32_t offset; /* from the packet's first byte */
};

/* First byte (the kind) of an option. */
static inline const uint8_t *tcpopt_bytes(const struct packet *packet, const struct tcpopt *opt)
{
	return packet_data(packet) + opt->offset;
}

/* Length of the option at bytes, of which room are left; 0 when it cannot be. */
static inline uint32_t tcpopt_length(const uint8_t *bytes, uint32_t room)
{
	if (bytes[0] <= TCPOPT_NOP)
		return 1;
	if (room < 2 || bytes[1] < 2 || bytes[1] > room)
		return 0;
	return bytes[1];
}

/* Offset of what stands behind an option, or of the first; no less than payload: there is none. */
static inline uint32_t tcpopt_behind(const struct packet *packet, const struct tcpopt *opt)
{
	if (packet->form != PACKET_TCP || (opt->offset > 0 && opt->kind == TCPOPT_EOL))
		return UINT32_MAX;
	return opt->offset > 0 ? opt->offset + opt->length : packet->l4 + TCPOPT_FIRST;
}

/*
 * Step through the options: set opt->offset = 0 before the first call (struct tcpopt opt = {0}).
 * Returns false at the end: after an EOL (which is returned itself), at the end of the header, or
 * at a malformed option (length 0, 1 or past the header), which tcpopt_malformed tells.
 */
static inline bool tcpopt_next(const struct packet *packet, struct tcpopt *opt)
{
	const uint8_t *bytes = packet_data(packet);
	uint32_t at = tcpopt_behind(packet, opt), length;

	if (at >= packet->payload)
		return false;
	length = tcpopt_length(bytes + at, packet->payload - at);
	if (length == 0)
		return false;
	*opt = (struct tcpopt){ bytes[at], (uint8_t)length, at };
	return true;
}

/* Step to the next option of a kind, as tcpopt_next does to the next of any. */
static inline bool tcpopt_next_of(const struct packet *packet, uint8_t kind, struct tcpopt *opt)
{
	const uint8_t *bytes = packet_data(packet);
	uint32_t at = tcpopt_behind(packet, opt), end = packet->payload, length;

	for (; at < end; at += length) {
		length = tcpopt_length(bytes + at, end - at);
		if (length == 0)
			return false;
		if (bytes[at] == kind) {
			*opt = (struct tcpopt){ kind, (uint8_t)length, at };
			return true;
		}
		if (bytes[at] == TCPOPT_EOL)
			return false;
	}
	return false;
}

/* Whether the list ends in an option whose length cannot be. */
bool tcpopt_malformed(const struct packet *packet);

/* First option of a kind (EOL and NOP included). */
bool tcpopt_find(const struct packet *packet, uint8_t kind, struct tcpopt *opt);

/* Bytes still free for options before the 40-byte limit; padding behind an EOL counts as free. */
uint32_t tcpopt_room(const struct packet *packet);

/*
 * Append raw options, NOPs the caller wants included, behind the last option; what an EOL begins is
 * padding and gives way. The header is padded to a multiple of four with EOL again, which the next
 * append reuses. False when there is no room or the list is malformed; the packet is then
 * unchanged.
 */
bool tcpopt_append(struct packet *packet, const void *bytes, uint32_t length);

enum tcpopt_remove_how {
	REMOVE_GAP, /* close the gap */
	REMOVE_NOP, /* overwrite with NOP */
	REMOVE_EOL, /* overwrite with EOL: whatever follows is hidden */
};
void tcpopt_remove(struct packet *packet, const struct tcpopt *opt, enum tcpopt_remove_how how);

/* Put other bytes in the place of an option; false when they do not fit, packet unchanged. */
bool tcpopt_replace(struct packet *packet, const struct tcpopt *opt, const void *bytes,
	uint32_t length);

/* Insert bytes as the first option; false when they do not fit. */
bool tcpopt_insert_first(struct packet *packet, const void *bytes, uint32_t length);

/* ---- decoded values of the common options, false when absent or of the wrong length ---- */

bool tcpopt_wscale(const struct packet *packet, uint8_t *shift);
bool tcpopt_timestamp(const struct packet *packet, uint32_t *value, uint32_t *echo);

struct sack_block {
	uint32_t first, end;
};
/* Number of blocks read, at most 4. */
unsigned int tcpopt_sack(const struct packet *packet, struct sack_block blocks[static 4]);

/* Short name of a kind as in field names: "mss", "wscale", ... or NULL. */
const char *tcpopt_kind_name(uint8_t kind);

#endif
