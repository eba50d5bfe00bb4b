/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ecmp.c - branches of a path: who takes which, and that all come out again. A branch is told
 * by its hops, of which each takes one off the TTL.
 */
#include "tests/unit/net_fixture.h"

enum { FAN = 64, BRANCHES = 3 };

/* A client that sends FAN packets, one a millisecond, that differ in ports or in flow labels. */
struct fan {
	uint8_t family;
	bool ports, labels, answers;
	unsigned int sent, arrived;
	nsec_t next;
	uint8_t branch[FAN]; /* that each took, by its number */
};

static void fan_input(void *self, const struct packet *packet, nsec_t now)
{
	struct fan *fan = self;

	(void)now;
	fan->branch[tcp_seq(packet) % FAN] = (uint8_t)(64 - packet_ttl(packet));
	fan->arrived++;
}

static bool fan_output(void *self, struct packet *packet, nsec_t now)
{
	struct fan *fan = self;
	struct sockname client = { net_client_addr(0, fan->family), 1000 };
	struct sockname server = { net_server_addr(fan->family), 80 };
	struct tcp_header header = { .seq = fan->sent, .flags = TCP_ACK };

	if (fan->sent == FAN || now < fan->next)
		return false;
	client.port = (uint16_t)(client.port + (fan->ports ? fan->sent : 0));
	header.src = fan->answers ? server : client;
	header.dst = fan->answers ? client : server;
	header.flow_label = fan->labels ? fan->sent : 0;
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	fan->sent++;
	fan->next += NSEC_PER_MS;
	return true;
}

static nsec_t fan_deadline(const void *self)
{
	const struct fan *fan = self;

	return fan->sent < FAN ? fan->next : NSEC_NEVER;
}

static const struct machine_ops fan_ops = { fan_input, fan_output, fan_deadline };

/* Send fans both ways through three branches of 0, 1 and 2 hops, and see who took which. */
static void fan_out(const struct ecmp_plan *plan, struct fan *client, struct fan *server)
{
	struct net_config config = { .seed = 1 };
	struct net *net = net_new(&config);
	struct hop_plan hop = { .quote = QUOTE_SILENT };
	unsigned int i, k;

	net_add_path(net);
	net_add_hop(net, 0, &hop);
	net_add_ecmp(net, 0, plan);
	for (i = 0; i < BRANCHES; i++) {
		net_begin_branch(net, 0);
		for (k = 0; k < i; k++)
			net_add_hop(net, 0, &hop);
	}
	net_end_ecmp(net, 0);
	net_set_machine(net, CLIENT, (struct machine){ &fan_ops, client }, NULL, NULL, NULL);
	net_set_machine(net, SERVER, (struct machine){ &fan_ops, server }, NULL, NULL, NULL);
	CHECK(net_run(net, NSEC_PER_SEC, NULL, NULL) == NET_IDLE);
	CHECK_U64(client->arrived, FAN);
	CHECK_U64(server->arrived, FAN);
	for (i = 0; i < FAN; i++) {
		client->branch[i] = (uint8_t)(client->branch[i] - 1);
		server->branch[i] = (uint8_t)(server->branch[i] - 1);
		CHECK(client->branch[i] < BRANCHES && server->branch[i] < BRANCHES);
	}
	net_free(net);
}

/* How many took each branch. */
static void shares(const struct fan *fan, unsigned int count[BRANCHES])
{
	unsigned int i;

	memset(count, 0, BRANCHES * sizeof(*count));
	for (i = 0; i < FAN; i++)
		count[fan->branch[i]]++;
}

static bool all_take(const struct fan *fan, uint8_t branch)
{
	unsigned int count[BRANCHES];

	shares(fan, count);
	return count[branch] == FAN;
}

/* Each branch has a fair part: of 64 throws with three sides no side has under 8 (p < 1e-4). */
static bool is_spread(const struct fan *fan)
{
	unsigned int count[BRANCHES];

	shares(fan, count);
	return count[0] >= 8 && count[1] >= 8 && count[2] >= 8;
}

static struct ecmp_plan plan_by(enum ecmp_by by)
{
	return (struct ecmp_plan){ .by = by, .change_ns = NSEC_NEVER };
}

