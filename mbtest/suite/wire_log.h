/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire_log.h - what went over a live network, told by the packets at its two ends as they pass:
 * each flow with its volume, and of each TCP connection which protocol it used. Memory grows with
 * the number of flows, not of packets: kept are the first packets of each flow and those that are
 * unlike all before; from these a view (probe/analyze/view.h) rebuilds the connections.
 */
#ifndef MBTEST_SUITE_WIRE_LOG_H
#define MBTEST_SUITE_WIRE_LOG_H

#include "mbtest/dir.h"
#include "probe/base/nsec.h"
#include "probe/wire/capture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_flow;

struct wire_log {
	struct capture kept;     /* at the client's tap */
	struct wire_flow *flows; /* a hash table */
	size_t flow_count;
	uint64_t left_out;   /* packets of flows that found no room */
	bool is_translated;  /* packets arrived at the server under names the client never used */
	uint64_t sent[ENDS]; /* packets that this end's host sent, ... */
	uint64_t arrived[ENDS]; /* ... and that it received */
	nsec_t last;            /* when the last one passed */
};

void wire_log_init(struct wire_log *log);
void wire_log_fini(struct wire_log *log);

/* A packet at the tap of an end; its time is packet->at. */
void wire_log_add(struct wire_log *log, enum end end, const struct packet *packet, bool outgoing);

enum wire_kind {
	WIRE_MPTCP,
	WIRE_FALLBACK, /* began as Multipath TCP, went on as TCP */
	WIRE_TCP,
	WIRE_REFUSED, /* a reset instead of a SYN/ACK */
	WIRE_UNANSWERED,
	WIRE_UDP,
	WIRE_ICMP,
	WIRE_OTHER,
};

/* "mptcp", "fallback", ... */
const char *wire_kind_text(enum wire_kind kind);

/* A connection, or a flow that is none. In direction TO_SERVER the client sends. */
struct wire_connection {
	struct sockname client, server;
	enum wire_kind kind;
	uint8_t version;       /* of MPTCP */
	unsigned int subflows; /* of MPTCP */
	const char *why;       /* of a fall-back, or of TCP where more was asked; "" */
	uint64_t packets[DIRS], bytes[DIRS]; /* at the client; bytes of payload */
	uint64_t arrived; /* packets of the client at the server under the names they left with */
	bool is_renamed;  /* none did, but others arrived that may be these: a translator's */
};

/* All of them, TCP first, in the order they began; to be freed. */
size_t wire_log_connections(const struct wire_log *log, struct wire_connection **connections);

#endif
