/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/serve.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/header_log.h"
#include "probe/endpoint/key.h"

#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 16384,
	REQUEST_BYTES = sizeof(SERVE_REQUEST) - 1,
	ANSWER_BYTES = 65536,
	ENDED_MOST = 1024, /* that nobody asked for yet */
};

enum client_kind {
	KIND_UNKNOWN, /* its first bytes are still to come */
	KIND_ECHO,
	KIND_HEADERS,
};

struct client {
	struct client *next;
	struct conn *conn;
	enum client_kind kind;
	char prefix[REQUEST_BYTES];
	size_t prefix_length;
	char *answer; /* headers, or what was read and could not be written yet */
	size_t answer_first, answer_end;
	uint64_t received, answered;
	nsec_t moved_at;
	bool shut;
};

struct serve {
	struct serve_config config;
	struct header_log *log;
	struct client *clients;
	unsigned int client_count;
	struct ended {
		struct ended *next;
		struct served served;
	} * ended, *ended_last;
	unsigned int ended_count;
	bool stopping;
};

struct serve *serve_new(const struct serve_config *config)
{
	struct serve *serve = xcalloc(1, sizeof(*serve));

	serve->config = *config;
	serve->log = header_log_new(SERVE_HEADERS, key_random());
	return serve;
}

static void client_free(struct client *client)
{
	free(client->answer);
	free(client);
}

void serve_free(struct serve *serve)
{
	struct client *client, *next;
	struct ended *ended, *after;

	if (serve == NULL)
		return;
	for (client = serve->clients; client != NULL; client = next) {
		next = client->next;
		client_free(client);
	}
	for (ended = serve->ended; ended != NULL; ended = after) {
		after = ended->next;
		free(ended);
	}
	header_log_free(serve->log);
	free(serve);
}

/* ---- one client ---- */

/* The first bytes tell an echo from a request. */
static void look_at(struct client *client, const char *bytes, size_t length)
{
	size_t take = REQUEST_BYTES - client->prefix_length;

	if (client->kind != KIND_UNKNOWN)
		return;
	take = take < length ? take : length;
	memcpy(client->prefix + client->prefix_length, bytes, take);
	client->prefix_length += take;
	if (memcmp(client->prefix, SERVE_REQUEST, client->prefix_length) != 0)
		client->kind = KIND_ECHO;
	else if (client->prefix_length == REQUEST_BYTES)
		client->kind = KIND_HEADERS;
}

static void make_answer(const struct serve *serve, struct client *client)
{
	size_t room = client->received < ANSWER_BYTES ? (size_t)client->received : ANSWER_BYTES;
	struct conn_info info;
	unsigned int i;

	conn_info(client->conn, &info);
	memcpy(client->answer, SERVE_REQUEST, REQUEST_BYTES);
	client->answer_first = 0;
	client->answer_end = REQUEST_BYTES;
	for (i = 0; i < info.subflow_count; i++)
		client->answer_end += header_log_write(serve->log, &info.subflows[i].local,
			&info.subflows[i].remote, client->answer + client->answer_end,
			room - client->answer_end);
}

static void write_answer(struct client *client, nsec_t now)
{
	size_t written = conn_write(client->conn, client->answer + client->answer_first,
		client->answer_end - client->answer_first);

	client->answer_first += written;
	client->answered += written;
	if (written > 0)
		client->moved_at = now;
}

/* What arrived, and what goes back; nothing is read while something waits to be written. */
static void client_work(const struct serve *serve, struct client *client, nsec_t now)
{
	size_t got;

	for (;;) {
		if (client->kind != KIND_HEADERS)
			write_answer(client, now);
		if (client->kind != KIND_HEADERS && client->answer_first < client->answer_end)
			return;
		got = conn_read(client->conn, client->answer, CHUNK);
		if (got == 0)
			break;
		client->moved_at = now;
		client->received += got;
		look_at(client, client->answer, got);
		client->answer_first = 0;
		client->answer_end = client->kind == KIND_HEADERS ? 0 : got;
	}
	if (!conn_peer_closed(client->conn) || client->shut)
		return;
	if (client->kind == KIND_HEADERS && client->answered == 0) {
		if (client->answer_end == 0)
			make_answer(serve, client);
	}
	if (client->kind == KIND_HEADERS)
		write_answer(client, now);
	if (client->answer_first < client->answer_end)
		return;
	conn_shutdown(client->conn);
	client->shut = true;
}

