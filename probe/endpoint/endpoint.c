/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/endpoint.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/build.h"
#include "probe/endpoint/cc.h"
#include "probe/endpoint/conn.h"
#include "probe/endpoint/fallback.h"
#include "probe/endpoint/handshake.h"
#include "probe/endpoint/input.h"
#include "probe/endpoint/key.h"
#include "probe/endpoint/output.h"
#include "probe/endpoint/path_mtu.h"
#include "probe/endpoint/pm.h"
#include "probe/endpoint/sched.h"
#include "probe/endpoint/subflow.h"

#include <assert.h>
#include <stdlib.h>

void endpoint_config_default(struct endpoint_config *config)
{
	*config = (struct endpoint_config){
		.speaks = SPEAKS_V0 | SPEAKS_V1,
		.timestamps = true,
		.sack = true,
		.window_scale = true,
		.wide_dsn = true,
		.mtu = 1500,
		.send_buffer = 1u << 20,
		.receive_buffer = 1u << 20,
		.initial_window = 10,
		.rto_initial = NSEC_PER_SEC,
		.rto_min = 200 * NSEC_PER_MS,
		.rto_max = 60 * NSEC_PER_SEC,
		.connection_timeout = 15 * NSEC_PER_SEC,
		/* Packets of a laboratory path do not live long. */
		.time_wait = 2 * NSEC_PER_SEC,
		.capable_syns = 3,
		.path_manager = "full-mesh",
		.subflow_rtos = 6,
		.congestion_control = "lia",
		.scheduler = "least-filled",
		.subflows_most = ENDPOINT_SUBFLOWS,
		.subflows_wanted = 1,
	};
}

struct endpoint *endpoint_new(const struct endpoint_config *config, const struct rng *rng)
{
	struct endpoint *endpoint = xcalloc(1, sizeof(*endpoint));

	assert(config->mtu >= 256 && config->receive_buffer > 0);
	assert(config->join_count <= ENDPOINT_JOINS && config->announce_count <= ENDPOINT_JOINS);
	assert(config->subflows_most > 0 && config->subflows_most <= ENDPOINT_SUBFLOWS);
	assert(pm_find(config->path_manager) != NULL);
	assert(cc_find(config->congestion_control) != NULL);
	assert(sched_find(config->scheduler) != NULL);
	endpoint->config = *config;
	endpoint->rng = *rng;
	endpoint->secret = endpoint_random(endpoint);
	return endpoint;
}

uint64_t endpoint_random(struct endpoint *endpoint)
{
	return endpoint->config.secret_random ? key_random() : rng_next(&endpoint->rng);
}

void endpoint_free(struct endpoint *endpoint)
{
	if (endpoint == NULL)
		return;
	while (endpoint->first != NULL)
		conn_free(endpoint->first);
	free(endpoint);
}

uint64_t endpoint_drops(const struct endpoint *endpoint, enum endpoint_drop why)
{
	return endpoint->dropped[why];
}

bool endpoint_listen(struct endpoint *endpoint, const struct sockname *local, struct err *err)
{
	unsigned int i;

	if (local->port == 0)
		return err_set(err, "cannot listen on port 0");
	for (i = 0; i < endpoint->listener_count; i++)
		if (endpoint->listeners[i] == local->port)
			return err_set(err, "port %u has a listener already",
				(unsigned int)local->port);
	if (endpoint->listener_count == LISTENERS_MOST)
		return err_set(err, "more than %d listeners", LISTENERS_MOST);
	endpoint->listeners[endpoint->listener_count++] = local->port;
	return true;
}

struct conn *endpoint_connect(struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote, nsec_t now, struct err *err)
{
	struct conn *conn;

	if (local->addr.version != remote->addr.version || addr_len(&local->addr) == 0) {
		err_set(err, "local and remote address are not of one family");
		return NULL;
	}
	if (local->port == 0 || remote->port == 0) {
		err_set(err, "connecting needs both ports");
		return NULL;
	}
	if (subflow_find(endpoint, local, remote) != NULL) {
		err_set(err, "these addresses and ports are in use");
		return NULL;
	}
	conn = conn_new(endpoint, true, now);
	conn->version = endpoint->config.speaks & SPEAKS_V1 ? 1 : 0;
	if (endpoint->config.speaks == SPEAKS_TCP)
		fallback_at_handshake(conn, FALLBACK_NOT_ASKED);
	subflow_new(conn, local, remote, PHASE_SYN_SENT);
	return conn;
}

struct conn *endpoint_accept(struct endpoint *endpoint)
{
	struct conn *conn;

	if (endpoint->ready_count == 0)
		return NULL;
	for (conn = endpoint->first; !conn->ready; conn = conn->next)
		;
	conn->ready = false;
	endpoint->ready_count--;
	conn->accepted = true;
	return conn;
}

