/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_mapping.c - F45 to F56: what shapes of mappings must work, and what an RST ends
 * (RFC 8684 3.3.1, 3.3.6, 3.5, 3.6; RFC 6824 3.3.1, 3.3.6).
 */
#include "mbtest/judge/predicates.h"

enum {
	WINDOW_MARGIN = 1 << 20, /* past the right edge beyond doubt (F54) */
	TIMES_SENT = 3,          /* without an answer: fewer are no time-out yet (F56) */
};

/* Each mapping received on an established subflow of the connection, in order of announcement. */
static const struct mapping *mapping_in(const struct scene *scene, size_t *at)
{
	while (*at < scene->view.mapping_count) {
		const struct mapping *mapping = &scene->view.mappings[(*at)++];
		const struct subflow_view *subflow = scene_subflow(scene, mapping->subflow);

		if (mapping->way == RECEIVED && !mapping->infinite && mapping->length > 0 &&
			scene->mptcp &&
			&scene->view.connections[subflow->connection] == scene->connection &&
			subflow_is_up(scene, subflow, VIEW_NONE))
			return mapping;
	}
	return NULL;
}

/* A shape that must work: not blamed, and once complete and in order, DATA_ACKed in time. */
static void note_works(struct note *note, const struct scene *scene, const struct mapping *mapping)
{
	note_no_blame(note, scene, scene_subflow(scene, mapping->subflow), mapping->fact);
}

void rule_f45(const struct scene *scene, struct note *note)
{
	const struct mapping *mapping;
	size_t at = 0;

	while ((mapping = mapping_in(scene, &at)) != NULL) {
		const struct fact *fact = &scene->facts[mapping->fact];

		if (mapping->ssn + mapping->length > fact->seq + fact->payload &&
			mapping->copies == 1)
			note_works(note, scene, mapping);
	}
}

void rule_f46(const struct scene *scene, struct note *note)
{
	const struct mapping *mapping;
	size_t at = 0;

	while ((mapping = mapping_in(scene, &at)) != NULL)
		if (mapping->copies > 1)
			note_works(note, scene, mapping);
}

/* A segment of the peer's, whole when sent with its mapping, came in parts. */
static bool was_whole(const struct scene *scene, const struct mapping *mapping)
{
	const struct view *peer = &scene->other->view;
	size_t i;

	for (i = 0; i < peer->mapping_count; i++) {
		const struct mapping *sent = &peer->mappings[i];

		if (sent->way == SENT && sent->dsn == mapping->dsn &&
			sent->wire_length == mapping->wire_length)
			return peer->facts[sent->fact].payload >= sent->length;
	}
	return false;
}

void rule_f47(const struct scene *scene, struct note *note)
{
	const struct mapping *mapping;
	size_t at = 0;

	while ((mapping = mapping_in(scene, &at)) != NULL) {
		const struct fact *fact = &scene->facts[mapping->fact];

		if (mapping->ssn == fact->seq && mapping->length > fact->payload &&
			mapping->copies == 1 && was_whole(scene, mapping))
			note_works(note, scene, mapping);
	}
}

/* Two mappings of one flow that put a common byte at different places. */
static bool contradict(const struct mapping *a, const struct mapping *b)
{
	return a->ssn < b->ssn + b->length && b->ssn < a->ssn + a->length &&
		a->dsn - a->ssn != b->dsn - b->ssn;
}

/* Some of its bytes had a mapping already: the first one binds, this one counts for nothing (F52).
 */
static bool comes_second(const struct scene *scene, const struct mapping *mapping)
{
	const struct mapping *first;

	for (first = scene->view.mappings; first != mapping; first++)
		if (first->way == mapping->way && first->subflow == mapping->subflow &&
			!first->infinite && contradict(first, mapping))
			return true;
	return false;
}

/* Whoever leaves MPTCP, or was told to, sends no DATA_ACKs that would say what it took. */
static uint32_t first_left(const struct scene *scene)
{
	const uint32_t *infinite = scene->connection->infinite;
	uint32_t left = first_of(scene->cause, scene->plain_out);

	return first_of(left, first_of(infinite[SENT], infinite[RECEIVED]));
}

/* All its bytes were there, nothing was wrong with it, and yet the stream ends in its midst. */
static bool was_left_out(const struct scene *scene, const struct mapping *mapping)
{
	const struct connection_view *connection = scene->connection;
	const struct subflow_view *subflow = scene_subflow(scene, mapping->subflow);
	uint32_t last = first_of(subflow->flow[RECEIVED].rst, first_left(scene));
	nsec_t end = last == VIEW_NONE ? scene->input->now : scene->facts[last].at;

	return (mapping->state == MAPPING_UNCHECKED || mapping->state == MAPPING_GOOD) &&
		others_ever(scene, subflow, VIEW_NONE) == 0 && connection->has_data_ack[SENT] &&
		connection->data_ack[SENT] - mapping->dsn < mapping->length &&
		scene->facts[mapping->complete].at + SCENE_DUE < end;
}

