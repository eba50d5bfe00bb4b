/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - the application of a probe client: it opens one connection, adds subflows, sends a
 * stream, reads another, and ends. A machine around an endpoint's.
 *
 * The first bytes go alone: a further subflow may be opened once they are acknowledged (RFC 8684
 * 3.7, F8a). The rest waits a little for those subflows, so that it is spread over all of them.
 */
#ifndef PROBE_ENDPOINT_CLIENT_H
#define PROBE_ENDPOINT_CLIENT_H

#include "probe/endpoint/endpoint.h"

enum { CLIENT_JOINS = 31 };

/* The stream out, as a function of its offset, and where the stream in goes. */
struct client_stream {
	uint64_t length;
	void (*fill)(void *self, uint64_t offset, uint8_t *bytes, size_t length);
	void (*take)(void *self, uint64_t offset, const uint8_t *bytes, size_t length);
	void *self;
};

struct client_config {
	struct endpoint *endpoint; /* borrowed */
	struct sockname local, remote;
	struct sockname joins[CLIENT_JOINS]; /* local ends of further subflows */
	unsigned int join_count;
	struct client_stream stream;
	bool peer_ends_first; /* do not end our stream before the peer's: an answer is to come */
	nsec_t patience;      /* without any progress; then the connection is aborted */
};

struct client;

/* The connection begins with the first output; false with a sentence. */
struct client *client_new(const struct client_config *config, struct err *err);
void client_free(struct client *client);

struct machine client_machine(struct client *client);

bool client_done(const struct client *client);

/* All that was wanted has come: end it, whether the peer does or not. */
void client_finish(struct client *client);

/* End it at once. */
void client_stop(struct client *client);

struct client_result {
	struct conn_info info; /* when it ended */
	uint64_t sent, received;
	unsigned int joins_asked;
	char join_refusal[160]; /* why the endpoint asked for no more; "": it asked for all */
};

void client_result(const struct client *client, struct client_result *result);

#endif
