/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - one hop's quote against the probe: what it covers, and what its checksum tells.
 */
#ifndef TRACEBOX_VIEW_H
#define TRACEBOX_VIEW_H

#include "tracebox/attribute.h"

/* Whether the quote is long enough to show the subject of a change, and so that it is unchanged. */
bool view_covers(const struct hop_view *view, const struct change *subject);

/* Whether a hop is the next behind another; NULL: the sender, which stands at TTL 0. */
bool view_follows(const struct hop_view *after, const struct hop_view *before);

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
