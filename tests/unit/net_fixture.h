/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_fixture.h - a network of one path whose hosts only talk and listen.
 */
#ifndef TESTS_UNIT_NET_FIXTURE_H
#define TESTS_UNIT_NET_FIXTURE_H

#include "tests/unit/unit.h"

#include "mbtest/net/net.h"
#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { ARRIVALS = 4096 };

/* A host that sends count packets at once and then one each interval, and notes what arrives. */
struct talker {
	struct sockname local, remote;
	uint32_t to_send, sent, length, seq_step;
	nsec_t interval, next;
	bool lies; /* about its deadline */
	unsigned int asked,
		hasty; /* sends when asked for the hasty-th time, be it before its time */
	uint32_t arrived;
	nsec_t at[ARRIVALS];
	uint32_t seq[ARRIVALS];
	uint8_t ttl, sent_ttl;
};

static inline void talker_input(void *self, const struct packet *packet, nsec_t now)
{
	struct talker *talker = self;

	if (talker->arrived == ARRIVALS)
		return;
	talker->at[talker->arrived] = now;
	talker->seq[talker->arrived] = packet->form == PACKET_TCP ? tcp_seq(packet) : 0;
	talker->ttl = packet_ttl(packet);
	talker->arrived++;
}

static inline bool talker_output(void *self, struct packet *packet, nsec_t now)
{
	struct talker *talker = self;
	struct tcp_header header = { .src = talker->local,
		.dst = talker->remote,
		.seq = talker->sent * (talker->seq_step > 0 ? talker->seq_step : 1),
		.flags = TCP_ACK,
		.ttl = talker->sent_ttl };

	if (talker->sent == talker->to_send ||
		(++talker->asked != talker->hasty && now < talker->next))
		return false;
	packet_init_tcp(packet, &header);
	memset(packet_append_payload(packet, talker->length), 0x5a, talker->length);
	packet_finish(packet);
	talker->sent++;
	talker->next += talker->interval;
	return true;
}

static inline nsec_t talker_deadline(const void *self)
{
	const struct talker *talker = self;

	if (talker->lies)
		return 0;
	return talker->sent < talker->to_send ? talker->next : NSEC_NEVER;
}

static const struct machine_ops talker_ops = { talker_input, talker_output, talker_deadline };

static inline struct talker *talker_new(enum end end, uint8_t family, uint32_t to_send)
{
	struct talker *talker = xcalloc(1, sizeof(*talker));

	talker->local.addr = end == CLIENT ? net_client_addr(0, family) : net_server_addr(family);
	talker->remote.addr = end == CLIENT ? net_server_addr(family) : net_client_addr(0, family);
	talker->local.port = end == CLIENT ? NET_CLIENT_PORT : NET_SERVER_PORT;
	talker->remote.port = end == CLIENT ? NET_SERVER_PORT : NET_CLIENT_PORT;
	talker->to_send = to_send;
	talker->length = 960; /* 1000 bytes with IPv4 and TCP headers */
	return talker;
}

static inline void talker_join(struct talker *talker, struct net *net, enum end end)
{
	struct machine machine = { &talker_ops, talker };

	net_set_machine(net, end, machine, NULL, NULL, NULL);
}

struct fixture {
	struct net *net;
	struct talker *client, *server;
	struct link_plan link;
};

static inline struct fixture fixture_new(uint32_t to_send)
{
	struct net_config config = { .seed = 1, .hash = true, .taps = true };
	struct fixture fixture;

	fixture.net = net_new(&config);
	net_add_path(fixture.net);
	fixture.client = talker_new(CLIENT, 4, to_send);
	fixture.server = talker_new(SERVER, 4, 0);
	talker_join(fixture.client, fixture.net, CLIENT);
	talker_join(fixture.server, fixture.net, SERVER);
	memset(&fixture.link, 0, sizeof(fixture.link));
	return fixture;
}

static inline enum net_stop fixture_run(struct fixture *fixture)
{
	net_add_link(fixture->net, 0, &fixture->link, &fixture->link);
	return net_run(fixture->net, 100 * NSEC_PER_SEC, NULL, NULL);
}

static inline void fixture_free(struct fixture *fixture)
{
	net_free(fixture->net);
	free(fixture->client);
	free(fixture->server);
}

#endif
