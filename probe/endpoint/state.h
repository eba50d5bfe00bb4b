/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - the state behind endpoint.h, shared by the files of this folder and by nobody else.
 *
 * Positions. The application's stream in each direction counts from 0 in 64 bits, called offset:
 * DSN = IDSN + 1 + offset. The payload of a subflow counts from 0 in 64 bits too, called position:
 * SSN = 1 + position. Wire numbers are turned into these at the edge and never compared directly.
 * Plain TCP and a connection that fell back are the same machine with one everlasting linear
 * mapping from positions to offsets instead of announced ones.
 */
#ifndef PROBE_ENDPOINT_STATE_H
#define PROBE_ENDPOINT_STATE_H

#include "probe/base/seq.h"
#include "probe/endpoint/cc.h"
#include "probe/endpoint/endpoint.h"
#include "probe/endpoint/fault.h"
#include "probe/endpoint/ranges.h"
#include "probe/endpoint/ring.h"
#include "probe/endpoint/segment.h"
#include "probe/wire/mptcp.h"

enum {
	HASH_BUCKETS = 64,
	HALF_OPEN_MOST = 1024, /* connections not yet accepted; the oldest goes */
	LISTENERS_MOST = 16,
	REPLIES_MOST = 16,     /* RSTs waiting to go out for packets of no connection */
	MAPPINGS_MOST = 4096,  /* announced, not yet used up, of a subflow */
	ARRIVAL_OPTIONS = 6,   /* MPTCP options read from one segment */
	UNMAPPED_MOST = 65536, /* O3 */
	SYNACK_TRIES = 5,      /* by the timer; and asked for by early data (O12) */
	JOIN_TRIES = 4,        /* SYNs of a join, and third ACKs of one */
	LINGER_RTOS_MOST = 4,  /* the same, once both streams have ended */
	DATA_RTOS_MOST = 3,    /* O2, O5 */
	DUP_THRESHOLD = 3,
	DOUBT_PROBES = 3,     /* of a subflow whose address was removed, before it is ended */
	FASTCLOSES_MOST = 3,  /* ACKs with MP_FASTCLOSE, before a RST (RFC 8684 3.5) */
	CHALLENGES_MOST = 10, /* challenge ACKs of a subflow a second (RFC 5961 7) */
};

#define DELAYED_ACK_NS    (40 * NSEC_PER_MS)
#define CHALLENGE_SPAN_NS NSEC_PER_SEC

enum phase {
	PHASE_SYN_SENT,
	PHASE_SYN_RECEIVED,
	PHASE_JOINING, /* PRE_ESTABLISHED: the third ACK of MP_JOIN awaits an ACK (F42) */
	PHASE_OPEN,
	PHASE_TIME_WAIT,
	PHASE_DEAD, /* closed or reset; kept for conn_info only */
};

/* A piece of a subflow's receive space whose place in the stream was announced. */
struct mapping {
	uint64_t first, end; /* positions */
	uint64_t offset;     /* of first in the stream */
	uint64_t dsn;        /* of first, for checksum and MP_FAIL */
	uint32_t ssn;
	uint16_t length; /* Data-Level Length as on the wire */
	uint16_t checksum;
	bool is_outside; /* of the window, by far: its bytes are dropped (F54) */
};

/* Announced mappings, sorted and disjoint; [head, count) are live. */
struct mappings {
	struct mapping *list;
	size_t head, count, capacity;
};

struct subflow {
	struct subflow *hash_next;
	struct conn *conn;
	struct sockname local, remote;
	uint8_t index;
	enum phase phase;
	enum subflow_state end_state; /* once dead: SUBFLOW_CLOSED or SUBFLOW_RESET */
	bool is_join, active;
	bool backup_own, backup_theirs; /* B as told by us and by the peer */
	bool backup;                    /* either: data goes there only for want of another */
	bool is_doubted;                /* its address was removed: probed, ended if silent */
	bool is_transient;              /* reset in a way that may pass (F57, O17) */
	nsec_t ended_at;
	bool reset_by_us;
	uint8_t reset_reason;
	uint8_t address_id, remote_address_id;
	uint32_t nonce_local, nonce_remote;
	uint64_t hmac64; /* ours, for the SYN/ACK of a join */

