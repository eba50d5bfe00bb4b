/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * established.h - the prober of a live connection: an endpoint's machine with traces put between it
 * and the network. The connection goes its own way, but for one data segment that is withheld while
 * copies of it are sent with one TTL after the other; then it goes out itself, and copies of its
 * ACK alone follow; and then the connection is closed.
 *
 * Nothing that is sent can hurt: a copy that reaches the peer carries the first bytes of the
 * segment, with the mapping that they have, and acknowledges what was received. Copies differ in
 * their length and ACKs in their sequence number, which counts back into what was delivered before
 * (trace.h). How far the peer is, what it acknowledges tells. Every later kind of segment goes no
 * farther than the last router.
 *
 * When Multipath TCP did not survive the first data, the withheld segment is plain TCP. Then copies
 * of the first data come before those of ACKs, with the options that it had, and with a DSS of the
 * same meaning.
 *
 * The endpoint's clock stands still while its segment is withheld, so that it does not repeat it.
 */
#ifndef TRACEBOX_ESTABLISHED_H
#define TRACEBOX_ESTABLISHED_H

#include "probe/endpoint/endpoint.h"
#include "tracebox/trace.h"

enum {
	ESTABLISHED_PARTS = 4,     /* kinds of segments traced, at most */
	ESTABLISHED_NUMBERS = 350, /* (probes + retries) * (last_ttl + 1), at most */
};

struct established_config {
	/* Both borrowed. The connection is ours to open or accepted; nobody else writes to it. */
	struct endpoint *endpoint;
	struct conn *conn;
	struct sockname local, remote;
	struct trace_config trace;
	const uint8_t *stream; /* what is sent, established_stream_length bytes; borrowed */
	bool stays_open; /* it is the caller's again when all is traced, to go on and to end */
};

/* One kind of segment, traced. */
struct established_part {
	struct trace *trace;
	bool is_ack;         /* pure ACKs; else data segments */
	const char *segment; /* "data", "first-data" or "ack" */
};

struct established;

/* Bytes that a trace of this kind needs to send. */
size_t established_stream_length(const struct trace_config *trace);

struct established *established_new(const struct established_config *config);
void established_free(struct established *established);

/* A machine that stands in the place of the endpoint's. */
struct machine established_machine(struct established *established);

/* Whether the connection is over. */
bool established_done(const struct established *established);

/* Whether all is traced and arrived on a connection that stays open. */
bool established_rests(const struct established *established);

/* End it early: nothing more is traced, the connection is closed as always. */
void established_stop(struct established *established);

/* What was traced, in order; parts live as long as the machine. */
size_t established_parts(const struct established *established,
	const struct established_part **parts);

/* What became of the connection; mode and fallback are those before it was closed. */
void established_info(const struct established *established, struct conn_info *info);

#endif
