/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.h - inside mbtest/net: nodes, events and the packets in flight. A node is told of packets
 * and of its time; it answers with net_send, net_drop and net_wake_at, never by calling another.
 */
#ifndef MBTEST_NET_NODE_H
#define MBTEST_NET_NODE_H

#include "mbtest/net/net.h"
#include "mbtest/packet_pool.h"
#include "probe/wire/packet.h"

enum {
	NODE_NAME = 64,
	NET_EVENTS_MAX = 20000000,  /* on the virtual clock, in one network */
	NET_QUEUE_MAX = 1 << 16,    /* of these that are still to come: packets in flight */
	NET_EVENTS_STRICT = 100000, /* more of them is a storm, where that must not be, */
	NET_STRICT_BYTES = 65536,   /* and again so many for each of these that are sent */
};

struct node;

struct node_type {
	/* A packet arrived (taken); path is the one it came by, which only edges need. */
	void (*receive)(struct node *node, struct packet *packet, uint16_t path, enum dir dir);
	void (*wake)(struct node *node);
	/* What the node holds; the node itself is freed by the network. */
	void (*fini)(struct node *node);
	bool alters_nothing; /* what it sends has come to it with the same bytes */
};

struct node {
	const struct node_type *type;
	struct net *net;
	char name[NODE_NAME];
	uint16_t index;          /* in the network: 0 client, 1 server */
	uint16_t path;           /* which path, and ... */
	struct row *row;         /* the path's, or a branch of ... */
	struct node *parent;     /* ... this ecmp node; NULL: none */
	struct node *next[DIRS]; /* its neighbours; NULL: the branch or the path ends here */
	nsec_t wake_at;          /* asked for; NSEC_NEVER: not at all */
	nsec_t wake_posted;   /* when the event that stands for it comes: no later than wake_at */
	uint64_t wake_serial; /* of that event; others of this node are void */
	uint64_t sent[DIRS], dropped; /* packets */
};

/* A packet's arrival at a node, or (packet NULL) a node's waking. */
struct event {
	nsec_t at;
	uint64_t serial;
	struct node *node;
	struct packet *packet;
	uint16_t path;
	uint8_t dir;
};

/* Events that came in order, as a ring. */
struct event_run {
	struct event *events;
	size_t first, count, capacity; /* capacity: a power of two, or 0 */
	nsec_t last;                   /* when the last of them is, if there is any */
};

enum { EVENT_RUNS = 4 };

/*
 * Events in the order of (at, serial). Most come in order anyway, those of one link or of the
 * current moment: they are put behind others in one of a few runs; only the rest goes to the heap.
 */
struct event_queue {
	struct event_run runs[EVENT_RUNS];
	struct event *heap;
	size_t heap_count, heap_capacity;
	size_t count; /* of all */
	uint64_t serial;
	unsigned int
		next; /* the run that event_peek found the next event in; EVENT_RUNS: the heap */
};

void event_queue_fini(struct event_queue *queue);

/* The next event, or NULL; valid until the next post. Until then event_pop takes it out. */
const struct event *event_peek(struct event_queue *queue);
struct event event_pop(struct event_queue *queue);

/* Nodes in a row, each joined to the next: a path, or a branch of one. */
struct row {
	struct node *first, *last; /* NULL: none */
};

struct path {
	struct row row;
	struct node *ecmp;  /* on a branch of which nodes are being put; NULL: on the path itself */
	struct row *branch; /* that one */
	struct node **nodes; /* all, those of branches too, as they were put there */
	size_t count, capacity;
};

/* An edit as kept: the bytes lie in the network's arena, which may move. */
struct edit_record {
	enum dir dir;
	size_t old_offset, new_offset;
	uint32_t old_length, new_length;
};

struct net {
	struct net_config config;
	struct rng rng;
	nsec_t now;
	nsec_t origin; /* real clock: its reading at time 0, ... */
	int watch;     /* ... and what else wakes it; -1: nothing */
	struct event_queue queue;
	struct packet_pool pool;
	struct node *edges[ENDS];
	struct path paths[NET_PATHS];
	uint16_t path_count;
	uint16_t node_count;
	struct capture taps[ENDS];
	uint64_t hash;
	uint64_t events;
	bool failed;
	enum net_oddity oddity;
	struct err error;
	struct edit_record *edits;
	size_t edit_count, edit_capacity;
	uint8_t *edit_bytes;
	size_t edit_used, edit_room;
	struct stream_edit *edit_list; /* as handed out by net_edits */
};

