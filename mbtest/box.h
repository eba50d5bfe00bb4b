/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box.h - the contract of a middlebox behaviour, and the running of one. A box knows packets and
 * nothing else: neither the network it stands in nor the connection's ends. The same box runs in
 * the simulator, in a live namespace network, inline, and over a pcap file: whoever runs it is its
 * struct box_host.
 *
 * One behaviour is one file: mbtest/box/mss_clamp.c defines box_type_mss_clamp with
 * BOX_TYPE(mss_clamp), and the box is called "mss-clamp"; lua/box/NAME.lua has the same contract.
 * No list is edited (scripts/box_list.sh).
 *
 * box.c applies the common "when" parameters, calls packet() only for packets that match, and then
 * settles lengths and checksums (packet_finish), unless the parameter checksum = "leave" is given.
 */
#ifndef MBTEST_BOX_H
#define MBTEST_BOX_H

#include "mbtest/dir.h"
#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/base/rng.h"
#include "probe/wire/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct box;

enum verdict {
	BOX_PASS,  /* send it on */
	BOX_DROP,  /* gone; box_reason says why */
	BOX_TAKEN, /* the box keeps it (or has emitted it already) */
};

/* ---- parameters: one table a box, checked in one place ---- */

enum param_kind {
	PARAM_INT,    /* int64_t, within min..max */
	PARAM_BOOL,   /* bool */
	PARAM_CHOICE, /* int: index into choices, a NULL-ended list of names */
	PARAM_RATIO,  /* struct ratio: a number 0..1, kept as parts of a million ("0.25", "1e-3") */
	PARAM_TEXT,   /* struct param_text: bytes, may hold NUL */
	PARAM_ADDR,   /* struct addr */
	PARAM_TIME,   /* nsec_t: "15ms", "2s", or a number of milliseconds */
	PARAM_POINT,  /* struct when_point: "3" or 3 (n-th matching packet), "20000B", "50ms" */
};

struct param_text {
	uint8_t bytes[256];
	uint16_t length;
};

struct ratio {
	uint32_t ppm;
};

struct when_point {
	enum { POINT_NONE, POINT_PACKET, POINT_BYTE, POINT_TIME } unit;
	uint64_t value; /* packet number, 1 first; stream offset, 0 first; or nanoseconds */
};

struct box_param {
	const char *name; /* the table ends with NULL */
	enum param_kind kind;
	size_t offset;            /* into the box's state */
	const char *default_text; /* as typed; NULL: must be given; "" is no text, address, point */
	int64_t min, max;         /* PARAM_INT; PARAM_TIME in ns when max > 0 */
	/* PARAM_CHOICE: all there are; else NULL, or examples: what mbtest explore draws from */
	const char *const *choices;
	const char *help;
};

/* A value given for a parameter, as text: numbers in decimal, booleans "true" and "false". */
struct box_arg {
	const char *name;
	const char *text;
	size_t length;
};

/* ---- a type ---- */

struct box_type {
	const char *help;               /* one sentence: what it does to which packets */
	const struct box_param *params; /* NULL: only the common ones */
	size_t state_size;              /* zeroed, then filled from the parameters */
	bool alters_payload;            /* what it does to payload is declared by box_edited */
	/* packet() gets more than whole TCP packets: UDP, ICMP, fragments, what cannot be parsed.
	 */
	bool any_form;
	/* packet() gets every packet, matching or not (box_matched): it also undoes what it did. */
	bool sees_all;
	/* Names or numbers of a connection differ on its two sides: one that misses a packet of it
	 * breaks it. */
	bool translates;
	/* All optional but packet. */
	bool (*init)(struct box *box, struct err *err);
	enum verdict (*packet)(struct box *box, struct packet *packet, enum dir dir);
	void (*wake)(struct box *box); /* the time asked for by box_wake_at has come */
	void (*fini)(struct box *box);
};

#define BOX_TYPE(name) const struct box_type box_type_##name

struct box_entry {
	const char *name; /* "mss-clamp"; the table ends with NULL */
	const struct box_type *type;
};

extern const struct box_entry box_list[];

/*
 * Parameters every box has; box.c keeps them. They select the packets that packet() is called for:
 *
 *   direction   to-server, to-client or both
 *   on          what it is, several joined by '+' or ',': syn, synack, rst; data (payload, no SYN
 *               or RST), fin; ack3 (the handshake's third packet: no payload, acknowledges the
 *               SYN/ACK and nothing more), ack (any other without payload, SYN, FIN, RST); any
 *   path        the number of the path it stands on, 1 the first subflow's; 0: any
 *   from until  the first and the last that is meant; both ends count, so from = until hits one:
 *               "3"       the third packet that has the right direction and is on;
 *               "20000B"  the packet that holds byte 20000 (0 first) of its direction's stream. A
 *                         SYN stands before byte 0, FIN and RST at their sequence number, a packet
 *                         without payload at the last byte it acknowledges in the other direction.
 *                         What has several bytes is past "from" with its last and within "until"
 *                         with its first. Retransmissions are met again. Needs the SYNs seen;
 *               "50ms"    time since the start.
 *   every       each n-th of those
 *   chance      each of those with this probability
 *   checksum    fix, or leave: the TCP checksum stays as it was
 */
