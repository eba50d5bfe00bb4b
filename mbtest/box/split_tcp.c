/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * split_tcp.c - a proxy that ends connections and makes others in their place (RFC 3135 2.4): it
 * answers the client in the server's name, opens a connection to the server in the client's, and
 * carries the bytes from one to the other. It speaks plain TCP to both, or Multipath TCP to one.
 *
 * It is two hosts: the front faces the client, the back the server. As transparent proxies do, it
 * accepts before it has asked the server; when that refuses, the client's connection is reset.
 */
#include "mbtest/box.h"
#include "mbtest/flow.h"
#include "mbtest/translate.h"

#include "probe/endpoint/endpoint.h"

#include <stdlib.h>

enum side_of_proxy { FRONT, BACK, SIDES };

enum {
	RELAYS_MAX = 256,
	PORTS_MAX = 16,
	STEP = 16384, /* bytes carried at a time */
};

enum knows { KNOWS_NONE, KNOWS_CLIENT, KNOWS_SERVER, KNOWS_BOTH };

/* Two connections that are one to those who talk. */
struct relay {
	struct conn *conns[SIDES];
	bool has_shut[SIDES];
};

struct split_tcp {
	int knows;
	int64_t version, buffer;
	struct endpoint *hosts[SIDES];
	struct relay relays[RELAYS_MAX];
	unsigned int count;
	uint16_t ports[PORTS_MAX]; /* where the front listens */
	unsigned int port_count;
	struct flow_table flows; /* what has a record is ours */
	struct packet *scratch;
};

static const char *const knows_names[] = { "none", "client", "server", "both", NULL };

static const struct box_param params[] = {
	{ "mptcp", PARAM_CHOICE, offsetof(struct split_tcp, knows), "none", 0, 0, knows_names,
		"on which side it speaks Multipath TCP" },
	{ "version", PARAM_INT, offsetof(struct split_tcp, version), "1", 0, 1, NULL,
		"the version of Multipath TCP that it offers to the server" },
	{ "buffer", PARAM_INT, offsetof(struct split_tcp, buffer), "65536", 2048, 1 << 24, NULL,
		"bytes that it holds for each end of a connection" },
	{ 0 },
};

static bool split_tcp_init(struct box *box, struct err *err)
{
	struct split_tcp *self = box_state(box);
	struct endpoint_config config;
	struct rng rng;

	(void)err;
	flow_table_init(&self->flows, 0);
	endpoint_config_default(&config);
	config.send_buffer = config.receive_buffer = (uint32_t)self->buffer;
	config.time_wait = NSEC_PER_SEC;
	config.speaks = self->knows == KNOWS_CLIENT || self->knows == KNOWS_BOTH
		? SPEAKS_V0 | SPEAKS_V1
		: SPEAKS_TCP;
	rng = rng_fork(box_rng(box), "front");
	self->hosts[FRONT] = endpoint_new(&config, &rng);
	config.speaks = SPEAKS_TCP;
	if (self->knows == KNOWS_SERVER || self->knows == KNOWS_BOTH)
		config.speaks = self->version == 0 ? SPEAKS_V0 : SPEAKS_V1;
	rng = rng_fork(box_rng(box), "back");
	self->hosts[BACK] = endpoint_new(&config, &rng);
	self->scratch = packet_new(PACKET_SMALL);
	return true;
}

static void split_tcp_fini(struct box *box)
{
	struct split_tcp *self = box_state(box);

	endpoint_free(self->hosts[FRONT]);
	endpoint_free(self->hosts[BACK]);
	flow_table_fini(&self->flows);
	packet_free(self->scratch);
}

/* ---- carrying ---- */

/* A client's connection is complete: one to the server is begun, by the same names. */
static void relay_begin(struct box *box, struct conn *conn)
{
	struct split_tcp *self = box_state(box);
	struct relay relay = { .conns = { conn } };
	struct conn_info info;
	struct err err;

	conn_info(conn, &info);
	if (self->count < RELAYS_MAX)
		relay.conns[BACK] = endpoint_connect(self->hosts[BACK], &info.subflows[0].remote,
			&info.subflows[0].local, box_now(box), &err);
	if (relay.conns[BACK] == NULL) {
		conn_abort(conn);
		conn_release(conn);
		return;
	}
	self->relays[self->count++] = relay;
}

/* Bytes from one side to the other, and the end of them. */
static void carry(struct relay *relay, enum side_of_proxy from, enum side_of_proxy to)
{
	uint8_t bytes[STEP];
	size_t length, room;

	for (;;) {
		length = conn_readable(relay->conns[from]);
		room = conn_writable(relay->conns[to]);
		length = length < room ? length : room;
		if (length == 0)
			break;
		length = conn_read(relay->conns[from], bytes, length < STEP ? length : STEP);
		conn_write(relay->conns[to], bytes, length);
	}
	if (conn_peer_closed(relay->conns[from]) && conn_readable(relay->conns[from]) == 0 &&
		!relay->has_shut[to]) {
		conn_shutdown(relay->conns[to]);
		relay->has_shut[to] = true;
	}
}

