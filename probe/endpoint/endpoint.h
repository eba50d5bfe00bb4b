/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * endpoint.h - a TCP host that speaks Multipath TCP v0 (RFC 6824) and v1 (RFC 8684), without I/O.
 *
 * An endpoint is a machine (probe/machine.h): endpoint_input, endpoint_output, endpoint_deadline.
 * The application pulls: accept, read, write, info; nothing calls back. Time is an argument,
 * randomness is handed in, and what a peer does is never an error: conn_info names it.
 * Fallback to plain TCP is first class: mode, version and reason stand in conn_info.
 * The network around it is mbtest/net or probe/io; it knows neither.
 */
#ifndef PROBE_ENDPOINT_ENDPOINT_H
#define PROBE_ENDPOINT_ENDPOINT_H

#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/base/rng.h"
#include "probe/machine.h"
#include "probe/wire/addr.h"
#include "probe/wire/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ENDPOINT_SUBFLOWS =
		32,         /* of a connection at once; the slots of closed ones are used again */
	ENDPOINT_JOINS = 8, /* local addresses a connection joins from, or tells of, by itself */
};

/* Versions an endpoint speaks, as a set. */
enum {
	SPEAKS_TCP = 0,
	SPEAKS_V0 = 1,
	SPEAKS_V1 = 2,
};

/* What an implementation may be without (profile.h). */
enum {
	LACKS_CHECKSUM = 1 << 0,          /* neither asks for checksums nor heeds flag A */
	LACKS_HMAC_CHECK = 1 << 1,        /* HMACs of MP_JOIN are sent, but not verified */
	LACKS_ADD_ADDR = 1 << 2,          /* neither tells of addresses nor hears of them */
	LACKS_REMOVE_ADDR = 1 << 3,       /* neither sends it nor heeds it */
	LACKS_TAKING_REMOVE = 1 << 4,     /* sends REMOVE_ADDR, but does not heed it */
	LACKS_FASTCLOSE = 1 << 5,         /* neither sends it nor heeds it */
	LACKS_PRIO = 1 << 6,              /* MP_PRIO and flag B of others mean nothing */
	LACKS_DSS_FALLBACK = 1 << 7,      /* data without mapping are dropped, no more (F4, F12) */
	LACKS_DATA_ACK_FALLBACK = 1 << 8, /* first data acked without DATA_ACK: likewise (F9) */
	LACKS_WIDE_ACK = 1 << 9,          /* DATA_ACKs have 4 bytes, whatever the DSNs have */
};

/* What an experiment varies. endpoint_config_default fills in sensible values. */
struct endpoint_config {
	unsigned int speaks; /* SPEAKS_* set; the highest is offered first */
	bool checksum;       /* require DSS checksums (flag A) */
	bool timestamps, sack, window_scale;
	uint32_t wrap_within; /* the low half of our DSNs wraps after at most so many bytes; 0: no
				 matter */
	bool wide_dsn, wide_ack;              /* 8-byte DSN and DATA_ACK in what we send */
	bool wide_as_peer;                    /* 8-byte DSNs to a peer that sends them */
	bool wide_past_wrap;                  /* 8-byte DSNs once the low half has wrapped */
	uint16_t mtu;                         /* IP packet size; the MSS follows per family */
	uint32_t send_buffer, receive_buffer; /* bytes, connection level */
	uint32_t receive_buffer_most;         /* it grows up to that as need be; 0: it is fixed */
	uint32_t initial_window;              /* segments (RFC 6928) */
	nsec_t rto_initial, rto_min, rto_max;
	nsec_t connection_timeout; /* no progress for so long ends it with an error */
	nsec_t time_wait;          /* 2 MSL */
	unsigned int capable_syns; /* SYNs with MP_CAPABLE before one without (F5) */
	bool refuse_checksum;      /* ignore an MP_CAPABLE that asks for checksums (F7b) */
	bool fastclose_on_ack;     /* v1: option A of MP_FASTCLOSE rather than option R */
	bool retry_v0;             /* v1 was ignored: try again with v0, if spoken (RFC 8684 3.1) */
	const char *congestion_control; /* a name of cc_list (cc.h) */
	const char *scheduler;          /* a name of sched_list (sched.h) */
	unsigned int subflow_rtos;      /* in a row, before a subflow is given up for others */
	unsigned int reinject_rtos;     /* of a subflow in a row, only then others carry its data */
	bool opportunistic; /* what a slower subflow holds the window up with goes on a faster */
	bool penalise;      /* and the slower one's window is halved */
	bool common_mss;    /* no segment is larger than the least MSS of all subflows */
	/* further subflows */
	const char *path_manager;         /* a name of pm_list (pm.h) */
	unsigned int subflows_most;       /* at once, joins by the peer included */
	unsigned int subflows_wanted;     /* by ndiffports */
	struct addr join[ENDPOINT_JOINS]; /* local addresses to join from, beside the first's */
	unsigned int join_count;
	bool join_backup;    /* ask the peer to keep to the others while it can (B) */
	bool join_as_server; /* the passive opener's path manager starts subflows too */
	bool same_port;      /* joins leave from the first subflow's port where they can */
	bool forbid_join;    /* no further subflows to our first address and port (C, v1) */
	struct sockname announce[ENDPOINT_JOINS]; /* told by ADD_ADDR; port 0: none */
	unsigned int announce_count;
	unsigned int lacks; /* set of LACKS_* */
	/* on real networks */
	bool secret_random; /* keys and numbers from the crypto library; rng repeats its own */
	bool synack_once;   /* a SYN/ACK for each SYN, and nothing by time: none is multiplied */
	uint64_t faults;    /* set of bits: ways of being wrong, fault.h */
};

