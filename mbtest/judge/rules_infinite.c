/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_infinite.c - F29 to F34: the infinite mapping, and that there is no way back from it
 * (RFC 8684 3.3.1 and 3.7, RFC 6824 3.3.1 and 3.6).
 */
#include "mbtest/judge/predicates.h"

/* The infinite mapping of a fact. */
static const struct mapping *infinite_at(const struct scene *scene, uint32_t index)
{
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->infinite && mapping->fact == index)
			return mapping;
	}
	return NULL;
}

/* Where the mapping puts subflow byte ssn must be where earlier mappings put it. */
static bool continues(const struct mapping *infinite, const struct mapping *earlier)
{
	uint32_t end = earlier->ssn + earlier->length;

	if (infinite->ssn < earlier->ssn || infinite->ssn >= end)
		return true;
	return infinite->dsn - earlier->dsn == infinite->ssn - earlier->ssn;
}

void rule_f29(const struct scene *scene, struct note *note)
{
	uint32_t first = scene->connection->infinite[SENT];
	const struct mapping *infinite;
	size_t i;

	if (first == VIEW_NONE)
		return;
	infinite = infinite_at(scene, first);
	if (infinite == NULL)
		return;
	note_held(note);
	if (infinite->has_checksum && infinite->checksum != 0)
		note_broken(note, first, "infinite mapping with a checksum that is not 0");
	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way != SENT || mapping->infinite ||
			mapping->subflow != infinite->subflow || mapping->length == 0)
			continue;
		if (mapping->fact > first && mapping->ssn >= infinite->ssn)
			note_broken(note, mapping->fact, "another mapping after the infinite one");
		else if (mapping->fact < first && !continues(infinite, mapping))
			note_broken(note, first,
				"infinite mapping moves bytes that were mapped elsewhere");
	}
}

/* When a subflow was over: RST on it or MP_FASTCLOSE, by whomever, leave nothing to repeat. */
static nsec_t over_at(const struct scene *scene, const struct subflow_view *subflow)
{
	uint32_t i, reset = first_of(subflow->flow[SENT].rst, subflow->flow[RECEIVED].rst);

	for (i = 0; i < scene->view.fact_count; i++)
		if (i == reset || (scene->facts[i].has & HAS_FASTCLOSE))
			return scene->facts[i].at;
	return scene->input->now;
}

/*
 * Bytes that this host sent on a subflow and that were never acked, nor sent again for long: longer
 * than it took to send them again before, as timers double (RFC 6298 5.5).
 */
uint32_t sent_and_forgotten(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct flow *flow = &subflow->flow[SENT];
	uint32_t i, last = VIEW_NONE;
	nsec_t wait = SCENE_PATIENCE;

	if (flow->acked >= flow->end || flow->end <= 1)
		return VIEW_NONE;
	for (i = subflow->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		/* A zero window is a reason to wait. */
		if (fact->way == RECEIVED && fact->window == 0 && !(fact->flags & TCP_RST))
			return VIEW_NONE;
		if (fact->way != SENT || fact->payload == 0 || fact->seq > flow->acked)
			continue;
		if (last != VIEW_NONE && 3 * (fact->at - scene->facts[last].at) > wait)
			wait = 3 * (fact->at - scene->facts[last].at);
		last = i;
	}
	if (last == VIEW_NONE || scene->facts[last].at + wait >= over_at(scene, subflow))
		return VIEW_NONE;
	return last;
}

void rule_f30(const struct scene *scene, struct note *note)
{
	uint32_t first = scene->connection->infinite[SENT], forgotten;

	if (first == VIEW_NONE)
		return;
	note_held(note);
	forgotten = sent_and_forgotten(scene, fact_subflow(scene, first));
	if (forgotten != VIEW_NONE)
		note_broken(note, forgotten,
			"freed data after the infinite mapping that no subflow ACK covered");
}

void rule_f31(const struct scene *scene, struct note *note)
{
	uint32_t first = scene->connection->infinite[RECEIVED], i;

	if (first == VIEW_NONE || scene_was_overtaken(scene, first))
		return;
	note_held(note);
	for (i = first + 1; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		/* Its own last mapping, infinite or retransmitted, may carry one along. */
		if (fact->way == SENT && (fact->has & HAS_DATA_ACK) &&
			!(fact->has & (HAS_INFINITE | HAS_FAIL | HAS_MAPPING)) &&
			fact->subflow == scene->facts[first].subflow && scene_knew(scene, i, first))
			note_broken(note, i,
				"still sends DATA_ACKs after the infinite mapping came");
	}
}

/*
 * Beside others it is an error of the peer's, and its subflow the one that ends (F34); and who
 * answers it by a reset at once has not taken it, either.
 */
