/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - a small network: one client and one server, joined by paths of links, router hops and
 * boxes. On the virtual clock it is a deterministic simulator; on the real clock its edges hand
 * packets to TUN devices with real kernels behind them. Every element is a node that receives
 * packets and wakes at times; nobody calls a neighbour: every delivery is an event ordered by
 * (time, serial). It knows boxes by their contract (mbtest/box.h) and judges nothing.
 *
 * Path i (0 first) has the client address 198.18.<i+1>.2 (fd00:<i+1>::2); the server is
 * 198.18.100.2 (fd00:100::2). Packets to a client are routed to the path whose /24 (/64) they are
 * for, so a NAT on path i uses 198.18.<i+1>.200 and up.
 */
#ifndef MBTEST_NET_NET_H
#define MBTEST_NET_NET_H

#include "mbtest/box.h"
#include "mbtest/dir.h"
#include "mbtest/stream.h"
#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/base/rng.h"
#include "probe/machine.h"
#include "probe/wire/capture.h"
#include "probe/wire/icmp.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	NET_PATHS = 8,
	NET_SERVER_PORT = 80,
	NET_CLIENT_PORT = 40000,
};

struct net;

enum net_clock {
	CLOCK_VIRTUAL,
	CLOCK_REAL,
};

/* Both directions alike unless given twice. Defaults: 5 ms, 30 Mbit/s, 150 ms of queue. */
struct link_plan {
	nsec_t delay_ns;
	uint64_t rate_bps; /* 0: infinitely fast */
	/* A packet that finds more than this waiting is dropped; 0: what is sent in 150 ms. */
	uint32_t queue_bytes;
	uint64_t loss_mask; /* bit n set: the n-th packet of each 64 is lost */
	uint32_t loss_ppm;  /* chances in parts of a million */
	uint32_t duplicate_ppm;
	uint32_t reorder_ppm; /* delayed by jitter_ns, so that others pass */
	nsec_t jitter_ns;
};

void link_plan_default(struct link_plan *plan);

enum quote_kind {
	QUOTE_FULL,    /* as much as fits (RFC 1812, RFC 4443) */
	QUOTE_RFC792,  /* IP header and eight bytes */
	QUOTE_BYTES,   /* quote_bytes after the IP header */
	QUOTE_RFC4884, /* length field, padding, extensions; of the packet all, or quote_bytes */
	QUOTE_SILENT,  /* no answer at all */
};

struct hop_plan {
	struct addr addr[2]; /* IPv4 and IPv6 address it answers from */
	enum quote_kind quote;
	uint32_t quote_bytes;
	const struct icmp_objects *objects; /* with QUOTE_RFC4884; NULL: none. Borrowed */
	uint32_t answers_per_s;             /* it answers no more often than that; 0: always */
	uint32_t burst;                     /* answers it may give at once */
};

/* By what a path is chosen where several lead on. */
enum ecmp_by {
	ECMP_NONE,  /* the first, for all */
	ECMP_FLOW,  /* addresses, protocol and ports */
	ECMP_LABEL, /* addresses and flow label (RFC 6438); IPv4, which has none: addresses alone */
	ECMP_PACKET, /* each packet the next */
};

enum { ECMP_BRANCHES = 8 };

struct ecmp_plan {
	enum ecmp_by by;
	bool one_way[DIRS]; /* packets of this direction all take the first */
	uint32_t salt;      /* another gives another choice */
	nsec_t change_ns;   /* from then on each takes the next one to that; NSEC_NEVER */
};

struct net_config {
	enum net_clock clock;
	uint64_t seed;
	bool hash;      /* keep the running hash of events */
	bool taps;      /* record both taps, and what boxes declare */
	bool strict;    /* ask machines for packets when none is due, too: NET_BEFORE_DEADLINE */
	uint64_t sends; /* bytes of a stream, by which a storm is told from a long transfer */
	bool text_log;  /* one line an event to log */
	void (*log)(void *self, const char *line);
	void *log_self;
	/* Every packet at the taps, of any kind, as it passes: for runs that no memory holds. */
	void (*observe)(void *self, enum end end, const struct packet *packet, bool outgoing);
	void *observe_self;
};

