/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - what one host could know: a capture taken at one place, rebuilt into subflows, MPTCP
 * connections, facts and mappings, verified against the bytes that are in the capture.
 *
 * A view speaks of "ways": SENT is what left the host whose tap this is, RECEIVED what reached
 * it. In a file whose records know no direction, the host is the client: the side whose SYN opened
 * the connection. Numbers are relative: sequence number 1 is a subflow's first payload byte, as in
 * DSS subflow sequence numbers (RFC 8684 3.3.1). The view names no rule and judges nobody.
 */
#ifndef PROBE_ANALYZE_VIEW_H
#define PROBE_ANALYZE_VIEW_H

#include "probe/base/nsec.h"
#include "probe/wire/addr.h"
#include "probe/wire/capture.h"
#include "probe/wire/mptcp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum way {
	SENT,
	RECEIVED,
	WAYS,
};

static inline enum way way_back(enum way way)
{
	return way == SENT ? RECEIVED : SENT;
}

/* "No such index", for facts, mappings, subflows and connections alike. */
#define VIEW_NONE UINT32_MAX

/* What a packet carries. */
enum {
	HAS_OPTION = 1u << 0, /* any option of kind 30, decodable or not */
	HAS_CAPABLE = 1u << 1,
	HAS_JOIN = 1u << 2,
	HAS_DSS = 1u << 3,
	HAS_DATA_ACK = 1u << 4,
	HAS_MAPPING = 1u << 5,  /* not infinite; MP_CAPABLE with data is one, too */
	HAS_INFINITE = 1u << 6, /* a mapping of Data-Level Length 0 */
	HAS_DATA_FIN = 1u << 7,
	HAS_FAIL = 1u << 8,
	HAS_TCPRST = 1u << 9,
	HAS_FASTCLOSE = 1u << 10,
	HAS_ADDRESS = 1u << 11,     /* ADD_ADDR, REMOVE_ADDR or MP_PRIO */
	HAS_UNDECODABLE = 1u << 12, /* kind 30, but no form that either RFC defines */
	HAS_ODD_DSS = 1u << 13, /* a DATA_FIN flag without mapping, neither ack nor mapping, or an
				 * infinite mapping far off or on a copy of old data */
	HAS_SEVERAL_DSS = 1u << 14,
	HAS_REFUSED = 1u << 15, /* in fact.refused: it was */
};

/* One TCP packet. */
struct fact {
	nsec_t at;
	uint64_t data_ack;             /* expanded to 64 bits (HAS_DATA_ACK) */
	uint32_t record;               /* index in the capture, 0 first */
	uint32_t has;                  /* HAS_* */
	uint32_t refused;              /* HAS_* of a packet that TCP refuses: it has nothing else */
	uint32_t seq, ack;             /* relative */
	uint32_t payload;              /* bytes */
	uint32_t window;               /* bytes, scaled */
	uint32_t mapping;              /* index of its (first) mapping or VIEW_NONE */
	uint32_t option, option_count; /* its MPTCP options but DSS, in view->options */
	uint32_t next;                 /* next fact of the same subflow or VIEW_NONE */
	uint32_t stamp, stamp_echo;    /* TCP timestamp (RFC 7323), if has_stamp */
	uint16_t flags;                /* TCP_* */
	uint16_t subflow;
	uint8_t way; /* enum way */
	uint8_t mapping_count;
	bool dsn_wide; /* its DSN had 64 bits, ... */
	bool ack_wide; /* ... its DATA_ACK */
	bool is_old;   /* a copy of data acknowledged before: TCP heeds nothing else in it */
	bool has_stamp;
};

/* First sequence number after the packet, SYN and FIN counted. */
static inline uint32_t fact_end(const struct fact *fact)
{
	return fact->seq + fact->payload + ((fact->flags & TCP_SYN) != 0) +
		((fact->flags & TCP_FIN) != 0);
}

/* A declared mapping; copies of the same one (TSO, retransmission) are one entry. */
enum mapping_state {
	MAPPING_INCOMPLETE, /* not all its bytes are in the capture */
	MAPPING_UNCHECKED,  /* complete, carries no checksum */
	MAPPING_GOOD,
	MAPPING_BAD,       /* complete, and the checksum fails */
	MAPPING_AMBIGUOUS, /* fails, but its bytes came twice with different content */
	MAPPING_CUT,       /* complete, but the capture kept not all of its bytes */
};

