/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_flood.c - more segments of one TCP stream than any forwarder passes on, of MTU size with
 * timestamps, until it is ended:
 *
 *   bench_flood IF
 *
 * The kernel is given large segments and cuts them, so that one core can keep a forwarder on
 * another busy. The stream's SYN comes again and again: a box that begins in the middle knows it.
 */
#include "probe/wire/checksum.h"
#include "tests/bench/segment.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
	ETHERNET = 14,
	IP = 20,
	CHECKSUM = 16, /* in the TCP header */
	SEGMENT = 1448,
	SEGMENTS = 44, /* of a large one */
	SYN_EVERY = 16,
};

/* The pseudo-header's sum alone: the rest is for who cuts it. */
static void leave_checksum(struct packet *packet)
{
	uint8_t *bytes = packet_bytes(packet);
	uint64_t sum = checksum_add(PROTOCOL_TCP + packet->length - IP, bytes + 12, 8);

	put_be16(bytes + IP + CHECKSUM, checksum_fold(sum));
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) != 0 ||
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	/* To nobody's address: the far end counts what comes and does nothing with it. */
	static uint8_t header[ETHERNET] = { 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 1, 8, 0 };
	struct virtio_net_hdr whole = { .flags = 0 },
			      large = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				      .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				      .gso_size = SEGMENT,
				      .csum_start = ETHERNET + IP,
				      .csum_offset = CHECKSUM };
	static const char *const client = "198.18.1.1:40000", *const server = "198.18.1.3:80";
	struct packet *syn = segment_new(client, server, TCP_SYN, 0);
	struct packet *data = segment_new(client, server, TCP_ACK, SEGMENTS * SEGMENT);
	struct iovec one[] = { { &whole, sizeof(whole) }, { header, ETHERNET },
		{ packet_bytes(syn), syn->length } };
	struct iovec many[] = { { &large, sizeof(large) }, { header, ETHERNET },
		{ packet_bytes(data), data->length } };
	int fd = argc == 2 ? open_interface(argv[1]) : -1;

	large.hdr_len = (uint16_t)(ETHERNET + data->payload);
	leave_checksum(data);
	for (uint32_t count = 0; fd >= 0; count++) {
		put_be32(packet_bytes(data) + IP + 4, SEGMENT_ISN + 1 + count * SEGMENTS * SEGMENT);
		if (count % SYN_EVERY == 0)
			(void)writev(fd, one, 3);
		/* What finds no room is gone. */
		if (writev(fd, many, 3) < 0 && errno != ENOBUFS)
			break;
	}
	perror("bench_flood: cannot send (usage: bench_flood IF)");
	return 2;
}
