/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_told.c - F57, F58, F59 and F61: what a host makes of what it is told, and how often it
 * tells (RFC 8684 3, 3.4 and 3.6, RFC 6824 3.4).
 */
#include "mbtest/judge/predicates.h"

#include <string.h>

enum {
	IN_A_ROW = 2,      /* duplicate ACKs with an option (F59) */
	IDS = 256,         /* of addresses */
	FAR_OFF = 1 << 20, /* past the window beyond doubt (F58) */
};

/* Sendings further apart than any retransmission timer are not in a row. */
#define ROW_GAP (200 * NSEC_PER_MS)

/* RFC 8684 3.4.1: who tells of an address once more asks for another try to join there. */
static bool was_invited(const struct scene *scene, const struct sockname *name, uint32_t from,
	uint32_t stop)
{
	uint32_t i;

	for (i = from; i < stop; i++) {
		const struct mptcp_opt *told =
			view_option(&scene->view, &scene->facts[i], MP_ADD_ADDR);

		if (told != NULL && scene->facts[i].way == RECEIVED && !told->add_addr.echo &&
			addr_equal(&told->add_addr.addr, &name->addr) &&
			(!told->add_addr.has_port || told->add_addr.port == name->port))
			return true;
	}
	return false;
}

/*
 * A subflow that this host opened later on the path of an older one, unasked: RFC 8684 1.3 tells
 * paths apart by address and port, of which this host chooses its own port anew each time.
 */
static uint32_t tried_again(const struct scene *scene, const struct subflow_view *older,
	uint32_t after)
{
	uint32_t i;

	for (i = older->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *again = scene_subflow(scene, i);

		if (again->opened_by_us && again->first > after &&
			scene_knew(scene, again->first, after) &&
			addr_equal(&again->initiator.addr, &older->initiator.addr) &&
			sockname_equal(&again->responder, &older->responder) &&
			!was_invited(scene, &again->responder, after, again->first))
			return again->first;
	}
	return VIEW_NONE;
}

/*
 * The RST that ended a subflow beyond doubt: once there was a SYN/ACK one with any but the next
 * number is challenged (RFC 5961 3.2), and what else is in it does not count (F58).
 */
static uint32_t exact_reset(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct flow *flow = &subflow->flow[RECEIVED];
	uint32_t i;

	for (i = flow->rst; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED && (fact->flags & TCP_RST) &&
			(subflow->synack > i ||
				fact->seq == flow_next(&scene->view, flow, i) + (flow->fin < i)))
			return i;
	}
	return VIEW_NONE;
}

void rule_f57(const struct scene *scene, struct note *note)
{
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t reset = exact_reset(scene, subflow), again;
		const struct mptcp_opt *why;

		if (!scene->mptcp || reset == VIEW_NONE || !subflow->opened_by_us)
			continue;
		why = view_option(&scene->view, &scene->facts[reset], MP_TCPRST);
		if (why == NULL || why->tcprst.transient)
			continue;
		note_held(note);
		again = tried_again(scene, subflow, reset);
		if (again != VIEW_NONE)
			note_broken(note, again, "tries a path again that was reset for good");
	}
}

bool subflow_is_withdrawn(const struct scene *scene, const struct subflow_view *subflow,
	enum way way, nsec_t then)
{
	uint32_t i;

	for (i = 0; i < scene->view.fact_count && scene->facts[i].at <= then; i++) {
		const struct mptcp_opt *gone =
			view_option(&scene->view, &scene->facts[i], MP_REMOVE_ADDR);

		if (gone != NULL && scene->facts[i].way == way &&
			memchr(gone->remove_addr.ids, subflow->address_id[way],
				gone->remove_addr.count) != NULL)
			return true;
	}
	return false;
}

/* What this host does soon after fact index and would not do but for a signal in it. */
static uint32_t acted_upon(const struct scene *scene, uint32_t index)
{
	uint32_t i;

	for (i = index + 1; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->at > scene->facts[index].at + SCENE_PROMPT)
			break;
		if ((fact->way == RECEIVED && (fact->flags & (TCP_RST | TCP_FIN))) ||
			closes_fast(scene, i) || scene_app_closed(scene, i))
			break;
		/* What refuses a SYN, or answers a stray, acts upon that, and who had a cause to
		 * leave upon the cause. */
		if (fact->way == SENT && scene->cause >= i &&
			subflow_is_alive(scene, fact_subflow(scene, i), index) &&
			((fact->flags & TCP_RST) || (fact->has & (HAS_FAIL | HAS_INFINITE))) &&
			!reset_has_ground(scene, fact_subflow(scene, i), i) &&
			!subflow_is_withdrawn(scene, fact_subflow(scene, i), SENT,
				fact->at + SCENE_PROMPT))
			return i;
	}
	return VIEW_NONE;
}

