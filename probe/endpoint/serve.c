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
	GUEST_S = 60,      /* the longest that a guest has a connection */
};

enum client_kind {
	KIND_UNKNOWN, /* its first bytes are still to come */
	KIND_ECHO,
	KIND_HEADERS,
	KIND_LINE, /* a guest's word, and the line is not complete yet */
	KIND_GUEST,
};

struct client {
	struct client *next;
	struct conn *conn;
	enum client_kind kind;
	char prefix[SERVE_LINE];
	size_t prefix_length;
	char *answer; /* headers, or what was read and could not be written yet */
	size_t answer_first, answer_end;
	uint64_t received, answered;
	nsec_t moved_at;
	bool shut;
	/* a guest's */
	struct endpoint *endpoint; /* its own; NULL: it is ours */
	struct machine machine;
	struct sockname local, remote;
	bool is_told; /* as ended */
};

struct serve {
	struct serve_config config;
	struct header_log *log;
	struct client *clients;
	unsigned int client_count, guest_count;
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

static void client_free(const struct serve *serve, struct client *client)
{
	if (client->endpoint != NULL)
		serve->config.guest->end(client->machine.self);
	endpoint_free(client->endpoint);
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
		client_free(serve, client);
	}
	for (ended = serve->ended; ended != NULL; ended = after) {
		after = ended->next;
		free(ended);
	}
	header_log_free(serve->log);
	free(serve);
}

/* ---- one client ---- */

/* Whether what has come begins a word, as far as both go. */
static bool may_begin(const struct client *client, const char *word)
{
	size_t length = strlen(word);

	return memcmp(client->prefix, word,
		       client->prefix_length < length ? client->prefix_length : length) == 0;
}

static enum client_kind kind_of(const struct serve *serve, const struct client *client)
{
	const struct serve_guest *guest = serve->config.guest;

	if (may_begin(client, SERVE_REQUEST))
		return client->prefix_length >= REQUEST_BYTES ? KIND_HEADERS : KIND_UNKNOWN;
	if (guest == NULL || !may_begin(client, guest->word) ||
		client->prefix_length == sizeof(client->prefix))
		return KIND_ECHO;
	return client->prefix_length >= strlen(guest->word) ? KIND_LINE : KIND_UNKNOWN;
}

/* The first bytes tell an echo from a request. */
static void look_at(const struct serve *serve, struct client *client, const char *bytes,
	size_t length)
{
	for (; length > 0 && (client->kind == KIND_UNKNOWN || client->kind == KIND_LINE);
		bytes++, length--) {
		client->prefix[client->prefix_length++] = *bytes;
		client->kind = kind_of(serve, client);
		if (client->kind == KIND_LINE && *bytes == '\n')
			client->kind = KIND_GUEST;
	}
}

