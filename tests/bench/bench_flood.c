/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_flood.c - more segments of one TCP stream than any forwarder passes on, of MTU size with
 * timestamps, as fast as an interface takes them, until it is ended:
 *
 *   bench_flood IF
 *
 * The stream's SYN comes again and again, so that a box that begins in the middle knows it.
 */
#include "probe/io/link_port.h"
#include "probe/wire/tcpopt.h"

#include <stdio.h>
#include <string.h>

enum { ETHERNET = 14, PAYLOAD = 1448, BATCH = 64, SYN_EVERY = 512, ISN = 1000 };

static struct packet *segment(uint16_t flags, uint32_t payload)
{
	static const uint8_t options[] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
	struct tcp_header header = { .seq = ISN, .ack = 1, .flags = flags, .window = 512 };
	struct packet *packet = packet_new(PACKET_SMALL);

	sockname_parse(&header.src, "198.18.1.1:40000");
	sockname_parse(&header.dst, "198.18.1.3:80");
	packet_init_tcp(packet, &header);
	tcpopt_append(packet, options, sizeof(options));
	if (payload > 0)
		memset(packet_append_payload(packet, payload), 'x', payload);
	packet_finish(packet);
	return packet;
}

static void put(struct link_port *port, const struct packet *packet)
{
	/* A host that is nobody: the far end counts what comes and does nothing with it. */
	static const uint8_t header[ETHERNET] = { 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 1, 8, 0 };
	uint8_t *room = link_port_room(port, ETHERNET + packet->length);

	if (room == NULL)
		return;
	memcpy(room, header, ETHERNET);
	memcpy(room + ETHERNET, packet_data(packet), packet->length);
	link_port_put(port, ETHERNET + packet->length);
}

int main(int argc, char **argv)
{
	struct packet *syn = segment(TCP_SYN, 0), *data = segment(TCP_ACK, PAYLOAD);
	struct link_port *port;
	struct err err;

	port = argc == 2 ? link_port_open(argv[1], &err) : NULL;
	if (port == NULL) {
		fprintf(stderr, "bench_flood: %s\n",
			argc == 2 ? err.text : "usage: bench_flood IF");
		return 2;
	}
	for (uint64_t count = 0;; count++) {
		if (count % SYN_EVERY == 0)
			put(port, syn);
		packet_write32(data, data->l4 + 4, ISN + 1 + (uint32_t)(count * PAYLOAD));
		packet_finish(data);
		put(port, data);
		if (count % BATCH == 0)
			link_port_send(port);
	}
}