static void note_ended(struct serve *serve, const struct client *client)
{
	struct ended *ended;

	if (serve->ended_count == ENDED_MOST)
		return;
	ended = xcalloc(1, sizeof(*ended));
	conn_info(client->conn, &ended->served.info);
	ended->served.received = client->received;
	ended->served.answered = client->answered;
	ended->served.was_headers = client->kind == KIND_HEADERS;
	if (serve->ended == NULL)
		serve->ended = ended;
	else
		serve->ended_last->next = ended;
	serve->ended_last = ended;
	serve->ended_count++;
}

/* ---- all of them ---- */

static void accept_all(struct serve *serve, nsec_t now)
{
	struct conn *conn;

	while ((conn = endpoint_accept(serve->config.endpoint)) != NULL) {
		struct client *client;

		if (serve->stopping || serve->client_count >= serve->config.connections_most) {
			conn_abort(conn);
			conn_release(conn);
			continue;
		}
		client = xcalloc(1, sizeof(*client));
		client->conn = conn;
		client->answer = xmalloc(ANSWER_BYTES);
		client->moved_at = now;
		client->next = serve->clients;
		serve->clients = client;
		serve->client_count++;
	}
}

static void step(struct serve *serve, nsec_t now)
{
	struct client **at = &serve->clients, *client;

	accept_all(serve, now);
	while ((client = *at) != NULL) {
		client_work(serve, client, now);
		if (conn_state(client->conn) != CONN_CLOSED &&
			now >= client->moved_at + serve->config.idle) {
			conn_abort(client->conn);
			client->moved_at = now;
		}
		if (conn_state(client->conn) != CONN_CLOSED) {
			at = &client->next;
			continue;
		}
		note_ended(serve, client);
		conn_release(client->conn);
		*at = client->next;
		serve->client_count--;
		client_free(client);
	}
}

static void serve_input(void *self, const struct packet *packet, nsec_t now)
{
	struct serve *serve = self;

	header_log_note(serve->log, packet, false);
	endpoint_input(serve->config.endpoint, packet, now);
}

static bool serve_output(void *self, struct packet *packet, nsec_t now)
{
	struct serve *serve = self;

	step(serve, now);
	if (!endpoint_output(serve->config.endpoint, packet, now))
		return false;
	header_log_note(serve->log, packet, true);
	return true;
}

static nsec_t serve_deadline(const void *self)
{
	const struct serve *serve = self;
	nsec_t deadline = endpoint_deadline(serve->config.endpoint);
	const struct client *client;

	for (client = serve->clients; client != NULL; client = client->next)
		deadline = nsec_min(deadline, client->moved_at + serve->config.idle);
	return deadline;
}

struct machine serve_machine(struct serve *serve)
{
	static const struct machine_ops ops = { serve_input, serve_output, serve_deadline };

	return (struct machine){ &ops, serve };
}

bool serve_ended(struct serve *serve, struct served *served)
{
	struct ended *ended = serve->ended;

	if (ended == NULL)
		return false;
	*served = ended->served;
	serve->ended = ended->next;
	serve->ended_count--;
	free(ended);
	return true;
}

void serve_stop(struct serve *serve)
{
	struct client *client;

	serve->stopping = true;
	for (client = serve->clients; client != NULL; client = client->next)
		conn_abort(client->conn);
}

unsigned int serve_open(const struct serve *serve)
{
	return serve->client_count;
}
