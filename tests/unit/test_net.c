/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_net.c - the simulated network: order of events, links to the letter, routing, hops, the
 * contract of machines. Boxes on its paths are test_net_boxes.c.
 */
#include "tests/unit/net_fixture.h"

#include "probe/wire/icmp.h"

TEST(delay_is_exact)
{
	struct fixture fixture = fixture_new(1);

	fixture.link.delay_ns = 5 * NSEC_PER_MS;
	CHECK_U64(fixture_run(&fixture), NET_IDLE);
	CHECK_U64(fixture.server->arrived, 1);
	CHECK_U64(fixture.server->at[0], 5 * NSEC_PER_MS);
	CHECK_U64(fixture.server->ttl, 64);
	fixture_free(&fixture);
}

/* 1000 bytes at 8 Mbit/s take 1 ms each, one after the other. */
TEST(rate_spaces_packets)
{
	struct fixture fixture = fixture_new(3);

	fixture.link.delay_ns = 5 * NSEC_PER_MS;
	fixture.link.rate_bps = 8000000;
	fixture_run(&fixture);
	CHECK_U64(fixture.server->arrived, 3);
	CHECK_U64(fixture.server->at[0], 6 * NSEC_PER_MS);
	CHECK_U64(fixture.server->at[1], 7 * NSEC_PER_MS);
	CHECK_U64(fixture.server->at[2], 8 * NSEC_PER_MS);
	fixture_free(&fixture);
}

/* A packet that finds more than the queue waiting is dropped: 0, 1000, ... 4000, 5000 bytes. */
TEST(queue_is_bounded)
{
	struct fixture fixture = fixture_new(10);

	fixture.link.rate_bps = 8000000;
	fixture.link.queue_bytes = 4000;
	fixture_run(&fixture);
	CHECK_U64(fixture.server->arrived, 5);
	CHECK_U64(fixture.server->seq[4], 4);
	fixture_free(&fixture);
}

/* 150 ms at 8 Mbit/s are 150,000 bytes: 151 packets of 1000 get in. */
TEST(queue_defaults_to_150_ms)
{
	struct fixture fixture = fixture_new(400);

	fixture.link.rate_bps = 8000000;
	fixture_run(&fixture);
	CHECK_U64(fixture.server->arrived, 151);
	fixture_free(&fixture);
}

TEST(loss_mask_is_to_the_letter)
{
	struct fixture fixture = fixture_new(66);

	fixture.link.loss_mask = 0x5; /* the first and the third of each 64 */
	fixture_run(&fixture);
	CHECK_U64(fixture.server->arrived, 66 - 3);
	CHECK_U64(fixture.server->seq[0], 1);
	CHECK_U64(fixture.server->seq[1], 3);
	CHECK_U64(fixture.server->seq[62], 65);
	fixture_free(&fixture);
}

TEST(loss_has_its_chance)
{
	struct fixture fixture = fixture_new(4000);

	fixture.link.loss_ppm = 250000;
	fixture_run(&fixture);
	/* Five standard deviations (27) about 3000. */
	CHECK(fixture.server->arrived > 2863 && fixture.server->arrived < 3137);
	fixture_free(&fixture);
}

TEST(duplicate_comes_twice)
{
	struct fixture fixture = fixture_new(3);

	fixture.link.duplicate_ppm = 1000000;
	fixture_run(&fixture);
	CHECK_U64(fixture.server->arrived, 6);
	CHECK_U64(fixture.server->seq[0], 0);
	CHECK_U64(fixture.server->seq[1], 0);
	CHECK_U64(fixture.server->seq[2], 1);
	fixture_free(&fixture);
}

TEST(reorder_lets_others_pass)
{
	struct fixture fixture = fixture_new(2000);
	uint32_t i, late = 0;

	fixture.link.reorder_ppm = 100000;
	fixture.link.jitter_ns = NSEC_PER_MS;
	fixture_run(&fixture);
	CHECK_U64(fixture.server->arrived, 2000);
	for (i = 0; i < 2000; i++)
		late += fixture.server->at[i] == NSEC_PER_MS;
	CHECK(late > 133 && late < 267);
	for (i = 1; i < 2000; i++) {
		if (fixture.server->at[i] == fixture.server->at[i - 1])
			CHECK(fixture.server->seq[i] > fixture.server->seq[i - 1]);
	}
	fixture_free(&fixture);
}

