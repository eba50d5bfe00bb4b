/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/header_log.h"

#include "probe/base/alloc.h"
#include "probe/base/hash.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLOTS = 2048, /* subflows; a power of two */
	HEADER_BYTES = 124,
	PACKETS_MOST = 8,
	WORD = 12, /* "received " and what ends the line */
};

struct header {
	bool outgoing;
	uint8_t length;
	uint8_t bytes[HEADER_BYTES];
};

struct slot {
	struct sockname local, remote;
	uint32_t first_seq; /* of its first packet: the same SYN again begins nothing */
	unsigned int count;
	struct header headers[PACKETS_MOST];
};

struct header_log {
	unsigned int packets;
	uint64_t secret;
	struct slot slots[SLOTS];
};

struct header_log *header_log_new(unsigned int packets, uint64_t secret)
{
	struct header_log *log = xcalloc(1, sizeof(*log));

	log->packets = packets < PACKETS_MOST ? packets : PACKETS_MOST;
	log->secret = secret;
	return log;
}

void header_log_free(struct header_log *log)
{
	free(log);
}

static uint64_t name_hash(uint64_t hash, const struct sockname *name)
{
	return hash_u64(hash_bytes(hash, name->addr.bytes, sizeof(name->addr.bytes)), name->port);
}

static size_t slot_of(const struct header_log *log, const struct sockname *local,
	const struct sockname *remote)
{
	return name_hash(name_hash(log->secret, local), remote) & (SLOTS - 1);
}

void header_log_note(struct header_log *log, const struct packet *packet, bool outgoing)
{
	struct sockname local, remote;
	struct slot *slot;
	struct header *header;
	uint32_t length;

	if (packet->form != PACKET_TCP)
		return;
	if (outgoing)
		packet_socknames(packet, &local, &remote);
	else
		packet_socknames(packet, &remote, &local);
	slot = &log->slots[slot_of(log, &local, &remote)];
	if ((tcp_flags(packet) & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
		!(sockname_equal(&slot->local, &local) && sockname_equal(&slot->remote, &remote) &&
			slot->first_seq == tcp_seq(packet))) {
		slot->local = local;
		slot->remote = remote;
		slot->first_seq = tcp_seq(packet);
		slot->count = 0;
	}
	if (slot->count == log->packets || !sockname_equal(&slot->local, &local) ||
		!sockname_equal(&slot->remote, &remote))
		return;
	header = &slot->headers[slot->count++];
	length = packet->payload < HEADER_BYTES ? packet->payload : HEADER_BYTES;
	header->outgoing = outgoing;
	header->length = (uint8_t)length;
	memcpy(header->bytes, packet_data(packet), length);
}

static size_t header_write(const struct header *header, char *text, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const char *word = header->outgoing ? "sent " : "received ";
	size_t used = strlen(word);
	unsigned int i;

	if (size < WORD + 2u * header->length)
		return 0;
	memcpy(text, word, used);
	for (i = 0; i < header->length; i++) {
		text[used++] = digits[header->bytes[i] >> 4];
		text[used++] = digits[header->bytes[i] & 15];
	}
	text[used++] = '\n';
	return used;
}

size_t header_log_write(const struct header_log *log, const struct sockname *local,
	const struct sockname *remote, char *text, size_t size)
{
	const struct slot *slot = &log->slots[slot_of(log, local, remote)];
	size_t used = 0, line;
	unsigned int i;

	if (!sockname_equal(&slot->local, local) || !sockname_equal(&slot->remote, remote))
		return 0;
	for (i = 0; i < slot->count; i++) {
		line = header_write(&slot->headers[i], text + used, size - used);
		if (line == 0)
			break;
		used += line;
	}
	return used;
}
