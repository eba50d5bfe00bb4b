/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.c - a network as a whole: building it, running it on the virtual clock, and what can be
 * asked of it. Nodes are node.c and one file a kind; the real clock is real.c.
 */
#include "mbtest/net/node.h"

#include "probe/base/alloc.h"

#include <assert.h>
#include <stdlib.h>

static void net_start(struct net *net, const struct net_config *config)
{
	net->config = *config;
	rng_init(&net->rng, config->seed);
	net->now = 0;
	net->origin = config->clock == CLOCK_REAL ? net_clock() : 0;
	net->watch = -1;
	net->path_count = net->node_count = 0;
	net->hash = net->events = 0;
	net->failed = false;
	net->oddity = NET_REGULAR;
	net->edit_count = net->edit_used = 0;
	net->edges[CLIENT] = edge_new(net, CLIENT);
	net->edges[SERVER] = edge_new(net, SERVER);
}

/* End what net_start and building began; memory that can serve again stays. */
static void net_stop_all(struct net *net)
{
	size_t path, i;

	/* Boxes first: they drop what they hold. */
	for (path = 0; path < net->path_count; path++) {
		for (i = 0; i < net->paths[path].count; i++)
			node_free(net->paths[path].nodes[i]);
		net->paths[path].count = 0;
		net->paths[path].row = (struct row){ NULL, NULL };
		net->paths[path].ecmp = NULL;
	}
	while (event_peek(&net->queue) != NULL) {
		struct event event = event_pop(&net->queue);

		if (event.packet != NULL)
			pool_give(&net->pool, event.packet);
	}
	node_free(net->edges[CLIENT]);
	node_free(net->edges[SERVER]);
	capture_clear(&net->taps[CLIENT]);
	capture_clear(&net->taps[SERVER]);
	net->queue.serial = 0;
}

struct net *net_new(const struct net_config *config)
{
	struct net *net = xcalloc(1, sizeof(*net));

	capture_init(&net->taps[CLIENT]);
	capture_init(&net->taps[SERVER]);
	net_start(net, config);
	return net;
}

void net_reset(struct net *net, const struct net_config *config)
{
	/* What boxes drop now is of no run. */
	net->config.hash = net->config.text_log = false;
	net_stop_all(net);
	net_start(net, config);
}

void net_free(struct net *net)
{
	size_t path;

	if (net == NULL)
		return;
	net->config.hash = net->config.text_log = false;
	net_stop_all(net);
	for (path = 0; path < NET_PATHS; path++)
		free(net->paths[path].nodes);
	capture_fini(&net->taps[CLIENT]);
	capture_fini(&net->taps[SERVER]);
	event_queue_fini(&net->queue);
	pool_fini(&net->pool);
	free(net->edits);
	free(net->edit_bytes);
	free(net->edit_list);
	free(net);
}

/* ---- building ---- */

uint16_t net_add_path(struct net *net)
{
	assert(net->path_count < NET_PATHS);
	return net->path_count++;
}

void net_add_link(struct net *net, uint16_t path, const struct link_plan *to_server,
	const struct link_plan *to_client)
{
	link_node_new(net, path, to_server, to_client);
}

void net_add_hop(struct net *net, uint16_t path, const struct hop_plan *plan)
{
	hop_node_new(net, path, plan);
}

void net_add_ecmp(struct net *net, uint16_t path, const struct ecmp_plan *plan)
{
	assert(net->paths[path].ecmp == NULL);
	net->paths[path].ecmp = ecmp_node_new(net, path, plan);
	net->paths[path].branch = NULL;
}

void net_begin_branch(struct net *net, uint16_t path)
{
	net->paths[path].branch = ecmp_begin_branch(net->paths[path].ecmp);
}

void net_end_ecmp(struct net *net, uint16_t path)
{
	net->paths[path].ecmp = NULL;
}

bool net_add_box(struct net *net, uint16_t path, const char *name, const struct box_type *type,
	const struct box_arg *args, size_t arg_count, struct err *err)
{
	return box_node_new(net, path, name, type, args, arg_count, err) != NULL;
}

void net_set_machine(struct net *net, enum end end, struct machine machine,
	void (*settle)(void *self, nsec_t now), nsec_t (*settle_deadline)(const void *self),
	void *self)
{
	edge_set_machine(net->edges[end], machine, settle, settle_deadline, self);
}

void net_set_tun(struct net *net, enum end end, const int *fds, uint16_t fd_count)
{
	assert(net->config.clock == CLOCK_REAL);
	edge_set_tun(net->edges[end], fds, fd_count);
}

void net_set_watch(struct net *net, int fd)
{
	net->watch = fd;
}

struct addr net_client_addr(uint16_t path, uint8_t family)
{
	struct addr addr = { 6, { 0xfd, 0, 0, (uint8_t)(path + 1), [15] = 2 } };

	return family == 4 ? addr_v4(198, 18, (uint8_t)(path + 1), 2) : addr;
}

struct addr net_server_addr_at(uint16_t number, uint8_t family)
{
	uint8_t last = (uint8_t)(2 + number);
	struct addr addr = { 6, { 0xfd, 0, 1, 0, [15] = last } };

	return family == 4 ? addr_v4(198, 18, 100, last) : addr;
}

