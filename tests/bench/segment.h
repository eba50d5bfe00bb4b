/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * segment.h - a segment of one TCP stream with timestamps, as the benchmarks send it.
 */
#ifndef TESTS_BENCH_SEGMENT_H
#define TESTS_BENCH_SEGMENT_H

#include "probe/wire/tcpopt.h"

#include <string.h>

enum { SEGMENT_ISN = 1000 };

/* From a client ("198.18.1.2:40000") to a server; freed by the caller, if ever. */
static inline struct packet *segment_new(const char *client, const char *server, uint16_t flags,
	uint32_t payload)
{
	static const uint8_t options[] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
	struct tcp_header header = { .seq = SEGMENT_ISN, .ack = 1, .flags = flags, .window = 512 };
	struct packet *packet = packet_new(PACKET_LARGE);

	sockname_parse(&header.src, client);
	sockname_parse(&header.dst, server);
	packet_init_tcp(packet, &header);
	tcpopt_append(packet, options, sizeof(options));
	if (payload > 0)
		memset(packet_append_payload(packet, payload), 'x', payload);
	packet_finish(packet);
	return packet;
}

#endif