TEST(hop_takes_one_from_ttl)
{
	struct hop_plan plan = { .quote = QUOTE_SILENT };
	struct fixture fixture = fixture_new(1);
	struct packet *packet = packet_new(PACKET_SMALL);

	net_add_hop(fixture.net, 0, &plan);
	net_add_hop(fixture.net, 0, &plan);
	fixture_run(&fixture);
	CHECK_U64(fixture.server->ttl, 62);
	CHECK(capture_get(net_tap(fixture.net, SERVER), 0, packet));
	CHECK(packet_ip_checksum_ok(packet));
	CHECK(packet_l4_checksum_ok(packet));
	packet_free(packet);
	fixture_free(&fixture);
}

/* A packet that the hop cannot pass on, and what the client hears of it. */
static struct packet *expire(uint8_t family, const struct hop_plan *plan)
{
	struct net_config config = { .taps = true };
	struct net *net = net_new(&config);
	struct talker *client = talker_new(CLIENT, family, 1);
	struct packet *packet = packet_new(PACKET_SMALL);

	net_add_path(net);
	client->sent_ttl = 1;
	net_add_hop(net, 0, plan);
	talker_join(client, net, CLIENT);
	CHECK_U64(net_run(net, NSEC_NEVER, NULL, NULL), NET_IDLE);
	CHECK_U64(net_tap(net, SERVER)->count, 0);
	if (!capture_get(net_tap(net, CLIENT), net_tap(net, CLIENT)->count - 1, packet) ||
		net_tap(net, CLIENT)->count < 2) {
		packet_free(packet);
		packet = NULL;
	}
	net_free(net);
	free(client);
	return packet;
}

static void expired(uint8_t family, enum quote_kind quote, uint32_t bytes, uint32_t known)
{
	struct hop_plan plan = { .quote = quote, .quote_bytes = bytes };
	struct icmp_error error;
	struct addr src, dst, client = net_client_addr(0, family);
	struct packet *packet;

	CHECK(addr_parse(&plan.addr[0], "198.18.1.1") && addr_parse(&plan.addr[1], "fd00:1::1"));
	packet = expire(family, &plan);
	CHECK(packet != NULL);
	if (packet == NULL)
		return;
	packet_addrs(packet, &src, &dst);
	CHECK(addr_equal(&src, &plan.addr[family == 6]) && addr_equal(&dst, &client));
	CHECK(packet_ip_checksum_ok(packet) && packet_l4_checksum_ok(packet));
	CHECK(icmp_parse(&error, packet));
	CHECK_U64(error.kind, ICMP_TIME_EXCEEDED);
	CHECK_U64(error.quote_known, known);
	packet_free(packet);
}

/* The packet is 1000 bytes in IPv4 and 1020 in IPv6; an ICMP error at most 576 and 1280. */
TEST(hop_answers_what_expires)
{
	expired(4, QUOTE_FULL, 0, 576 - 28);
	expired(4, QUOTE_RFC792, 0, 28);
	expired(4, QUOTE_BYTES, 20, 40);
	expired(6, QUOTE_FULL, 0, 1020);
	expired(6, QUOTE_BYTES, 20, 60);
}

TEST(hop_may_be_silent)
{
	struct hop_plan plan = { .quote = QUOTE_SILENT };

	CHECK(addr_parse(&plan.addr[0], "198.18.1.1"));
	CHECK(expire(4, &plan) == NULL);
}

TEST(taps_hold_both_sides)
{
	struct fixture fixture = fixture_new(3);
	const struct capture *tap;

	fixture.link.loss_mask = 2;
	fixture.link.delay_ns = 7;
	fixture_run(&fixture);
	tap = net_tap(fixture.net, CLIENT);
	CHECK_U64(tap->count, 3);
	CHECK(tap->records[0].outgoing && tap->records[0].at == 0);
	tap = net_tap(fixture.net, SERVER);
	CHECK_U64(tap->count, 2);
	CHECK(!tap->records[1].outgoing && tap->records[1].at == 7);
	CHECK_U64(tap->records[1].length, 1000);
	fixture_free(&fixture);
}

TEST(packets_to_a_client_go_to_its_path)
{
	struct fixture fixture = fixture_new(0);
	uint8_t family;

	fixture.link.delay_ns = NSEC_PER_MS;
	net_add_path(fixture.net);
	net_add_link(fixture.net, 1, &fixture.link, &fixture.link);
	for (family = 4; family <= 6; family += 2) {
		struct talker *talker = talker_new(SERVER, family, 1);

		talker->remote.addr = net_client_addr(1, family);
		talker->remote.addr.bytes[family == 4 ? 3 : 15] = 200;
		talker_join(talker, fixture.net, SERVER);
		net_run(fixture.net, NSEC_PER_SEC, NULL, NULL);
		talker_join(fixture.server, fixture.net, SERVER);
		free(talker);
	}
	CHECK_U64(fixture.client->arrived, 2);
	CHECK_U64(net_tap(fixture.net, CLIENT)->records[1].path, 1);
	CHECK_U64(net_tap(fixture.net, SERVER)->records[1].path, 1);
	fixture_free(&fixture);
}