struct net *net_new(const struct net_config *config);
void net_free(struct net *net);

/* As net_free and net_new, but keeps the memory: for one scenario after the other. */
void net_reset(struct net *net, const struct net_config *config);

/* ---- building: paths from client to server, elements appended in that order ---- */

/* A new path; its index. */
uint16_t net_add_path(struct net *net);
void net_add_link(struct net *net, uint16_t path, const struct link_plan *to_server,
	const struct link_plan *to_client);
void net_add_hop(struct net *net, uint16_t path, const struct hop_plan *plan);

/*
 * A node from which several branches lead on, and where they meet again: after this, links, hops
 * and boxes stand on the branch last begun, until net_end_ecmp. There is no such node on a branch.
 */
void net_add_ecmp(struct net *net, uint16_t path, const struct ecmp_plan *plan);
void net_begin_branch(struct net *net, uint16_t path);
void net_end_ecmp(struct net *net, uint16_t path);

bool net_add_box(struct net *net, uint16_t path, const char *name, const struct box_type *type,
	const struct box_arg *args, size_t arg_count, struct err *err);

/*
 * The edges. A machine: driven by the network, woken at its deadline; borrowed. settle (may be
 * NULL) is called after input and before output is drained: the application's turn.
 */
void net_set_machine(struct net *net, enum end end, struct machine machine,
	void (*settle)(void *self, nsec_t now), nsec_t (*settle_deadline)(const void *self),
	void *self);

/*
 * Real clock only: packets for an end leave by, and arrive from, file descriptors of TUN devices
 * (IFF_NO_PI): fds[path] for the client, one for the server. Borrowed, made non-blocking.
 */
void net_set_tun(struct net *net, enum end end, const int *fds, uint16_t fd_count);

/* Real clock only: done is asked when this becomes readable, not every few milliseconds. */
void net_set_watch(struct net *net, int fd);

/* Addresses by the plan above; family 4 or 6. */
struct addr net_client_addr(uint16_t path, uint8_t family);
struct addr net_server_addr(uint8_t family);

/* A further address of the server: 198.18.100.<2+number>, fd00:100::<2+number>. */
struct addr net_server_addr_at(uint16_t number, uint8_t family);

/* ---- running ---- */

enum net_stop {
	NET_IDLE,     /* nothing left to happen (virtual clock) */
	NET_DEADLINE, /* time is up */
	NET_STOPPED,  /* done() said so */
	NET_EVENTS,   /* more than the bound on events, or on those to come: a storm */
	NET_FAILED,   /* a box (Lua) failed; net_error says how */
};

/*
 * Run until done(self) after an event, idle, or the moment until. Machines are called at once.
 * On the real clock done is also asked every few milliseconds, or see net_set_watch.
 */
enum net_stop net_run(struct net *net, nsec_t until, bool (*done)(void *self), void *self);

nsec_t net_now(const struct net *net);
const char *net_error(const struct net *net);

/* What a network must never see, whatever stands in it; the first that it did. */
enum net_oddity {
	NET_REGULAR,
	NET_DROP_WITHOUT_REASON,
	NET_BEFORE_DEADLINE, /* a machine sent before its deadline, without input */
	NET_STORM,           /* packets without end */
};

enum net_oddity net_oddity(const struct net *net);

/* "drop-reason", "before-deadline", "storm"; "" for none. */
const char *net_oddity_text(enum net_oddity oddity);

/* ---- looking ---- */

const struct capture *net_tap(const struct net *net, enum end end);
uint64_t net_hash(const struct net *net);     /* time, node, verb, bytes, reason of events */
uint64_t net_box_hits(const struct net *net); /* sum over all boxes */
uint64_t net_box_hits_at(const struct net *net, uint16_t path, unsigned int box);

/* What an element of a path did, position counted from the client. */
struct net_counts {
	const char *name; /* "path1/strip" */
	bool is_box;
	uint64_t hits; /* of a box */
	uint64_t sent[DIRS], dropped;
};

/* False when there is no such element. */
bool net_counts(const struct net *net, uint16_t path, size_t position, struct net_counts *counts);

/* Payload edits declared by boxes; the array is the network's. */
size_t net_edits(const struct net *net, const struct stream_edit **edits);

#endif
