/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attribute.h - what the answers of a trace mean: per hop the changes between the probe that was
 * sent and the quote that came back, over the path the findings (what was changed, and between
 * which two hops), and what the destination's answer says about Multipath TCP. One cause is one
 * finding: what routers must change and what follows from something else is none.
 */
#ifndef TRACEBOX_ATTRIBUTE_H
#define TRACEBOX_ATTRIBUTE_H

#include "probe/endpoint/endpoint.h"
#include "probe/wire/diff.h"
#include "probe/wire/icmp.h"
#include "tracebox/trace.h"

/* One hop that belongs to the path, silent ones included. */
struct hop_view {
	uint8_t ttl;
	const struct trace_hop *hop;
	struct packet *sent; /* the probe it answered; NULL when it is silent */
	bool has_quote;
	struct icmp_error error; /* with has_quote */
	const uint8_t *quote;    /* its known bytes: error.quote_known */
	struct layers layers;    /* of the quote */
	struct changes changes;
	bool has_checksum;         /* the quote shows the transport checksum ... */
	uint16_t checksum_change;  /* ... changed by this, in ones' complement; 0: as sent ... */
	uint16_t checksum_residue; /* ... of which the visible changes do not explain this */
	/* Of a live connection (join.h): what was sent to the hop here, and the next kind. */
	const char *segment; /* "data", "first-data", "ack"; NULL: probes are of one kind */
	const struct hop_view *more;
};

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

/* Read a trace (borrowed, and not to be changed as long as the result is used). */
void result_init(struct result *result, const struct trace *trace);
void result_fini(struct result *result);

/* Read one hop alone, for reports while the trace goes on. */
void hop_view_init(struct hop_view *view, const struct trace *trace, uint8_t ttl);
void hop_view_fini(struct hop_view *view);

/* One finding more, to be freed with the result; later sorted by place. */
void result_add_finding(struct result *result, const struct finding *finding);
void result_sort(struct result *result);

/* Whether two changes are about the same field, option or order. */
bool change_same_subject(const struct change *a, const struct change *b);

/* Address that answered, or NULL for silence and for the sender (view NULL). */
const struct addr *hop_view_addr(const struct hop_view *view);

/* Field name of a finding ("tcp.option.mss"); returns buf. */
const char *finding_name(const struct finding *finding, char buf[static OPTID_TEXT]);

/* Values on both sides as text; empty when there was none. Returns buf. */
const char *finding_before(const struct finding *finding, char *buf, size_t size);
const char *finding_after(const struct finding *finding, char *buf, size_t size);

#endif
