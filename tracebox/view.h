/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - one hop's quote against the probe: what it covers, and what its checksum tells.
 */
#ifndef TRACEBOX_VIEW_H
#define TRACEBOX_VIEW_H

#include "tracebox/attribute.h"

/* Whether the quote is long enough to show the subject of a change, and so that it is unchanged. */
bool view_covers(const struct hop_view *view, const struct change *subject);

/* The change of the transport checksum itself, as if it were one of the header's own. */
struct change view_checksum_change(const struct hop_view *view);

#endif