/* The option stands on a later part: what is unmapped on arrival MAY be held, and may not count
 * as received before the mapping says where it belongs. */
void rule_f48(const struct scene *scene, struct note *note)
{
	const struct mapping *mapping;
	uint32_t overrun;
	size_t at = 0;

	while ((mapping = mapping_in(scene, &at)) != NULL) {
		const struct fact *fact = &scene->facts[mapping->fact];

		/* In v1 one that does not touch its segment is none (F51); with a checksum, or
		 * without, against the agreement it ends the subflow (F13, F14). */
		if (!mapping->late || fact->seq <= mapping->ssn || scene->cause < mapping->fact ||
			comes_second(scene, mapping) ||
			scene_misfit(scene, scene_subflow(scene, mapping->subflow)) <=
				mapping->fact ||
			(scene->version == 1 && !mapping_touches(mapping, fact)))
			continue;
		note_held(note);
		overrun = scene_overrun(scene);
		if (overrun != VIEW_NONE)
			note_broken(note, overrun, "DATA_ACKs data that no mapping covers");
		if (was_left_out(scene, mapping))
			note_broken(note, mapping->fact,
				"never took a mapping that came after its bytes");
	}
}

/* Some of a segment's bytes are under its mapping, others, before or after, under none. */
static bool is_half_mapped(const struct scene *scene, const struct mapping *mapping)
{
	const struct fact *fact = &scene->facts[mapping->fact];
	const struct flow *flow = &scene_subflow(scene, mapping->subflow)->flow[RECEIVED];
	uint32_t end = mapping->ssn + mapping->length, stop = fact->seq + fact->payload;

	if (!mapping_touches(mapping, fact))
		return false;
	if (fact->seq < mapping->ssn &&
		!view_is_mapped(&scene->view, flow, fact->seq, mapping->ssn - fact->seq))
		return true;
	return end < stop && !view_is_mapped(&scene->view, flow, end, stop - end);
}

/* The byte that came in a flow at a sequence number; -1: none, or the capture did not keep it. */
static int byte_at(const struct view *view, const struct flow *flow, uint32_t seq)
{
	uint32_t k;

	for (k = 0; k < flow->piece_count; k++) {
		const struct piece *piece = &view->pieces[flow->piece + k];
		const struct capture_record *record =
			&view->capture->records[view->facts[piece->fact].record];
		size_t offset = piece->offset + (seq - piece->seq);

		if (seq - piece->seq < piece->length)
			return offset < record->offset + record->length
				? view->capture->bytes[offset]
				: -1;
	}
	return -1;
}

/* The application got a byte that differs from what came mapped to its place, each time it came. */
static bool delivered_other_bytes(const struct scene *scene)
{
	const struct app_view *app = &scene->input->app[scene->end];
	enum damage damage = scene->stream.damage;
	uint64_t bad = scene->stream.first_bad;
	const struct mapping *mapping;
	bool came = false;
	size_t at = 0;

	if (damage == DAMAGE_NONE || damage == DAMAGE_BOX || bad >= app->received_length ||
		!scene->connection->has_key[RECEIVED])
		return false;
	while ((mapping = mapping_in(scene, &at)) != NULL) {
		uint64_t into = bad - (mapping->dsn - (scene->connection->idsn[RECEIVED] + 1));
		const struct flow *flow = &scene_subflow(scene, mapping->subflow)->flow[RECEIVED];
		int byte;

		if (into >= mapping->length)
			continue;
		byte = byte_at(&scene->view, flow, mapping->ssn + (uint32_t)into);
		if (byte == app->received[bad])
			return false;
		came = came || byte >= 0;
	}
	return came;
}

void rule_f49(const struct scene *scene, struct note *note)
{
	uint32_t fail = scene->connection->fail[SENT];
	const struct mapping *mapping;
	size_t at = 0;

	while ((mapping = mapping_in(scene, &at)) != NULL) {
		if (!is_half_mapped(scene, mapping))
			continue;
		if (note->state == RULE_NOT_EXERCISED && !scene_signalled(scene, VIEW_NONE) &&
			delivered_other_bytes(scene))
			note_broken(note, mapping->fact,
				"delivered bytes outside the mapping in the place of others");
		note_held(note);
		if (scene->bad == VIEW_NONE && fail != VIEW_NONE &&
			scene->connection->fail[RECEIVED] > fail &&
			!has_failed(scene, fact_subflow(scene, fail), fail))
			note_broken(note, fail, "took unmapped bytes for a failed checksum");
	}
}

