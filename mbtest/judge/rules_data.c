/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_data.c - F8 to F12 and F15 to F20: the first exchange of data, and options that go
 * missing later (RFC 8684 3.3 and 3.7, RFC 6824 3.3 and 3.6).
 */
#include "mbtest/judge/predicates.h"

/* An ACK for data that came bare on this subflow, before either side's FIN. */
static bool is_bare_ack(const struct scene *scene, const struct subflow_view *subflow, uint32_t i,
	uint32_t acked)
{
	const struct fact *fact = &scene->facts[i];

	return fact->way == RECEIVED && !fact->is_old && fact->ack > acked && fact->ack > 1 &&
		fact->ack <= subflow->flow[SENT].end && !(fact->has & HAS_OPTION) &&
		!(fact->flags & (TCP_SYN | TCP_RST)) && subflow->flow[SENT].fin > i &&
		subflow->flow[RECEIVED].fin > i;
}

/*
 * F9 by the letter: data is acked without a DATA_ACK, whatever else the packet carries. And one
 * without any option, perhaps with SACK blocks for data, is O1's: who leaves over it chose so.
 */
static bool is_disappointing(const struct fact *fact)
{
	return fact->way == RECEIVED && !(fact->flags & (TCP_SYN | TCP_RST)) &&
		(fact->ack > 1 ? !(fact->has & HAS_DATA_ACK) : !(fact->has & HAS_OPTION));
}

/* DATA_ACKs stayed away, and from here on there are no mappings but an infinite one (O2). */
static bool has_left(const struct scene *scene, uint32_t index)
{
	uint32_t i;

	for (i = index; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT && (scene->facts[i].has & HAS_MAPPING))
			return false;
	return lacks_data_acks(scene, scene->initial, index);
}

/* RFC 8684 3.3.1: the mapping is in every segment until the first DATA_ACK has come. */
void rule_f8(const struct scene *scene, struct note *note)
{
	/* Whether a host may leave when unmapped data has come is for F10 and F16 to say. */
	uint32_t i, end = first_of(first_of(scene->confirmed, scene->cause), scene->plain_in);

	if (!scene->mptcp)
		return;
	/* Where DATA_ACKs stop one may leave (O2), and the infinite mapping is the last (3.7). */
	if (lacks_data_acks(scene, scene->initial, VIEW_NONE))
		end = first_of(end, scene->connection->infinite[SENT]);
	for (i = scene->initial->first; i != VIEW_NONE && i < end; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (is_disappointing(fact))
			return;
		if (fact->way != SENT || fact->payload == 0 || (fact->flags & (TCP_SYN | TCP_RST)))
			continue;
		note_held(note);
		if (!(fact->has & (HAS_MAPPING | HAS_INFINITE)) && !has_left(scene, i))
			note_broken(note, i,
				"sent data without a mapping before any DATA_ACK had come");
	}
}

void rule_f8a(const struct scene *scene, struct note *note)
{
	uint32_t i;

	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (!subflow->opened_by_us || subflow->syn == VIEW_NONE)
			continue;
		note_held(note);
		if (scene->dss_in > subflow->syn)
			note_broken(note, subflow->syn,
				"started a subflow before a DSS had come on the first one");
	}
}

/* The last packet that this host sent on its first subflow before fact index carried a DSS. */
static bool spoke_before(const struct scene *scene, uint32_t index)
{
	uint32_t i, last = VIEW_NONE;

	for (i = scene->initial->third; i != VIEW_NONE && i < index; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT && !(scene->facts[i].flags & (TCP_SYN | TCP_RST)))
			last = i;
	return last != VIEW_NONE && (scene->facts[last].has & HAS_DSS);
}

/*
 * The peer still spoke MPTCP after this host's data was acked bare, or until this host's bare data
 * came to it: it had to be told.
 */
