/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/wire/flow.h"

static struct flow flow_of(uint8_t protocol, const char *from, const char *to)
{
	struct flow flow = { .protocol = protocol };

	if (from != NULL)
		CHECK(sockname_parse(&flow.from, from));
	if (to != NULL)
		CHECK(sockname_parse(&flow.to, to));
	return flow;
}

TEST(flow_has_what_every_given_part_fits)
{
	static const struct {
		uint8_t protocol;
		const char *from, *to;
		bool has;
	} rows[] = {
		{ 0, NULL, NULL, true },
		{ PROTOCOL_TCP, NULL, NULL, true },
		{ PROTOCOL_UDP, NULL, NULL, false },
		{ 0, "198.18.1.2:0", NULL, true },
		{ 0, "198.18.1.3:0", NULL, false },
		{ 0, "0.0.0.0:5000", NULL, true },
		{ 0, "[::]:5000", NULL, false },
		{ 0, "0.0.0.0:5001", NULL, false },
		{ PROTOCOL_TCP, "198.18.1.2:5000", "198.18.2.2:80", true },
		{ PROTOCOL_TCP, "198.18.1.2:5000", "198.18.2.2:81", false },
		{ 0, NULL, "198.18.2.3:0", false },
		{ 0, "198.18.2.2:80", "198.18.1.2:5000", false },
	};
	struct tcp_header header = { .flags = TCP_SYN };
	struct packet *packet = packet_new(256);

	sockname_parse(&header.src, "198.18.1.2:5000");
	sockname_parse(&header.dst, "198.18.2.2:80");
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow flow = flow_of(rows[i].protocol, rows[i].from, rows[i].to);

		CHECK_U64(flow_has(&flow, packet), rows[i].has);
	}
	packet_free(packet);
}

TEST(flow_covers_what_says_no_less)
{
	struct flow any = flow_of(0, NULL, NULL), port = flow_of(PROTOCOL_TCP, NULL, "0.0.0.0:80"),
		    whole = flow_of(PROTOCOL_TCP, "198.18.1.2:5000", "198.18.2.2:80");

	CHECK(flow_covers(&any, &port) && flow_covers(&port, &whole) && flow_covers(&any, &whole));
	CHECK(flow_covers(&whole, &whole));
	CHECK(!flow_covers(&port, &any) && !flow_covers(&whole, &port));
}
