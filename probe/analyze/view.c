/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.c - one pass over a capture: each TCP packet becomes a fact of its subflow.
 */
#include "probe/analyze/view.h"

#include "probe/analyze/parts.h"
#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { WSCALE_MAX = 14 }; /* RFC 7323 2.3 */

const char *hmac_text(enum hmac_verdict verdict)
{
	static const char *const texts[] = {
		[HMAC_ABSENT] = "absent",
		[HMAC_OK] = "ok",
		[HMAC_BAD] = "bad",
		[HMAC_UNKNOWN] = "unknown",
	};

	return texts[verdict];
}

/*
 * The SYN was not captured. A mapping tells where its segment stands, the handshake's third packet
 * where both ways do; what comes before either cannot be placed.
 */
static void flow_anchor_late(struct subflow_view *subflow, const struct packet *packet,
	enum way way)
{
	struct flow *flow = &subflow->flow[way], *back = &subflow->flow[way_back(way)];
	struct mptcp_opt opt;

	if (mptcp_find(packet, MP_DSS, &opt, NULL) && opt.dss.has_mapping && opt.dss.ssn > 0 &&
		packet_payload_len(packet) > 0) {
		flow->isn = tcp_seq(packet) - opt.dss.ssn;
		flow->has_isn = true;
	} else if (mptcp_find(packet, MP_CAPABLE, &opt, NULL) && opt.capable.has_receiver_key) {
		flow->isn = tcp_seq(packet) - 1;
		flow->has_isn = true;
		if (!back->has_isn && (tcp_flags(packet) & TCP_ACK)) {
			back->isn = tcp_ack(packet) - 1;
			back->has_isn = true;
		}
	}
}

/* A packet fixes the number that its flow counts from. */
static void flow_anchor(struct subflow_view *subflow, const struct packet *packet, enum way way)
{
	struct flow *flow = &subflow->flow[way];
	uint16_t flags = tcp_flags(packet);

	if (flags & TCP_SYN) {
		/* A SYN with another number: the half-open state before it is gone (O13). */
		if (!(flags & TCP_ACK) && flow->has_isn && flow->isn != tcp_seq(packet))
			subflow->flow[way_back(way)].has_isn = false;
		if (!flow->has_isn || subflow->third == VIEW_NONE)
			flow->isn = tcp_seq(packet);
		flow->syn = true;
		flow->has_isn = true;
		flow->wscale_given = tcpopt_wscale(packet, &flow->wscale);
		if (flow->wscale > WSCALE_MAX)
			flow->wscale = WSCALE_MAX;
	} else if (!flow->has_isn && !(flags & TCP_RST)) {
		flow_anchor_late(subflow, packet, way);
	}
}

static uint32_t fact_add(struct view *view, const struct packet *packet, uint32_t record,
	uint32_t index, enum way way)
{
	struct subflow_view *subflow = &view->subflows[index];
	struct flow *flow = &subflow->flow[way], *back = &subflow->flow[way_back(way)];
	uint16_t flags = tcp_flags(packet);
	uint8_t shift = 0;
	struct fact *fact;

	view->facts = xgrow(view->facts, view->fact_count, &view->fact_capacity, sizeof(*fact));
	fact = &view->facts[view->fact_count];
	memset(fact, 0, sizeof(*fact));
	if (!(flags & TCP_SYN) && flow->wscale_given && back->wscale_given)
		shift = flow->wscale;
	fact->at = view->capture->records[record].at;
	fact->record = record;
	fact->seq = flow->has_isn ? tcp_seq(packet) - flow->isn : 0;
	fact->ack = (flags & TCP_ACK) && back->has_isn ? tcp_ack(packet) - back->isn : 0;
	fact->payload = packet_payload_len(packet);
	fact->window = (uint32_t)tcp_window(packet) << shift;
	fact->has_stamp = tcpopt_timestamp(packet, &fact->stamp, &fact->stamp_echo);
	fact->mapping = fact->next = VIEW_NONE;
	fact->flags = flags;
	fact->subflow = (uint16_t)index;
	fact->way = (uint8_t)way;
	return (uint32_t)view->fact_count++;
}

/* Where a packet stands in its subflow's life. */
static void subflow_note(struct view *view, uint32_t index)
{
	struct fact *fact = &view->facts[index];
	struct subflow_view *subflow = &view->subflows[fact->subflow];
	struct flow *flow = &subflow->flow[fact->way];
	bool syn = (fact->flags & TCP_SYN) != 0, ack = (fact->flags & TCP_ACK) != 0;
	bool by_initiator = fact->way == subflow_way(subflow);

	if (subflow->first == VIEW_NONE)
		subflow->first = index;
	else
		view->facts[subflow->last].next = index;
	subflow->last = index;
	subflow->fact_count++;
	if (flow->rst == VIEW_NONE && (fact->flags & TCP_RST))
		flow->rst = index;
	if (flow->fin == VIEW_NONE && (fact->flags & TCP_FIN))
		flow->fin = index;
	if (fact->flags & TCP_RST)
		return;
	if (syn && !ack && by_initiator) {
		if (subflow->syn == VIEW_NONE)
			subflow->syn = index;
		if (subflow->synack == VIEW_NONE)
			subflow->syn_last = index;
	} else if (syn && ack && !by_initiator) {
		if (subflow->synack == VIEW_NONE)
			subflow->synack = index;
	} else if (!syn && ack && by_initiator) {
		if (subflow->third == VIEW_NONE && subflow->synack != VIEW_NONE && fact->ack >= 1)
			subflow->third = index;
	} else if (!syn && ack && subflow->third != VIEW_NONE && subflow->fourth == VIEW_NONE) {
		subflow->fourth = index;
	}
}