static bool peer_needs_telling(const struct scene *scene)
{
	const struct scene *peer = scene->other;
	size_t i;

	if (peer->plain_in != VIEW_NONE && spoke_before(peer, peer->plain_in))
		return true;
	for (i = peer->view.fact_count; i > 0; i--) {
		const struct fact *fact = &peer->facts[i - 1];

		if (fact->way == SENT && (fact->has & HAS_DSS))
			return fact->at > scene->facts[scene->bare_ack].at;
	}
	return false;
}

/*
 * RFC 8684 3.7: fall back, tell it by one infinite mapping ("to inform the other end"), then no
 * options any more. Retransmissions of what was sent before may still carry their mapping.
 */
static void note_fell_back(struct note *note, const struct scene *scene)
{
	uint32_t i, cause = scene->bare_ack, sent_end = 1;
	bool infinite = false;

	note_held(note);
	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];
		bool is_new = fact->payload > 0 && fact->seq >= sent_end;

		if (fact->way != SENT || (fact->flags & (TCP_SYN | TCP_RST)))
			continue;
		if (fact->payload > 0 && fact_end(fact) > sent_end)
			sent_end = fact->seq + fact->payload;
		infinite = infinite || (fact->has & HAS_INFINITE);
		if (i < cause || (fact->has & HAS_INFINITE))
			continue;
		/* Who sends bare data has left: it need not be proved that it knew why. */
		if (is_new && !infinite && !(fact->has & HAS_MAPPING) && peer_needs_telling(scene))
			note_broken(note, i, "fell back without the final infinite mapping");
		if (!scene_knew(scene, i, cause))
			continue;
		if (is_new && (fact->has & HAS_MAPPING))
			note_broken(note, i,
				"goes on with mappings after its data was acked "
				"without DATA_ACK");
		else if (fact->payload == 0 && (fact->has & HAS_DATA_ACK) &&
			!(fact->has & HAS_FAIL))
			note_broken(note, i,
				"goes on with DATA_ACKs after its data was acked "
				"without DATA_ACK");
	}
}

void rule_f9(const struct scene *scene, struct note *note)
{
	/* In v1 the peer's infinite mapping says the same as its bare ACK (3.7). */
	bool told = scene->version > 0 && scene->cause == scene->connection->infinite[RECEIVED];

	/* F7e comes first: who was echoed other keys may have gone before. */
	if (scene->mptcp && scene->bare_ack != VIEW_NONE &&
		(scene->cause >= scene->plain_ack || told) && (scene->active || !scene->odd_keys))
		note_fell_back(note, scene);
}

void rule_f9a(const struct scene *scene, struct note *note)
{
	if (scene->active)
		rule_f9(scene, note);
}

void rule_f9b(const struct scene *scene, struct note *note)
{
	if (!scene->active)
		rule_f9(scene, note);
}

void rule_f10(const struct scene *scene, struct note *note)
{
	uint32_t overrun;

	if (!scene->mptcp || scene->plain_in == VIEW_NONE ||
		scene_had_acked(scene, scene->plain_in) || scene_signalled(scene, scene->plain_in))
		return;
	note_held(note);
	overrun = scene_overrun(scene);
	if (overrun != VIEW_NONE)
		note_broken(note, overrun, "DATA_ACKs data that came without a mapping");
}

void rule_f11(const struct scene *scene, struct note *note)
{
	uint32_t i, j;

	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (!subflow_is_up(scene, subflow, VIEW_NONE))
			continue;
		for (j = subflow->third; j != VIEW_NONE; j = scene->facts[j].next) {
			const struct fact *fact = &scene->facts[j];

			if (fact->way == RECEIVED && (fact->has & HAS_DATA_ACK) && fact->ack > 1)
				break;
			/* On the only one left MP_FAIL sends the connection back to TCP (O10). */
			if ((fact->has & HAS_FAIL) && others_alive(scene, subflow, j) == 0)
				break;
			if (is_bare_ack(scene, subflow, j, 1)) {
				note_must_reset(note, scene, subflow, j,
					"goes on with a joined "
					"subflow whose data was acked without DATA_ACK");
				break;
			}
		}
	}
}