struct mapping {
	uint64_t dsn;         /* expanded to 64 bits */
	uint32_t ssn;         /* relative; 0: a bare DATA_FIN */
	uint32_t length;      /* subflow bytes: without the DATA_FIN; 0 when infinite */
	uint32_t fact;        /* that announced it first */
	uint32_t complete;    /* fact with which its last byte, or itself, came; VIEW_NONE */
	uint16_t wire_length; /* Data-Level Length */
	uint16_t checksum;
	uint32_t previous; /* mapping of the same flow announced before it, or VIEW_NONE */
	uint16_t subflow;
	uint16_t copies; /* facts that carried it, at most UINT16_MAX */
	uint8_t way;
	uint8_t state; /* enum mapping_state */
	bool infinite, data_fin, has_checksum, from_capable;
	bool late; /* bytes of it came before it was announced (corner case F48) */
};

/* Bytes of a subflow's stream, each byte once; who came first counts. */
struct piece {
	size_t offset; /* of the bytes, in the capture; it may have cut them */
	uint32_t seq, length;
	uint32_t fact;
	uint32_t flow; /* 2 * subflow + way */
	bool doubted;  /* another copy had other bytes */
};

struct mptcp_fact_option {
	uint32_t fact;
	struct mptcp_opt opt;
};

/* One way of a subflow. */
struct flow {
	bool has_isn, syn, wscale_given;
	uint8_t wscale;
	uint32_t isn;
	uint32_t end;         /* highest relative sequence number sent plus one, no FIN */
	uint32_t acked;       /* highest acknowledgement that the other way gave */
	bool has_edge;        /* the other way offered a window: */
	uint32_t floor, edge; /* its ends */
	uint32_t widest;      /* the largest window offered */
	bool has_echo;        /* the other way sent timestamps, and echoed last ... */
	uint32_t echo;        /* ... this one (RFC 7323 4.3) */
	uint32_t top;         /* highest sequence number sent plus one, SYN and FIN counted */
	uint32_t fin, rst;    /* first facts with FIN, RST */
	uint32_t piece, piece_count; /* sorted, in view->pieces */
	uint32_t order, order_count; /* mappings sorted by ssn: view->order[order ...] */
	uint64_t bytes;              /* distinct payload bytes */
	uint64_t unmapped_bytes;     /* of these, in no mapping, infinite ones included */
	uint32_t unmapped;           /* first fact with such bytes */
	uint32_t early;              /* first data that came before its mapping (F48) */
	uint64_t plain_bytes;        /* in no mapping but perhaps an infinite one */
	uint32_t plain;              /* first fact with such bytes */
	uint32_t gaps;               /* runs of unmapped bytes between or behind mappings */
	uint32_t overlaps;           /* mappings over bytes that another one had, copies aside */
	uint32_t conflicts;          /* of these, such that place a byte elsewhere (F52) */
	uint32_t infinite;           /* first fact with an infinite mapping */
	uint32_t data_ack;           /* first fact with a DATA_ACK */
	uint32_t last_mapping;       /* announced last */
	uint32_t ssn_end;            /* end of the highest mapping announced */
};

/* HMAC or token of MP_JOIN as verified from this view. */
enum hmac_verdict {
	HMAC_ABSENT,
	HMAC_OK,
	HMAC_BAD,
	HMAC_UNKNOWN, /* keys or nonces were not captured */
};

const char *hmac_text(enum hmac_verdict verdict);

struct subflow_view {
	struct sockname initiator, responder;
	uint16_t path;
	bool opened_by_us;    /* this host sent the SYN */
	bool is_join;         /* an MP_JOIN was seen in its SYN or SYN/ACK */
	bool has_nonce[WAYS]; /* by who sent it */
	uint32_t token, nonce[WAYS];
	bool has_nonce_before; /* SYNs differed: of another one than nonce is of */
	uint32_t nonce_before;
	uint8_t address_id[WAYS];
	bool backup;
	enum hmac_verdict token_verdict; /* of the token in the SYN, against its connection */
	enum hmac_verdict hmac_synack, hmac_ack;
	uint32_t connection;
	uint32_t sibling;     /* next subflow of the same connection or VIEW_NONE */
	uint32_t first, last; /* facts; follow fact.next */
	uint32_t fact_count;
	uint32_t syn, synack; /* first facts of each kind, or VIEW_NONE */
	uint32_t syn_last;    /* SYN most recent when the first SYN/ACK passed */
	uint32_t third;       /* first packet of the initiator after the SYN/ACK, no RST */
	uint32_t fourth;      /* first of the responder after that, no SYN, no RST */
	struct flow flow[WAYS];
};

