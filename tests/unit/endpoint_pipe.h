/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint_pipe.h - two endpoints and the path between them, just enough to test the endpoint by
 * itself: a delay, a loss mask, and a hook that sees, edits or drops every packet. Both
 * applications write a pattern that is a function of offset and direction, read all, check it, and
 * shut down after a given number of bytes.
 */
#ifndef TESTS_UNIT_ENDPOINT_PIPE_H
#define TESTS_UNIT_ENDPOINT_PIPE_H

#include "probe/base/alloc.h"
#include "probe/base/seq.h"
#include "probe/endpoint/endpoint.h"
#include "probe/endpoint/fault.h"
#include "probe/endpoint/key.h"
#include "probe/wire/mptcp.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum pipe_side { CLIENT, SERVER };
enum pipe_verdict { PIPE_PASS, PIPE_DROP, PIPE_TWICE };

struct pipe;

/* from: who sent it; path: 0 initial, 1 joined (by the client's address). */
typedef enum pipe_verdict (*pipe_hook)(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path);

struct pipe_app {
	struct conn *conn;
	uint64_t to_write, written, read;
	nsec_t read_from; /* the application sleeps until then */
	bool shut, corrupt, hold_open;
};

struct pipe {
	struct endpoint *endpoint[2];
	struct pipe_app app[2];
	struct packet *queue[2]; /* by receiver, sorted by at, then order of sending */
	nsec_t now, delay, jitter, delay_path1;
	struct rng rng;
	unsigned int loss, duplicate; /* of 1000 */
	enum pipe_side sender;        /* of the packet in the hook's hands */
	pipe_hook hook;
	void *hook_state;
	uint64_t hits;             /* the hook's own count */
	uint64_t packets[2][2];    /* sent, by side and path */
	uint64_t options_after[2]; /* MPTCP options sent after its fallback, by side */
	uint64_t joins;
	FILE *dump;
	bool trace;
};

static const struct sockname pipe_server = { { 4, { 198, 18, 0, 2 } }, 80 };
static const struct sockname pipe_client = { { 4, { 198, 18, 0, 1 } }, 40000 };
static const struct sockname pipe_second = { { 4, { 198, 18, 1, 1 } }, 0 };

static inline uint8_t pipe_byte(enum pipe_side from, uint64_t offset)
{
	return (uint8_t)(offset * 167 + (offset >> 8) * 13 + (offset >> 16) + (from ? 91u : 7u));
}

static inline void pipe_init_between(struct pipe *pipe, const struct endpoint_config *client,
	const struct endpoint_config *server, uint64_t seed, const struct sockname *local,
	const struct sockname *remote)
{
	struct rng rng, fork;
	struct err err;

	memset(pipe, 0, sizeof(*pipe));
	rng_init(&rng, seed);
	fork = rng_fork(&rng, "client");
	pipe->endpoint[CLIENT] = endpoint_new(client, &fork);
	fork = rng_fork(&rng, "server");
	pipe->endpoint[SERVER] = endpoint_new(server, &fork);
	pipe->rng = rng_fork(&rng, "pipe");
	pipe->delay = 5 * NSEC_PER_MS;
	pipe->now = NSEC_PER_SEC;
	CHECK(endpoint_listen(pipe->endpoint[SERVER], remote, &err));
	pipe->app[CLIENT].conn =
		endpoint_connect(pipe->endpoint[CLIENT], local, remote, pipe->now, &err);
	CHECK(pipe->app[CLIENT].conn != NULL);
	pipe->trace = getenv("PIPE_TRACE") != NULL;
	if (getenv("PIPE_DUMP") != NULL)
		pipe->dump = fopen(getenv("PIPE_DUMP"), "a");
}

static inline void pipe_init(struct pipe *pipe, const struct endpoint_config *client,
	const struct endpoint_config *server, uint64_t seed)
{
	pipe_init_between(pipe, client, server, seed, &pipe_client, &pipe_server);
}

