/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hop.c - a router: one less in TTL or hop limit (RFC 1812 5.3.1, RFC 8200 3); what expires is
 * answered with an ICMP error that quotes it.
 */
#include "mbtest/net/node.h"

struct hop_node {
	struct node node;
	struct hop_plan plan;
};

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
