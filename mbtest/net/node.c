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

/* Put a node at the server's end of what is being built. */
static void join(struct node *node, struct path *line)
{
	struct row *row = line->ecmp != NULL ? line->branch : &line->row;

	node->row = row;
	node->parent = line->ecmp;
	node->next[TO_CLIENT] = row->last;
	if (row->last == NULL)
		row->first = node;
	else
		row->last->next[TO_SERVER] = node;
	row->last = node;
}

void node_detach(struct node *node)
{
	struct row *row = node->row;

	row->last = node->next[TO_CLIENT];
	if (row->last == NULL)
		row->first = NULL;
	else
		row->last->next[TO_SERVER] = NULL;
	node->net->paths[node->path].count--;
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
	join(node, line);
	line->nodes = xgrow(line->nodes, line->count, &line->capacity, sizeof(struct node *));
	line->nodes[line->count++] = node;
}

struct packet *net_packet(struct net *net, uint32_t capacity)
{
	return pool_take(&net->pool, capacity);
}

static struct node *next_node(const struct node *from, enum dir dir)
{
	if (from->next[dir] == NULL && from->parent != NULL)
		from = from->parent;
	if (from->next[dir] != NULL)
		return from->next[dir];
	return from->net->edges[dir == TO_SERVER ? SERVER : CLIENT];
}

void net_send(struct node *from, struct packet *packet, enum dir dir, nsec_t at)
{
	from->sent[dir]++;
	net_record(from, VERB_SEND, packet, NULL);
	event_post(next_node(from, dir), packet, from->path, dir, at);
}

void net_send_branch(struct node *from, struct packet *packet, const struct row *branch,
	enum dir dir)
{
	struct node *to = dir == TO_SERVER ? branch->first : branch->last;

	from->sent[dir]++;
	net_record(from, VERB_SEND, packet, NULL);
	event_post(to != NULL ? to : next_node(from, dir), packet, from->path, dir, from->net->now);
}

void net_enter(struct node *edge, struct packet *packet, uint16_t path, enum dir dir)
{
	struct net *net = edge->net;
	const struct row *row = &net->paths[path].row;
	struct node *to = dir == TO_SERVER ? row->first : row->last;

	if (to == NULL)
		to = net->edges[dir == TO_SERVER ? SERVER : CLIENT];
	net_record(edge, VERB_SEND, packet, NULL);
	event_post(to, packet, path, dir, net->now);
}

void net_odd(struct net *net, enum net_oddity oddity)
{
	if (net->oddity == NET_REGULAR)
		net->oddity = oddity;
}

void net_fail(struct net *net, const char *sentence)
{
	if (!net->failed)
		err_set(&net->error, "%s", sentence);
	net->failed = true;
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
	if (at < node->net->now)
		at = node->net->now;
	node->wake_at = at;
	/* An event that comes earlier will post another: timers that only move on cost nothing. */
	if (at >= node->wake_posted)
		return;
	node->wake_posted = at;
	node->wake_serial = event_post(node, NULL, 0, TO_SERVER, at);
}
