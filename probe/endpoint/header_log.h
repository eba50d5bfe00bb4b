/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * header_log.h - the headers of the first packets of each subflow, sent and received, in a table of
 * a fixed size: who comes last has a place, whoever had it before.
 */
#ifndef PROBE_ENDPOINT_HEADER_LOG_H
#define PROBE_ENDPOINT_HEADER_LOG_H

#include "probe/wire/packet.h"

#include <stdbool.h>
#include <stddef.h>

struct header_log;

/* packets: of a subflow; secret keys the table against chosen collisions. */
struct header_log *header_log_new(unsigned int packets, uint64_t secret);
void header_log_free(struct header_log *log);

/* A TCP packet went out, or came in; a SYN begins a subflow anew. */
void header_log_note(struct header_log *log, const struct packet *packet, bool outgoing);

/*
 * Write the lines of a subflow, "received HEX" or "sent HEX", into text: whole ones, as many as
 * fit. Returns the bytes written; nothing is terminated.
 */
size_t header_log_write(const struct header_log *log, const struct sockname *local,
	const struct sockname *remote, char *text, size_t size);

#endif
