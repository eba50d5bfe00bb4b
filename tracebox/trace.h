/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - the prober, without I/O: one probe packet towards one destination, sent with one TTL
 * after the other, all hops in flight at once. It is a machine (probe/machine.h): probes come out
 * of output, whatever arrives goes into input, and what hops answered is kept as it came. What the
 * answers mean is attribute.h; who sends and captures is probe/io or a simulated network.
 *
 * All probes of a trace agree in what routers hash on (addresses, ports, protocol, flow label,
 * traffic class). They differ in two numbers, so that a quote can be told even when a box rewrote
 * one: k = 256 * attempt + TTL is added to the IPv4 id and taken from the TCP sequence number. The
 * latter falls because a server whose half-open connection meets a rising one resets it; what comes
 * of it when the network changes the order all the same, accepted.c knows how to read. Data
 * segments of a live connection keep their sequence number; the k last bytes are left out instead,
 * which the IP length in a quote tells, and the end that the peer acknowledges.
 */
#ifndef TRACEBOX_TRACE_H
#define TRACEBOX_TRACE_H

#include "probe/base/nsec.h"
#include "probe/machine.h"
#include "probe/wire/packet.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRACE_ATTEMPTS = 16 }; /* probes and retries of one hop, at most */

/*
 * How often the hop at each TTL has answered. Routers limit their errors (Linux: six at once, then
 * one a second), so that one that has answered and falls silent is not asked again at once. Traces
 * that follow each other on a path share one.
 */
struct trace_pace {
	uint8_t answers[256];
};

struct trace_config {
	uint8_t first_ttl, last_ttl;
	unsigned int probes;       /* sent to every hop */
	unsigned int retries;      /* more for a hop that is silent */
	unsigned int parallel;     /* hops in flight at once; 1 with a fixed id or sequence */
	uint32_t rate;             /* probes a second; 0: no bound */
	nsec_t wait;               /* the longest wait for an answer to one probe ... */
	bool fixed_wait;           /* ... and the only one */
	unsigned int silent_limit; /* end behind so many silent hops in a row; 0: never */
	bool fixed_id, fixed_seq;  /* chosen by the user, so not ours to vary */
	struct trace_pace *pace;   /* NULL: one of its own */
	bool keep_open;            /* no RST for a connection that the probes half opened */
	bool lockstep; /* offline: what comes is the answer to the last probe, whatever it says */
	bool is_live;  /* probes are segments of a live connection (established.h) */
	unsigned int attempt_step; /* between the numbers of two attempts, above last_ttl; 0: 256 */
	uint8_t likely_end;        /* probably the destination's TTL: none beyond at first; or 0 */
};

/* TTL 1 to 64, one probe and two retries, 32 hops in flight, end behind 8 silent hops. */
void trace_config_default(struct trace_config *config);

enum answer_kind {
	ANSWER_NONE,
	ANSWER_TIME_EXCEEDED,
	ANSWER_UNREACHABLE,
	ANSWER_ICMP, /* any other ICMP error */
	ANSWER_SYN_ACK,
	ANSWER_RST,
	ANSWER_ACK,   /* any other TCP segment */
	ANSWER_OTHER, /* UDP datagram, echo reply, ... of the destination */
};

/* "time-exceeded", "syn-ack", ... as in reports. */
const char *answer_kind_text(enum answer_kind kind);

/* By what an answer was told to be that of a certain probe. */
enum answer_match {
	MATCH_SEQUENCE,
	MATCH_ID,
	MATCH_LENGTH,
	MATCH_TURN,  /* nothing unique was in it, but only one hop's probes were under way */
	MATCH_ORDER, /* nothing unique survived: a guess, for which no answer is kept */
};

struct answer {
	enum answer_kind kind;
	enum answer_match match;
	uint8_t ttl, attempt;  /* of the probe it answers */
	bool from_destination; /* sent by the address the probes are for */
	struct addr from;
	nsec_t rtt;
	struct packet *packet; /* as received; NULL for ANSWER_NONE */
};

struct trace_hop {
	unsigned int sent;     /* probes so far */
	unsigned int lost;     /* the first so many: sent before turns were taken */
	unsigned int answered; /* of which answered */
	bool is_settled;       /* nothing more will be sent to it */
	nsec_t sent_at[TRACE_ATTEMPTS];
	uint32_t answered_attempts; /* bit n: attempt n was answered ... */
	uint32_t accepted_attempts; /* ... by a SYN/ACK ... */
	uint32_t open_attempts;     /* ... and no RST was sent since */
	struct answer answer;       /* the first, or the SYN/ACK behind a RST (accepted.c) */
};

/*
 * When the next probe may leave, after one that was due then and left now. Who comes late catches
 * up, but with no more than the probes of a few milliseconds.
 */
enum { PACE_CREDIT_MS = 4 };
nsec_t pace_next(nsec_t due, uint32_t rate, nsec_t now);

struct trace;

/* The probe is copied; it must be well-formed and settled (packet_finish). */
struct trace *trace_new(const struct packet *probe, const struct trace_config *config);
void trace_free(struct trace *trace);

/* The three verbs. */
struct machine trace_machine(struct trace *trace);
void trace_input(struct trace *trace, const struct packet *packet, nsec_t now);
bool trace_output(struct trace *trace, struct packet *packet, nsec_t now);
nsec_t trace_deadline(const struct trace *trace);

/* Whether all hops are settled and nothing is left to be sent. */
bool trace_done(const struct trace *trace);

/* Send no more probes: what is settled is the result. */
void trace_stop(struct trace *trace);

/* The hops of the result are first..last; last falls when the destination answers. */
uint8_t trace_first_ttl(const struct trace *trace);
uint8_t trace_last_ttl(const struct trace *trace);
const struct trace_hop *trace_hop(const struct trace *trace, uint8_t ttl);

/* All hops with a TTL below this one are settled: they may be reported. */
unsigned int trace_settled_ttl(const struct trace *trace);

/* The address the probes are for. */
const struct addr *trace_target(const struct trace *trace);

/* From the first probe to the last answer or retry. */
nsec_t trace_elapsed(const struct trace *trace);

/* Probes sent, RSTs not counted. */
uint32_t trace_sent(const struct trace *trace);

/* Capacity of a packet that holds any probe of this trace. */
uint32_t trace_probe_room(const struct trace *trace);

/* Make the probe of a TTL and attempt again, as it was sent. */
void trace_probe(const struct trace *trace, uint8_t ttl, unsigned int attempt,
	struct packet *packet);

/* As it was given, and what it is traced by. */
const struct packet *trace_given(const struct trace *trace);
const struct trace_config *trace_settings(const struct trace *trace);

/*
 * A trace that was made elsewhere is a new one that is told what was sent, then what was answered,
 * and then where it ended. False, and nothing happens, when such a trace cannot have sent that, or
 * when this is no answer to it. Whose answer it is, is believed only where the packet cannot tell.
 */
bool trace_recall_hop(struct trace *trace, uint8_t ttl, const nsec_t *sent_at, unsigned int count);
bool trace_recall_answer(struct trace *trace, uint8_t ttl, unsigned int attempt,
	const struct packet *packet, nsec_t rtt);
void trace_recall_end(struct trace *trace, uint8_t last_ttl);

/* The hop at which the destination answered, or NULL. */
const struct trace_hop *trace_destination(const struct trace *trace);

/* Sequence number of the probe whose SYN the destination accepted last; false: it did not. */
bool trace_accepted_seq(const struct trace *trace, uint32_t *seq);

#endif
