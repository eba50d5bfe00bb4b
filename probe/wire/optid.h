/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * optid.h - what a TCP option is, apart from its value: its kind, with MPTCP its subtype, with
 * experimental kinds the experiment's identifier (RFC 6994). Named as in reports and in Lua:
 * tcp.option.mss, tcp.option.77, tcp.option.mptcp.dss, tcp.option.exp.f989.
 */
#ifndef PROBE_WIRE_OPTID_H
#define PROBE_WIRE_OPTID_H

#include "probe/wire/tcpopt.h"

enum { OPTID_TEXT = 48 };

struct optid {
	uint8_t kind;
	bool has_detail; /* detail counts; in a pattern without it, every detail matches */
	bool any_exp;    /* kinds 253 and 254 alike */
	uint32_t detail; /* MPTCP subtype or experiment identifier */
};

/* The identity of the option at bytes, length counting kind and length byte. */
struct optid optid_of(const uint8_t *bytes, uint32_t length);

bool optid_equal(const struct optid *a, const struct optid *b);

/* Whether an option's identity is the pattern's: kind alone, or kind and detail. */
bool optid_matches(const struct optid *pattern, const struct optid *id);

/* "tcp.option.mss"; returns buf. */
const char *optid_text(const struct optid *id, char buf[static OPTID_TEXT]);

/* Read such a name, with or without "tcp.option." before it; false when it is none. */
bool optid_parse(struct optid *id, const char *name);

#endif
