/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_left.c - O7, O10 and O11: the last subflow that is left, or none (RFC 8684 3.3.8, 3.7).
 */
#include "mbtest/judge/predicates.h"

#include "probe/base/seq.h"

/* A checksum had failed, or the peer's infinite mapping had come: back to TCP it is (F23, F24). */
static bool was_asked_to_leave(const struct scene *scene, uint32_t index)
{
	const struct connection_view *connection = scene->connection;

	return connection->fail[SENT] < index || connection->fail[RECEIVED] < index ||
		connection->infinite[RECEIVED] < index;
}

/* A backup whose first data came when nothing else was left, and came without mapping. */
void rule_o7(const struct scene *scene, struct note *note)
{
	uint32_t i;

	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t first = subflow->flow[RECEIVED].unmapped;

		if (!scene->mptcp || !subflow->backup || first == VIEW_NONE ||
			!subflow_is_up(scene, subflow, first) || was_asked_to_leave(scene, first))
			continue;
		note_must_end(note, scene, subflow, first,
			"keeps a backup subflow that lost its options");
	}
}

/* All before the failed mapping had been DATA_ACKed, and nothing behind it came elsewhere. */
static bool is_contiguous(const struct scene *scene, const struct mapping *bad)
{
	uint32_t i;
	size_t k;

	for (k = 0; k < scene->view.mapping_count; k++) {
		const struct mapping *other = &scene->view.mappings[k];

		if (other->way == RECEIVED && other->subflow != bad->subflow &&
			other->fact < bad->complete && other->length > 0 &&
			!dsn_before(other->dsn, bad->dsn))
			return false;
	}

	for (i = 0; i < bad->complete; i++)
		if (scene->facts[i].way == SENT && (scene->facts[i].has & HAS_DATA_ACK) &&
			scene->facts[i].data_ack == bad->dsn)
			return true;
	return false;
}

void rule_o10(const struct scene *scene, struct note *note)
{
	const struct mapping *bad =
		scene->bad != VIEW_NONE ? &scene->view.mappings[scene->bad] : NULL;
	const struct subflow_view *subflow;
	uint32_t reset;

	if (!scene->mptcp || bad == NULL || scene->cause < bad->complete)
		return;
	subflow = scene_subflow(scene, bad->subflow);
	if (!subflow->is_join || others_alive(scene, subflow, bad->complete) > 0 ||
		!is_contiguous(scene, bad))
		return;
	note_held(note);
	reset = own_reset(subflow, bad->complete);
	if (reset != VIEW_NONE && reset < scene->connection->fail[SENT] &&
		subflow->flow[RECEIVED].rst > reset)
		note_broken(note, reset, "reset the only remaining subflow, its data contiguous");
}

/* The fact with which the last subflow that was up died by RST; VIEW_NONE while one lives. */
static uint32_t last_death(const struct scene *scene)
{
	uint32_t i, last = VIEW_NONE;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t reset = first_of(subflow->flow[SENT].rst, subflow->flow[RECEIVED].rst);

		if (!subflow_is_up(scene, subflow, VIEW_NONE))
			continue;
		if (reset == VIEW_NONE)
			return VIEW_NONE;
		if (last == VIEW_NONE || reset > last)
			last = reset;
	}
	return last;
}

void rule_o11(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	const struct app_view *app = &scene->input->app[scene->end];
	uint32_t last = last_death(scene), i;

	if (!scene->mptcp || !app->opened || last == VIEW_NONE ||
		connection->data_fin[SENT] < last || connection->data_fin[RECEIVED] < last ||
		scene_signalled(scene, VIEW_NONE))
		return;
	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling)
		if (scene_subflow(scene, i)->first > last)
			last = VIEW_NONE;
	note_held(note);
	if (last != VIEW_NONE && !app->failed && scene->input->timed_out)
		note_broken(note, last, "no subflow is left, and the application is not told");
}