struct endpoint *endpoint_detach(struct conn *conn)
{
	struct endpoint *endpoint = conn->endpoint, *own;
	struct rng rng;

	rng_init(&rng, rng_next(&endpoint->rng));
	own = endpoint_new(&endpoint->config, &rng);
	conn_move(conn, own);
	return own;
}

/* ---- the three verbs ---- */

/* Nobody will ask for it any more. */
static bool is_over(const struct conn *conn)
{
	unsigned int i;

	if (conn->state != CONN_CLOSED)
		return false;
	if (!conn->released && (conn->active || conn->accepted || conn->ready))
		return false;
	for (i = 0; i < conn->subflow_count; i++)
		if (conn->subflows[i]->phase != PHASE_DEAD)
			return false;
	return true;
}

/* A SYN that is new enough ends TIME-WAIT (RFC 9293 3.6.1 and RFC 6191). */
static bool reopens(const struct subflow *subflow, const struct arrival *in)
{
	return subflow->phase == PHASE_TIME_WAIT && seq_after(in->seq, subflow->rcv_nxt) &&
		(in->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

void endpoint_input(struct endpoint *endpoint, const struct packet *packet, nsec_t now)
{
	struct sockname local, remote;
	struct subflow *subflow;
	struct arrival in;

	if ((packet->form != PACKET_TCP && packet->form != PACKET_ICMP) || packet->is_fragment) {
		endpoint->dropped[DROP_NOT_TCP]++;
		return;
	}
	if (!packet_ip_checksum_ok(packet) || !packet_l4_checksum_ok(packet)) {
		endpoint->dropped[DROP_CHECKSUM]++;
		return;
	}
	if (packet->form == PACKET_ICMP) {
		path_mtu_input(endpoint, packet);
		return;
	}
	packet_socknames(packet, &remote, &local);
	arrival_read(&in, packet);
	subflow = subflow_find(endpoint, &local, &remote);
	if (subflow != NULL && reopens(subflow, &in)) {
		subflow_end(subflow, SUBFLOW_CLOSED, now);
		subflow = NULL;
	}
	if (subflow == NULL)
		handshake_unknown(endpoint, &local, &remote, &in, now);
	else
		subflow_input(subflow, &in, now);
}

static bool output_reply(struct endpoint *endpoint, struct packet *packet)
{
	if (endpoint->reply_count == 0)
		return false;
	build_reply(endpoint, &endpoint->replies[endpoint->reply_first], packet);
	endpoint->reply_first = (endpoint->reply_first + 1) % REPLIES_MOST;
	endpoint->reply_count--;
	return true;
}

/* The next packet of one connection; leaves its due time behind when there is none. */
static bool conn_output(struct conn *conn, struct packet *packet, nsec_t now)
{
	if (conn->dirty)
		conn_settle(conn, now);
	for (;;) {
		struct todo todo = conn_todo(conn);

		if (todo.at > now) {
			conn->due = todo.at;
			conn->dirty = false;
			return false;
		}
		if (conn_perform(conn, &todo, packet, now)) {
			conn->due = 0;
			/* Data alone leaves nothing behind to settle, but the last of it. */
			if (todo.action != ACT_DATA)
				conn->dirty = true;
			return true;
		}
	}
}

bool endpoint_output(struct endpoint *endpoint, struct packet *packet, nsec_t now)
{
	struct conn *conn, *next;

	if (output_reply(endpoint, packet))
		return true;
	for (conn = endpoint->first; conn != NULL; conn = next) {
		next = conn->next;
		if (!conn->dirty && conn->due > now)
			continue;
		if (conn_output(conn, packet, now))
			return true;
		if (is_over(conn))
			conn_free(conn);
	}
	return false;
}

nsec_t endpoint_deadline(const struct endpoint *endpoint)
{
	const struct conn *conn;
	nsec_t due = NSEC_NEVER;

	if (endpoint->reply_count > 0)
		return 0;
	for (conn = endpoint->first; conn != NULL; conn = conn->next)
		due = nsec_min(due, conn->dirty ? 0 : conn->due);
	return due;
}

static void machine_input(void *self, const struct packet *packet, nsec_t now)
{
	endpoint_input(self, packet, now);
}

static bool machine_output(void *self, struct packet *packet, nsec_t now)
{
	return endpoint_output(self, packet, now);
}

static nsec_t machine_deadline(const void *self)
{
	return endpoint_deadline(self);
}

static const struct machine_ops machine_ops = {
	.input = machine_input,
	.output = machine_output,
	.deadline = machine_deadline,
};

struct machine endpoint_machine(struct endpoint *endpoint)
{
	return (struct machine){ .ops = &machine_ops, .self = endpoint };
}