TEST(ecmp_in_turn)
{
	struct ecmp_plan plan = plan_by(ECMP_PACKET);
	struct fan client = { .family = 4 }, server = { .family = 4, .answers = true };
	unsigned int i;

	fan_out(&plan, &client, &server);
	for (i = 0; i < FAN; i++) {
		CHECK_U64(client.branch[i], i % BRANCHES);
		CHECK_U64(server.branch[i], i % BRANCHES);
	}
}

TEST(ecmp_by_flow)
{
	static const uint8_t families[] = { 4, 6 };
	struct ecmp_plan plan = plan_by(ECMP_FLOW);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct fan many = { .family = families[i], .ports = true };
		struct fan one = { .family = families[i], .answers = true, .labels = true };

		fan_out(&plan, &many, &one);
		/* What the server got is what the client sent. */
		CHECK(is_spread(&one));
		CHECK(all_take(&many, many.branch[0]));
	}
}

TEST(ecmp_by_label)
{
	struct ecmp_plan plan = plan_by(ECMP_LABEL);
	struct fan labels = { .family = 6, .labels = true };
	struct fan ports = { .family = 6, .answers = true, .ports = true };
	struct fan four = { .family = 4, .labels = true, .ports = true };
	struct fan back = { .family = 4, .answers = true, .ports = true };

	fan_out(&plan, &labels, &ports);
	CHECK(is_spread(&ports));
	CHECK(all_take(&labels, labels.branch[0]));
	fan_out(&plan, &four, &back);
	CHECK(all_take(&back, back.branch[0]));
}

TEST(ecmp_another_salt_is_another_choice)
{
	struct ecmp_plan plan = plan_by(ECMP_FLOW);
	struct fan first = { .family = 4, .ports = true }, second = first;
	struct fan a = { .family = 4, .answers = true }, b = a;

	fan_out(&plan, &first, &a);
	plan.salt = 1;
	fan_out(&plan, &second, &b);
	CHECK(memcmp(a.branch, b.branch, FAN) != 0);
}

TEST(ecmp_change_moves_all_to_the_next)
{
	struct ecmp_plan plan = plan_by(ECMP_FLOW);
	struct fan first = { .family = 4, .ports = true }, second = first;
	struct fan a = { .family = 4, .answers = true }, b = a;
	unsigned int i;

	fan_out(&plan, &first, &a);
	plan.change_ns = 32 * NSEC_PER_MS;
	fan_out(&plan, &second, &b);
	for (i = 0; i < FAN; i++)
		CHECK_U64(b.branch[i], i < 32 ? a.branch[i] : (a.branch[i] + 1u) % BRANCHES);
}

TEST(ecmp_one_way)
{
	struct ecmp_plan plan = plan_by(ECMP_PACKET);
	struct fan client = { .family = 4 }, server = { .family = 4, .answers = true };

	plan.one_way[TO_CLIENT] = true;
	plan.change_ns = 0;
	fan_out(&plan, &client, &server);
	CHECK(all_take(&client, 0));
	CHECK_U64(server.branch[0], 1);
	CHECK_U64(server.branch[2], 0);
}

/* ---- hops that limit their answers ---- */

/* Answers to ten packets that expire, one a millisecond. */
static unsigned int answers(uint32_t per_s, uint32_t burst)
{
	struct fixture fixture = fixture_new(10);
	struct hop_plan hop = { .addr = { addr_v4(198, 18, 31, 1) },
		.answers_per_s = per_s,
		.burst = burst };
	unsigned int arrived;

	fixture.client->sent_ttl = 1;
	fixture.client->interval = NSEC_PER_MS;
	net_add_hop(fixture.net, 0, &hop);
	fixture_run(&fixture);
	arrived = fixture.client->arrived;
	CHECK_U64(fixture.server->arrived, 0);
	fixture_free(&fixture);
	return arrived;
}

TEST(hop_limits_its_answers)
{
	CHECK_U64(answers(0, 0), 10);
	CHECK_U64(answers(1000, 1), 10);
	CHECK_U64(answers(500, 1), 5);
	CHECK_U64(answers(100, 1), 1);
	CHECK_U64(answers(100, 4), 4);
	CHECK_U64(answers(500, 3), 7);
	CHECK_U64(answers(1, 6), 6);
}
