/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hop.c - a router: one less in TTL or hop limit (RFC 1812 5.3.1, RFC 8200 3); what expires is
 * answered with an ICMP error that quotes it.
 */
#include "mbtest/net/node.h"

#include "probe/wire/icmp.h"

struct hop_node {
	struct node node;
	struct hop_plan plan;
	nsec_t spent_until; /* the answers given are those of the time until then */
};

/* Whether another answer is within the limit (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)). */
static bool may_answer(struct hop_node *hop)
{
	nsec_t each, now = hop->node.net->now, most;

	if (hop->plan.answers_per_s == 0)
		return true;
	each = NSEC_PER_SEC / hop->plan.answers_per_s;
	most = each * hop->plan.burst;
	if (hop->spent_until < now)
		hop->spent_until = now;
	if (hop->spent_until + each > now + most)
		return false;
	hop->spent_until += each;
	return true;
}

/* The answer to a packet that ends here, sent back the way it came. */
static void hop_answer(struct hop_node *hop, const struct packet *about, enum dir dir)
{
	static const enum icmp_quote quotes[] = {
		[QUOTE_FULL] = ICMP_QUOTE_FULL,
		[QUOTE_RFC792] = ICMP_QUOTE_RFC792,
		[QUOTE_BYTES] = ICMP_QUOTE_PARTIAL,
		[QUOTE_RFC4884] = ICMP_QUOTE_RFC4884,
	};
	struct net *net = hop->node.net;
	struct icmp_plan plan = {
		.from = hop->plan.addr[about->version == 6],
		.kind = ICMP_TIME_EXCEEDED,
		.quote_bytes = hop->plan.quote_bytes,
		.objects = hop->plan.objects,
	};
	struct packet *answer;

	if (hop->plan.quote == QUOTE_SILENT || plan.from.version != about->version ||
		!may_answer(hop))
		return;
	plan.quote = quotes[hop->plan.quote];
	answer = net_packet(net, PACKET_SMALL);
	if (icmp_build(answer, &plan, about))
		net_send(&hop->node, answer, dir_opposite(dir), net->now);
	else
		pool_give(&net->pool, answer);
}

static void hop_receive(struct node *node, struct packet *packet, uint16_t path, enum dir dir)
{
	uint8_t ttl;

	(void)path;
	if (packet->form == PACKET_MALFORMED) {
		net_drop(node, packet, packet_fault_text(packet->fault));
		return;
	}
	ttl = packet_ttl(packet);
	if (ttl <= 1) {
		hop_answer((struct hop_node *)node, packet, dir);
		net_drop(node, packet, "time exceeded");
		return;
	}
	packet_set_ttl(packet, (uint8_t)(ttl - 1));
	packet_finish(packet);
	net_send(node, packet, dir, node->net->now);
}

struct node *hop_node_new(struct net *net, uint16_t path, const struct hop_plan *plan)
{
	static const struct node_type type = { .receive = hop_receive };
	struct node *node = node_new(net, sizeof(struct hop_node), &type, "hop");

	((struct hop_node *)node)->plan = *plan;
	node_append(node, path, "hop");
	return node;
}