	/* negotiated */
	bool timestamps, sack, window_scale;
	uint8_t scale_local, scale_remote;
	uint16_t mss;         /* payload and options: the peer's, bounded by our MTU */
	uint16_t mss_clamped; /* IP header family and MTU: what we announce */

	/* sending */
	uint32_t iss, snd_una, snd_nxt;
	uint32_t snd_window; /* bytes, unscaled */
	uint32_t snd_window_seq, snd_window_ack;
	uint32_t snd_window_max;
	struct segment_queue queue;
	uint32_t in_flight;  /* bytes believed to be in the network */
	uint32_t lost_count; /* segments marked SEG_LOST */
	bool out_of_order;   /* the queue holds data re-sent for another subflow */
	struct cc cc;
	bool in_recovery;
	uint32_t recover;
	unsigned int duplicate_acks;
	bool fin_wanted, fin_sent, fin_acked, fin_after_peer;
	uint64_t carried;          /* end of the last new data, or copy of it, given to it */
	nsec_t penalised_until;    /* not again before */
	uint64_t delivered_offset; /* start of the last segment that was DATA_ACKed (F24) */
	uint32_t delivered_seq;
	bool data_acked; /* a DATA_ACK covered data of this subflow (F11) */

	/* timers */
	nsec_t srtt, rttvar, rto;
	unsigned int backoff; /* expiries in a row */
	unsigned int tries;   /* handshake packets sent */
	nsec_t opened_at;     /* when the first of them was sent */
	nsec_t rto_at;        /* retransmission, handshake or TIME-WAIT, by phase */
	nsec_t probe_at;      /* zero window */
	unsigned int probes;  /* sent since data last was */
	nsec_t ack_at;        /* delayed ACK */
	nsec_t unmapped_at;   /* bytes without mapping are held until then (O3) */
	bool threw_away;      /* bytes that no mapping covered (LACKS_DSS_FALLBACK) */
	uint64_t contact_end; /* the first data came bare and ends here: not judged yet (F4, F48) */
	nsec_t heard_at;      /* last packet received */

	/* receiving */
	uint32_t irs, rcv_nxt;
	uint32_t rcv_edge;  /* highest sequence number ever offered */
	uint32_t rcv_acked; /* last acknowledgement sent */
	bool fin_received;
	uint64_t fin_position;
	bool fin_known;           /* a FIN arrived out of order at fin_position */
	bool fin_is_bare;         /* it had no option of a host that still speaks MPTCP */
	uint64_t rx_next;         /* position of rcv_nxt */
	struct ring rx_ring;      /* out of order, or waiting for mapping or checksum */
	struct ranges rx_ooo;     /* positions above rx_next held in rx_ring */
	struct ranges rx_pending; /* in order, not delivered: positions below rx_next */
	struct mappings mappings;
	bool mapping_seen;
	uint32_t ts_recent, ts_offset;
	struct sack_block sack_first; /* the newest out-of-order block is reported first */

	/* to send */
	bool ack_now, reset_wanted, reset_with_fail, fastclose_wanted, fastclose_sent;
	bool synack_now, join_ack_now;
	bool third_now; /* the third packet, before any data: it decides (F3) */
	bool stray_now; /* RST for an ACK of something never sent (RFC 9293 3.10.7.3) */
	uint32_t stray_ack;
	unsigned int unacked_segments;
	unsigned int synack_repeats;
	nsec_t synack_repeat_at; /* not before */
	unsigned int challenges;
	nsec_t challenges_since;
	uint32_t signal_seq, signal_ack; /* numbers of the last ACK that only signalled (F59) */
	unsigned int signal_run;         /* such ACKs in a row */
	nsec_t signal_hold;              /* the next one not before */
	unsigned int fastcloses;         /* v0: sent so far */

	uint64_t bytes_sent, bytes_received;
	uint32_t retransmissions;
};

/* Data to be sent again on another subflow than the one that carried it. */
struct reinjection {
	uint64_t first, end;
	uint8_t avoid; /* index of the subflow that carried it, or AVOID_NONE */
};

enum { REINJECTIONS_MOST = 4096, AVOID_NONE = 0xff };

