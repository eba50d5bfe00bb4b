/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * result.h - what a trace came to, as reports are given it: the hops, what was changed between
 * which two of them, and what the destination's answer says. How it is told from the answers is
 * attribute.h; of a live connection, join.h.
 */
#ifndef TRACEBOX_RESULT_H
#define TRACEBOX_RESULT_H

#include "tracebox/view.h"

struct conn_info; /* probe/endpoint/endpoint.h */

struct finding {
	struct change change;            /* as the hop before shows it */
	const struct hop_view *after;    /* the last hop that got it unchanged; NULL: the sender */
	const struct hop_view *before;   /* the first that got it changed */
	const struct hop_view *previous; /* whose quote shows the value before; NULL: the sender */
	bool is_exact;                   /* adjacent TTLs */
	bool is_hidden;                  /* no quote shows it: the checksum alone tells, or ... */
	bool is_masked;                  /* ... hops that answer by the destination's address */
	bool is_translated;    /* a NAT that translates quotes back, by all that is seen */
	bool in_data, in_acks; /* of a live connection: the segments that show it */
	bool is_reverse;       /* towards us; hops are counted from the far end */
};

/* What the destination's answer says. */
struct destination_view {
	bool reached;
	uint8_t ttl;
	enum answer_kind reply;
	bool asked_mptcp; /* the probe was a SYN with MP_CAPABLE */
	bool supports_mptcp, mirrors_mptcp, has_version;
	uint8_t version;
};

struct result {
	const struct trace *trace;
	struct hop_view *hops;
	size_t hop_count;
	struct finding *findings;
	size_t finding_count, finding_capacity;
	struct destination_view destination;
	uint32_t sent; /* probes */
	nsec_t elapsed_ns;
	const struct conn_info *connection; /* a live one's; borrowed. NULL: there is none */
	/* The other direction, as the far end traced it; borrowed. */
	const struct result *reverse;
	const char *reverse_unknown; /* why there is none; both NULL: it was not asked for */
};

/* One finding more, to be freed with the result; later sorted by place. */
void result_add_finding(struct result *result, const struct finding *finding);
void result_sort(struct result *result);

/* Field name of a finding ("tcp.option.mss"); returns buf. */
const char *finding_name(const struct finding *finding, char buf[static OPTID_TEXT]);

/* Values on both sides as text; empty when there was none. Returns buf. */
const char *finding_before(const struct finding *finding, char *buf, size_t size);
const char *finding_after(const struct finding *finding, char *buf, size_t size);

#endif
