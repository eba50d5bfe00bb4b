/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_checksum.c - F13, F14 and F21 to F28: checksums that are there unasked, missing, or wrong
 * (RFC 8684 3.3 and 3.7, RFC 6824 3.3 and 3.6).
 */
#include "mbtest/judge/predicates.h"

#include "probe/base/seq.h"

static bool is_ordinary_in(const struct scene *scene, const struct mapping *mapping)
{
	const struct subflow_view *subflow = scene_subflow(scene, mapping->subflow);
	const struct flow *flow = subflow->flow;

	/* Before the keys came nothing was taken (O12), nor is once this host left or closes; and
	 * behind both FINs there is no subflow to reset. */
	return mapping->way == RECEIVED && !mapping->infinite && mapping->fact >= scene->keys &&
		mapping->fact < scene->connection->infinite[SENT] &&
		mapping->fact < scene->connection->fastclose[SENT] &&
		(flow[SENT].fin > mapping->fact || flow[RECEIVED].fin >= mapping->fact) &&
		&scene->view.connections[subflow->connection] == scene->connection &&
		subflow_is_up(scene, subflow, VIEW_NONE);
}

/* The third packet's flag speaks for the connection, too: where it differs, nobody is blamed. */
void rule_f13(const struct scene *scene, struct note *note)
{
	size_t i;

	if (!scene->mptcp || scene->checksum)
		return;
	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];
		const struct subflow_view *subflow = scene_subflow(scene, mapping->subflow);
		uint32_t reset;

		if (!is_ordinary_in(scene, mapping) || !mapping->has_checksum ||
			scene->cause <= mapping->fact)
			continue;
		if (scene->version == 1) {
			struct note here = { RULE_NOT_EXERCISED, 0, NULL };

			note_must_reset(&here, scene, subflow, mapping->fact,
				"takes a DSS with a checksum that was not negotiated");
			if (here.state == RULE_BROKEN && !scene->connection->third_flag_a)
				note_broken(note, here.fact, here.why);
			else if (here.state == RULE_HELD)
				note_held(note);
			return;
		}
		/* v0: the field is ignored, so it is no reason for a reset. */
		note_held(note);
		reset = own_reset(subflow, mapping->fact);
		if (reset != VIEW_NONE && scene->bare_ack > reset &&
			subflow->flow[RECEIVED].unmapped == VIEW_NONE &&
			scene->facts[reset].at < scene->facts[mapping->fact].at + SCENE_DUE / 4)
			note_broken(note, reset,
				"reset a v0 subflow over a checksum to be ignored");
		return;
	}
}

void rule_f14(const struct scene *scene, struct note *note)
{
	size_t i;

	if (!scene->mptcp || !scene->checksum)
		return;
	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (!is_ordinary_in(scene, mapping) || mapping->has_checksum ||
			scene->cause <= mapping->fact)
			continue;
		if (!scene->odd_flag_a)
			note_must_reset(note, scene, scene_subflow(scene, mapping->subflow),
				mapping->fact,
				"takes a DSS without the checksum that was negotiated");
		return;
	}
}

/* The failed mapping, NULL when none failed under MPTCP. */
static const struct mapping *failed(const struct scene *scene)
{
	const struct mapping *mapping;

	if (!scene->mptcp || scene->bad == VIEW_NONE)
		return NULL;
	mapping = &scene->view.mappings[scene->bad];
	/* With the peer's infinite mapping come bytes that ordinary ones no longer cover (F29). */
	if (scene_subflow(scene, mapping->subflow)->flow[SENT].rst < mapping->complete ||
		scene_subflow(scene, mapping->subflow)->flow[RECEIVED].rst < mapping->complete ||
		scene->connection->infinite[RECEIVED] <= mapping->complete ||
		scene_closed_fast(scene, mapping->complete))
		return NULL;
	return scene->cause < mapping->complete ||
			!subflow_is_up(scene, scene_subflow(scene, mapping->subflow),
				mapping->complete)
		? NULL
		: mapping;
}

/* The first of the failed mapping's bytes came by another mapping, too, one that is not bad. */
static bool came_elsewhere(const struct scene *scene, const struct mapping *bad)
{
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping != bad && mapping->way == RECEIVED && mapping->state != MAPPING_BAD &&
			!mapping->infinite && bad->dsn - mapping->dsn < mapping->wire_length)
			return true;
	}
	return false;
}

/*
 * Whether MP_FAIL names a mapping that had failed by then. One packet that fills a gap may complete
 * several; which of them is told of is the receiver's to choose.
 */