/* One of two mappings on a segment, sound by itself. */
static bool is_of_two(const struct scene *scene, const struct mapping *mapping)
{
	const struct fact *fact = &scene->facts[mapping->fact];

	/* With a checksum, or without, against the agreement they end the subflow (F13, F14). */
	return fact->mapping_count >= 2 && scene->cause > mapping->fact &&
		scene_misfit(scene, scene_subflow(scene, mapping->subflow)) > mapping->fact &&
		!comes_second(scene, mapping) &&
		(scene->version == 0 || mapping_touches(mapping, fact));
}

void rule_f50(const struct scene *scene, struct note *note)
{
	const struct mapping *mapping;
	size_t i, at = 0;
	uint32_t overrun;

	for (i = 0; scene->mptcp && i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way != RECEIVED || fact->mapping_count < 2 || fact->payload == 0)
			continue;
		overrun = scene_overrun(scene);
		note_no_blame(note, scene, scene_subflow(scene, fact->subflow), (uint32_t)i);
		if (overrun != VIEW_NONE)
			note_broken(note, overrun, "DATA_ACKs data that no mapping covers");
	}
	while ((mapping = mapping_in(scene, &at)) != NULL)
		if (is_of_two(scene, mapping) && was_left_out(scene, mapping))
			note_broken(note, mapping->fact, "took one of a segment's two mappings");
}

void rule_f51(const struct scene *scene, struct note *note)
{
	size_t i;

	for (i = 0; scene->mptcp && i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];
		const struct fact *fact = &scene->facts[mapping->fact];

		/* A mapping repeated on an empty packet says nothing new. */
		if (mapping->length == 0 || mapping->from_capable || (fact->flags & TCP_RST) ||
			mapping_touches(mapping, fact))
			continue;
		if (mapping->way == RECEIVED)
			note_held(note);
		else if (scene->version == 1)
			note_broken(note, mapping->fact,
				"sent a mapping that does not touch its segment");
	}
}

void rule_f52(const struct scene *scene, struct note *note)
{
	const struct view *view = &scene->view;
	size_t i;
	uint32_t j;
	enum way way;

	for (i = 0; scene->mptcp && i < view->subflow_count; i++) {
		const struct subflow_view *subflow = &view->subflows[i];

		for (way = SENT; way < WAYS; way++) {
			const struct flow *flow = &subflow->flow[way];

			for (j = 1; j < flow->order_count; j++) {
				const struct mapping *a =
					&view->mappings[view->order[flow->order + j - 1]];
				const struct mapping *b =
					&view->mappings[view->order[flow->order + j]];

				if (a->infinite || b->infinite || !contradict(a, b))
					continue;
				if (way == RECEIVED)
					note_held(note);
				else
					note_broken(note, a->fact > b->fact ? a->fact : b->fact,
						"declared another mapping for bytes that had one");
			}
		}
	}
}

/* The same data by two subflows: whatever comes second must not count again. */
void rule_f53(const struct scene *scene, struct note *note)
{
	const struct view *view = &scene->view;
	bool twice = false;
	size_t i, j;

	if (!scene->mptcp || scene->initial->sibling == VIEW_NONE)
		return;
	for (i = 1; i < view->mapping_count && !twice; i++) {
		const struct mapping *a = &view->mappings[i];

		for (j = i > 64 ? i - 64 : 0; j < i && a->way == RECEIVED && a->length > 0; j++) {
			const struct mapping *b = &view->mappings[j];

			twice = twice ||
				(b->way == RECEIVED && b->subflow != a->subflow && b->length > 0 &&
					a->dsn - b->dsn < b->length);
		}
	}
	if (!twice)
		return;
	note_held(note);
	/* Bytes of a mapped segment's that no mapping covers are another matter (F49). */
	if (scene_delivered_unmapped(scene) && !scene_signalled(scene, VIEW_NONE) &&
		scene->unmapped_in == VIEW_NONE && !scene->stream.intact)
		note_broken(note, view->mappings[i - 1].fact,
			"delivered data twice that came twice");
}