/* The application's bytes on their way out. */
struct send_stream {
	struct ring ring;
	uint64_t una;             /* below: acknowledged by the connection */
	uint64_t next;            /* below: given to a subflow */
	uint64_t end;             /* below: written by the application */
	uint64_t opportune;       /* end of what was last sent twice for the window's sake */
	uint64_t limit;           /* the peer's window ends here (data level) */
	bool shutdown;            /* the application writes no more */
	bool fin_sent, fin_acked; /* DATA_FIN, at offset end */
	bool fin_first;           /* sent before the peer's arrived: we are the active closer */
	bool fin_now;             /* a bare DATA_FIN is due */
	struct reinjection *again;
	size_t again_count, again_capacity;
	nsec_t rto_at;          /* connection-level retransmission (RFC 8684 3.3.6) */
	unsigned int rto_count; /* expiries in a row */
	nsec_t asked_at;        /* the last of them: the peer was asked for a DATA_ACK */
};

/* The peer's bytes on their way to the application. */
struct receive_stream {
	struct ring ring;
	struct ranges ooo; /* offsets above next held in ring */
	uint64_t read, next;
	uint32_t buffer;        /* bytes it holds at most */
	uint64_t measured_from; /* read up to there at ... */
	nsec_t measured_at;     /* ... the beginning of a round trip */
	uint64_t fin_offset;
	bool fin_known;
	uint64_t told_end; /* where a DATA_FIN said that the stream ends, valid or not */
	bool end_is_told;
	nsec_t fin_answer_at; /* a repeated DATA_FIN is not answered before */
	bool wide;            /* a 64-bit DSN was received: DATA_ACKs must be wide */
};

/* An address of ours that has an ID, or one that the peer told us of. */
struct address {
	struct sockname name; /* port 0: none was told */
	uint8_t id;
	bool told, echoed;  /* ours: with ADD_ADDR */
	unsigned int tries; /* ours: times told */
	nsec_t told_at;     /* the peer's: when it told of it last */
	nsec_t retry_at;    /* ours: told again then, unless echoed */
};

struct addresses {
	struct address *list;
	size_t count, capacity;
};

/* An option that waits for an ACK of a subflow, or of any (SIGNAL_ANYWHERE). */
struct signal {
	struct mptcp_opt option;
	uint8_t subflow;
};

struct signals {
	struct signal *list;
	size_t count, capacity;
};

struct conn {
	struct endpoint *endpoint;
	struct conn *next, *previous;
	bool active, half_open, accepted, released;
	bool ready; /* opened at a listener, waits for endpoint_accept */
	enum conn_state state;
	enum conn_end end;
	enum conn_mode mode;
	enum fallback_reason fallback;
	uint8_t version; /* offered or agreed */
	bool checksum;
	bool peer_no_join; /* C flag (F7d) */
	uint64_t key_local, key_remote;
	uint32_t token_local, token_remote;
	uint64_t dsn_local, dsn_remote; /* of offset 0: IDSN + 1 */
	bool plain_syn_sent;            /* F5: the last SYN had no MP_CAPABLE */
	bool peer_confirmed;            /* a DSS of the peer arrived on the first subflow (F8a) */
	bool data_confirmed;            /* data of ours was DATA_ACKed: end of F8's first contact */
	bool was_mptcp;                 /* fell back after the handshake had succeeded */
	bool was_joined; /* a further subflow was established, or is for the peer when it is told */

	/* fallback in progress */
	bool infinite_wanted; /* one infinite mapping is to go with the next new segment */
	bool infinite_on_ack; /* there may be none, and the peer may hold bytes for it */
	bool linear;          /* receive by one linear mapping: position + shift = offset */
	uint64_t linear_shift;
	bool linear_turns; /* from turn_at on another shift counts: the peer sends data again (O6)
			    */
	uint64_t turn_at, turn_shift;
	bool fail_sent; /* our MP_FAIL awaits an infinite mapping or MP_FAIL (O5) */
	bool fail_now;  /* put MP_FAIL on the next ACK */
	uint64_t fail_dsn;
	nsec_t fail_at;
	unsigned int fail_count;

