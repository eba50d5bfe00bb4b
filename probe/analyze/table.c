/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.c - subflows by their addresses, and the connections they belong to.
 */
#include "probe/analyze/parts.h"

#include "probe/base/alloc.h"
#include "probe/base/hash.h"

#include <stdlib.h>
#include <string.h>

enum {
	SUBFLOWS_MAX = UINT16_MAX,
	SLOTS_MIN = 64,
};

static uint64_t name_hash(const struct sockname *name)
{
	uint64_t words[2];

	memcpy(words, name->addr.bytes, sizeof(words));
	return hash_u64(hash_u64(name->port, words[0]), words[1]);
}

/* The same for both directions of a packet. */
static uint64_t pair_hash(const struct sockname *a, const struct sockname *b)
{
	return hash_mix(name_hash(a) + name_hash(b));
}

static void slot_put(struct view *view, uint32_t index)
{
	const struct subflow_view *subflow = &view->subflows[index];
	size_t at = pair_hash(&subflow->initiator, &subflow->responder) & (view->slot_count - 1);

	while (view->slots[at] != VIEW_NONE)
		at = (at + 1) & (view->slot_count - 1);
	view->slots[at] = index;
}

static void slots_grow(struct view *view)
{
	uint32_t i;

	if (view->slot_count >= 4 * (view->subflow_count + 1))
		return;
	view->slot_count = view->slot_count == 0 ? SLOTS_MIN : 2 * view->slot_count;
	view->slots = xrealloc(view->slots, view->slot_count, sizeof(*view->slots));
	memset(view->slots, 0xff, view->slot_count * sizeof(*view->slots));
	for (i = 0; i < view->subflow_count; i++)
		slot_put(view, i);
}

/* The newest subflow between two names, in either order: ports may be used again. */
static uint32_t slot_find(const struct view *view, const struct sockname *a,
	const struct sockname *b)
{
	size_t at = pair_hash(a, b) & (view->slot_count - 1);
	uint32_t found = VIEW_NONE;

	for (; view->slots[at] != VIEW_NONE; at = (at + 1) & (view->slot_count - 1)) {
		const struct subflow_view *subflow = &view->subflows[view->slots[at]];
		const struct sockname *initiator = &subflow->initiator;
		const struct sockname *responder = &subflow->responder;
		bool same = sockname_equal(initiator, a) && sockname_equal(responder, b);

		same = same || (sockname_equal(initiator, b) && sockname_equal(responder, a));
		if (same && (found == VIEW_NONE || view->slots[at] > found))
			found = view->slots[at];
	}
	return found;
}

static void flow_clear(struct flow *flow)
{
	memset(flow, 0, sizeof(*flow));
	flow->end = 1;
	flow->fin = flow->rst = flow->unmapped = flow->plain = VIEW_NONE;
	flow->infinite = flow->data_ack = flow->last_mapping = flow->early = VIEW_NONE;
}

static uint32_t subflow_add(struct view *view, const struct sockname *initiator,
	const struct sockname *responder, uint16_t path, bool opened_by_us)
{
	struct subflow_view *subflow;

	if (view->subflow_count >= SUBFLOWS_MAX)
		return VIEW_NONE;
	view->subflows = xgrow(view->subflows, view->subflow_count, &view->subflow_capacity,
		sizeof(*subflow));
	subflow = &view->subflows[view->subflow_count];
	memset(subflow, 0, sizeof(*subflow));
	subflow->initiator = *initiator;
	subflow->responder = *responder;
	subflow->path = path;
	subflow->opened_by_us = opened_by_us;
	subflow->connection = subflow->sibling = VIEW_NONE;
	subflow->first = subflow->last = subflow->syn = subflow->synack = VIEW_NONE;
	subflow->syn_last = subflow->third = subflow->fourth = VIEW_NONE;
	flow_clear(&subflow->flow[SENT]);
	flow_clear(&subflow->flow[RECEIVED]);
	slots_grow(view);
	slot_put(view, (uint32_t)view->subflow_count);
	return (uint32_t)view->subflow_count++;
}

