/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parts.h - what the files of this room share and nobody else needs: the table of subflows by
 * addresses, the decoding of options into facts, and the settling of bytes and mappings.
 */
#ifndef PROBE_ANALYZE_PARTS_H
#define PROBE_ANALYZE_PARTS_H

#include "probe/analyze/history.h"
#include "probe/analyze/view.h"

/*
 * The subflow a TCP packet belongs to, made when there is none; way is how the packet went.
 * VIEW_NONE when the view is full.
 */
uint32_t subflow_for(struct view *view, const struct packet *packet, bool outgoing, uint16_t path,
	enum way *way);

/* The connection whose responder has this token; how sure that is goes into verdict. */
uint32_t connection_by_token(const struct view *view, enum way owner, uint32_t token,
	enum hmac_verdict *verdict);

uint32_t connection_add(struct view *view, uint32_t subflow, bool opened_by_us);

/* Read a packet's MPTCP options into a fact that has everything else already. */
void fact_decode(struct view *view, uint32_t index, const struct packet *packet);

/* What a packet would have said, had TCP accepted it: HAS_*. */
uint32_t options_refused(const struct packet *packet);

/* Whether a packet brings nothing but bytes that the host had acknowledged before. */
bool is_old(const struct subflow_view *subflow, const struct fact *fact);

/* Whether the TCP of the host drops a packet unread (of a whole view alone). */
bool is_refused(const struct subflow_view *subflow, const struct fact *fact);

/* Keep what later packets are measured by. */
void window_note(struct subflow_view *subflow, const struct fact *fact);

/* After the last packet: order the bytes, lay the mappings over them, verify checksums. */
void view_settle(struct view *view);

/* Parts of a history: its subflows, its addresses. */
void history_subflows(struct history *history);
void history_addresses(struct history *history);

#endif