	struct send_stream tx;
	struct receive_stream rx;
	struct subflow *subflows[ENDPOINT_SUBFLOWS];
	unsigned int subflow_count;
	uint8_t next_address_id;
	struct addresses own, theirs; /* addresses beside the first subflow's */
	struct signals signals;
	bool announced;    /* what the configuration names */
	nsec_t address_at; /* an ADD_ADDR is to be told again */
	const struct pm_ops *pm;
	bool pm_news;   /* something changed that the path manager may care about */
	nsec_t join_at; /* the path manager will want a subflow then */
	const struct sched_ops *sched;
	uint8_t last_index; /* of the subflow that data last went out on */
	const struct cc_ops *cc;
	struct cc_group cc_group; /* of the open subflows */
	nsec_t progress_at;       /* connection_timeout counts from here while work is pending */
	bool pending;
	nsec_t heard_at; /* last packet received on any subflow */
	bool close_waited;
	nsec_t close_at; /* the passive closer waits for the peer's FINs until then */
	bool dirty;      /* something changed that is not settled yet */
	nsec_t due;      /* what is to be done next; 0: to be computed again */
};

/* A reset for a packet that belongs to no connection. */
struct reply {
	struct sockname local, remote;
	uint32_t seq, ack;
	uint16_t flags;
	bool with_reason; /* carries MP_TCPRST */
	uint8_t reason;
};

struct endpoint {
	struct endpoint_config config;
	struct rng rng;
	uint64_t secret; /* keys the hash table against chosen collisions */
	uint16_t listeners[LISTENERS_MOST];
	unsigned int listener_count;
	struct conn *first, *last;
	unsigned int half_open_count, ready_count;
	struct subflow *buckets[HASH_BUCKETS];
	struct reply replies[REPLIES_MOST];
	unsigned int reply_first, reply_count;
	uint16_t ip_id;
	uint64_t dropped[ENDPOINT_DROP_COUNT]; /* by enum endpoint_drop */
};

/* What nobody but the peer may know or guess: keys, nonces, initial sequence numbers. */
uint64_t endpoint_random(struct endpoint *endpoint);

static inline bool conn_has_fault(const struct conn *conn, enum fault_number fault)
{
	return (conn->endpoint->config.faults >> fault & 1) != 0;
}

static inline bool conn_lacks(const struct conn *conn, unsigned int what)
{
	return (conn->endpoint->config.lacks & what) != 0;
}

/* MPTCP options are in use on this connection. */
static inline bool conn_is_mptcp(const struct conn *conn)
{
	return conn->mode == MODE_MPTCP;
}

/* MP_FASTCLOSE goes on an ACK: the only form of v0, option A of v1 (RFC 8684 3.5). */
static inline bool conn_closes_on_ack(const struct conn *conn)
{
	return conn->version == 0 || conn->endpoint->config.fastclose_on_ack;
}

/* Data can go out on it. */
static inline bool subflow_is_usable(const struct subflow *subflow)
{
	return subflow->phase == PHASE_OPEN && !subflow->fin_sent && !subflow->fin_wanted &&
		!subflow->reset_wanted;
}

/* Its handshake is complete and it is neither closed nor being reset. */
static inline bool subflow_is_live(const struct subflow *subflow)
{
	return subflow->phase == PHASE_OPEN && !subflow->reset_wanted;
}

/* Both FINs have gone, and are but to be acknowledged: it carries nothing any more. */
static inline bool subflow_is_spent(const struct subflow *subflow)
{
	return subflow->fin_sent && subflow->fin_received;
}

static inline bool fin_is_consumed(const struct receive_stream *rx)
{
	return rx->fin_known && rx->next == rx->fin_offset;
}

/* Both streams of a Multipath TCP connection have ended and were confirmed (RFC 8684 3.3.3). */
static inline bool conn_is_done(const struct conn *conn)
{
	return conn->tx.fin_acked && fin_is_consumed(&conn->rx);
}

/* Round-trip estimate with a backoff applied. */
static inline nsec_t subflow_timeout(const struct subflow *subflow)
{
	nsec_t most = subflow->conn->endpoint->config.rto_max;
	unsigned int shift = subflow->backoff < 16 ? subflow->backoff : 16;
	nsec_t timeout = subflow->rto << shift;

	return timeout < most ? timeout : most;
}

#endif