/* Far outside the window: dropped in silence, neither DATA_ACKed nor a reason for a reset. */
void rule_f54(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	const struct mapping *mapping;
	size_t at = 0;

	/* With a key in doubt (v0's SYN brings one, too) so is where the window lies. */
	while (connection->has_key[RECEIVED] && !scene->odd_keys &&
		(mapping = mapping_in(scene, &at)) != NULL) {
		uint64_t offset = mapping->dsn - (connection->idsn[RECEIVED] + 1);

		/* One that begins before the stream and reaches into it is not outside; and where
		 * the first data is numbered far from its key, the key may be wrong (F7e). */
		if (scene->cause <= mapping->fact ||
			offset < connection->mapped[RECEIVED] + (1u << 30) + WINDOW_MARGIN ||
			offset + mapping->length < offset)
			continue;
		note_no_blame(note, scene, scene_subflow(scene, mapping->subflow), mapping->fact);
		if (connection->has_data_ack[SENT] && scene_overrun(scene) != VIEW_NONE)
			note_broken(note, scene_overrun(scene),
				"DATA_ACKs data outside its window");
	}
}

/* Re-sent elsewhere, the bytes are still owed to the subflow they were sent on first. */
void rule_f55(const struct scene *scene, struct note *note)
{
	const struct view *view = &scene->view;
	size_t i, j;

	for (i = 0; scene->mptcp && i < view->mapping_count; i++) {
		const struct mapping *again = &view->mappings[i];
		uint32_t forgotten;

		if (again->way != SENT || again->length == 0 || again->infinite)
			continue;
		for (j = i > 256 ? i - 256 : 0; j < i; j++) {
			const struct mapping *first = &view->mappings[j];
			const struct subflow_view *subflow = scene_subflow(scene, first->subflow);

			if (first->way != SENT || first->subflow == again->subflow ||
				again->dsn - first->dsn >= first->length)
				continue;
			if (!subflow_is_alive(scene, subflow, again->fact))
				continue;
			note_held(note);
			forgotten = sent_and_forgotten(scene, subflow);
			if (forgotten != VIEW_NONE)
				note_broken(note, forgotten,
					"never repeated on its subflow what was re-sent elsewhere");
			return;
		}
	}
}

/*
 * The application was told of an error, and the only RST that came is one on a join that it had
 * asked for: nothing ended the first subflow.
 */
static bool join_ended_all(const struct scene *scene, const struct subflow_view *dead)
{
	const struct app_view *app = &scene->input->app[scene->end];
	const uint32_t *fastclose = scene->connection->fastclose;
	uint32_t i;

	if (!app->opened || !app->failed || scene->input->timed_out || !dead->opened_by_us ||
		dead->flow[RECEIVED].rst == VIEW_NONE ||
		scene->initial->flow[SENT].fin != VIEW_NONE || fastclose[SENT] != VIEW_NONE ||
		fastclose[RECEIVED] != VIEW_NONE)
		return false;
	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].flags & TCP_RST)
			return false;
	return true;
}

/* The first byte that was never acknowledged had gone out again and again: it was given up. */
static bool has_timed_out(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	uint32_t acked = subflow->flow[SENT].acked, i;
	unsigned int count = 0;

	for (i = subflow->first; i < index; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		count += fact->way == SENT && fact->seq <= acked && fact_end(fact) > acked;
	}
	return count > TIMES_SENT;
}

/* What ends a subflow at a fact whatever becomes of the others. */
static bool has_own_reason(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	return scene->bad != VIEW_NONE || reset_has_ground(scene, subflow, index) ||
		scene_signalled(scene, index) || has_timed_out(scene, subflow, index) ||
		subflow_is_withdrawn(scene, subflow, RECEIVED, scene->facts[index].at) ||
		scene_closed(scene, index);
}

void rule_f56(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	uint32_t i, j;

	for (i = connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *dead = scene_subflow(scene, i);
		uint32_t reset = dead->flow[RECEIVED].rst;

		if (dead->is_join && scene->mptcp && join_ended_all(scene, dead))
			note_broken(note, reset, "a refused join ended the connection");
		if (!scene->mptcp || reset == VIEW_NONE || !subflow_is_up(scene, dead, reset) ||
			(scene->facts[reset].has & HAS_FASTCLOSE) ||
			others_alive(scene, dead, reset) == 0)
			continue;
		note_held(note);
		for (j = connection->subflow; j != VIEW_NONE;
			j = scene_subflow(scene, j)->sibling) {
			const struct subflow_view *other = scene_subflow(scene, j);
			uint32_t also = other->flow[SENT].rst;

			if (other != dead && also != VIEW_NONE && also > reset &&
				subflow_is_established(scene, other, reset) &&
				subflow_is_alive(scene, other, also) &&
				connection->data_fin[SENT] > also &&
				scene->facts[also].at < scene->facts[reset].at + SCENE_DUE &&
				!has_own_reason(scene, other, also))
				note_broken(note, also, "an RST on one subflow ended another, too");
		}
	}
}
