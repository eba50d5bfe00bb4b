/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - the inside of a trace, shared by trace.c (what is sent and kept), schedule.c (when),
 * match.c (whose answer a packet is) and accepted.c (what the destination says to several SYNs).
 */
#ifndef TRACEBOX_STATE_H
#define TRACEBOX_STATE_H

#include "tracebox/trace.h"

enum { WAIT_STRAY_MS = 20 }; /* for what may come beside an answer that has come */

/* Where a probe carries its number. */
enum probe_number {
	NUMBER_ID = 1,     /* IPv4 id */
	NUMBER_SEQ = 2,    /* TCP sequence number */
	NUMBER_LENGTH = 4, /* of the payload of TCP */
};

struct trace {
	struct trace_config config;
	struct trace_pace own_pace, *pace;
	struct packet *probe;
	struct addr source, destination;
	unsigned int numbers; /* set of NUMBER_*: what differs between the probes */
	unsigned int step;    /* between two attempts' numbers */
	uint16_t id;          /* of the probe as given */
	uint32_t seq;
	unsigned int last; /* TTL; falls when the destination answers */
	bool is_stopped;
	unsigned int farthest; /* highest TTL that was answered */
	nsec_t longest_rtt;    /* of any answer, plus one; 0: none yet */
	nsec_t next_send;      /* not before, for the rate */
	nsec_t last_sent_at;
	uint32_t sent;
	struct answer accepted; /* the last SYN/ACK, with its packet; ANSWER_NONE: there was none */
	uint32_t taken;         /* of its SYN and data: 1, or all */
	unsigned int open;      /* connections of which that is told, and no RST was sent */
	unsigned int rounds;    /* of repeated probes in front of which they were closed */
	bool was_refused;       /* a RST came */
	bool is_closed;         /* the last RST was sent */
	bool is_rested;         /* no stray answers are waited for */
	struct trace_hop *hops; /* by TTL, the last one asked for included */
};

static inline unsigned int probe_number(const struct trace *trace, unsigned int ttl,
	unsigned int attempt)
{
	return attempt * trace->step + ttl;
}

/* The sequence number of a probe. */
static inline uint32_t probe_seq(const struct trace *trace, unsigned int ttl, unsigned int attempt)
{
	return trace->seq - ((trace->numbers & NUMBER_SEQ) ? probe_number(trace, ttl, attempt) : 0);
}

/*
 * Whose answer a packet is: fills kind, match, ttl, attempt, from and from_destination. False when
 * it answers no probe of this trace.
 */
bool match_answer(const struct trace *trace, const struct packet *packet, struct answer *answer);

/* Note an answer to a probe that had none: the first one of its hop is kept, with its packet. */
void trace_keep_answer(struct trace *trace, const struct answer *answer,
	const struct packet *packet);

/* ---- what to do next, and when (schedule.c) ---- */

struct todo {
	nsec_t at;
	enum { TODO_NOTHING, TODO_SETTLE, TODO_PROBE, TODO_RESET, TODO_REST } action;
	uint8_t ttl;
};

/* The one decision: what is due first, among equals the nearest hop. */
struct todo trace_todo(const struct trace *trace);

/*
 * A connection that stays open is used for something else next: what the destination says to the
 * probes that reached it after the first must have come before that.
 */
nsec_t trace_rest_end(const struct trace *trace);

/* ---- several SYNs, one destination (accepted.c) ---- */

/*
 * Note a SYN/ACK, or an ACK that tells of one: the connection that is half open is to be closed, or
 * used, at the end.
 */
void trace_note_accepted(struct trace *trace, const struct answer *answer,
	const struct packet *packet);

/*
 * A probe of this TTL is due: note which connections are to be closed before it, those of earlier
 * rounds again when it is repeated. Whether there is one, so that trace_reset comes first.
 */
bool trace_begin_resets(struct trace *trace, unsigned int ttl);

/* Make a segment that closes one of those that may be open; exactness counts (RFC 5961 3.2). */
void trace_reset(struct trace *trace, struct packet *packet);

/* Not before this is what a hop answered to be taken for its answer; 0: it is beyond doubt. */
nsec_t trace_doubt_end(const struct trace *trace, unsigned int ttl);

/* Whether a hop's answer tells of a SYN/ACK that has not come, so that it is asked again. */
bool trace_lacks_syn_ack(const struct trace *trace, unsigned int ttl);

/* The hop's answer is what it answered, or the SYN/ACK behind that. */
void trace_settle_answer(struct trace *trace, unsigned int ttl);

#endif