static inline void pipe_fini(struct pipe *pipe)
{
	struct packet *packet;
	int side;

	for (side = 0; side < 2; side++)
		while ((packet = pipe->queue[side]) != NULL) {
			pipe->queue[side] = packet->next;
			packet_free(packet);
		}
	endpoint_free(pipe->endpoint[CLIENT]);
	endpoint_free(pipe->endpoint[SERVER]);
	if (pipe->dump != NULL)
		fclose(pipe->dump);
}

static inline void pipe_show(const struct pipe *pipe, const struct packet *packet,
	enum pipe_side from, unsigned int path, const char *what)
{
	struct tcpopt at = { 0 };
	struct mptcp_opt option;

	fprintf(stderr, "%9.3f ms %s path %u %s %s%s%s%s%s seq %u ack %u len %u win %u",
		(double)pipe->now / 1e6, from ? "<" : ">", path, what,
		tcp_flags(packet) & TCP_SYN ? "S" : "", tcp_flags(packet) & TCP_FIN ? "F" : "",
		tcp_flags(packet) & TCP_RST ? "R" : "", tcp_flags(packet) & TCP_PSH ? "P" : "",
		tcp_flags(packet) & TCP_ACK ? "." : "", tcp_seq(packet), tcp_ack(packet),
		packet_payload_len(packet), tcp_window(packet));
	while (mptcp_next(packet, &at, &option)) {
		fprintf(stderr, " %s/%u", mptcp_subtype_name(option.subtype), option.length);
		if (option.subtype == MP_DSS && option.dss.has_ack)
			fprintf(stderr, " a%llx", (unsigned long long)option.dss.ack);
		if (option.subtype == MP_DSS && option.dss.has_mapping)
			fprintf(stderr, " m%llx:%u+%u%s", (unsigned long long)option.dss.dsn,
				option.dss.ssn, option.dss.length, option.dss.data_fin ? "F" : "");
		if (option.subtype == MP_TCPRST)
			fprintf(stderr, " reason %u%s", option.tcprst.reason,
				option.tcprst.transient ? "T" : "");
	}
	fputc('\n', stderr);
}

static inline void pipe_dump(const struct pipe *pipe, const struct packet *packet)
{
	uint32_t i;

	fprintf(pipe->dump, "%llu ", (unsigned long long)pipe->now);
	for (i = 0; i < packet->length; i++)
		fprintf(pipe->dump, "%02x", packet_data(packet)[i]);
	fputc('\n', pipe->dump);
}

/* Put a copy into the path, after a delay. */
static inline void pipe_send(struct pipe *pipe, const struct packet *packet, unsigned int path)
{
	struct packet *copy = packet_clone(packet), **at = &pipe->queue[!pipe->sender];
	nsec_t jitter = pipe->jitter > 0 ? rng_below(&pipe->rng, pipe->jitter) : 0;

	copy->at = pipe->now + pipe->delay + jitter + (path ? pipe->delay_path1 : 0);
	while (*at != NULL && (*at)->at <= copy->at)
		at = &(*at)->next;
	copy->next = *at;
	*at = copy;
}

static inline void pipe_take(struct pipe *pipe, struct packet *packet, enum pipe_side from)
{
	struct sockname src, dst;
	enum pipe_verdict verdict = PIPE_PASS;
	unsigned int path;

	packet_socknames(packet, &src, &dst);
	path = addr_equal(from == CLIENT ? &src.addr : &dst.addr, &pipe_second.addr);
	pipe->packets[from][path]++;
	pipe->sender = from;
	if (pipe->hook != NULL)
		verdict = pipe->hook(pipe, packet, from, path);
	if (verdict == PIPE_PASS && pipe->loss > 0 && rng_chance(&pipe->rng, pipe->loss, 1000))
		verdict = PIPE_DROP;
	if (verdict == PIPE_PASS && rng_chance(&pipe->rng, pipe->duplicate, 1000))
		verdict = PIPE_TWICE;
	if (pipe->trace)
		pipe_show(pipe, packet, from, path, verdict == PIPE_DROP ? "DROP" : "    ");
	if (pipe->dump != NULL)
		pipe_dump(pipe, packet);
	if (verdict == PIPE_DROP)
		return;
	pipe_send(pipe, packet, path);
	if (verdict == PIPE_TWICE)
		pipe_send(pipe, packet, path);
}

