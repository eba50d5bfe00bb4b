/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff.h - what was changed between a packet as sent and the bytes of it seen elsewhere: quoted in
 * an ICMP error, captured at another place, or behind a box. Compares only bytes that are known;
 * what a short quote does not show is neither equal nor changed.
 */
#ifndef PROBE_WIRE_DIFF_H
#define PROBE_WIRE_DIFF_H

#include "probe/wire/field.h"
#include "probe/wire/optid.h"

enum change_kind {
	CHANGE_REMOVED,
	CHANGE_MODIFIED,
	CHANGE_ADDED,
};

/* How a removed option went. */
enum change_how {
	HOW_NONE, /* nothing was removed */
	HOW_GAP,  /* closed up */
	HOW_NOP,  /* overwritten with NOP */
	HOW_EOL,  /* overwritten with EOL, or hidden behind one */
};

/* Ranges are offsets into the sent and the seen bytes; length 0: not there, or padding. */
struct change {
	const struct field *field; /* NULL: the option */
	struct optid option;
	bool is_order;    /* tcp.option-order: the ranges hold all options */
	uint8_t instance; /* which option of this identity, 0 first */
	enum change_kind kind;
	enum change_how how;
	bool follows; /* not a finding of its own: lengths, padding, checksums */
	uint32_t before_offset, before_length;
	uint32_t after_offset, after_length;
};

enum {
	DIFF_HOP_MUTABLE = 1, /* also what routers must change */
	CHANGES_MAX = 96,
	CHANGE_TEXT = 512,
};

struct changes {
	size_t count;
	struct change list[CHANGES_MAX];
};

/* Compare; known counts the seen bytes that may be looked at. The order is that of the headers. */
void packet_diff(struct changes *changes, const struct packet *sent, const uint8_t *seen,
	uint32_t known, unsigned int flags);

/* Whether two are about the same field, the same instance of an option, or both about the order. */
bool change_same_subject(const struct change *a, const struct change *b);

/* "tcp.window", "tcp.option.mss", "tcp.option-order", "payload"; returns buf. */
const char *change_name(const struct change *change, char buf[static OPTID_TEXT]);

/* Value before or after as text, cut to fit; empty when there was none. Returns buf. */
const char *change_before(const struct change *change, const struct packet *sent, char *buf,
	size_t size);
const char *change_after(const struct change *change, const uint8_t *seen, uint32_t known,
	char *buf, size_t size);

/* "tcp.option.mss 1460 -> 1400", "tcp.option.mptcp.dss removed (nop)"; returns buf. */
const char *change_text(const struct change *change, const struct packet *sent, const uint8_t *seen,
	uint32_t known, char buf[static CHANGE_TEXT]);

/* "removed", "modified", "added"; "gap", "nop", "eol" or NULL. */
const char *change_kind_text(enum change_kind kind);
const char *change_how_text(enum change_how how);

#endif
