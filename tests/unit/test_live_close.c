/* SPDX-License-Identifier: BSD-2-Clause */
/* When a live run may end, by what stands on a tap. */
#include "mbtest/net/live_close.h"
#include "tests/unit/unit.h"

enum { CLIENT_PORT = 40000, SERVER_PORT = 80, MS = 1000000 };

/* One TCP packet of the flow from port at the client's tap. */
static void see(struct capture *tap, nsec_t at, uint16_t port, uint16_t flags, bool outgoing)
{
	struct tcp_header header = {
		.src = { addr_v4(198, 18, 1, 2), port },
		.dst = { addr_v4(198, 18, 100, 2), SERVER_PORT },
		.flags = flags,
	};
	struct packet *packet = packet_new(PACKET_SMALL);

	if (!outgoing) {
		struct sockname src = header.src;

		header.src = header.dst;
		header.dst = src;
	}
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	packet_parse(packet);
	capture_add(tap, packet, at, 0, outgoing);
	packet_free(packet);
}

static bool over(struct live_close *close, const struct capture *tap, nsec_t now)
{
	live_close_watch(close, tap);
	return live_close_over(close, now);
}

TEST(a_flow_ends_by_fins_both_ways_and_quiet)
{
	struct live_close close = { 0 };
	struct capture tap;

	capture_init(&tap);
	see(&tap, 0, CLIENT_PORT, TCP_SYN, true);
	CHECK(!over(&close, &tap, 1000 * MS));
	see(&tap, 10 * MS, CLIENT_PORT, TCP_FIN | TCP_ACK, true);
	CHECK(!over(&close, &tap, 1000 * MS));
	see(&tap, 1000 * MS, CLIENT_PORT, TCP_FIN | TCP_ACK, false);
	CHECK(!over(&close, &tap, 1010 * MS));
	CHECK(over(&close, &tap, 1100 * MS));
	see(&tap, 1090 * MS, CLIENT_PORT, TCP_ACK, true);
	CHECK(!over(&close, &tap, 1100 * MS));
	capture_fini(&tap);
}

TEST(every_flow_has_to_end)
{
	struct live_close close = { 0 };
	struct capture tap;

	capture_init(&tap);
	see(&tap, 0, CLIENT_PORT, TCP_SYN, true);
	see(&tap, 0, CLIENT_PORT + 1, TCP_SYN, true);
	see(&tap, 0, CLIENT_PORT, TCP_RST, false);
	CHECK(!over(&close, &tap, 1000 * MS));
	see(&tap, 0, CLIENT_PORT + 1, TCP_RST | TCP_ACK, true);
	CHECK(over(&close, &tap, 1000 * MS));
	CHECK_U64(close.flow_count, 2);
	capture_fini(&tap);
}

TEST(a_connection_opened_again_is_not_over)
{
	struct live_close close = { 0 };
	struct capture tap;

	capture_init(&tap);
	see(&tap, 0, CLIENT_PORT, TCP_SYN, true);
	see(&tap, 0, CLIENT_PORT, TCP_RST | TCP_ACK, false);
	see(&tap, 0, CLIENT_PORT, TCP_SYN, true);
	CHECK(!over(&close, &tap, 1000 * MS));
	capture_fini(&tap);
}

TEST(nothing_seen_is_over)
{
	struct live_close close = { 0 };

	CHECK(live_close_over(&close, 1000 * MS));
}