static inline void pipe_app_run(struct pipe *pipe, enum pipe_side side)
{
	struct pipe_app *app = &pipe->app[side];
	uint8_t buffer[4096];
	size_t i, length;

	if (app->conn == NULL && side == SERVER)
		app->conn = endpoint_accept(pipe->endpoint[SERVER]);
	if (app->conn == NULL)
		return;
	while (pipe->now >= app->read_from &&
		(length = conn_read(app->conn, buffer, sizeof(buffer))) > 0)
		for (i = 0; i < length; i++)
			if (buffer[i] != pipe_byte(!side, app->read++))
				app->corrupt = true;
	while (app->written < app->to_write) {
		length = app->to_write - app->written;
		if (length > sizeof(buffer))
			length = sizeof(buffer);
		for (i = 0; i < length; i++)
			buffer[i] = pipe_byte(side, app->written + i);
		length = conn_write(app->conn, buffer, length);
		if (length == 0)
			break;
		app->written += length;
	}
	if (app->written == app->to_write && !app->shut && !app->hold_open) {
		conn_shutdown(app->conn);
		app->shut = true;
	}
}

/* Run until nothing is left to do, or until a moment. */
static inline void pipe_run(struct pipe *pipe, nsec_t until)
{
	struct packet *packet = packet_new(PACKET_SMALL), *arrived;
	int side;

	for (;;) {
		nsec_t next = NSEC_NEVER;

		for (side = 0; side < 2; side++) {
			pipe_app_run(pipe, side);
			while (endpoint_output(pipe->endpoint[side], packet, pipe->now)) {
				CHECK(packet_parse(packet) == PACKET_TCP);
				pipe_take(pipe, packet, side);
			}
			CHECK(endpoint_deadline(pipe->endpoint[side]) > pipe->now);
			next = nsec_min(next, endpoint_deadline(pipe->endpoint[side]));
		}
		for (side = 0; side < 2; side++)
			if (pipe->queue[side] != NULL)
				next = nsec_min(next, pipe->queue[side]->at);
		if (next > until)
			break;
		pipe->now = next;
		for (side = 0; side < 2; side++)
			while ((arrived = pipe->queue[side]) != NULL && arrived->at <= pipe->now) {
				pipe->queue[side] = arrived->next;
				endpoint_input(pipe->endpoint[side], arrived, pipe->now);
				packet_free(arrived);
			}
	}
	pipe->now = until;
	packet_free(packet);
}

static inline struct conn_info pipe_info(const struct pipe *pipe, enum pipe_side side)
{
	static const struct conn_info none;
	struct conn_info info = none;

	if (pipe->app[side].conn != NULL)
		conn_info(pipe->app[side].conn, &info);
	return info;
}

/* Everything written arrived, both ends closed cleanly. */
static inline bool pipe_is_clean(const struct pipe *pipe)
{
	bool ok = true;
	int side;

	for (side = 0; side < 2; side++) {
		struct conn_info info = pipe_info(pipe, side);

		ok = ok && info.state == CONN_CLOSED && info.end == END_CLEAN && info.peer_closed &&
			pipe->app[side].read == pipe->app[!side].to_write &&
			!pipe->app[side].corrupt;
	}
	if (!ok)
		for (side = 0; side < 2; side++) {
			struct conn_info info = pipe_info(pipe, side);

			fprintf(stderr,
				"  %s: state %d end %d mode %d %s; wrote %llu of %llu, "
				"read %llu%s%s\n",
				side ? "server" : "client", info.state, info.end, info.mode,
				fallback_text(info.fallback), (unsigned long long)info.written,
				(unsigned long long)pipe->app[side].to_write,
				(unsigned long long)pipe->app[side].read,
				info.peer_closed ? ", end" : "",
				pipe->app[side].corrupt ? ", CORRUPT" : "");
		}
	return ok;
}

/* Both ends open and quiet after a first exchange. */
static inline void pipe_quiet(struct pipe *pipe)
{
	pipe->app[CLIENT].to_write = pipe->app[SERVER].to_write = 3000;
	pipe->app[CLIENT].hold_open = pipe->app[SERVER].hold_open = true;
	pipe_run(pipe, 2 * NSEC_PER_SEC);
}