/* The way in which the initiator's packets go. */
static inline enum way subflow_way(const struct subflow_view *subflow)
{
	return subflow->opened_by_us ? SENT : RECEIVED;
}

/* Everything else is by owner or sender: SENT is this host, RECEIVED its peer. */
struct connection_view {
	bool is_mptcp;    /* an MP_CAPABLE that decodes was seen */
	bool has_version; /* and one that tells the version */
	bool opened_by_us;
	bool flag_a;       /* checksums: A in a SYN or SYN/ACK that passed here */
	bool third_flag_a; /* A in the third packet */
	uint8_t version;
	bool has_key[WAYS];
	uint64_t key[WAYS];
	uint32_t token[WAYS];
	uint64_t idsn[WAYS];
	uint32_t subflow; /* the first one; follow subflow.sibling */
	uint32_t subflow_last;
	uint32_t subflow_count;
	uint64_t data_ack[WAYS]; /* highest sent by each side */
	bool has_data_ack[WAYS];
	uint64_t dsn_end[WAYS]; /* end of the highest mapping of each sender, DATA_FIN counted */
	bool has_dsn[WAYS];
	uint32_t data_fin[WAYS];  /* first fact with a DATA_FIN */
	uint64_t mapped[WAYS];    /* stream bytes in a row from IDSN + 1 that came mapped */
	uint32_t fail[WAYS];      /* first MP_FAIL that is not on an RST */
	uint32_t infinite[WAYS];  /* first infinite mapping */
	uint32_t fastclose[WAYS]; /* first MP_FASTCLOSE */
	uint64_t payload;         /* bytes over all its subflows, both ways */
};

/* What is known of the records. */
enum view_kind {
	VIEW_PASSING, /* not which way they went */
	VIEW_HOST,    /* whether the host sent or received them, but some may be missing */
	VIEW_WHOLE,   /* and none is missing: what the host's TCP refuses is told apart */
};

struct view {
	const struct capture *capture; /* borrowed */
	enum view_kind kind;
	uint32_t ignored; /* records that are no TCP, malformed, or of wrong checksum */
	struct fact *facts;
	struct mapping *mappings;
	struct piece *pieces;
	uint32_t *order;
	struct mptcp_fact_option *options;
	struct subflow_view *subflows;
	struct connection_view *connections;
	size_t fact_count, mapping_count, piece_count, option_count, subflow_count,
		connection_count;
	size_t fact_capacity, mapping_capacity, piece_capacity, option_capacity, subflow_capacity,
		connection_capacity;
	uint32_t *slots; /* hash of address pairs -> subflow */
	size_t slot_count;
};

/*
 * Rebuild a view. But in VIEW_PASSING what the host received with a wrong TCP checksum is left out,
 * as the host left it out. In VIEW_WHOLE a packet from outside the window becomes a fact that is in
 * no subflow's list and has nothing but what it would have said. Free with view_fini.
 */
void view_init(struct view *view, const struct capture *capture, enum view_kind kind);
void view_fini(struct view *view);

/* The option of a subtype that a fact carries, NULL when none (DSS has its fields in the fact). */
const struct mptcp_opt *view_option(const struct view *view, const struct fact *fact,
	enum mptcp_subtype subtype);

/*
 * MP_CAPABLE in the right form for its packet (RFC 8684 3.1, RFC 6824 3.1): a SYN without key in
 * v1 and with one in v0, a SYN/ACK with the sender's key, a later packet with both.
 */
bool capable_form_ok(const struct fact *fact, const struct mp_capable *capable);

/* HMAC of an ADD_ADDR that was sent this way; absent in v0 and in echoes (RFC 8684 3.4.1). */
enum hmac_verdict add_addr_verify(const struct connection_view *connection, enum way by,
	const struct mp_add_addr *add);

/* Whether a byte range of a way is covered by ordinary mappings. */
bool view_is_mapped(const struct view *view, const struct flow *flow, uint32_t seq,
	uint32_t length);

#endif
