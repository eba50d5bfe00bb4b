/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accept.c - which of the packets that reached a host its TCP may look at: RFC 9293 3.10.7.4 for
 * sequence numbers, 3.10.7.4 and RFC 5961 5.2 for acknowledgements, RFC 7323 5.3 for timestamps.
 * The rest is dropped before Multipath TCP sees it (RFC 8684 3), so that nothing in it can be held
 * against the host.
 *
 * The window is known from what the host itself sent. It may have read on since its last ACK, so
 * that the left edge is lower than the host's own: some packets count here that it refused, none is
 * refused here that it took.
 */
#include "probe/analyze/parts.h"
#include "probe/base/seq.h"

/* The numbers of a flow, and of what its other way acknowledged, once a packet counts. */
void window_note(struct subflow_view *subflow, const struct fact *fact)
{
	struct flow *flow = &subflow->flow[fact->way];
	struct flow *back = &subflow->flow[way_back(fact->way)];
	uint32_t end = fact_end(fact), edge = fact->ack + fact->window;

	/* A RST has the number that it was asked with. */
	if (fact->flags & TCP_RST)
		return;
	/* A new SYN begins anew (O13). */
	if (flow->has_isn && ((fact->flags & TCP_SYN) || seq_before(flow->top, end)))
		flow->top = end;
	if (fact->window > back->widest)
		back->widest = fact->window;
	if (!(fact->flags & TCP_ACK) || !back->has_isn)
		return;
	if (fact->has_stamp) {
		back->has_echo = true;
		back->echo = fact->stamp_echo;
	}
	if ((fact->flags & TCP_SYN) || !back->has_edge || seq_before(back->edge, edge)) {
		back->edge = edge;
		back->has_edge = true;
	}
	if ((fact->flags & TCP_SYN) || seq_before(back->floor, fact->ack))
		back->floor = fact->ack;
}

/* An ACK of what was never sent, or of the distant past. */
static bool acks_nothing(const struct flow *sent, const struct fact *fact)
{
	return (fact->flags & TCP_ACK) && sent->has_isn &&
		(seq_before(sent->top, fact->ack) ||
			seq_before(fact->ack, sent->floor - sent->widest));
}

bool is_old(const struct subflow_view *subflow, const struct fact *fact)
{
	const struct flow *flow = &subflow->flow[fact->way];

	return !(fact->flags & TCP_SYN) && flow->has_edge &&
		seq_before(fact_end(fact), flow->floor);
}

/* RFC 5961 3.2: a RST past the next byte is challenged; surely so when it is past all that came. */
static bool is_inexact(const struct flow *flow, const struct fact *fact)
{
	uint32_t end = flow->end < flow->floor ? flow->floor : flow->end;

	return (fact->flags & TCP_RST) && seq_before(end + (flow->fin != VIEW_NONE), fact->seq);
}

/* RFC 7323 5.3: a timestamp older than one that the host has echoed. */
static bool is_outdated(const struct flow *flow, const struct fact *fact)
{
	return flow->has_echo && fact->has_stamp && seq_before(fact->stamp, flow->echo);
}

bool is_refused(const struct subflow_view *subflow, const struct fact *fact)
{
	const struct flow *flow = &subflow->flow[RECEIVED];

	if (fact->way != RECEIVED || (fact->flags & TCP_SYN) || !flow->has_edge)
		return false;
	if (seq_before(flow->edge, fact->seq) || is_inexact(flow, fact))
		return true;
	if (!(fact->flags & TCP_RST) && is_outdated(flow, fact))
		return true;
	/* A copy of old data may still bring its mapping (F48). */
	if (is_old(subflow, fact) &&
		(fact->payload == 0 || seq_before(fact_end(fact), flow->floor - flow->widest)))
		return true;
	return !(fact->flags & TCP_RST) && acks_nothing(&subflow->flow[SENT], fact);
}