void rule_f12(const struct scene *scene, struct note *note)
{
	uint32_t i, overrun;

	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t unmapped = subflow->flow[RECEIVED].unmapped;

		if (!subflow_is_up(scene, subflow, unmapped) || unmapped == VIEW_NONE)
			continue;
		note_held(note);
		overrun = scene_overrun(scene);
		if (overrun != VIEW_NONE)
			note_broken(note, overrun,
				"DATA_ACKs data that came unmapped on a joined subflow");
		else if (scene_delivered_unmapped(scene) && !scene_signalled(scene, VIEW_NONE))
			note_broken(note, unmapped,
				"delivered data that came unmapped on a joined "
				"subflow");
	}
}

uint32_t bare_acks_later(const struct scene *scene, const struct subflow_view *subflow,
	unsigned int *count)
{
	uint32_t i, first = VIEW_NONE, acked = 1;
	bool confirmed = false;

	*count = 0;
	for (i = subflow->third; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (confirmed && is_bare_ack(scene, subflow, i, acked)) {
			first = first_of(first, i);
			(*count)++;
		}
		if (fact_confirms(scene, i))
			confirmed = true;
		if (fact->way == RECEIVED && fact->ack > acked && fact->ack <= INT32_MAX)
			acked = fact->ack;
	}
	return first;
}

/*
 * The first data without mapping. One that comes late counts (F48), unless the host left MPTCP
 * over its absence.
 */
static uint32_t first_unmapped(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct flow *flow = subflow->flow;
	bool left = scene_delivered_unmapped(scene) ||
		(flow[SENT].plain != VIEW_NONE && flow[SENT].plain > flow[RECEIVED].early);

	if (!left)
		return flow[RECEIVED].unmapped;
	return first_of(flow[RECEIVED].unmapped, flow[RECEIVED].early);
}

/* Reset before it had acknowledged a window of what came without mapping. */
static bool was_reset_in_time(const struct subflow_view *subflow, const struct fact *unmapped)
{
	return subflow->flow[SENT].rst != VIEW_NONE &&
		subflow->flow[RECEIVED].acked <= fact_end(unmapped) + UINT16_MAX;
}

/* The subflow is broken: not reset, its bare bytes taken for the stream's, or MPTCP left. */
static void note_broken_path(struct note *note, const struct scene *scene,
	const struct subflow_view *subflow)
{
	const struct flow *flow = &subflow->flow[RECEIVED];
	uint32_t first = first_unmapped(scene, subflow), overrun = scene_overrun(scene);
	uint32_t window = 0, i;
	uint32_t left = first_of(subflow->flow[SENT].plain, subflow->flow[SENT].infinite);
	bool reset = was_reset_in_time(subflow, &scene->facts[first]);

	note_held(note);
	if (scene_delivered_unmapped(scene) && !reset)
		note_broken(note, first,
			"delivered data without mapping after DATA_ACKs had been "
			"sent, instead of resetting the subflow");
	else if (scene_delivered_unmapped(scene) && !scene->stream.intact)
		note_broken(note, first, "delivered data without mapping, then reset the subflow");
	else if (overrun != VIEW_NONE)
		note_broken(note, overrun, "DATA_ACKs data that came without a mapping");
	else if (left != VIEW_NONE && left > first)
		note_broken(note, left,
			"fell back after DATA_ACKs had been sent, instead of "
			"resetting the subflow");
	if (flow->unmapped_bytes <= UINT16_MAX || subflow->flow[SENT].rst != VIEW_NONE)
		return;
	for (i = subflow->first; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT && scene->facts[i].window > window)
			window = scene->facts[i].window;
	if (flow->unmapped_bytes > 2 * (uint64_t)window)
		note_broken(note, first, "took more than a receive window of data without mapping");
}

