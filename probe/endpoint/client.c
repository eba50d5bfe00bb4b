/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/client.h"

#include "probe/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	FIRST_BYTES = 512, /* that go alone */
	CHUNK = 16384,
	JOIN_WAIT_MS = 3000,
	FINISH_S = 2, /* for the peer to end, when nothing more is wanted of it */
};

enum phase_of_client {
	TALK_OPENING,
	TALK_FIRST,   /* until further subflows are allowed */
	TALK_JOINING, /* until they are open, refused, or taking too long */
	TALK_REST,
};

struct client {
	struct client_config config;
	struct conn *conn;
	enum phase_of_client phase;
	uint64_t sent, received;
	nsec_t moved_at, until;
	bool shut, stop_wanted;
	unsigned int joins_asked;
	struct err refusal;
	uint8_t bytes[CHUNK];
};

struct client *client_new(const struct client_config *config, struct err *err)
{
	struct conn *conn =
		endpoint_connect(config->endpoint, &config->local, &config->remote, 0, err);
	struct client *client;

	if (conn == NULL)
		return NULL;
	client = xcalloc(1, sizeof(*client));
	client->config = *config;
	client->conn = conn;
	return client;
}

void client_free(struct client *client)
{
	free(client);
}

static void read_all(struct client *client, nsec_t now)
{
	const struct client_stream *stream = &client->config.stream;
	size_t got;

	while ((got = conn_read(client->conn, client->bytes, sizeof(client->bytes))) > 0) {
		if (stream->take != NULL)
			stream->take(stream->self, client->received, client->bytes, got);
		client->received += got;
		client->moved_at = now;
	}
}

/* Write the stream out up to an offset, as far as there is room. */
static void write_up_to(struct client *client, uint64_t end, nsec_t now)
{
	const struct client_stream *stream = &client->config.stream;

	if (end > stream->length)
		end = stream->length;
	while (client->sent < end) {
		size_t room = conn_writable(client->conn), length = sizeof(client->bytes);

		length = end - client->sent < length ? (size_t)(end - client->sent) : length;
		length = room < length ? room : length;
		if (length == 0)
			break;
		stream->fill(stream->self, client->sent, client->bytes, length);
		client->sent += conn_write(client->conn, client->bytes, length);
		client->moved_at = now;
	}
}

static void join_all(struct client *client, nsec_t now)
{
	const struct client_config *config = &client->config;
	unsigned int i;

	for (i = 0; i < config->join_count; i++) {
		if (!conn_join(client->conn, &config->joins[i], &config->remote, now,
			    &client->refusal))
			break;
		client->joins_asked++;
	}
	client->until = now + JOIN_WAIT_MS * NSEC_PER_MS;
	client->phase = TALK_JOINING;
}

static bool joins_are_settled(const struct conn_info *info)
{
	unsigned int i;

	for (i = 0; i < info->subflow_count; i++)
		if (info->subflows[i].state == SUBFLOW_OPENING)
			return false;
	return true;
}

/* Whether further subflows are wanted, allowed, or out of the question. */
static void consider_joins(struct client *client, nsec_t now)
{
	struct conn_info info;

	if (client->config.join_count == 0) {
		client->phase = TALK_REST;
		return;
	}
	conn_info(client->conn, &info);
	if (client->phase == TALK_FIRST) {
		if (info.mode == MODE_TCP || info.mode == MODE_INFINITE) {
			err_set(&client->refusal, "the connection is plain TCP");
			client->phase = TALK_REST;
		} else if (info.fully_established) {
			join_all(client, now);
		} else if (now >= client->until) {
			err_set(&client->refusal, "the first data was never acknowledged");
			client->phase = TALK_REST;
		}
	} else if (joins_are_settled(&info) || now >= client->until) {
		client->phase = TALK_REST;
	}
}

static void end_stream(struct client *client)
{
	if (client->shut || client->sent < client->config.stream.length ||
		(client->config.peer_ends_first && !conn_peer_closed(client->conn)))
		return;
	conn_shutdown(client->conn);
	client->shut = true;
}

static void step(struct client *client, nsec_t now)
{
	enum conn_state state = conn_state(client->conn);

	if (state == CONN_CLOSED)
		return;
	if (client->stop_wanted ||
		(client->phase != TALK_OPENING &&
			now >= client->moved_at + client->config.patience)) {
		conn_abort(client->conn);
		client->stop_wanted = false;
		client->moved_at = now;
		return;
	}
	if (state == CONN_OPENING)
		return;
	if (client->phase == TALK_OPENING) {
		client->phase = TALK_FIRST;
		client->moved_at = now;
		client->until = now + JOIN_WAIT_MS * NSEC_PER_MS;
	}
	read_all(client, now);
	if (client->phase == TALK_FIRST)
		write_up_to(client, FIRST_BYTES, now);
	if (client->phase == TALK_FIRST || client->phase == TALK_JOINING)
		consider_joins(client, now);
	if (client->phase == TALK_REST) {
		write_up_to(client, client->config.stream.length, now);
		end_stream(client);
	}
}

static void client_input(void *self, const struct packet *packet, nsec_t now)
{
	struct client *client = self;

	endpoint_input(client->config.endpoint, packet, now);
}

static bool client_output(void *self, struct packet *packet, nsec_t now)
{
	struct client *client = self;

	step(client, now);
	return endpoint_output(client->config.endpoint, packet, now);
}

static nsec_t client_deadline(const void *self)
{
	const struct client *client = self;
	nsec_t deadline = endpoint_deadline(client->config.endpoint);

	if (conn_state(client->conn) == CONN_CLOSED || client->phase == TALK_OPENING)
		return deadline;
	deadline = nsec_min(deadline, client->moved_at + client->config.patience);
	return client->phase == TALK_REST ? deadline : nsec_min(deadline, client->until);
}

struct machine client_machine(struct client *client)
{
	static const struct machine_ops ops = { client_input, client_output, client_deadline };

	return (struct machine){ &ops, client };
}

bool client_done(const struct client *client)
{
	return conn_state(client->conn) == CONN_CLOSED;
}

void client_finish(struct client *client)
{
	client->config.peer_ends_first = false;
	if (client->config.patience > FINISH_S * NSEC_PER_SEC)
		client->config.patience = FINISH_S * NSEC_PER_SEC;
}

void client_stop(struct client *client)
{
	client->stop_wanted = true;
}

void client_result(const struct client *client, struct client_result *result)
{
	conn_info(client->conn, &result->info);
	result->sent = client->sent;
	result->received = client->received;
	result->joins_asked = client->joins_asked;
	snprintf(result->join_refusal, sizeof(result->join_refusal), "%s", client->refusal.text);
}