static bool names_failed(const struct scene *scene, uint32_t fail)
{
	uint64_t dsn = view_option(&scene->view, &scene->facts[fail], MP_FAIL)->fail_dsn;
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way == RECEIVED && mapping->state == MAPPING_BAD &&
			mapping->dsn == dsn && mapping->complete < fail)
			return true;
	}
	return false;
}

/*
 * A DATA_ACK for the failed mapping's data, sent before any MP_FAIL. Numbers from before the stream
 * are behind any.
 */
static uint32_t acked_failed(const struct scene *scene, const struct mapping *bad)
{
	const struct connection_view *connection = scene->connection;
	uint32_t i, stop = first_of(connection->fail[SENT], connection->infinite[RECEIVED]);

	if (connection->has_key[RECEIVED] && dsn_before(bad->dsn, connection->idsn[RECEIVED] + 1))
		return VIEW_NONE;
	for (i = bad->complete; i < scene->view.fact_count && i < stop; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == SENT && (fact->has & HAS_DATA_ACK) &&
			dsn_after(fact->data_ack, bad->dsn) && !came_elsewhere(scene, bad))
			return i;
	}
	return VIEW_NONE;
}

/* A failed mapping's own reset: RST, MP_FAIL with its data sequence number. */
static void note_failed_reset(struct note *note, const struct scene *scene,
	const struct mapping *bad)
{
	const struct subflow_view *subflow = scene_subflow(scene, bad->subflow);
	uint32_t reset = subflow_reset_after(scene, subflow, SENT, bad->complete), acked;
	const struct mptcp_opt *fail;

	note_must_reset(note, scene, subflow, bad->complete,
		"did not reset a subflow on which a checksum had failed");
	acked = acked_failed(scene, bad);
	if (acked != VIEW_NONE)
		note_broken(note, acked, "DATA_ACKs a mapping whose checksum failed");
	if (reset == VIEW_NONE)
		return;
	fail = view_option(&scene->view, &scene->facts[reset], MP_FAIL);
	if (fail == NULL)
		note_broken(note, reset, "reset for a failed checksum without MP_FAIL");
	else if (!names_failed(scene, reset))
		note_broken(note, reset, "MP_FAIL does not name the start of the failed mapping");
}

void rule_f21(const struct scene *scene, struct note *note)
{
	const struct mapping *bad = failed(scene);

	if (bad != NULL &&
		is_one_of_several(scene, scene_subflow(scene, bad->subflow), bad->complete))
		note_failed_reset(note, scene, bad);
}

/* The last fact before patience with an RST's answer ends. */
static uint32_t patience_ends(const struct scene *scene, uint32_t reset)
{
	uint32_t i = reset;

	while (i + 1 < scene->view.fact_count &&
		scene->facts[i + 1].at <= scene->facts[reset].at + SCENE_PATIENCE)
		i++;
	return i;
}

/* What is to be DATA_ACKed next went by another subflow, or none has carried it yet. */
static bool is_on_its_way(const struct scene *scene, const struct subflow_view *dead)
{
	uint64_t next = scene->connection->data_ack[RECEIVED];
	bool lost = false;
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way != SENT || next - mapping->dsn >= mapping->length)
			continue;
		if (scene_subflow(scene, mapping->subflow) != dead)
			return true;
		lost = true;
	}
	return !lost;
}

/* Data not yet DATA_ACKed is re-sent elsewhere within the bounds of any retransmission timer. */
void rule_f22(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	uint32_t i;

	for (i = connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t reset = subflow->flow[RECEIVED].rst;

		if (reset == VIEW_NONE || !(scene->facts[reset].has & HAS_FAIL) ||
			!subflow_is_up(scene, subflow, reset) ||
			others_alive(scene, subflow, reset) == 0)
			continue;
		note_held(note);
		/* Unless the others came to an end, too, or stand still: there is nowhere left. */
		if (connection->has_data_ack[RECEIVED] &&
			scene->input->now >= scene->facts[reset].at + SCENE_PATIENCE &&
			has_idle_other(scene, subflow, patience_ends(scene, reset)) &&
			!is_on_its_way(scene, subflow))
			note_broken(note, reset, "never re-sent what a failed checksum had cost");
	}
}

/* It was there before another one; of those that one packet completes a subflow's come in order. */
static bool is_before(const struct mapping *mapping, const struct mapping *bad)
{
	return mapping->complete < bad->complete ||
		(mapping->complete == bad->complete && mapping->subflow == bad->subflow &&
			mapping->ssn < bad->ssn);
}

