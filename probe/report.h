/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - what a capture holds, for people and as mbkit.capture/1. A capture is written in two
 * parts, so that nothing of a connection is kept once it is told: its connections one by one to one
 * stream, and, when all are known, the whole around them to another.
 */
#ifndef PROBE_REPORT_H
#define PROBE_REPORT_H

#include "probe/analyze/history.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How many connections a server's port had. */
struct report_peer {
	struct sockname name;
	uint64_t connections, mptcp, fallback;
};

struct report_capture {
	const char *file;
	uint64_t packets;
	uint64_t connections, mptcp, fallback;
	struct report_peer *peers; /* the busiest first */
	size_t peer_count;
	bool colour;
};

/* A connection; packets: the numbers in the capture of the view's records, from 1. */
struct report_connection {
	const struct history *history;
	const uint64_t *packets;
	uint64_t number; /* of the connection in its capture, from 1 */
	bool colour;
};

struct report_format {
	void (*connection)(FILE *out, const struct report_connection *connection);
	/* The capture without connections, before them and behind. */
	void (*begin)(FILE *out, const struct report_capture *capture);
	void (*end)(FILE *out, const struct report_capture *capture);
};

extern const struct report_format capture_text, capture_json;

/* ---- one connection of our own, and what its peer did ---- */

struct report_visit {
	const char *target;
	struct sockname remote;
	const char *end; /* "closed by both sides", ... */
	uint64_t sent, received;
	bool is_echo; /* the answer is the question, as far as both go ... */
	bool echo_compared;
	const char *status; /* first line of an HTTP answer, or NULL */
	unsigned int joins_wanted, joins_asked;
	const char *join_refusal;                   /* "" when all were asked for */
	const struct report_connection *connection; /* as captured; NULL: not a packet */
};

void visit_text(FILE *out, const struct report_visit *visit);
void visit_json(FILE *out, const struct report_visit *visit);

/* ---- a server of our own ---- */

/* A connection that has ended. */
struct report_served {
	const struct sockname *client; /* NULL: of whom is not known any more */
	const char *fallback;          /* why it was plain TCP; NULL: it was not, and ... */
	uint8_t version;               /* ... this was spoken */
	bool checksum;
	unsigned int subflows;
	uint64_t received, answered;
	enum { REPORT_ECHO, REPORT_HEADERS, REPORT_TRACE } answer; /* what it was */
	bool clean;                                                /* closed, not broken off */
};

/* That a port is served, and what came. */
struct report_serve {
	void (*begin)(FILE *out, uint16_t port);
	void (*connection)(FILE *out, const struct report_served *served);
};

extern const struct report_serve report_serve_text, report_serve_json; /* mbkit.serve/1 */

/* What the SYN/ACK said to the SYN's MP_CAPABLE. */
struct report_answer {
	bool came, has_capable, mirrored;
	uint8_t version, flags;
};

struct report_answer report_answer(const struct history *history);

/* ---- what both formats say ---- */

/* Number in the capture of a fact's packet. */
uint64_t report_packet(const struct report_connection *connection, uint32_t fact);

/* "client" or "server". */
const char *report_side(const struct history *history, enum way way);

/* The initiator's name on the first subflow, and the responder's. */
const struct sockname *report_client(const struct history *history);
const struct sockname *report_server(const struct history *history);

#endif