extern const struct box_param box_when_params[];

/* The type of a C box; NULL when there is none. */
const struct box_type *box_type_find(const char *name);

/* ---- running one ---- */

/* What stands around a box. All calls come from box_input and box_wake. */
struct box_host {
	/* Take a packet and send it on out of the box in direction dir. */
	void (*emit)(void *self, struct packet *packet, enum dir dir);
	/* A packet was dropped (taken, freed by the host): why. */
	void (*drop)(void *self, struct packet *packet, enum dir dir, const char *reason);
	/* An empty packet of at least capacity bytes, owned by the caller until emitted or dropped.
	 */
	struct packet *(*spare)(void *self, uint32_t capacity);
	/* Wake the box at this time (replaces an earlier request; NSEC_NEVER cancels). */
	void (*wake_at)(void *self, nsec_t at);
	/* A payload edit was made: for the judge. May be NULL. */
	void (*edited)(void *self, enum dir dir, const uint8_t *old_bytes, uint32_t old_length,
		const uint8_t *new_bytes, uint32_t new_length);
	/* The box itself failed (an error in Lua): a sentence. May be NULL. */
	void (*fail)(void *self, const char *sentence);
	void *self;
};

/*
 * A box of a type, told its parameters; false with a sentence naming box and parameter when one is
 * unknown, missing or out of range. host is copied, rng forked by name, path is the index of the
 * path it stands on.
 */
struct box *box_new(const char *name, const struct box_type *type, const struct box_arg *args,
	size_t arg_count, const struct box_host *host, const struct rng *rng, uint16_t path,
	struct err *err);
void box_free(struct box *box);

/* Check box and arguments by making one and throwing it away. */
bool box_check(const char *name, const struct box_type *type, const struct box_arg *args,
	size_t arg_count, struct err *err);

/* A packet arrives; taken. It leaves by host.emit or host.drop. */
void box_input(struct box *box, struct packet *packet, enum dir dir, nsec_t now);

/* The time asked for by wake_at has come. */
void box_wake(struct box *box, nsec_t now);

/* How often it acted: packets edited, dropped, taken or emitted by itself. */
uint64_t box_hits(const struct box *box);

const char *box_name(const struct box *box);

/* The type it was made of. */
const struct box_type *box_type_of(const struct box *box);

/* ---- for the behaviours themselves ---- */

void *box_state(struct box *box);
nsec_t box_now(const struct box *box);
struct rng *box_rng(struct box *box);

/*
 * Addresses of a box's own that were not given become 198.18.n.HOST and fd00:n::HOST on path n
 * (host in decimal in both); false when one that was given is of the other family.
 */
bool box_own_addrs(const struct box *box, struct addr *address, struct addr *address6, uint8_t host,
	struct err *err);

/* Send a packet (taken) out in a direction now; finished and counted like an edited one. */
void box_emit(struct box *box, struct packet *packet, enum dir dir);

/* A spare packet to fill, and a copy of one. */
struct packet *box_spare(struct box *box, uint32_t capacity);
struct packet *box_clone(struct box *box, const struct packet *packet);

/* Drop a packet that was kept (taken). */
void box_discard(struct box *box, struct packet *packet, enum dir dir, const char *reason);

/* Say why the packet just refused is refused; returns BOX_DROP. */
enum verdict box_reason(struct box *box, const char *reason);

/* Nothing was done to this packet although it matched: it does not count as a hit. BOX_PASS. */
enum verdict box_unchanged(struct box *box);

/*
 * The box keeps this packet (BOX_TAKEN), and that alone is no hit: what it emits or discards
 * later is counted.
 */
enum verdict box_held(struct box *box);

/* Send a kept packet (taken) on as it came; finished, not counted. */
void box_release(struct box *box, struct packet *packet, enum dir dir);

/* Whether the packet in packet() matches the when parameters (always, unless type.sees_all). */
bool box_matched(const struct box *box);

/*
 * Whether it has the direction and is what it must be (on), and neither comes after until; from,
 * every and chance aside.
 */
bool box_selected(const struct box *box);

void box_wake_at(struct box *box, nsec_t at);

/* The box cannot go on: whoever runs it is told why. */
void box_fail(struct box *box, const char *sentence);

/* Declare a payload edit (before or after it is made): these bytes became those. */
void box_edited(struct box *box, enum dir dir, const uint8_t *old_bytes, uint32_t old_length,
	const uint8_t *new_bytes, uint32_t new_length);

/*
 * Offset of a TCP packet's first payload byte in its direction's stream on this subflow (0: the
 * byte after the SYN), by what box.c saw of the SYNs; false when no SYN was seen.
 */
bool box_stream_offset(const struct box *box, const struct packet *packet, enum dir dir,
	uint32_t *offset);

#endif