/* How much of the peer's stream had come mapped, and sound, when a mapping was complete. */
static uint64_t reach_at(const struct scene *scene, const struct mapping *bad)
{
	uint64_t first = scene->connection->idsn[RECEIVED] + 1, reach = 0;
	bool further = true;
	size_t i;

	while (further) {
		further = false;
		for (i = 0; i < scene->view.mapping_count; i++) {
			const struct mapping *mapping = &scene->view.mappings[i];
			uint64_t offset = mapping->dsn - first;

			if (mapping->way != RECEIVED || !is_before(mapping, bad) ||
				mapping->state == MAPPING_BAD || offset > reach ||
				offset + mapping->length <= reach)
				continue;
			reach = offset + mapping->length;
			further = true;
		}
	}
	return reach;
}

/* With a hole before the failed mapping the data is not contiguous (F25). */
static bool has_hole(const struct scene *scene, const struct mapping *bad)
{
	return scene->connection->has_key[RECEIVED] &&
		bad->dsn - (scene->connection->idsn[RECEIVED] + 1) > reach_at(scene, bad);
}

/* Another subflow was coming up: it was open but for the third packet (F21 may count it). */
static bool join_coming(const struct scene *scene, uint32_t index)
{
	uint32_t i;

	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *join = scene_subflow(scene, i);

		if (join->opened_by_us && join->synack < index && join->flow[RECEIVED].rst > index)
			return true;
	}
	return false;
}

/* One subflow only: MP_FAIL, and no reset (RFC 8684 3.7). */
static void note_failed_single(struct note *note, const struct scene *scene,
	const struct mapping *bad)
{
	const struct subflow_view *subflow = scene_subflow(scene, bad->subflow);
	uint32_t reset = own_reset(subflow, bad->complete);
	uint32_t fail = scene->connection->fail[SENT], acked = acked_failed(scene, bad), later;

	if (acked != VIEW_NONE)
		note_broken(note, acked, "DATA_ACKs a mapping whose checksum failed, no MP_FAIL");
	/* With a join just coming up F21 may be what the host went by. */
	if (reset != VIEW_NONE && reset < fail && subflow->flow[RECEIVED].rst > reset &&
		others_ever(scene, subflow, reset) == 0 && !join_coming(scene, reset))
		note_broken(note, reset, "reset its only subflow for a failed checksum");
	if (fail != VIEW_NONE) {
		note_held(note);
		if (!names_failed(scene, fail))
			note_broken(note, fail,
				"MP_FAIL does not name the start of the failed mapping");
		return;
	}
	later = scene_sent(scene, subflow, bad->complete, HAS_MAPPING);
	if (later == VIEW_NONE && scene->facts[bad->complete].at + SCENE_DUE < scene->input->now)
		later = bad->complete;
	if (later != VIEW_NONE)
		note_broken(note, later, "a checksum failed and no MP_FAIL followed");
}

/* Whether the host had DATA_ACKed anything before the failure: else it is the first mapping. */
static bool is_first_mapping(const struct scene *scene, const struct mapping *bad)
{
	return scene->acked_out > bad->complete;
}

/* The first data came bare, and the mapping is behind it: F4 comes first, or a wait (F48). */
static bool is_behind_bare_data(const struct scene *scene, const struct mapping *bad)
{
	const struct flow *flow = &scene_subflow(scene, bad->subflow)->flow[RECEIVED];

	return bad->ssn > 1 && !view_is_mapped(&scene->view, flow, 1, bad->ssn - 1);
}

void rule_f23(const struct scene *scene, struct note *note)
{
	const struct mapping *bad = failed(scene);

	if (bad != NULL && !is_first_mapping(scene, bad) && !has_hole(scene, bad) &&
		others_ever(scene, scene_subflow(scene, bad->subflow), bad->complete) == 0)
		note_failed_single(note, scene, bad);
}

bool fail_names_own(const struct scene *scene, uint32_t index)
{
	const struct connection_view *connection = scene->connection;
	const struct mptcp_opt *fail = view_option(&scene->view, &scene->facts[index], MP_FAIL);
	uint64_t first = connection->idsn[SENT] + 1;

	return fail != NULL && connection->has_key[SENT] && connection->has_dsn[SENT] &&
		fail->fail_dsn - first < connection->dsn_end[SENT] - first;
}