/* More bytes both ways, up to so many, a clean end, and nothing that is still waited for. */
static inline void pipe_finish(struct pipe *pipe, uint64_t bytes)
{
	pipe->app[CLIENT].to_write = pipe->app[SERVER].to_write = bytes;
	pipe->app[CLIENT].hold_open = pipe->app[SERVER].hold_open = false;
	pipe_run(pipe, pipe->now + 30 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(pipe));
	CHECK_U64(endpoint_deadline(pipe->endpoint[CLIENT]), NSEC_NEVER);
	CHECK_U64(endpoint_deadline(pipe->endpoint[SERVER]), NSEC_NEVER);
	pipe_fini(pipe);
}

/* Default configuration of one version. */
static inline struct endpoint_config pipe_config(unsigned int speaks, bool checksum)
{
	struct endpoint_config config;

	endpoint_config_default(&config);
	config.speaks = speaks;
	config.checksum = checksum;
	return config;
}

/* ---- edits ---- */

enum { ALL_SUBTYPES = 0xffff };

/* Remove the MPTCP options whose subtype is in a set; true when there was one. */
static inline bool strip_mptcp(struct packet *packet, unsigned int subtypes)
{
	struct tcpopt at = { 0 };
	bool found = false;

	while (tcpopt_next(packet, &at)) {
		if (at.kind != TCPOPT_MPTCP || at.length < 3 ||
			!(subtypes & 1u << (tcpopt_bytes(packet, &at)[2] >> 4)))
			continue;
		tcpopt_remove(packet, &at, REMOVE_GAP);
		at = (struct tcpopt){ 0 };
		found = true;
	}
	packet_finish(packet);
	packet_parse(packet);
	return found;
}

/* Change one MPTCP option of a packet through its decoded form; false when there is none. */
static inline bool edit_mptcp(struct packet *packet, enum mptcp_subtype subtype,
	void (*edit)(struct mptcp_opt *option))
{
	uint8_t bytes[TCPOPT_SPACE];
	struct mptcp_opt option;
	struct tcpopt at;
	uint32_t length;

	if (!mptcp_find(packet, subtype, &option, &at))
		return false;
	edit(&option);
	length = mptcp_emit(&option, bytes);
	CHECK(tcpopt_replace(packet, &at, bytes, length));
	packet_finish(packet);
	packet_parse(packet);
	return true;
}

/* Flip a payload byte and keep the TCP checksum right. */
static inline void flip_payload(struct packet *packet, uint32_t offset)
{
	uint8_t byte = packet_payload(packet)[offset] ^ 0x55;

	packet_write(packet, packet->payload + offset, &byte, 1);
	packet_finish(packet);
}

/* Make a packet a bare RST with its sequence number. */
static inline void become_reset(struct packet *packet)
{
	struct tcp_header header = { .seq = tcp_seq(packet), .flags = TCP_RST };

	packet_socknames(packet, &header.src, &header.dst);
	packet_init_tcp(packet, &header);
	packet_finish(packet);
	packet_parse(packet);
}

/* Make it the FIN of a host that closes but a subflow: with a DSS that says nothing of an end. */
static inline void become_subflow_fin(struct packet *packet)
{
	struct tcp_header header = { .seq = tcp_seq(packet),
		.ack = tcp_ack(packet),
		.flags = TCP_FIN | TCP_ACK };
	struct mptcp_opt option = { .subtype = MP_DSS, .dss = { .has_ack = true } };
	uint8_t bytes[TCPOPT_SPACE];

	packet_socknames(packet, &header.src, &header.dst);
	packet_init_tcp(packet, &header);
	tcpopt_append(packet, bytes, mptcp_emit(&option, bytes));
	packet_finish(packet);
	packet_parse(packet);
}

static inline bool is_syn(const struct packet *packet)
{
	return (tcp_flags(packet) & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static inline bool is_synack(const struct packet *packet)
{
	return (tcp_flags(packet) & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
}

static inline bool has_mptcp(const struct packet *packet)
{
	struct tcpopt at = { 0 };
	struct mptcp_opt option;

	return mptcp_next(packet, &at, &option);
}

#endif