static bool is_refused(const struct scene *scene, uint32_t infinite)
{
	const struct subflow_view *subflow;
	uint32_t reset;

	if (infinite == VIEW_NONE)
		return false;
	subflow = fact_subflow(scene, infinite);
	reset = subflow_reset_after(scene, subflow, SENT, infinite);
	return reset != VIEW_NONE &&
		(others_ever(scene, subflow, infinite) > 0 ||
			reset < scene_sent(scene, subflow, infinite, 0));
}

void rule_f32(const struct scene *scene, struct note *note)
{
	uint32_t sent = scene->connection->infinite[SENT];
	uint32_t received = scene->connection->infinite[RECEIVED], first = first_of(sent, received),
		 i;

	if (first == VIEW_NONE || others_ever(scene, fact_subflow(scene, first), first) == 0)
		return;
	if (sent != first && is_refused(scene, first))
		return;
	note_held(note);
	for (i = first + 1; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == SENT && fact->payload > 0 &&
			fact->subflow != scene->facts[first].subflow &&
			scene_subflow(scene, fact->subflow)->connection ==
				fact_subflow(scene, first)->connection &&
			(sent == first || scene_knew(scene, i, first)))
			note_broken(note, i,
				"sent data on another subflow after the infinite mapping");
	}
}

/* Its first ACK of data without any option, when it had a cause to leave and none ever followed. */
static uint32_t first_bare_ack(const struct scene *scene)
{
	uint32_t i, bare = VIEW_NONE;

	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way != SENT || i < scene->cause || (fact->flags & (TCP_SYN | TCP_RST)))
			continue;
		if (fact->has & HAS_OPTION)
			bare = VIEW_NONE;
		else if (bare == VIEW_NONE && fact->ack > 1)
			bare = i;
	}
	return bare;
}

/* The SYN/ACK had no MP_CAPABLE, and a newer one, for a newer SYN, had it (O13). */
static bool was_answered_anew(const struct scene *scene)
{
	uint32_t i = scene->initial->synack;

	if (i == VIEW_NONE || (scene->facts[i].has & HAS_CAPABLE))
		return false;
	for (; i != VIEW_NONE; i = scene->facts[i].next)
		if ((scene->facts[i].flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
			(scene->facts[i].has & HAS_CAPABLE))
			return true;
	return false;
}

/* The moment from which this host has no business with MPTCP any more. */
static uint32_t left_for_good(const struct scene *scene)
{
	uint32_t received = scene->connection->infinite[RECEIVED], left;

	left = first_of(scene->connection->infinite[SENT],
		is_refused(scene, received) ? VIEW_NONE : received);

	if (!scene->mptcp)
		return was_answered_anew(scene) ? left : first_of(left, scene->initial->synack);
	/* Bytes of its own without mapping: it left, with or without a right to. */
	return first_of(first_of(left, scene->plain_out), first_bare_ack(scene));
}

void rule_f33(const struct scene *scene, struct note *note)
{
	uint32_t left = left_for_good(scene), i;
	bool received;

	if (left == VIEW_NONE || (!scene->mptcp && !scene->syn_capable))
		return;
	note_held(note);
	received = scene->facts[left].way == RECEIVED;
	for (i = left + 1; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];
		const struct subflow_view *subflow = scene_subflow(scene, fact->subflow);

		if (fact->way != SENT || (received && !scene_knew(scene, i, left)))
			continue;
		/* What two interfaces bring at about the same time a tap sees in either order. */
		if ((fact->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && (fact->has & HAS_JOIN) &&
			i == subflow->first && fact->at >= scene->facts[left].at + scene->prompt)
			note_broken(note, i, "started a new subflow after leaving MPTCP");
		if (fact->payload > 0 && (fact->has & HAS_MAPPING) && !received &&
			subflow == fact_subflow(scene, left) &&
			fact->seq > scene->facts[left].seq &&
			scene->view.mappings[fact->mapping].fact > left)
			note_broken(note, i, "went back to MPTCP after it had left it");
	}
}

void rule_f34(const struct scene *scene, struct note *note)
{
	uint32_t first = scene->connection->infinite[RECEIVED], i;
	const struct subflow_view *subflow;

	if (first == VIEW_NONE || !scene->mptcp)
		return;
	subflow = fact_subflow(scene, first);
	if (others_alive(scene, subflow, first) == 0)
		return;
	/* The others' RSTs may be slower than the mapping: another path is another delay. */
	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *other = scene_subflow(scene, i);
		uint32_t gone = first_of(other->flow[SENT].rst, other->flow[RECEIVED].rst);

		gone = first_of(gone, first_of(other->flow[SENT].fin, other->flow[RECEIVED].fin));
		if (other != subflow && gone != VIEW_NONE &&
			scene->facts[gone].at < scene->facts[first].at + SCENE_DUE)
			return;
	}
	note_must_reset(note, scene, subflow, first,
		"takes an infinite mapping while other subflows live");
}
