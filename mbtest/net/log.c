/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c - the record of a run: a running hash over its events, which two runs of the same scenario
 * and seed share, and the same events as text for who asks.
 */
#include "mbtest/net/node.h"

#include "probe/base/hash.h"
#include "probe/wire/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEADERS = 64 }; /* bytes; addresses, ports and numbers of either family are in them */

static const char *const verb_names[] = {
	[VERB_SEND] = "send",
	[VERB_RECEIVE] = "receive",
	[VERB_DROP] = "drop",
};

static uint64_t lane(uint64_t sum, const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	sum = (sum ^ word) * 0x9fb21c651e98df25u;
	return sum ^ sum >> 32;
}

/* Four sums side by side: the multiplications of one would wait for each other. */
static uint64_t hash_packet(uint64_t hash, const uint8_t *bytes, size_t length)
{
	uint64_t a = hash, b = 1, c = 2, d = 3;

	for (; length >= 32; length -= 32, bytes += 32) {
		a = lane(a, bytes);
		b = lane(b, bytes + 8);
		c = lane(c, bytes + 16);
		d = lane(d, bytes + 24);
	}
	return hash_bytes(hash_mix(hash_mix(a ^ hash_mix(b)) ^ hash_mix(c ^ hash_mix(d))), bytes,
		length);
}

/*
 * All bytes of a packet count where they may be new: when an edge, a hop or a box sends it. After
 * that its headers tell which one it is.
 */
static size_t hashed_length(const struct node *node, enum verb verb, const struct packet *packet)
{
	bool is_new = verb == VERB_SEND && !node->type->alters_nothing;

	return is_new || packet->length < HEADERS ? packet->length : HEADERS;
}

static void write_line(const struct node *node, enum verb verb, const struct packet *packet,
	const char *reason)
{
	const struct net *net = node->net;
	char text[TEXT_LINE], line[TEXT_LINE + 256];

	packet_text(packet, TEXT_SHORT, text, sizeof(text));
	snprintf(line, sizeof(line), "%" PRIu64 ".%09" PRIu64 " %s %s %s%s%s%s",
		net->now / NSEC_PER_SEC, net->now % NSEC_PER_SEC, node->name, verb_names[verb],
		text, reason != NULL ? " [" : "", reason != NULL ? reason : "",
		reason != NULL ? "]" : "");
	net->config.log(net->config.log_self, line);
}

void record_event(struct node *node, enum verb verb, const struct packet *packet,
	const char *reason)
{
	struct net *net = node->net;

	if (net->config.hash) {
		net->hash = hash_u64(net->hash, net->now);
		net->hash = hash_u64(net->hash, (uint64_t)node->index << 32 | (uint64_t)verb);
		net->hash = hash_packet(net->hash, packet_data(packet),
			hashed_length(node, verb, packet));
		if (reason != NULL)
			net->hash = hash_bytes(net->hash, reason, strlen(reason));
	}
	if (net->config.text_log && net->config.log != NULL)
		write_line(node, verb, packet, reason);
}