void endpoint_config_default(struct endpoint_config *config);

struct endpoint;
struct conn;

/* config is copied; rng is copied and from then on the endpoint's own. */
struct endpoint *endpoint_new(const struct endpoint_config *config, const struct rng *rng);
void endpoint_free(struct endpoint *endpoint); /* frees its connections too */

/* Why a packet had no effect, or a limit was hit: counted, never silent. */
enum endpoint_drop {
	DROP_NOT_TCP,       /* malformed, a fragment, or another protocol */
	DROP_CHECKSUM,      /* IP or TCP checksum wrong */
	DROP_NO_CONNECTION, /* answered with RST where TCP asks for it */
	DROP_HALF_OPEN,     /* the oldest half-open connection made room */
	DROP_REPLIES,       /* too many RSTs waiting to go out */
	DROP_SEQUENCE,      /* outside the window, or an unacceptable acknowledgement */
	DROP_TIMESTAMP,     /* PAWS */
	DROP_RESETTING,     /* for a subflow that is being reset */
	DROP_LIMIT,         /* too many ranges, mappings, signals or reinjections at once */
	DROP_HMAC,          /* ADD_ADDR with a wrong HMAC */
	ENDPOINT_DROP_COUNT,
};

uint64_t endpoint_drops(const struct endpoint *endpoint, enum endpoint_drop why);

/* The three verbs as a machine. */
struct machine endpoint_machine(struct endpoint *endpoint);
void endpoint_input(struct endpoint *endpoint, const struct packet *packet, nsec_t now);
bool endpoint_output(struct endpoint *endpoint, struct packet *packet, nsec_t now);
nsec_t endpoint_deadline(const struct endpoint *endpoint);

/* Accept connections to a port on any local address; joins are demultiplexed by token (F44). */
bool endpoint_listen(struct endpoint *endpoint, const struct sockname *local, struct err *err);

/* Start a connection; the first SYN comes out of the next endpoint_output. */
struct conn *endpoint_connect(struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote, nsec_t now, struct err *err);

/* The next connection that completed its handshake at a listener, once each; else NULL. */
struct conn *endpoint_accept(struct endpoint *endpoint);

/*
 * An endpoint of its own, configured alike and without listener, for a connection that was
 * accepted: its time may be another one from now on. The connection is freed with it.
 */
struct endpoint *endpoint_detach(struct conn *conn);

/*
 * The application's side. Both return the bytes taken or given, 0 when none can be now. Data
 * accepted here before a shutdown reaches the peer whatever fallback happens (F63).
 */
size_t conn_write(struct conn *conn, const void *data, size_t length);
size_t conn_read(struct conn *conn, void *data, size_t length);

/* No more writes: DATA_FIN (or FIN) after what is queued. */
void conn_shutdown(struct conn *conn);

/* End at once: RST on every subflow, with MP_FASTCLOSE where MPTCP is in use. */
void conn_abort(struct conn *conn);

/*
 * The application is done with a connection and forgets the pointer: it is freed once closed (an
 * open one goes on until then). Without this, connections live as long as their endpoint.
 */
void conn_release(struct conn *conn);

/* Start a further subflow; false with a reason when F8a, F33 or the peer's C flag forbids it. */
bool conn_join(struct conn *conn, const struct sockname *local, const struct sockname *remote,
	nsec_t now, struct err *err);

/*
 * Close one subflow and no more: FIN after what it carries. With the last one closed the connection
 * goes on for its time-out, for a later one to join (RFC 8684 3.3.3, break before make). The only
 * one is reset, which ends the connection, before any of our data was DATA_ACKed (F8): a peer that
 * has fallen back would take its FIN for the end of our stream.
 */
bool conn_drop(struct conn *conn, unsigned int subflow, struct err *err);

/* Tell the peer of a further address of ours (ADD_ADDR); port 0: none is told. */
bool conn_announce(struct conn *conn, const struct sockname *local, nsec_t now, struct err *err);

