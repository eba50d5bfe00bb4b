/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_net_real.c - the network on the real clock. A pair of datagram sockets stands for a TUN
 * device: one packet a read, one a write. Times are only held against bounds that no scheduler can
 * undercut.
 */
#include "tests/unit/unit.h"

#include "mbtest/net/net.h"
#include "probe/wire/capture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct device {
	int net, kernel; /* our end, and that of the host behind it */
};

struct live {
	struct net *net;
	struct device client, server;
	unsigned int want; /* packets at the server's host that end the run */
	unsigned int got;
	uint8_t bytes[70000];
	ssize_t length; /* of the last */
};

static struct device device_new(void)
{
	int pair[2] = { -1, -1 };

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
	return (struct device){ pair[0], pair[1] };
}

static struct live *live_new(void)
{
	struct net_config config = { .clock = CLOCK_REAL, .taps = true, .seed = 1 };
	struct live *live = calloc(1, sizeof(*live));

	live->net = net_new(&config);
	live->client = device_new();
	live->server = device_new();
	net_add_path(live->net);
	net_set_tun(live->net, CLIENT, &live->client.net, 1);
	net_set_tun(live->net, SERVER, &live->server.net, 1);
	return live;
}

static void live_free(struct live *live)
{
	net_free(live->net);
	close(live->client.net);
	close(live->client.kernel);
	close(live->server.net);
	close(live->server.kernel);
	free(live);
}

static bool has_arrived(void *self)
{
	struct live *live = self;
	ssize_t length;

	while ((length = read(live->server.kernel, live->bytes, sizeof(live->bytes))) > 0) {
		live->got++;
		live->length = length;
	}
	return live->got >= live->want;
}

static nsec_t now_real(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

static struct packet *a_packet(uint8_t family, uint32_t length)
{
	struct tcp_header header = { .src = { net_client_addr(0, family), 1 },
		.dst = { net_server_addr(family), 80 },
		.flags = TCP_ACK };
	struct packet *packet = packet_new(PACKET_LARGE);

	packet_init_tcp(packet, &header);
	memset(packet_append_payload(packet, length), 'x', length);
	packet_finish(packet);
	return packet;
}

static void host_sends(const struct device *device, struct packet *packet)
{
	CHECK(write(device->kernel, packet_data(packet), packet->length) ==
		(ssize_t)packet->length);
	packet_free(packet);
}

TEST(a_packet_takes_its_delay)
{
	struct live *live = live_new();
	struct link_plan plan = { .delay_ns = 30 * NSEC_PER_MS };
	const struct capture *from, *to;
	nsec_t start = now_real();

	net_add_link(live->net, 0, &plan, &plan);
	host_sends(&live->client, a_packet(4, 100));
	live->want = 1;
	CHECK_U64(net_run(live->net, 600 * NSEC_PER_SEC, has_arrived, live), NET_STOPPED);
	CHECK_U64((uint64_t)live->length, 140);
	from = net_tap(live->net, CLIENT);
	to = net_tap(live->net, SERVER);
	CHECK_U64(from->count, 1);
	CHECK_U64(to->count, 1);
	CHECK(from->records[0].outgoing && !to->records[0].outgoing);
	CHECK_U64(to->records[0].at - from->records[0].at, 30 * NSEC_PER_MS);
	CHECK(net_now(live->net) >= 30 * NSEC_PER_MS);
	CHECK(now_real() - start >= 30 * NSEC_PER_MS);
	live_free(live);
}

TEST(many_and_large_packets)
{
	struct live *live = live_new();
	unsigned int i;

	for (i = 0; i < 100; i++)
		host_sends(&live->client, a_packet(6, 10));
	host_sends(&live->client, a_packet(4, 60000));
	live->want = 101;
	CHECK_U64(net_run(live->net, 600 * NSEC_PER_SEC, has_arrived, live), NET_STOPPED);
	CHECK_U64(live->got, 101);
	CHECK_U64((uint64_t)live->length, 60040);
	CHECK_U64(net_tap(live->net, SERVER)->count, 101);
	live_free(live);
}

/* What a kernel says of its own accord goes nowhere and into no tap. */
TEST(foreign_packets_are_dropped)
{
	/* A router solicitation from a link-local address to all routers. */
	static const uint8_t solicitation[] = { 0x60, 0, 0, 0, 0, 8, 58, 255, 0xfe, 0x80, [23] = 2,
		0xff, 2, [39] = 2, 133, 0, 0, 0, 0, 0, 0, 0 };
	struct live *live = live_new();

	CHECK(write(live->client.kernel, solicitation, sizeof(solicitation)) > 0);
	CHECK(write(live->client.kernel, "junk", 4) > 0);
	CHECK(write(live->server.kernel, solicitation, sizeof(solicitation)) > 0);
	/* To a client that is not there: no route. */
	host_sends(&live->server, a_packet(4, 1));
	host_sends(&live->client, a_packet(4, 1));
	live->want = 1;
	CHECK_U64(net_run(live->net, 600 * NSEC_PER_SEC, has_arrived, live), NET_STOPPED);
	CHECK_U64(net_tap(live->net, CLIENT)->count, 1);
	CHECK_U64(net_tap(live->net, SERVER)->count, 1);
	live_free(live);
}

TEST(the_end_comes_without_packets)
{
	struct live *live = live_new();

	live->want = 1;
	CHECK_U64(net_run(live->net, 20 * NSEC_PER_MS, has_arrived, live), NET_DEADLINE);
	CHECK_U64(net_now(live->net), 20 * NSEC_PER_MS);
	live_free(live);
}

/* Boxes that wait wake on the real clock, too. */
TEST(boxes_wake)
{
	struct live *live = live_new();
	struct box_arg time = { "time", "20ms", 4 };
	struct err err;

	CHECK(net_add_box(live->net, 0, "delay", box_type_find("delay"), &time, 1, &err));
	host_sends(&live->client, a_packet(4, 1));
	live->want = 1;
	CHECK_U64(net_run(live->net, 600 * NSEC_PER_SEC, has_arrived, live), NET_STOPPED);
	CHECK(net_now(live->net) >= 20 * NSEC_PER_MS);
	live_free(live);
}

static bool was_swallowed(void *self)
{
	return net_tap(((struct live *)self)->net, SERVER)->count > 0;
}

/* A host that is gone swallows packets with a reason; the run goes on to its end. */
TEST(a_device_that_fails_is_no_crash)
{
	struct live *live = live_new();

	host_sends(&live->client, a_packet(4, 1));
	close(live->server.net);
	live->server.net = open("/dev/full", 1);
	net_set_tun(live->net, SERVER, &live->server.net, 1);
	CHECK_U64(net_run(live->net, 600 * NSEC_PER_SEC, was_swallowed, live), NET_STOPPED);
	CHECK_U64(net_tap(live->net, SERVER)->count, 1);
	CHECK_U64(net_run(live->net, net_now(live->net) + 1, NULL, NULL), NET_DEADLINE);
	live_free(live);
}