/* RFC 5961: beyond the window nothing counts, neither data nor what else is in the packet. */
void rule_f58(const struct scene *scene, struct note *note)
{
	uint32_t i, acted;

	for (i = 0; scene->mptcp && i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];
		const struct subflow_view *subflow = fact_subflow(scene, i);

		if (!(fact->refused & (HAS_FAIL | HAS_INFINITE | HAS_FASTCLOSE | HAS_ADDRESS)) ||
			(fact->flags & TCP_RST) || !subflow_is_alive(scene, subflow, i) ||
			fact->seq > INT32_MAX ||
			fact->seq <= subflow->flow[RECEIVED].edge + FAR_OFF)
			continue;
		note_held(note);
		acted = acted_upon(scene, i);
		if (acted != VIEW_NONE)
			note_broken(note, acted, "acts upon a signal from outside the window");
	}
}

/* An ACK that is there for its option's sake: other than DSS, no data, nothing new to say. */
static bool is_signal(const struct fact *fact)
{
	return fact->way == SENT && fact->payload == 0 &&
		!(fact->flags & (TCP_SYN | TCP_FIN | TCP_RST)) &&
		(fact->has & (HAS_ADDRESS | HAS_FAIL | HAS_FASTCLOSE));
}

/* A subflow as the peer's own tap has it; NULL. */
static const struct subflow_view *at_peer(const struct scene *scene,
	const struct subflow_view *subflow)
{
	const struct view *peer = &scene->other->view;
	size_t i;

	for (i = 0; i < peer->subflow_count; i++) {
		const struct subflow_view *seen = &peer->subflows[i];

		if (seen->path == subflow->path && seen->is_join == subflow->is_join &&
			seen->opened_by_us != subflow->opened_by_us &&
			seen->nonce[RECEIVED] == subflow->nonce[SENT])
			return seen;
	}
	return NULL;
}

/* RFC 5681 2: an ACK is a duplicate only to who has data outstanding. */
static bool peer_has_outstanding(const struct scene *scene, const struct subflow_view *subflow,
	const struct fact *ack)
{
	const struct subflow_view *seen = at_peer(scene, subflow);
	const struct fact *facts = scene->other->facts;
	uint32_t i;

	for (i = seen != NULL ? seen->first : VIEW_NONE; i != VIEW_NONE; i = facts[i].next)
		if (facts[i].way == SENT && facts[i].at <= ack->at &&
			fact_end(&facts[i]) > ack->ack)
			return true;
	return false;
}

void rule_f59(const struct scene *scene, struct note *note)
{
	size_t i;

	for (i = 0; scene->mptcp && i < scene->view.subflow_count; i++) {
		const struct fact *before = NULL;
		unsigned int run = 0;
		uint32_t j;

		for (j = scene->view.subflows[i].first; j != VIEW_NONE; j = scene->facts[j].next) {
			const struct fact *fact = &scene->facts[j];

			if (fact->way != SENT)
				continue;
			if (!is_signal(fact)) {
				before = NULL;
				continue;
			}
			note_held(note);
			/* MP_FASTCLOSE waits for none: there is no congestion to come. */
			run = before != NULL && before->ack == fact->ack &&
					!((before->has ^ fact->has) & HAS_FASTCLOSE) &&
					before->seq == fact->seq && fact->at < before->at + ROW_GAP
				? run + 1
				: 1;
			/* Until MP_FAIL is told (3.7: MUST) what the peer sends is lost. */
			if (run > IN_A_ROW &&
				peer_has_outstanding(scene, &scene->view.subflows[i], fact) &&
				(!(fact->has & HAS_FAIL) || (before->has & HAS_FAIL)))
				note_broken(note, j,
					"sent over two duplicate ACKs with an option in a row");
			before = fact;
		}
	}
}

/* The IDs of the peer's addresses that this host had heard of before fact index. */
static void ids_known(const struct scene *scene, uint32_t index, bool known[IDS])
{
	uint32_t i;

	known[0] = true;
	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling)
		if (scene_subflow(scene, i)->first < index)
			known[scene_subflow(scene, i)->address_id[RECEIVED]] = true;
	for (i = 0; i < index; i++) {
		const struct mptcp_opt *told =
			view_option(&scene->view, &scene->facts[i], MP_ADD_ADDR);

		if (told != NULL && scene->facts[i].way == RECEIVED && !told->add_addr.echo)
			known[told->add_addr.address_id] = true;
	}
}

void rule_f61(const struct scene *scene, struct note *note)
{
	uint32_t i, acted;
	unsigned int j;

	for (i = 0; scene->mptcp && i < scene->view.fact_count; i++) {
		const struct mptcp_opt *gone =
			view_option(&scene->view, &scene->facts[i], MP_REMOVE_ADDR);
		bool known[IDS] = { false }, any = false;

		if (gone == NULL || scene->facts[i].way != RECEIVED)
			continue;
		ids_known(scene, i, known);
		for (j = 0; j < gone->remove_addr.count; j++)
			any = any || known[gone->remove_addr.ids[j]];
		if (any)
			continue;
		note_held(note);
		acted = acted_upon(scene, i);
		if (acted != VIEW_NONE)
			note_broken(note, acted,
				"takes the removal of an unknown address for more");
	}
}
