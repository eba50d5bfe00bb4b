/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve.h - the application of a probe server: it answers every connection with the bytes it got,
 * or, when they begin with SERVE_REQUEST, with the headers of the packets that it saw. A machine
 * around an endpoint's.
 *
 * It is no reflector: an answer goes only to who has completed a handshake, and is never longer
 * than what was received from them. So a header request is as long as the answer it wants; the
 * answer is SERVE_REQUEST, then a line a packet, "received" or "sent" and the bytes of its IP and
 * TCP headers in hexadecimal, in order; whole lines, as many as fit, once the request has ended.
 */
#ifndef PROBE_ENDPOINT_SERVE_H
#define PROBE_ENDPOINT_SERVE_H

#include "probe/endpoint/endpoint.h"

#define SERVE_REQUEST "mbkit-headers/1\n"

enum { SERVE_HEADERS = 8 }; /* packets of a subflow whose headers are kept: the first */

struct serve;

enum { SERVE_LINE = 128 }; /* the first line of a request, at most */

/*
 * Who takes connections over: those whose first line begins with its word. Such a connection goes
 * on at an endpoint of its own, in the hands of a machine that is around it.
 */
struct serve_guest {
	const char *word;
	void *self;
	/* line, without its end, is the guest's until it returns; endpoint and conn until end. */
	struct machine (*begin)(void *self, struct endpoint *endpoint, struct conn *conn,
		const char *line, nsec_t now);
	void (*end)(void *machine_self);
};

struct serve_config {
	struct endpoint *endpoint; /* listening; borrowed */
	unsigned int connections_most;
	nsec_t idle; /* a connection on which nothing moves for so long is aborted */
	const struct serve_guest *guest; /* borrowed; NULL: there is none */
};

struct serve *serve_new(const struct serve_config *config);
void serve_free(struct serve *serve);

struct machine serve_machine(struct serve *serve);

/* What a connection came to that has ended. */
struct served {
	struct conn_info info;
	uint64_t received, answered;
	enum { SERVED_ECHO, SERVED_HEADERS, SERVED_GUEST } what;
};

/* The next one that has ended, once each; false when there is none. */
bool serve_ended(struct serve *serve, struct served *served);

/* No more connections: those that there are end. */
void serve_stop(struct serve *serve);

/* Connections that are open. */
unsigned int serve_open(const struct serve *serve);

#endif