struct addr net_server_addr(uint8_t family)
{
	return net_server_addr_at(0, family);
}

/* ---- running ---- */

/* A waking that has been replaced or moved on is no event. */
static bool wake_is_due(struct node *node, const struct event *event)
{
	if (event->serial != node->wake_serial)
		return false;
	node->wake_posted = NSEC_NEVER;
	if (node->wake_at > event->at) {
		if (node->wake_at == NSEC_NEVER)
			return false;
		node->wake_posted = node->wake_at;
		node->wake_serial = event_post(node, NULL, 0, TO_SERVER, node->wake_at);
		return false;
	}
	node->wake_at = NSEC_NEVER;
	return true;
}

bool net_step(struct net *net)
{
	struct event event = event_pop(&net->queue);
	struct node *node = event.node;

	if (event.packet == NULL && !wake_is_due(node, &event))
		return false;
	net->events++;
	if (event.at > net->now)
		net->now = event.at;
	if (event.packet != NULL)
		node->type->receive(node, event.packet, event.path, event.dir);
	else
		node->type->wake(node);
	return true;
}

static bool is_storm(const struct net *net)
{
	if (net->events >= NET_EVENTS_MAX || net->queue.count > NET_QUEUE_MAX)
		return true;
	return net->config.strict &&
		net->events >= NET_EVENTS_STRICT * (1 + net->config.sends / NET_STRICT_BYTES);
}

static enum net_stop run_virtual(struct net *net, nsec_t until, bool (*done)(void *self),
	void *self)
{
	const struct event *next;

	for (;;) {
		if (net->failed)
			return NET_FAILED;
		if (is_storm(net)) {
			net_odd(net, NET_STORM);
			return NET_EVENTS;
		}
		next = event_peek(&net->queue);
		if (next == NULL)
			return NET_IDLE;
		if (next->at > until) {
			net->now = until;
			return NET_DEADLINE;
		}
		if (net_step(net) && done != NULL && !net->failed && done(self))
			return NET_STOPPED;
	}
}

enum net_stop net_run(struct net *net, nsec_t until, bool (*done)(void *self), void *self)
{
	/* The machines may have been given work since. */
	net_wake_at(net->edges[CLIENT], net->now);
	net_wake_at(net->edges[SERVER], net->now);
	if (net->config.clock == CLOCK_REAL)
		return net_run_real(net, until, done, self);
	return run_virtual(net, until, done, self);
}

/* ---- looking ---- */

nsec_t net_now(const struct net *net)
{
	return net->now;
}

enum net_oddity net_oddity(const struct net *net)
{
	return net->oddity;
}

const char *net_oddity_text(enum net_oddity oddity)
{
	static const char *const texts[] = {
		[NET_REGULAR] = "",
		[NET_DROP_WITHOUT_REASON] = "drop-reason",
		[NET_BEFORE_DEADLINE] = "before-deadline",
		[NET_STORM] = "storm",
	};

	return texts[oddity];
}

const char *net_error(const struct net *net)
{
	return net->failed ? net->error.text : "";
}

const struct capture *net_tap(const struct net *net, enum end end)
{
	return &net->taps[end];
}

uint64_t net_hash(const struct net *net)
{
	return net->hash;
}

uint64_t net_box_hits(const struct net *net)
{
	uint64_t hits = 0;
	size_t path, i;

	for (path = 0; path < net->path_count; path++) {
		for (i = 0; i < net->paths[path].count; i++)
			hits += box_node_hits(net->paths[path].nodes[i]);
	}
	return hits;
}

uint64_t net_box_hits_at(const struct net *net, uint16_t path, unsigned int box)
{
	const struct path *line = &net->paths[path];
	unsigned int met = 0;
	size_t i;

	for (i = 0; i < line->count; i++) {
		if (node_is_box(line->nodes[i]) && met++ == box)
			return box_node_hits(line->nodes[i]);
	}
	return 0;
}

bool net_counts(const struct net *net, uint16_t path, size_t position, struct net_counts *counts)
{
	const struct node *node;

	if (path >= net->path_count || position >= net->paths[path].count)
		return false;
	node = net->paths[path].nodes[position];
	*counts = (struct net_counts){
		.name = node->name,
		.is_box = node_is_box(node),
		.hits = box_node_hits(node),
		.sent = { node->sent[TO_SERVER], node->sent[TO_CLIENT] },
		.dropped = node->dropped,
	};
	return true;
}

size_t net_edits(const struct net *net, const struct stream_edit **edits)
{
	/* The list is made anew because the arena under it may have moved; that is no change. */
	struct net *owner = (struct net *)(uintptr_t)net;
	size_t i;

	owner->edit_list = xrealloc(owner->edit_list, net->edit_count, sizeof(*owner->edit_list));
	for (i = 0; i < net->edit_count; i++) {
		const struct edit_record *edit = &net->edits[i];

		owner->edit_list[i] = (struct stream_edit){
			.dir = edit->dir,
			.old_bytes = net->edit_bytes + edit->old_offset,
			.old_length = edit->old_length,
			.new_bytes = net->edit_bytes + edit->new_offset,
			.new_length = edit->new_length,
		};
	}
	*edits = owner->edit_list;
	return net->edit_count;
}
