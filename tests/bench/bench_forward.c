/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_forward.c - forwarders that do nothing to packets, for mbtest box to be held against:
 *
 *   bench_forward ring IF IF     by the rings that mbtest box uses
 *   bench_forward single IF IF   one packet a system call, one to send it
 */
#include "probe/io/link_port.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, FRAME = 65536 + 64 };

static int fail(const char *what)
{
	fprintf(stderr, "bench_forward: %s\n", what);
	return 2;
}

/* ---- rings ---- */

static void ring_drain(struct link_port *from, struct link_port *to)
{
	struct link_frame frame;

	for (int i = 0; i < BATCH && link_port_read(from, &frame); i++) {
		uint8_t *room = link_port_room(to, frame.length);

		if (room != NULL) {
			memcpy(room, frame.bytes, frame.length);
			link_port_put(to, frame.length);
		}
		link_port_done(from);
	}
	link_port_send(to);
}

static int run_rings(char **names)
{
	struct link_port *ports[2];
	struct pollfd watches[2];
	struct err err;

	for (int i = 0; i < 2; i++) {
		ports[i] = link_port_open(names[i], &err);
		if (ports[i] == NULL)
			return fail(err.text);
		watches[i] = (struct pollfd){ link_port_fd(ports[i]), POLLIN, 0 };
	}
	for (;;) {
		poll(watches, 2, -1);
		ring_drain(ports[0], ports[1]);
		ring_drain(ports[1], ports[0]);
	}
}

/* ---- one packet a call ---- */

static int open_single(const char *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name) };
	struct packet_mreq everything = { .mr_ifindex = address.sll_ifindex,
		.mr_type = PACKET_MR_PROMISC };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything,
			sizeof(everything)) != 0)
		return -1;
	return fd;
}

static int run_single(char **names)
{
	static uint8_t frame[FRAME];
	struct pollfd watches[2];

	for (int i = 0; i < 2; i++) {
		watches[i] = (struct pollfd){ open_single(names[i]), POLLIN, 0 };
		if (watches[i].fd < 0)
			return fail("cannot open an interface");
	}
	for (;;) {
		poll(watches, 2, -1);
		for (int i = 0; i < 2; i++) {
			for (int k = 0; k < BATCH; k++) {
				ssize_t length = recv(watches[i].fd, frame, sizeof(frame), 0);

				if (length <= 0)
					break;
				(void)send(watches[1 - i].fd, frame, (size_t)length, 0);
			}
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "ring") == 0)
		return run_rings(argv + 2);
	if (argc == 4 && strcmp(argv[1], "single") == 0)
		return run_single(argv + 2);
	return fail("usage: bench_forward ring|single IF IF");
}
