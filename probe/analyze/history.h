/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history.h - what became of one connection, as far as packets seen at one place tell: whether it
 * was Multipath TCP to its end, what took it back to plain TCP, how each subflow fared, which
 * addresses were announced. Without the applications' bytes a history cannot tell corrupt from
 * intact or stalled from slow.
 */
#ifndef PROBE_ANALYZE_HISTORY_H
#define PROBE_ANALYZE_HISTORY_H

#include "probe/analyze/view.h"

/* In the order in which they are looked for. */
enum history_outcome {
	HISTORY_REFUSED,        /* never opened */
	HISTORY_TCP,            /* plain from the start */
	HISTORY_INFINITE,       /* MP_FAIL or an infinite mapping, the rest as TCP */
	HISTORY_FALLBACK,       /* Multipath TCP at first, later none */
	HISTORY_RESET,          /* no subflow was left before both streams had ended */
	HISTORY_SUBFLOW_CLOSED, /* a subflow failed, the connection went on */
	HISTORY_MPTCP,
};

const char *history_outcome_text(enum history_outcome outcome);

/* Whether it was still Multipath TCP when it ended; whether it had gone back to TCP. */
bool history_is_mptcp(enum history_outcome outcome);
bool history_is_fallback(enum history_outcome outcome);

/* One subflow, both ways together. */
struct history_subflow {
	uint32_t index; /* in the view */
	uint32_t packets;
	uint32_t mappings, gaps, overlaps, conflicts;
	uint32_t checksum_failures;
	uint32_t checksums_unverified; /* bytes missing, cut, or seen with different contents */
	uint64_t bytes[WAYS];          /* distinct payload bytes by sender */
	uint64_t reinjected_bytes;     /* of data that was mapped elsewhere before */
	uint32_t reset;                /* first RST, or VIEW_NONE */
	enum way reset_by;
	bool reset_has_reason; /* an MP_TCPRST stood in it */
	uint8_t reset_reason;
	bool was_open; /* its handshake completed */
};

enum history_address_op {
	ADDRESS_ADD,
	ADDRESS_REMOVE,
	ADDRESS_PRIORITY, /* MP_PRIO */
};

struct history_address {
	enum history_address_op op;
	enum way by;
	uint8_t id;  /* MP_PRIO without one: that of its subflow */
	bool backup; /* MP_PRIO */
	bool has_port;
	struct addr addr; /* ADD_ADDR */
	uint16_t port;
	enum hmac_verdict hmac;
	bool echoed;
	uint32_t fact, times; /* first packet with it; how often it came */
};

struct history {
	const struct view *view; /* borrowed */
	const struct connection_view *connection;
	enum way client, server; /* which way each of them sends */
	bool has_version;        /* a handshake or a join told it */
	enum history_outcome outcome;
	const char *rule;   /* of a fallback: "F9"; else NULL */
	uint32_t cause;     /* fact: that caused a fallback, reset or refusal, or VIEW_NONE */
	const char *why;    /* one sentence */
	uint32_t fastclose; /* first MP_FASTCLOSE, or VIEW_NONE */
	struct history_subflow *subflows;
	size_t subflow_count;
	struct history_address *addresses;
	size_t address_count, address_capacity;
	size_t addresses_left_out; /* beyond a bound that no honest peer reaches */
};

/* The history of a connection of a view; free with history_fini. */
void history_init(struct history *history, const struct view *view, uint32_t connection);
void history_fini(struct history *history);

#endif
