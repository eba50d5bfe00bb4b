/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_node.c - a box on a path: the network as its struct box_host.
 */
#include "mbtest/net/node.h"

#include "probe/base/alloc.h"

#include <string.h>

struct box_node {
	struct node node;
	struct box *box;
};

static void host_emit(void *self, struct packet *packet, enum dir dir)
{
	struct node *node = self;

	net_send(node, packet, dir, node->net->now);
}

static void host_drop(void *self, struct packet *packet, enum dir dir, const char *reason)
{
	(void)dir;
	net_drop(self, packet, reason);
}

static struct packet *host_spare(void *self, uint32_t capacity)
{
	struct node *node = self;

	return net_packet(node->net, capacity);
}

static void host_wake_at(void *self, nsec_t at)
{
	net_wake_at(self, at);
}

static size_t keep_bytes(struct net *net, const uint8_t *bytes, uint32_t length)
{
	size_t offset = net->edit_used;

	while (net->edit_room - net->edit_used < length) {
		net->edit_room = 2 * net->edit_room + 4096;
		net->edit_bytes = xrealloc(net->edit_bytes, net->edit_room, 1);
	}
	if (length > 0)
		memcpy(net->edit_bytes + offset, bytes, length);
	net->edit_used += length;
	return offset;
}

static void host_edited(void *self, enum dir dir, const uint8_t *old_bytes, uint32_t old_length,
	const uint8_t *new_bytes, uint32_t new_length)
{
	struct node *node = self;
	struct net *net = node->net;
	struct edit_record *edit;

	if (!net->config.taps)
		return;
	net->edits = xgrow(net->edits, net->edit_count, &net->edit_capacity, sizeof(*edit));
	edit = &net->edits[net->edit_count++];
	edit->dir = dir;
	edit->old_length = old_length;
	edit->new_length = new_length;
	edit->old_offset = keep_bytes(net, old_bytes, old_length);
	edit->new_offset = keep_bytes(net, new_bytes, new_length);
}

static void host_fail(void *self, const char *sentence)
{
	struct node *node = self;

	net_fail(node->net, sentence);
}

static void box_node_receive(struct node *node, struct packet *packet, uint16_t path, enum dir dir)
{
	(void)path;
	box_input(((struct box_node *)node)->box, packet, dir, node->net->now);
}

static void box_node_wake(struct node *node)
{
	box_wake(((struct box_node *)node)->box, node->net->now);
}

static void box_node_fini(struct node *node)
{
	box_free(((struct box_node *)node)->box);
}

static const struct node_type box_node_type = {
	.receive = box_node_receive,
	.wake = box_node_wake,
	.fini = box_node_fini,
};

bool node_is_box(const struct node *node)
{
	return node->type == &box_node_type;
}

uint64_t box_node_hits(const struct node *node)
{
	return node_is_box(node) ? box_hits(((const struct box_node *)node)->box) : 0;
}

struct node *box_node_new(struct net *net, uint16_t path, const char *name,
	const struct box_type *type, const struct box_arg *args, size_t arg_count, struct err *err)
{
	struct node *node = node_new(net, sizeof(struct box_node), &box_node_type, name);
	struct box_host host = {
		.emit = host_emit,
		.drop = host_drop,
		.spare = host_spare,
		.wake_at = host_wake_at,
		.edited = host_edited,
		.fail = host_fail,
		.self = node,
	};
	struct rng rng;

	node_append(node, path, name);
	rng = rng_fork(&net->rng, node->name);
	((struct box_node *)node)->box =
		box_new(name, type, args, arg_count, &host, &rng, path, err);
	if (((struct box_node *)node)->box != NULL)
		return node;
	node_detach(node);
	node_free(node);
	return NULL;
}