/* These addresses of ours are gone (REMOVE_ADDR): their subflows are closed. */
bool conn_withdraw(struct conn *conn, const struct addr *list, unsigned int count, struct err *err);

/* Ask the peer to use a subflow only for want of others, or again as any other (MP_PRIO). */
bool conn_set_backup(struct conn *conn, unsigned int subflow, bool backup, struct err *err);

/*
 * The same for all subflows from an address of ours. In v0 one option with the address ID says it
 * for several, on whatever subflow (RFC 6824 3.3.8); v1 has no such form, and each says it for
 * itself.
 */
bool conn_set_address_backup(struct conn *conn, const struct addr *local, bool backup,
	struct err *err);

enum conn_state {
	CONN_OPENING,
	CONN_OPEN,
	CONN_CLOSED, /* nothing more will come or go; end says how */
};

enum conn_end {
	END_NONE,       /* not closed yet */
	END_CLEAN,      /* both streams ended, all delivered */
	END_REFUSED,    /* never opened: RST */
	END_UNANSWERED, /* never opened: time-out */
	END_RESET,      /* reset after opening */
	END_TIMEOUT,    /* connection_timeout without progress, or no usable subflow */
	END_ABORTED,    /* by conn_abort */
};

enum conn_mode {
	MODE_UNDECIDED, /* before the handshake says */
	MODE_MPTCP,
	MODE_INFINITE, /* MPTCP fell back with MP_FAIL or an infinite mapping */
	MODE_TCP,      /* plain TCP, from the start or after fallback */
};

/* Why a connection is not MPTCP (any more): the rule that it followed (doc/catalogue.md). */
enum fallback_reason {
	FALLBACK_NONE,
	FALLBACK_NOT_ASKED,         /* we do not speak it */
	FALLBACK_SYN_PLAIN,         /* F1 */
	FALLBACK_SYNACK_PLAIN,      /* F2 */
	FALLBACK_ACK_PLAIN,         /* F3 */
	FALLBACK_NO_FIRST_MAPPING,  /* F4, F10 */
	FALLBACK_SYN_UNANSWERED,    /* F5 */
	FALLBACK_CRYPTO,            /* F6 */
	FALLBACK_VERSION,           /* F7 */
	FALLBACK_FLAG_B,            /* F7a */
	FALLBACK_CHECKSUM_UNWANTED, /* F7b */
	FALLBACK_COMPROMISED,       /* F7e */
	FALLBACK_MIRRORED,          /* F7f */
	FALLBACK_NO_DATA_ACK,       /* F9, O2 in v0 */
	FALLBACK_CHECKSUM,          /* F23, F26 */
	FALLBACK_MP_FAIL,           /* F24: the peer's MP_FAIL */
	FALLBACK_INFINITE_MAPPING,  /* F29: the peer's infinite mapping */
	FALLBACK_SIGNAL_LOST,       /* O5 */
	FALLBACK_COUNT,
};

/* One sentence, with the rule's number. */
const char *fallback_text(enum fallback_reason reason);

enum subflow_state {
	SUBFLOW_OPENING,
	SUBFLOW_OPEN,
	SUBFLOW_CLOSING,
	SUBFLOW_CLOSED,
	SUBFLOW_RESET,
};

struct subflow_info {
	struct sockname local, remote;
	enum subflow_state state;
	bool is_join;
	bool backup;                           /* asked for by either side */
	uint8_t address_id, remote_address_id; /* of our address and of the peer's */
	bool reset_by_us;
	uint8_t reset_reason;                /* RESET_*, ours or the peer's */
	uint64_t bytes_sent, bytes_received; /* payload, retransmissions not counted */
	uint32_t retransmissions;
	nsec_t srtt;
	uint32_t cwnd; /* bytes */
};

struct conn_info {
	enum conn_state state;
	enum conn_end end;
	enum conn_mode mode;
	enum fallback_reason fallback;
	uint8_t version;
	bool checksum;                                 /* in use */
	bool peer_closed;                              /* end of the peer's stream was read */
	bool fully_established;                        /* F8 done: joins are allowed */
	uint64_t written, read;                        /* bytes over the application's side */
	unsigned int addresses_told, addresses_echoed; /* ours, by ADD_ADDR */
	unsigned int addresses_known;                  /* the peer's, by ADD_ADDR */
	unsigned int subflow_count;
	struct subflow_info subflows[ENDPOINT_SUBFLOWS];
};

void conn_info(const struct conn *conn, struct conn_info *info);

/* Cheap looks at single facts of conn_info, for the application's inner loop. */
enum conn_state conn_state(const struct conn *conn);
bool conn_peer_closed(const struct conn *conn);
size_t conn_readable(const struct conn *conn);
size_t conn_writable(const struct conn *conn);

#endif
