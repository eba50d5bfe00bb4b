/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.c - a link: delay, rate with a queue in front, and the accidents of transport. Both
 * directions are independent of each other.
 */
#include "mbtest/net/node.h"

enum { MILLION = 1000000, DEFAULT_QUEUE_MS = 150 };

struct line {
	struct link_plan plan;
	struct rng rng;
	uint64_t count;    /* packets that came */
	nsec_t busy_until; /* when the last bit of those accepted has been sent */
};

struct link_node {
	struct node node;
	struct line lines[DIRS];
};

void link_plan_default(struct link_plan *plan)
{
	*plan = (struct link_plan){
		.delay_ns = 5 * NSEC_PER_MS,
		.rate_bps = 30 * 1000 * 1000,
	};
}

/* Time on the wire; a rate below 1 byte in 2^33 s is as good as none. */
static nsec_t sending_time(const struct line *line, uint32_t length)
{
	return line->plan.rate_bps == 0 ? 0
					: (nsec_t)length * 8 * NSEC_PER_SEC / line->plan.rate_bps;
}

/* Bytes accepted and not yet sent. */
static uint64_t backlog(const struct line *line, nsec_t now)
{
	nsec_t wait = line->busy_until > now ? line->busy_until - now : 0;

	return wait / NSEC_PER_MS * line->plan.rate_bps / 8 / 1000 +
		wait % NSEC_PER_MS * line->plan.rate_bps / 8 / NSEC_PER_SEC;
}

static bool is_lost(struct line *line)
{
	uint64_t number = line->count++;

	if ((line->plan.loss_mask >> number % 64 & 1) != 0)
		return true;
	return line->plan.loss_ppm > 0 && rng_chance(&line->rng, line->plan.loss_ppm, MILLION);
}

/* Accept a packet (taken): it leaves when those before it have. */
static void accept_packet(struct link_node *link, struct packet *packet, enum dir dir)
{
	struct line *line = &link->lines[dir];
	nsec_t now = link->node.net->now, at;

	if (line->plan.rate_bps > 0 && backlog(line, now) > line->plan.queue_bytes) {
		net_drop(&link->node, packet, "queue full");
		return;
	}
	if (line->busy_until < now)
		line->busy_until = now;
	line->busy_until += sending_time(line, packet->length);
	at = line->busy_until + line->plan.delay_ns;
	if (line->plan.reorder_ppm > 0 && rng_chance(&line->rng, line->plan.reorder_ppm, MILLION))
		at += line->plan.jitter_ns;
	net_send(&link->node, packet, dir, at);
}

static void link_receive(struct node *node, struct packet *packet, uint16_t path, enum dir dir)
{
	struct link_node *link = (struct link_node *)node;
	struct line *line = &link->lines[dir];
	struct packet *copy = NULL;

	(void)path;
	if (is_lost(line)) {
		net_drop(node, packet, "lost");
		return;
	}
	if (line->plan.duplicate_ppm > 0 &&
		rng_chance(&line->rng, line->plan.duplicate_ppm, MILLION)) {
		copy = net_packet(node->net, packet->capacity);
		packet_copy(copy, packet);
	}
	accept_packet(link, packet, dir);
	if (copy != NULL)
		accept_packet(link, copy, dir);
}

static void line_init(struct line *line, const struct link_plan *plan, const struct node *node,
	const char *direction)
{
	struct rng rng = rng_fork(&node->net->rng, node->name);

	line->plan = *plan;
	line->rng = rng_fork(&rng, direction);
	if (line->plan.queue_bytes == 0)
		line->plan.queue_bytes = (uint32_t)nsec_min(UINT32_MAX,
			line->plan.rate_bps / 8 * DEFAULT_QUEUE_MS / 1000);
}

struct node *link_node_new(struct net *net, uint16_t path, const struct link_plan *to_server,
	const struct link_plan *to_client)
{
	static const struct node_type type = { .receive = link_receive, .alters_nothing = true };
	struct node *node = node_new(net, sizeof(struct link_node), &type, "link");
	struct link_node *link = (struct link_node *)node;

	node_append(node, path, "link");
	line_init(&link->lines[TO_SERVER], to_server, node, "to-server");
	line_init(&link->lines[TO_CLIENT], to_client, node, "to-client");
	return node;
}