/* Mid-connection means: data that way had been DATA_ACKed, and no fallback is under way. */
static bool is_mid(const struct scene *scene, const struct subflow_view *subflow, uint32_t index)
{
	return scene->mptcp && index != VIEW_NONE && scene_had_acked(scene, index) &&
		subflow_is_up(scene, subflow, index) && !(scene->cause < index) &&
		!scene_signalled(scene, index);
}

/*
 * The infinite mapping came on a copy of data acknowledged before. TCP does not heed what is in
 * that, but a host that holds bytes for a mapping may (F48).
 */
static bool has_old_infinite(const struct scene *scene, const struct subflow_view *subflow)
{
	uint32_t i;

	for (i = first_unmapped(scene, subflow); i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == RECEIVED && scene->facts[i].is_old &&
			(scene->facts[i].has & HAS_ODD_DSS))
			return true;
	return false;
}

/* What makes up for it later: the peer's infinite mapping, or either side's MP_FAIL. */
static bool lost_its_mappings(const struct scene *scene, const struct subflow_view *subflow)
{
	return is_mid(scene, subflow, first_unmapped(scene, subflow)) &&
		scene->connection->infinite[RECEIVED] == VIEW_NONE &&
		scene->connection->fail[RECEIVED] == VIEW_NONE &&
		scene->connection->fail[SENT] == VIEW_NONE && !has_old_infinite(scene, subflow);
}

/*
 * Where the DATA_ACKs for a host's own data are missing, too, F9 sends it back to TCP, in v0 at
 * any time; but not before they are. One that only repeats an old number is missing, too (O2).
 */
static bool may_leave(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct flow *flow = &subflow->flow[SENT];
	uint32_t left = first_of(flow->plain, flow->infinite);
	unsigned int bare;

	bare_acks_later(scene, subflow, &bare);
	return (scene->plain_ack != VIEW_NONE && scene->plain_ack <= left) ||
		(scene->version == 0 && (bare > 0 || lacks_data_acks(scene, subflow, left)));
}

static void note_lost(struct note *note, const struct scene *scene, bool single)
{
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t plain = subflow->flow[RECEIVED].plain;

		plain = first_of(plain, first_unmapped(scene, subflow));
		if (!is_mid(scene, subflow, plain) ||
			is_one_of_several(scene, subflow, plain) == single)
			continue;
		if (lost_its_mappings(scene, subflow) && !(single && may_leave(scene, subflow)))
			note_broken_path(note, scene, subflow);
		note_held(note);
	}
}

void rule_f15(const struct scene *scene, struct note *note)
{
	note_lost(note, scene, false);
}

void rule_f16(const struct scene *scene, struct note *note)
{
	note_lost(note, scene, true);
}

/* The last fact of the time in which what a subflow acknowledged is re-sent if ever; VIEW_NONE. */
static uint32_t patience_ends(const struct scene *scene, const struct mapping *owed)
{
	uint32_t i, last = VIEW_NONE;
	nsec_t stop = 0;

	for (i = owed->fact; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (stop == 0 && fact->way == RECEIVED && fact->subflow == owed->subflow &&
			fact->ack >= owed->ssn + owed->length)
			stop = fact->at + SCENE_PATIENCE;
		if (stop == 0 || fact->at <= stop)
			last = i;
	}
	return stop > 0 && stop < scene->input->now ? last : VIEW_NONE;
}

bool has_idle_other(const struct scene *scene, const struct subflow_view *subflow, uint32_t index)
{
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *other = scene_subflow(scene, i);

		if (other != subflow && subflow_is_established(scene, other, index) &&
			other->flow[SENT].fin > index &&
			other->flow[SENT].acked >= other->flow[SENT].end)
			return true;
	}
	return false;
}