/*
 * Post a packet's arrival at a node, or (packet NULL) the node's waking, not before the current
 * moment; returns its serial.
 */
uint64_t event_post(struct node *node, struct packet *packet, uint16_t path, enum dir dir,
	nsec_t at);

/* ---- what nodes may do ---- */

/* Send a packet (taken) on to the next node in a direction, to arrive there at a time. */
void net_send(struct node *from, struct packet *packet, enum dir dir, nsec_t at);

/* As net_send, at once, into a branch of the node; or, when it is empty, past it. */
void net_send_branch(struct node *from, struct packet *packet, const struct row *branch,
	enum dir dir);

/* As net_send, from an edge into a path. */
void net_enter(struct node *edge, struct packet *packet, uint16_t path, enum dir dir);

/* Drop a packet (taken): why. */
void net_drop(struct node *node, struct packet *packet, const char *reason);

/* Something happened that must not; the first counts. */
void net_odd(struct net *net, enum net_oddity oddity);

/* Stop with NET_FAILED after the current event: how a box's own failure (Lua) gets out. */
void net_fail(struct net *net, const char *sentence);

/* Call wake at this time; replaces an earlier request, NSEC_NEVER cancels it. */
void net_wake_at(struct node *node, nsec_t at);

/* An empty packet. */
struct packet *net_packet(struct net *net, uint32_t capacity);

/* ---- making nodes: node.c, and one file a kind ---- */

/* A node of size bytes (struct node first), zeroed, named name; not yet on a path. */
struct node *node_new(struct net *net, size_t size, const struct node_type *type, const char *name);
void node_free(struct node *node);

/* Put it at the server's end of a path, or of its open branch; completes its name. */
void node_append(struct node *node, uint16_t path, const char *kind);

/* Take it, which was put there last, away again. */
void node_detach(struct node *node);

struct node *link_node_new(struct net *net, uint16_t path, const struct link_plan *to_server,
	const struct link_plan *to_client);
struct node *hop_node_new(struct net *net, uint16_t path, const struct hop_plan *plan);
struct node *box_node_new(struct net *net, uint16_t path, const char *name,
	const struct box_type *type, const struct box_arg *args, size_t arg_count, struct err *err);
struct node *ecmp_node_new(struct net *net, uint16_t path, const struct ecmp_plan *plan);
struct row *ecmp_begin_branch(struct node *node);
uint64_t box_node_hits(const struct node *node); /* 0 for other nodes */
bool node_is_box(const struct node *node);

struct node *edge_new(struct net *net, enum end end);
void edge_set_machine(struct node *node, struct machine machine,
	void (*settle)(void *self, nsec_t now), nsec_t (*settle_deadline)(const void *self),
	void *self);
void edge_set_tun(struct node *node, const int *fds, uint16_t fd_count);

/* The file descriptors of an edge; 0 when it has none. */
uint16_t edge_fds(const struct node *node, const int **fds);

/* Read what has come from one; how many packets. */
unsigned int edge_read(struct node *node, uint16_t index);

/* A packet from whatever is behind it, taken over. */
void edge_put(struct node *node, struct packet *packet);

/* ---- what is written about it all: log.c ---- */

enum verb {
	VERB_SEND,    /* a node sends a packet on */
	VERB_RECEIVE, /* an edge's host gets one */
	VERB_DROP,
};

void record_event(struct node *node, enum verb verb, const struct packet *packet,
	const char *reason);

/* Nearly always nobody wants to know, and every packet comes by here several times. */
static inline void net_record(struct node *node, enum verb verb, const struct packet *packet,
	const char *reason)
{
	const struct net_config *config = &node->net->config;

	if (config->hash || config->text_log)
		record_event(node, verb, packet, reason);
}

/* ---- the real clock: real.c ---- */

/* What the machine's own clock says; it never goes back. */
nsec_t net_clock(void);

enum net_stop net_run_real(struct net *net, nsec_t until, bool (*done)(void *self), void *self);

/* Run the event that event_peek has just shown; false when it was void. */
bool net_step(struct net *net);

#endif
