/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge.c - the hosts at the ends of all paths: a machine, driven here, or TUN devices with a
 * kernel behind them. Routes what they send and records what they send and receive.
 */
#include "mbtest/net/node.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	OUTPUTS_MAX = 100000, /* packets a machine may send at one moment */
	READ_BATCH = 64,
};

struct edge {
	struct node node;
	enum end end;
	bool has_machine;
	struct machine machine;
	void (*settle)(void *self, nsec_t now);
	nsec_t (*settle_deadline)(const void *self);
	void *settle_self;
	int fds[NET_PATHS];
	uint16_t fd_count;
};

static void edge_tap(struct edge *edge, const struct packet *packet, uint16_t path, bool outgoing)
{
	struct net *net = edge->node.net;

	if (net->config.observe != NULL)
		net->config.observe(net->config.observe_self, edge->end, packet, outgoing);
	if (net->config.taps && (packet->form == PACKET_TCP || packet->form == PACKET_ICMP))
		capture_add(&net->taps[edge->end], packet, net->now, path, outgoing);
}

/* ---- routing ---- */

/* The path whose client network an address (its first byte) is in: 198.18.n/24, fd00:n::/64. */
static bool path_of(const struct net *net, const uint8_t *addr, uint8_t version, uint16_t *path)
{
	static const uint8_t prefix4[] = { 198, 18 }, prefix6[] = { 0xfd, 0, 0 }, zero[4] = { 0 };
	uint8_t number;

	if (version == 4) {
		if (memcmp(addr, prefix4, sizeof(prefix4)) != 0)
			return false;
		number = addr[2];
	} else {
		if (memcmp(addr, prefix6, sizeof(prefix6)) != 0 || memcmp(addr + 4, zero, 4) != 0)
			return false;
		number = addr[3];
	}
	*path = (uint16_t)(number - 1);
	return number > 0 && number <= net->path_count;
}

/* The client sends by the path its own address is of, the server by that of the other's. */
static bool edge_route(const struct edge *edge, const struct packet *packet, uint16_t *path)
{
	const uint8_t *bytes = packet_data(packet);
	bool is_client = edge->end == CLIENT;

	if (packet->version == 4)
		return path_of(edge->node.net, bytes + (is_client ? 12 : 16), 4, path);
	return path_of(edge->node.net, bytes + (is_client ? 8 : 24), 6, path);
}

static void edge_send(struct edge *edge, struct packet *packet, uint16_t path)
{
	packet->at = edge->node.net->now;
	edge_tap(edge, packet, path, true);
	net_enter(&edge->node, packet, path, edge->end == CLIENT ? TO_SERVER : TO_CLIENT);
}

/* ---- a machine ---- */

/* Send all it has to send; how many packets. */
static unsigned int drain(struct edge *edge)
{
	struct net *net = edge->node.net;
	unsigned int count = 0;
	struct packet *packet;
	uint16_t path;

	for (;; count++) {
		packet = net_packet(net, PACKET_SMALL);
		if (!edge->machine.ops->output(edge->machine.self, packet, net->now))
			break;
		if (count == OUTPUTS_MAX) {
			net_fail(net, "a machine sends without end at one moment");
			break;
		}
		if (packet_parse(packet) == PACKET_MALFORMED)
			net_drop(&edge->node, packet, packet_fault_text(packet->fault));
		else if (!edge_route(edge, packet, &path))
			net_drop(&edge->node, packet, "no route");
		else
			edge_send(edge, packet, path);
	}
	pool_give(&net->pool, packet);
	return count;
}

/* Before its deadline, and without input, a machine has nothing to send. */
static void edge_try(struct edge *edge)
{
	struct net *net = edge->node.net;
	struct packet *packet = net_packet(net, PACKET_SMALL);

	if (edge->machine.ops->deadline(edge->machine.self) > net->now &&
		edge->machine.ops->output(edge->machine.self, packet, net->now))
		net_odd(net, NET_BEFORE_DEADLINE);
	pool_give(&net->pool, packet);
}

static void edge_ask_deadline(struct edge *edge)
{
	struct net *net = edge->node.net;
	nsec_t at = edge->machine.ops->deadline(edge->machine.self);
	char sentence[192];

	if (edge->settle_deadline != NULL)
		at = nsec_min(at, edge->settle_deadline(edge->settle_self));
	if (at > net->now) {
		net_wake_at(&edge->node, at);
		return;
	}
	snprintf(sentence, sizeof(sentence),
		"the %s's machine broke its contract: nothing to send, but"
		" its deadline is not in the future",
		edge->node.name);
	net_fail(net, sentence);
}

/*
 * The application's turn, then the machine's, until neither has anything more to do: what the
 * machine does, be it without a packet, can tell the application something.
 */
static void edge_turn(struct edge *edge)
{
	const struct net *net = edge->node.net;
	unsigned int rounds = 0;
	bool busy;

	do {
		if (edge->settle != NULL)
			edge->settle(edge->settle_self, net->now);
		busy = edge->machine.ops->deadline(edge->machine.self) <= net->now;
		busy = drain(edge) > 0 || busy;
	} while (busy && edge->settle != NULL && rounds++ < OUTPUTS_MAX);
	edge_ask_deadline(edge);
}

/* ---- TUN devices ---- */