/* What is to be DATA_ACKed next went by another subflow than the one it is owed on, too. */
static bool was_sent_elsewhere(const struct scene *scene, const struct mapping *owed)
{
	uint64_t next = scene->connection->data_ack[RECEIVED];
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way == SENT && mapping->subflow != owed->subflow &&
			next - mapping->dsn < mapping->length)
			return true;
	}
	return false;
}

void rule_f17(const struct scene *scene, struct note *note)
{
	uint32_t i;
	unsigned int count;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t first = bare_acks_later(scene, subflow, &count), stop;
		const struct mapping *owed = scene_unconfirmed(scene, subflow, VIEW_NONE);

		if (count < 2 || !scene->mptcp || scene_signalled(scene, first) ||
			others_alive(scene, subflow, first) == 0)
			continue;
		note_held(note);
		if (owed == NULL || was_sent_elsewhere(scene, owed))
			continue;
		stop = patience_ends(scene, owed);
		if (stop != VIEW_NONE && has_idle_other(scene, subflow, stop))
			note_broken(note, first, "never re-sent elsewhere what was not DATA_ACKed");
	}
}

/* No rule says what to do: it is noted that it happened. O2 says what ours does. */
void rule_f18(const struct scene *scene, struct note *note)
{
	unsigned int count;
	uint32_t first = bare_acks_later(scene, scene->initial, &count);

	if (count >= 2 && scene->mptcp && !scene_signalled(scene, first) &&
		others_alive(scene, scene->initial, first) == 0)
		note_held(note);
}

/*
 * Data without an option of its own, under a mapping that another packet declared. The peer sent
 * the option with it; whether it did is told by the peer's own tap.
 */
static bool peer_mapped_every_packet(const struct scene *scene)
{
	const struct scene *peer = scene->other;
	size_t i;

	for (i = 0; i < peer->view.fact_count; i++) {
		const struct fact *fact = &peer->facts[i];

		if (fact->way == SENT && fact->payload > 0 && !(fact->has & HAS_MAPPING))
			return false;
	}
	return true;
}

/* Data received without an option of its own, under a mapping that another packet declared. */
static uint32_t covered_without_option(const struct scene *scene,
	const struct subflow_view *subflow)
{
	const struct flow *flow = &subflow->flow[RECEIVED];
	uint32_t i;

	for (i = subflow->third; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED && fact->payload > 0 && !(fact->has & HAS_MAPPING) &&
			!(fact->flags & TCP_SYN) && fact->seq < INT32_MAX && i < flow->early &&
			view_is_mapped(&scene->view, flow, fact->seq, fact->payload))
			return i;
	}
	return VIEW_NONE;
}

void rule_f19(const struct scene *scene, struct note *note)
{
	uint32_t i, covered;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (!scene->mptcp || !subflow_is_up(scene, subflow, VIEW_NONE))
			continue;
		covered = covered_without_option(scene, subflow);
		if (covered != VIEW_NONE && subflow->flow[RECEIVED].unmapped == VIEW_NONE &&
			peer_mapped_every_packet(scene))
			note_no_blame(note, scene, subflow, covered);
	}
}

void rule_f20(const struct scene *scene, struct note *note)
{
	unsigned int count;
	uint32_t i, first;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (!scene->mptcp || scene_signalled(scene, VIEW_NONE))
			continue;
		first = bare_acks_later(scene, subflow, &count);
		/* Some were lost, not all from there on. */
		if (count == 0 || first > scene->view.fact_count ||
			scene->connection->data_ack[RECEIVED] == 0 ||
			lacks_data_acks(scene, subflow, VIEW_NONE))
			continue;
		for (; first != VIEW_NONE; first = scene->facts[first].next) {
			if (scene->facts[first].way == RECEIVED &&
				(scene->facts[first].has & HAS_DATA_ACK)) {
				note_no_blame(note, scene, subflow, first);
				break;
			}
		}
	}
}