/* In a file: whether the initiator of a subflow is the host called "us", the client. */
static bool initiator_is_client(const struct view *view, const struct packet *packet)
{
	struct mptcp_opt opt;
	enum hmac_verdict verdict;

	if (!mptcp_find(packet, MP_JOIN, &opt, NULL) || opt.join.form != JOIN_SYN)
		return true;
	connection_by_token(view, RECEIVED, opt.join.token, &verdict);
	if (verdict == HMAC_OK)
		return true;
	connection_by_token(view, SENT, opt.join.token, &verdict);
	return verdict != HMAC_OK;
}

/* The initiator has reset it, and its peer, whose view this is, forgot it. */
static bool was_withdrawn(const struct view *view, const struct flow *flow, enum way way)
{
	return view->kind == VIEW_WHOLE && way == RECEIVED && flow->rst != VIEW_NONE;
}

uint32_t subflow_for(struct view *view, const struct packet *packet, bool outgoing, uint16_t path,
	enum way *way)
{
	uint16_t flags = tcp_flags(packet);
	bool opens = (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN, by_initiator, by_us;
	struct sockname src, dst;
	uint32_t index;

	packet_socknames(packet, &src, &dst);
	slots_grow(view);
	index = slot_find(view, &src, &dst);
	if (index != VIEW_NONE) {
		struct subflow_view *subflow = &view->subflows[index];
		struct flow *flow;

		by_initiator = sockname_equal(&subflow->initiator, &src);
		*way = by_initiator ? subflow_way(subflow) : way_back(subflow_way(subflow));
		flow = &subflow->flow[*way];
		/* A new initial sequence number after the handshake, or any after a RST that its
		 * peer took: the ports are used again. */
		if (!opens ||
			(by_initiator && !was_withdrawn(view, flow, *way) &&
				(subflow->third == VIEW_NONE ||
					(flow->has_isn && flow->isn == tcp_seq(packet)))))
			return index;
	}
	/* Without its SYN, whoever answers a SYN is the responder, and who speaks first is not. */
	by_initiator = (flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK);
	if (view->kind != VIEW_PASSING)
		by_us = outgoing == by_initiator;
	else
		by_us = initiator_is_client(view, packet);
	*way = by_us == by_initiator ? SENT : RECEIVED;
	return subflow_add(view, by_initiator ? &src : &dst, by_initiator ? &dst : &src, path,
		by_us);
}

uint32_t connection_by_token(const struct view *view, enum way owner, uint32_t token,
	enum hmac_verdict *verdict)
{
	uint32_t i, first = VIEW_NONE;

	*verdict = HMAC_UNKNOWN;
	for (i = 0; i < view->connection_count; i++) {
		const struct connection_view *connection = &view->connections[i];

		if (!connection->is_mptcp)
			continue;
		if (first == VIEW_NONE)
			first = i;
		if (!connection->has_key[owner])
			continue;
		if (connection->token[owner] == token) {
			*verdict = HMAC_OK;
			return i;
		}
		*verdict = HMAC_BAD;
	}
	return first;
}

uint32_t connection_add(struct view *view, uint32_t subflow, bool opened_by_us)
{
	struct connection_view *connection;
	enum way way;

	view->connections = xgrow(view->connections, view->connection_count,
		&view->connection_capacity, sizeof(*connection));
	connection = &view->connections[view->connection_count];
	memset(connection, 0, sizeof(*connection));
	connection->opened_by_us = opened_by_us;
	connection->subflow = connection->subflow_last = subflow;
	for (way = SENT; way < WAYS; way++)
		connection->data_fin[way] = connection->fail[way] = connection->infinite[way] =
			connection->fastclose[way] = VIEW_NONE;
	return (uint32_t)view->connection_count++;
}