static void edge_write(struct edge *edge, struct packet *packet, uint16_t path)
{
	uint16_t index = edge->fd_count > 1 ? path : 0;
	ssize_t written;

	if (index >= edge->fd_count) {
		net_drop(&edge->node, packet, "no device on this path");
		return;
	}
	do
		written = write(edge->fds[index], packet_data(packet), packet->length);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		net_drop(&edge->node, packet,
			errno == EAGAIN ? "device is full" : "device refused it");
	else
		pool_give(&edge->node.net->pool, packet);
}

/* What a kernel sends of its own accord: neighbour discovery, multicast listeners. */
static const char *foreign(const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);

	if (packet->form == PACKET_MALFORMED)
		return packet_fault_text(packet->fault);
	if (packet->version == 6 && bytes[24] == 0xff)
		return "multicast";
	if (packet->version == 6 && bytes[8] == 0xfe && (bytes[9] & 0xc0) == 0x80)
		return "link-local";
	if (packet->version == 6 && packet->form == PACKET_ICMP && bytes[packet->l4] >= 130 &&
		bytes[packet->l4] <= 143)
		return "neighbour or listener discovery";
	if (packet->version == 4 && bytes[16] >= 224)
		return "multicast";
	return NULL;
}

static void edge_take(struct edge *edge, struct packet *packet, uint16_t index)
{
	const char *reason = foreign(packet);
	uint16_t path = index;

	if (reason == NULL && edge->end == SERVER && !edge_route(edge, packet, &path))
		reason = "no route";
	if (reason == NULL && path >= edge->node.net->path_count)
		reason = "no such path";
	if (reason != NULL)
		net_drop(&edge->node, packet, reason);
	else
		edge_send(edge, packet, path);
}

void edge_put(struct node *node, struct packet *packet)
{
	packet_parse(packet);
	edge_take((struct edge *)node, packet, 0);
}

/* One packet from a device; NULL when there is none. Most fit a small buffer at once. */
static struct packet *read_packet(struct net *net, int fd)
{
	struct packet *packet = net_packet(net, PACKET_SMALL), *large;
	uint8_t rest[PACKET_LARGE];
	uint32_t room = packet->capacity - packet->start;
	struct iovec parts[2] = { { packet_bytes(packet), room }, { rest, sizeof(rest) - room } };
	ssize_t length;

	do
		length = readv(fd, parts, 2);
	while (length < 0 && errno == EINTR);
	if (length <= 0) {
		pool_give(&net->pool, packet);
		return NULL;
	}
	if ((size_t)length > room) {
		large = net_packet(net, PACKET_LARGE);
		memcpy(packet_bytes(large), packet_data(packet), room);
		memcpy(packet_bytes(large) + room, rest, (size_t)length - room);
		pool_give(&net->pool, packet);
		packet = large;
	}
	packet->length = (uint32_t)length;
	packet_parse(packet);
	return packet;
}

unsigned int edge_read(struct node *node, uint16_t index)
{
	struct edge *edge = (struct edge *)node;
	struct packet *packet;
	unsigned int count;

	for (count = 0; count < READ_BATCH; count++) {
		packet = read_packet(node->net, edge->fds[index]);
		if (packet == NULL)
			break;
		edge_take(edge, packet, index);
	}
	return count;
}

/* ---- the node ---- */

static void edge_receive(struct node *node, struct packet *packet, uint16_t path, enum dir dir)
{
	struct edge *edge = (struct edge *)node;
	struct net *net = node->net;

	(void)dir;
	packet->at = net->now;
	edge_tap(edge, packet, path, false);
	net_record(node, VERB_RECEIVE, packet, NULL);
	if (edge->fd_count > 0) {
		edge_write(edge, packet, path);
		return;
	}
	if (edge->has_machine && net->config.strict)
		edge_try(edge);
	if (edge->has_machine)
		edge->machine.ops->input(edge->machine.self, packet, net->now);
	pool_give(&net->pool, packet);
	if (edge->has_machine)
		edge_turn(edge);
}

static void edge_wake(struct node *node)
{
	struct edge *edge = (struct edge *)node;

	if (edge->has_machine)
		edge_turn(edge);
}

struct node *edge_new(struct net *net, enum end end)
{
	static const struct node_type type = { .receive = edge_receive, .wake = edge_wake };
	struct node *node = node_new(net, sizeof(struct edge), &type, end_text(end));

	((struct edge *)node)->end = end;
	return node;
}

void edge_set_machine(struct node *node, struct machine machine,
	void (*settle)(void *self, nsec_t now), nsec_t (*settle_deadline)(const void *self),
	void *self)
{
	struct edge *edge = (struct edge *)node;

	edge->has_machine = true;
	edge->machine = machine;
	edge->settle = settle;
	edge->settle_deadline = settle_deadline;
	edge->settle_self = self;
}

void edge_set_tun(struct node *node, const int *fds, uint16_t fd_count)
{
	struct edge *edge = (struct edge *)node;
	uint16_t i;

	assert(fd_count <= NET_PATHS);
	edge->fd_count = fd_count;
	for (i = 0; i < fd_count; i++) {
		edge->fds[i] = fds[i];
		fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK);
	}
}

uint16_t edge_fds(const struct node *node, const int **fds)
{
	const struct edge *edge = (const struct edge *)node;

	*fds = edge->fds;
	return edge->fd_count;
}
