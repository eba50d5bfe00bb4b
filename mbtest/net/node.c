/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.c - what all nodes share: their names and places, and what they may do.
 */
#include "mbtest/net/node.h"

#include "probe/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node *node_new(struct net *net, size_t size, const struct node_type *type, const char *name)
{
	struct node *node = xcalloc(1, size);

	node->type = type;
	node->net = net;
	node->index = net->node_count++;
	node->wake_at = node->wake_posted = NSEC_NEVER;
	snprintf(node->name, sizeof(node->name), "%s", name);
	return node;
}

void node_free(struct node *node)
{
	if (node == NULL)
		return;
	if (node->type->fini != NULL)
		node->type->fini(node);
	free(node);
}

/*
 * The name, and with it the node's stream of random numbers, does not depend on what else stands
 * on the path: only on how many of the same kind stand before it.
 */
void node_append(struct node *node, uint16_t path, const char *kind)
{
	struct path *line = &node->net->paths[path];
	size_t i, length = strlen(kind), ordinal = 1;
	char prefix[NODE_NAME];
	int used;

	used = snprintf(prefix, sizeof(prefix), "path%u/%.*s", path + 1u,
		(int)(length < 40 ? length : 40), kind);
	for (i = 0; i < line->count; i++) {
		const char *name = line->nodes[i]->name;

		if (strncmp(name, prefix, (size_t)used) == 0 &&
			(name[used] == '\0' || name[used] == '#'))
			ordinal++;
	}
	if (ordinal == 1)
		snprintf(node->name, sizeof(node->name), "%.50s", prefix);
	else
		snprintf(node->name, sizeof(node->name), "%.50s#%u", prefix, (unsigned int)ordinal);
	node->path = path;
	node->position = (uint16_t)line->count;
	line->nodes = xgrow(line->nodes, line->count, &line->capacity, sizeof(struct node *));
	line->nodes[line->count++] = node;
}

struct packet *net_packet(struct net *net, uint32_t capacity)
{
	return pool_take(&net->pool, capacity);
}

static struct node *next_node(const struct net *net, uint16_t path, size_t position, enum dir dir)
{
	const struct path *line = &net->paths[path];

	if (dir == TO_SERVER)
		return position + 1 < line->count ? line->nodes[position + 1] : net->edges[SERVER];
	return position > 0 ? line->nodes[position - 1] : net->edges[CLIENT];
}

static void post_arrival(struct node *to, struct packet *packet, uint16_t path, enum dir dir,
	nsec_t at)
{
	struct event event = { .at = at,
		.node = to,
		.packet = packet,
		.path = path,
		.dir = (uint8_t)dir };

	event_post(&to->net->queue, event, to->net->now);
}

void net_send(struct node *from, struct packet *packet, enum dir dir, nsec_t at)
{
	struct node *to = next_node(from->net, from->path, from->position, dir);

	from->sent[dir]++;
	net_record(from, VERB_SEND, packet, NULL);
	post_arrival(to, packet, from->path, dir, at);
}

void net_enter(struct node *edge, struct packet *packet, uint16_t path, enum dir dir)
{
	struct net *net = edge->net;
	size_t count = net->paths[path].count;
	struct node *to;

	if (dir == TO_SERVER)
		to = count > 0 ? net->paths[path].nodes[0] : net->edges[SERVER];
	else
		to = count > 0 ? net->paths[path].nodes[count - 1] : net->edges[CLIENT];
	net_record(edge, VERB_SEND, packet, NULL);
	post_arrival(to, packet, path, dir, net->now);
}

void net_odd(struct net *net, enum net_oddity oddity)
{
	if (net->oddity == NET_REGULAR)
		net->oddity = oddity;
}

void net_drop(struct node *node, struct packet *packet, const char *reason)
{
	node->dropped++;
	if (reason == NULL || *reason == '\0')
		net_odd(node->net, NET_DROP_WITHOUT_REASON);
	net_record(node, VERB_DROP, packet, reason);
	pool_give(&node->net->pool, packet);
}

void net_wake_at(struct node *node, nsec_t at)
{
	struct event event = { .at = at, .node = node };
	struct net *net = node->net;

	if (at < net->now)
		event.at = at = net->now;
	node->wake_at = at;
	/* An event that comes earlier will post another: timers that only move on cost nothing. */
	if (at >= node->wake_posted)
		return;
	node->wake_posted = at;
	node->wake_serial = event_post(&net->queue, event, net->now);
}
