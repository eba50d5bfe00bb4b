/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ecmp.c - several ways on at equal cost (RFC 2992): each packet takes a branch, chosen by a hash
 * or in turn, and all branches meet again behind it. A change of the route moves every choice to
 * the next branch. Each direction chooses by itself, as routers do.
 */
#include "mbtest/net/node.h"

#include "probe/base/hash.h"

#include <assert.h>

struct ecmp_node {
	struct node node;
	struct ecmp_plan plan;
	struct row branches[ECMP_BRANCHES];
	unsigned int count;
	uint64_t passed[DIRS];
};

/* What all packets of a flow have in common, or all of a flow label. */
static uint64_t hash_of(const struct ecmp_plan *plan, const struct packet *packet)
{
	struct sockname src, dst;
	uint64_t hash;

	packet_socknames(packet, &src, &dst);
	hash = hash_u64(plan->salt, packet->version);
	hash = hash_bytes(hash, src.addr.bytes, sizeof(src.addr.bytes));
	hash = hash_bytes(hash, dst.addr.bytes, sizeof(dst.addr.bytes));
	if (plan->by == ECMP_FLOW)
		return hash_u64(hash,
			(uint64_t)packet->protocol << 32 | (uint64_t)src.port << 16 | dst.port);
	if (packet->version == 6)
		hash = hash_u64(hash, get_be32(packet_data(packet)) & 0xfffff);
	return hash;
}

static uint64_t choose(struct ecmp_node *ecmp, const struct packet *packet, enum dir dir)
{
	const struct ecmp_plan *plan = &ecmp->plan;

	if (plan->one_way[dir] || packet->form == PACKET_MALFORMED)
		return 0;
	switch (plan->by) {
	case ECMP_NONE:
		return 0;
	case ECMP_FLOW:
	case ECMP_LABEL:
		return hash_of(plan, packet);
	case ECMP_PACKET:
		return ecmp->passed[dir]++;
	}
	return 0;
}

static void ecmp_receive(struct node *node, struct packet *packet, uint16_t path, enum dir dir)
{
	struct ecmp_node *ecmp = (struct ecmp_node *)node;
	uint64_t choice = choose(ecmp, packet, dir) % ecmp->count;

	(void)path;
	if (node->net->now >= ecmp->plan.change_ns && !ecmp->plan.one_way[dir])
		choice = (choice + 1) % ecmp->count;
	net_send_branch(node, packet, &ecmp->branches[choice], dir);
}

struct row *ecmp_begin_branch(struct node *node)
{
	struct ecmp_node *ecmp = (struct ecmp_node *)node;

	assert(ecmp->count < ECMP_BRANCHES);
	return &ecmp->branches[ecmp->count++];
}

struct node *ecmp_node_new(struct net *net, uint16_t path, const struct ecmp_plan *plan)
{
	static const struct node_type type = { .receive = ecmp_receive, .alters_nothing = true };
	struct node *node = node_new(net, sizeof(struct ecmp_node), &type, "ecmp");

	((struct ecmp_node *)node)->plan = *plan;
	node_append(node, path, "ecmp");
	return node;
}
