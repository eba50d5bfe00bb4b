/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - what one hop's answer shows: the quote that came back against the probe that was sent,
 * what the quote covers, and what its checksum tells of the rest.
 */
#ifndef TRACEBOX_VIEW_H
#define TRACEBOX_VIEW_H

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

/* Read one hop of a trace (borrowed, and not to be changed as long as the view is used). */
void hop_view_init(struct hop_view *view, const struct trace *trace, uint8_t ttl);
void hop_view_fini(struct hop_view *view);

/* Address that answered, or NULL for silence and for the sender (view NULL). */
const struct addr *hop_view_addr(const struct hop_view *view);

/* Whether a hop is the next behind another; NULL: the sender, which stands at TTL 0. */
bool view_follows(const struct hop_view *after, const struct hop_view *before);

/* Whether the quote is long enough to show the subject of a change, and so that it is unchanged. */
bool view_covers(const struct hop_view *view, const struct change *subject);

/* The change of the same subject in this quote; NULL: none that it shows. */
const struct change *view_change(const struct hop_view *view, const struct change *subject);

/* Known bytes of the quote behind its IP header, and whether these are all that there were. */
uint32_t view_transport_known(const struct hop_view *view);
bool view_is_whole(const struct hop_view *view);

/*
 * What of the checksum's change is not explained by the first so many bytes behind the IP header;
 * of all known ones it is checksum_residue. False when they do not tell.
 */
bool view_residue(const struct hop_view *view, uint32_t bytes, uint16_t *residue);

/* The change of the transport checksum itself, as if it were one of the header's own. */
struct change view_checksum_change(const struct hop_view *view);

#endif
