/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_oddity.c - what a network must never see is noticed: a drop without a reason, and a machine
 * that sends before its deadline without input.
 */
#include "tests/unit/net_fixture.h"

#include "mbtest/net/node.h"

/* A packet comes to a server that has one to send a second later. */
static enum net_oddity meet(bool strict, bool hasty)
{
	struct net_config config = { .seed = 1, .strict = strict };
	struct fixture fixture = fixture_new(1);
	enum net_oddity oddity;

	net_reset(fixture.net, &config);
	net_add_path(fixture.net);
	talker_join(fixture.client, fixture.net, CLIENT);
	talker_join(fixture.server, fixture.net, SERVER);
	fixture.server->to_send = 1;
	fixture.server->next = NSEC_PER_SEC;
	/* It is asked once at the start. */
	fixture.server->hasty = hasty ? 2 : 0;
	fixture_run(&fixture);
	CHECK_U64(fixture.client->arrived, strict && hasty ? 0 : 1);
	oddity = net_oddity(fixture.net);
	fixture_free(&fixture);
	return oddity;
}

TEST(a_machine_that_waits_is_regular)
{
	CHECK_U64(meet(true, false), NET_REGULAR);
	CHECK_U64(meet(false, false), NET_REGULAR);
}

TEST(a_machine_that_sends_too_early_is_not)
{
	CHECK_U64(meet(true, true), NET_BEFORE_DEADLINE);
	CHECK_TEXT(net_oddity_text(NET_BEFORE_DEADLINE), "before-deadline");
}

TEST(it_is_tried_where_asked_for_alone)
{
	CHECK_U64(meet(false, true), NET_REGULAR);
}

static enum net_oddity drop(const char *first, const char *second)
{
	struct fixture fixture = fixture_new(0);
	struct node *edge = fixture.net->edges[SERVER];
	enum net_oddity oddity;

	net_drop(edge, net_packet(fixture.net, PACKET_SMALL), first);
	net_drop(edge, net_packet(fixture.net, PACKET_SMALL), second);
	oddity = net_oddity(fixture.net);
	fixture_free(&fixture);
	return oddity;
}

TEST(a_drop_needs_a_reason)
{
	CHECK_U64(drop("full", "lost"), NET_REGULAR);
	CHECK_U64(drop("full", ""), NET_DROP_WITHOUT_REASON);
	CHECK_U64(drop(NULL, "lost"), NET_DROP_WITHOUT_REASON);
	CHECK_TEXT(net_oddity_text(NET_DROP_WITHOUT_REASON), "drop-reason");
}

/* Two hosts that answer whatever comes, at once and for ever. */
TEST(packets_without_end_are_a_storm)
{
	struct net_config config = { .seed = 1, .strict = true };
	struct fixture fixture = fixture_new(1);

	net_reset(fixture.net, &config);
	net_add_path(fixture.net);
	talker_join(fixture.client, fixture.net, CLIENT);
	talker_join(fixture.server, fixture.net, SERVER);
	fixture.client->to_send = NET_EVENTS_STRICT;
	fixture_run(&fixture);
	CHECK_U64(net_oddity(fixture.net), NET_STORM);
	CHECK_TEXT(net_oddity_text(NET_STORM), "storm");
	fixture_free(&fixture);
}