/* From here on the guest reads and writes; what came behind its line is not looked at. */
static void hand_over(struct serve *serve, struct client *client, nsec_t now)
{
	const struct serve_guest *guest = serve->config.guest;
	struct conn_info info;

	conn_info(client->conn, &info);
	client->local = info.subflows[0].local;
	client->remote = info.subflows[0].remote;
	client->prefix[client->prefix_length - 1] = '\0';
	client->endpoint = endpoint_detach(client->conn);
	client->machine =
		guest->begin(guest->self, client->endpoint, client->conn, client->prefix, now);
	client->moved_at = now;
	serve->guest_count++;
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
static void client_work(struct serve *serve, struct client *client, nsec_t now)
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
		look_at(serve, client, client->answer, got);
		if (client->kind == KIND_GUEST) {
			hand_over(serve, client, now);
			return;
		}
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

static void note_ended(struct serve *serve, struct client *client)
{
	struct ended *ended;

	if (serve->ended_count == ENDED_MOST || client->is_told)
		return;
	client->is_told = true;
	ended = xcalloc(1, sizeof(*ended));
	conn_info(client->conn, &ended->served.info);
	ended->served.received = client->received;
	ended->served.what = client->kind == KIND_HEADERS ? SERVED_HEADERS
		: client->kind == KIND_GUEST              ? SERVED_GUEST
							  : SERVED_ECHO;
	ended->served.answered =
		client->kind == KIND_GUEST ? ended->served.info.written : client->answered;
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

/* When it is aborted, unless something moves before. */
static nsec_t client_deadline(const struct serve *serve, const struct client *client)
{
	return client->moved_at +
		(client->endpoint == NULL ? serve->config.idle : GUEST_S * NSEC_PER_SEC);
}

/* Nothing more is to be done for it: it is forgotten. A guest's lasts through TIME-WAIT. */
static bool is_over(const struct client *client)
{
	return conn_state(client->conn) == CONN_CLOSED &&
		(client->endpoint == NULL || endpoint_deadline(client->endpoint) == NSEC_NEVER);
}

static void forget(struct serve *serve, struct client *client)
{
	if (client->endpoint == NULL)
		conn_release(client->conn);
	else
		serve->guest_count--;
	serve->client_count--;
	client_free(serve, client);
}

static void step(struct serve *serve, nsec_t now)
{
	struct client **at = &serve->clients, *client;

	accept_all(serve, now);
	while ((client = *at) != NULL) {
		if (client->endpoint == NULL)
			client_work(serve, client, now);
		if (conn_state(client->conn) != CONN_CLOSED &&
			now >= client_deadline(serve, client)) {
			conn_abort(client->conn);
			client->moved_at = now;
		}
		if (conn_state(client->conn) == CONN_CLOSED)
			note_ended(serve, client);
		if (!is_over(client)) {
			at = &client->next;
			continue;
		}
		*at = client->next;
		forget(serve, client);
	}
}

/* ---- guests ---- */

static bool is_for(const struct client *client, const struct sockname *local,
	const struct sockname *remote)
{
	return client->endpoint != NULL && sockname_equal(&client->local, local) &&
		sockname_equal(&client->remote, remote);
}

/* Errors are for every guest: whose packet they quote, the guest knows. True when it was TCP. */
static bool guest_input(struct serve *serve, const struct packet *packet, nsec_t now)
{
	struct sockname local, remote;
	struct client *client;
	bool is_tcp = packet->form == PACKET_TCP;

	if (serve->guest_count == 0 || packet->form == PACKET_MALFORMED)
		return false;
	packet_socknames(packet, &remote, &local);
	for (client = serve->clients; client != NULL; client = client->next) {
		if (client->endpoint == NULL || (is_tcp && !is_for(client, &local, &remote)))
			continue;
		client->machine.ops->input(client->machine.self, packet, now);
		if (is_tcp)
			return true;
	}
	return false;
}

static bool guest_output(struct serve *serve, struct packet *packet, nsec_t now)
{
	struct client *client;

	for (client = serve->clients; serve->guest_count > 0 && client != NULL;
		client = client->next)
		if (client->endpoint != NULL &&
			client->machine.ops->output(client->machine.self, packet, now))
			return true;
	return false;
}

static void serve_input(void *self, const struct packet *packet, nsec_t now)
{
	struct serve *serve = self;

	if (guest_input(serve, packet, now))
		return;
	header_log_note(serve->log, packet, false);
	endpoint_input(serve->config.endpoint, packet, now);
}

static bool serve_output(void *self, struct packet *packet, nsec_t now)
{
	struct serve *serve = self;

	step(serve, now);
	if (guest_output(serve, packet, now))
		return true;
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

	for (client = serve->clients; client != NULL; client = client->next) {
		if (!client->is_told)
			deadline = nsec_min(deadline, client_deadline(serve, client));
		if (client->endpoint != NULL)
			deadline = nsec_min(deadline,
				client->machine.ops->deadline(client->machine.self));
	}
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
	const struct client *client;
	unsigned int count = 0;

	for (client = serve->clients; client != NULL; client = client->next)
		count += !client->is_told;
	return count;
}