TEST(no_route_is_dropped)
{
	struct fixture fixture = fixture_new(1);

	fixture.client->local.addr = net_client_addr(1, 4);
	fixture_run(&fixture);
	CHECK_U64(fixture.server->arrived, 0);
	CHECK_U64(net_tap(fixture.net, CLIENT)->count, 0);
	fixture_free(&fixture);
}

TEST(a_lying_machine_fails_the_run)
{
	struct fixture fixture = fixture_new(1);

	fixture.client->lies = true;
	CHECK_U64(fixture_run(&fixture), NET_FAILED);
	CHECK(strstr(net_error(fixture.net), "client") != NULL);
	fixture_free(&fixture);
}

/* A machine that its application asks to close, and that does so without a packet. */
struct closer {
	bool asked, closed, told;
};

static void closer_input(void *self, const struct packet *packet, nsec_t now)
{
	(void)self, (void)packet, (void)now;
}

static bool closer_output(void *self, struct packet *packet, nsec_t now)
{
	struct closer *closer = self;

	(void)packet, (void)now;
	closer->closed = closer->asked;
	return false;
}

static nsec_t closer_deadline(const void *self)
{
	const struct closer *closer = self;

	return closer->asked && !closer->closed ? 0 : NSEC_NEVER;
}

static void closer_settle(void *self, nsec_t now)
{
	struct closer *closer = self;

	closer->asked = closer->asked || now >= NSEC_PER_SEC;
	closer->told = closer->closed;
}

static nsec_t closer_settle_at(const void *self)
{
	return ((const struct closer *)self)->asked ? NSEC_NEVER : NSEC_PER_SEC;
}

TEST(an_application_hears_of_what_sends_nothing)
{
	static const struct machine_ops ops = { closer_input, closer_output, closer_deadline };
	struct fixture fixture = fixture_new(1);
	struct closer closer = { .asked = false };

	net_set_machine(fixture.net, SERVER, (struct machine){ &ops, &closer }, closer_settle,
		closer_settle_at, &closer);
	fixture_run(&fixture);
	CHECK(closer.closed);
	CHECK(closer.told);
	fixture_free(&fixture);
}

TEST(deadline_ends_a_run)
{
	struct fixture fixture = fixture_new(100);

	fixture.client->interval = NSEC_PER_SEC;
	net_add_link(fixture.net, 0, &fixture.link, &fixture.link);
	CHECK_U64(net_run(fixture.net, 10 * NSEC_PER_SEC + 5, NULL, NULL), NET_DEADLINE);
	CHECK_U64(net_now(fixture.net), 10 * NSEC_PER_SEC + 5);
	CHECK_U64(fixture.server->arrived, 11);
	fixture_free(&fixture);
}

static bool five_arrived(void *self)
{
	return ((struct talker *)self)->arrived == 5;
}

TEST(done_stops_a_run)
{
	struct fixture fixture = fixture_new(100);

	fixture.client->interval = NSEC_PER_SEC;
	net_add_link(fixture.net, 0, &fixture.link, &fixture.link);
	CHECK_U64(net_run(fixture.net, NSEC_NEVER, five_arrived, fixture.server), NET_STOPPED);
	CHECK_U64(net_now(fixture.net), 4 * NSEC_PER_SEC);
	fixture_free(&fixture);
}

static uint64_t hash_of(struct net *net, uint64_t seed)
{
	struct net_config config = { .seed = seed, .hash = true };
	struct link_plan plan = { .loss_ppm = 200000,
		.reorder_ppm = 200000,
		.jitter_ns = 50,
		.duplicate_ppm = 100000 };
	struct talker *client = talker_new(CLIENT, 6, 500);

	net_reset(net, &config);
	net_add_path(net);
	net_add_link(net, 0, &plan, &plan);
	talker_join(client, net, CLIENT);
	net_run(net, NSEC_NEVER, NULL, NULL);
	free(client);
	return net_hash(net);
}

TEST(same_seed_same_hash)
{
	struct net_config config = { .seed = 9 };
	struct net *net = net_new(&config);
	uint64_t first = hash_of(net, 7);

	CHECK(hash_of(net, 8) != first);
	CHECK(hash_of(net, 7) == first);
	CHECK(first != 0);
	net_free(net);
}