static bool has_failed(const struct conn *conn)
{
	struct conn_info info;

	if (conn_state(conn) != CONN_CLOSED)
		return false;
	conn_info(conn, &info);
	return info.end != END_CLEAN;
}

/* Whether it is over: both ends are, or one has failed and takes the other with it. */
static bool relay_turn(struct relay *relay)
{
	unsigned int side;

	carry(relay, FRONT, BACK);
	carry(relay, BACK, FRONT);
	if (has_failed(relay->conns[FRONT]) || has_failed(relay->conns[BACK])) {
		for (side = FRONT; side < SIDES; side++) {
			if (conn_state(relay->conns[side]) != CONN_CLOSED)
				conn_abort(relay->conns[side]);
		}
		return true;
	}
	return conn_state(relay->conns[FRONT]) == CONN_CLOSED &&
		conn_state(relay->conns[BACK]) == CONN_CLOSED;
}

static void relays_turn(struct box *box)
{
	struct split_tcp *self = box_state(box);
	struct conn *conn;
	unsigned int i = 0;

	while ((conn = endpoint_accept(self->hosts[FRONT])) != NULL)
		relay_begin(box, conn);
	while (i < self->count) {
		if (!relay_turn(&self->relays[i])) {
			i++;
			continue;
		}
		conn_release(self->relays[i].conns[FRONT]);
		conn_release(self->relays[i].conns[BACK]);
		self->relays[i] = self->relays[--self->count];
	}
}

/* ---- the two hosts ---- */

/* Send what a host has to send; how many packets. */
static unsigned int drain(struct box *box, enum side_of_proxy side)
{
	struct split_tcp *self = box_state(box);
	unsigned int count = 0;

	while (endpoint_output(self->hosts[side], self->scratch, box_now(box))) {
		packet_parse(self->scratch);
		box_emit(box, box_clone(box, self->scratch), side == FRONT ? TO_CLIENT : TO_SERVER);
		count++;
	}
	return count;
}

/* The relays' turn, then the hosts', until neither has anything more to do. */
static void turn(struct box *box)
{
	const struct split_tcp *self = box_state(box);

	do
		relays_turn(box);
	while (drain(box, FRONT) + drain(box, BACK) > 0);
	box_wake_at(box,
		nsec_min(endpoint_deadline(self->hosts[FRONT]),
			endpoint_deadline(self->hosts[BACK])));
}

static void split_tcp_wake(struct box *box)
{
	drain(box, FRONT);
	drain(box, BACK);
	turn(box);
}

/* ---- packets ---- */

/* Whether the front listens where a SYN goes. */
static bool listen_there(struct split_tcp *self, const struct packet *packet)
{
	struct sockname src, dst;
	struct err err;
	unsigned int i;

	packet_socknames(packet, &src, &dst);
	for (i = 0; i < self->port_count; i++) {
		if (self->ports[i] == dst.port)
			return true;
	}
	if (self->port_count == PORTS_MAX || src.port == 0 ||
		!endpoint_listen(self->hosts[FRONT], &dst, &err))
		return false;
	self->ports[self->port_count++] = dst.port;
	return true;
}

/* Whether a TCP packet is of a connection that the proxy has ended. */
static bool is_ours(struct box *box, const struct packet *packet, enum dir dir)
{
	struct split_tcp *self = box_state(box);
	bool opens = (tcp_flags(packet) & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;

	if (flow_find(&self->flows, packet, dir) != NULL)
		return true;
	if (!opens || dir != TO_SERVER || !box_matched(box) || !listen_there(self, packet))
		return false;
	flow_add(&self->flows, packet, dir);
	return true;
}

/* An ICMP error about a packet of ours. */
static bool is_about_ours(struct box *box, const struct packet *packet, enum dir dir)
{
	struct split_tcp *self = box_state(box);
	struct packet *quoted;
	struct quote quote;
	bool is_known;

	if (!quote_read(packet, &quote))
		return false;
	quoted = quote_packet(&quote);
	if (quoted == NULL)
		return false;
	is_known = flow_find(&self->flows, quoted, dir_opposite(dir)) != NULL;
	packet_free(quoted);
	return is_known;
}

static enum verdict split_tcp_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct split_tcp *self = box_state(box);
	bool is_tcp = packet->form == PACKET_TCP && !packet->is_fragment;

	if (is_tcp ? !is_ours(box, packet, dir) : !is_about_ours(box, packet, dir))
		return box_unchanged(box);
	endpoint_input(self->hosts[dir == TO_SERVER ? FRONT : BACK], packet, box_now(box));
	turn(box);
	return box_reason(box, "the connection ends here");
}

BOX_TYPE(split_tcp) = {
	.help = "ends a client's connections and makes others to the server in their place",
	.params = params,
	.state_size = sizeof(struct split_tcp),
	.any_form = true,
	.sees_all = true,
	.translates = true,
	.init = split_tcp_init,
	.packet = split_tcp_packet,
	.wake = split_tcp_wake,
	.fini = split_tcp_fini,
};