/* A SYN says which connection a subflow belongs to: MP_JOIN to a known one, else its own. */
static void subflow_attach(struct view *view, uint32_t index, const struct packet *packet,
	enum way way)
{
	struct subflow_view *subflow = &view->subflows[index];
	struct mptcp_opt opt;
	uint32_t connection = VIEW_NONE;

	if (subflow->connection != VIEW_NONE)
		return;
	if (mptcp_find(packet, MP_JOIN, &opt, NULL) && opt.join.form == JOIN_SYN)
		connection = connection_by_token(view, way_back(way), opt.join.token,
			&subflow->token_verdict);
	if (connection == VIEW_NONE)
		connection = connection_add(view, index, subflow->opened_by_us);
	subflow->connection = connection;
	if (view->connections[connection].subflow_count++ > 0)
		view->subflows[view->connections[connection].subflow_last].sibling = index;
	view->connections[connection].subflow_last = index;
}

static void piece_add(struct view *view, const struct fact *fact, uint32_t index, size_t offset)
{
	struct flow *flow = &view->subflows[fact->subflow].flow[fact->way];
	uint32_t seq = fact->seq + ((fact->flags & TCP_SYN) != 0);
	struct piece *piece;

	/* Before the first byte, or 2 GiB past it: not of this stream. */
	if (fact->payload == 0 || seq == 0 || seq > INT32_MAX)
		return;
	view->pieces =
		xgrow(view->pieces, view->piece_count, &view->piece_capacity, sizeof(*piece));
	piece = &view->pieces[view->piece_count++];
	piece->offset = offset;
	piece->seq = seq;
	piece->length = fact->payload;
	piece->fact = index;
	piece->flow = 2u * fact->subflow + fact->way;
	piece->doubted = false;
	if (seq + fact->payload > flow->end)
		flow->end = seq + fact->payload;
}

static void record_read(struct view *view, uint32_t record, struct packet *packet)
{
	const struct capture_record *from = &view->capture->records[record];
	struct flow *back;
	uint32_t index, subflow;
	struct fact *fact;
	enum way way;

	/* What arrives with a wrong checksum never reaches the host's TCP. */
	if (!capture_get(view->capture, record, packet) || packet->form != PACKET_TCP ||
		packet->is_fragment ||
		(view->kind != VIEW_PASSING && !from->outgoing && !packet_l4_checksum_ok(packet))) {
		view->ignored++;
		return;
	}
	subflow = subflow_for(view, packet, from->outgoing, from->path, &way);
	if (subflow == VIEW_NONE) {
		view->ignored++;
		return;
	}
	flow_anchor(&view->subflows[subflow], packet, way);
	subflow_attach(view, subflow, packet, way);
	index = fact_add(view, packet, record, subflow, way);
	if (view->kind == VIEW_WHOLE && is_refused(&view->subflows[subflow], &view->facts[index])) {
		view->facts[index].refused = HAS_REFUSED | options_refused(packet);
		return;
	}
	view->facts[index].is_old = is_old(&view->subflows[subflow], &view->facts[index]);
	window_note(&view->subflows[subflow], &view->facts[index]);
	subflow_note(view, index);
	fact_decode(view, index, packet);
	fact = &view->facts[index];
	piece_add(view, fact, index, from->offset + packet->payload);
	back = &view->subflows[subflow].flow[way_back(way)];
	if ((fact->flags & TCP_ACK) && !(fact->flags & TCP_RST) && fact->ack <= INT32_MAX &&
		fact->ack > back->acked)
		back->acked = fact->ack;
	view->connections[view->subflows[subflow].connection].payload += fact->payload;
}

void view_init(struct view *view, const struct capture *capture, enum view_kind kind)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	size_t i;

	memset(view, 0, sizeof(*view));
	view->capture = capture;
	view->kind = kind;
	view->fact_capacity = view->piece_capacity = capture->count < 16 ? 16 : capture->count;
	view->facts = xmalloc(view->fact_capacity * sizeof(*view->facts));
	view->pieces = xmalloc(view->piece_capacity * sizeof(*view->pieces));
	for (i = 0; i < capture->count && i < VIEW_NONE; i++)
		record_read(view, (uint32_t)i, packet);
	packet_free(packet);
	view_settle(view);
}

void view_fini(struct view *view)
{
	free(view->facts);
	free(view->mappings);
	free(view->pieces);
	free(view->order);
	free(view->options);
	free(view->subflows);
	free(view->connections);
	free(view->slots);
	memset(view, 0, sizeof(*view));
}

const struct mptcp_opt *view_option(const struct view *view, const struct fact *fact,
	enum mptcp_subtype subtype)
{
	uint32_t i;

	for (i = 0; i < fact->option_count; i++) {
		const struct mptcp_opt *opt = &view->options[fact->option + i].opt;

		if (opt->subtype == subtype)
			return opt;
	}
	return NULL;
}