void rule_f24(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	uint32_t fail = connection->fail[RECEIVED], i, sent_end = 1;
	const struct subflow_view *subflow;

	if (!scene->mptcp || fail == VIEW_NONE || !scene->checksum || !fail_names_own(scene, fail))
		return;
	subflow = fact_subflow(scene, fail);
	if (others_ever(scene, subflow, VIEW_NONE) > 0 || connection->infinite[SENT] < fail ||
		scene->cause < fail || scene_was_overtaken(scene, fail))
		return;
	for (i = subflow->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way != SENT || fact->payload == 0 || (fact->flags & TCP_SYN))
			continue;
		/* New data under an ordinary mapping may have waited in the queue for a while. */
		if (fact->seq >= sent_end && i > fail && scene_knew(scene, i, fail) &&
			connection->infinite[SENT] > i &&
			(connection->infinite[SENT] == VIEW_NONE || !(fact->has & HAS_MAPPING)))
			note_broken(note, i,
				"sent new data after MP_FAIL without an infinite mapping");
		if (fact->seq + fact->payload > sent_end)
			sent_end = fact->seq + fact->payload;
	}
	if (connection->infinite[SENT] != VIEW_NONE)
		note_held(note);
	if (scene->version == 1 && connection->fail[SENT] == VIEW_NONE) {
		uint32_t later = scene_sent(scene, subflow, fail, 0);

		if (later != VIEW_NONE && scene->input->now > scene->facts[fail].at + SCENE_PROMPT)
			note_broken(note, later, "did not answer MP_FAIL with MP_FAIL");
	} else {
		note_held(note);
	}
}

/* Another subflow was there before: what is outstanding may be its data, not contiguous. */
void rule_f25(const struct scene *scene, struct note *note)
{
	const struct mapping *bad = failed(scene);
	const struct subflow_view *subflow;

	if (bad == NULL)
		return;
	subflow = scene_subflow(scene, bad->subflow);
	if (others_alive(scene, subflow, bad->complete) > 0 ||
		others_ever(scene, subflow, bad->complete) == 0)
		return;
	if (has_hole(scene, bad))
		note_failed_reset(note, scene, bad);
	else if (acked_failed(scene, bad) != VIEW_NONE)
		note_broken(note, acked_failed(scene, bad),
			"DATA_ACKs a mapping whose checksum failed, no MP_FAIL");
	else
		note_held(note);
}

void rule_f26(const struct scene *scene, struct note *note)
{
	const struct mapping *bad = failed(scene);
	uint32_t acked, later;

	if (bad == NULL || !is_first_mapping(scene, bad) || is_behind_bare_data(scene, bad) ||
		others_ever(scene, scene_subflow(scene, bad->subflow), bad->complete) > 0)
		return;
	acked = acked_failed(scene, bad);
	if (acked != VIEW_NONE)
		note_broken(note, acked, "DATA_ACKs a first mapping whose checksum failed");
	note_held(note);
	/* Either MP_FAIL, or both sides revert: no more mappings of its own. */
	if (scene->connection->fail[SENT] != VIEW_NONE ||
		subflow_reset_after(scene, scene_subflow(scene, bad->subflow), SENT,
			bad->complete) != VIEW_NONE)
		return;
	later = scene_sent(scene, scene_subflow(scene, bad->subflow), bad->complete, HAS_MAPPING);
	if (later != VIEW_NONE)
		note_broken(note, later, "goes on with MPTCP after its first mapping failed");
}

/* A box declared an edit of payload that went to this host; wanted: of another length. */
static bool was_edited(const struct scene *scene, bool other_length)
{
	enum dir dir = scene->end == SERVER ? TO_SERVER : TO_CLIENT;
	size_t i;

	for (i = 0; i < scene->input->edit_count; i++) {
		const struct stream_edit *edit = &scene->input->edits[i];

		if (edit->dir == dir && (edit->old_length != edit->new_length) == other_length)
			return true;
	}
	return false;
}

void rule_f27(const struct scene *scene, struct note *note)
{
	if (!scene->mptcp || scene->checksum || !was_edited(scene, false))
		return;
	note_held(note);
	if (scene->connection->fail[SENT] != VIEW_NONE)
		note_broken(note, scene->connection->fail[SENT],
			"sent MP_FAIL though no checksums are in use");
}

void rule_f28(const struct scene *scene, struct note *note)
{
	if (!scene->mptcp || scene->checksum || !was_edited(scene, true))
		return;
	rule_f15(scene, note);
	rule_f16(scene, note);
	note_held(note);
}
