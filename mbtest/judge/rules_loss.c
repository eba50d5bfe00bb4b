/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_loss.c - F63 and F64: what no RFC states and every stack needs. A fallback loses no byte
 * that was accepted, and it is never one-sided.
 */
#include "mbtest/judge/predicates.h"

/* This host went on without MPTCP, from the start or from some point on. */
static bool is_plain(const struct scene *scene)
{
	return !scene->mptcp || scene->plain_out != VIEW_NONE ||
		scene->connection->infinite[SENT] != VIEW_NONE ||
		scene->connection->infinite[RECEIVED] != VIEW_NONE;
}

void rule_f63(const struct scene *scene, struct note *note)
{
	const struct judge_input *input = scene->input;
	enum end peer = end_opposite(scene->end);
	const struct app_view *own = &input->app[scene->end], *far = &input->app[peer];
	const struct flow *flow = &scene->initial->flow[SENT];
	uint64_t length = input->stream[scene->end].length;

	if (length == 0 || !is_plain(scene) || !input->speaks_mptcp[scene->end] || own->failed ||
		scene->initial->third == VIEW_NONE || scene->initial->sibling != VIEW_NONE)
		return;
	note_held(note);
	/* On a single subflow each stream byte takes one subflow byte, MPTCP or not. */
	if (flow->fin != VIEW_NONE && flow->rst == VIEW_NONE && flow->bytes < length)
		note_broken(note, flow->fin,
			"sent FIN before all bytes accepted from the application");
	else if (own->finished && far->ended && far->received_length < length &&
		flow->bytes >= length && flow->fin != VIEW_NONE && flow->end <= length)
		note_broken(note, flow->fin, "ended its stream with bytes missing");
}

/* Told by an RST, an infinite mapping, an MP_FAIL: anything the peer can act upon. */
static bool has_told(const struct scene *scene)
{
	return scene->connection->infinite[SENT] != VIEW_NONE ||
		scene->connection->fail[SENT] != VIEW_NONE ||
		scene->initial->flow[SENT].rst != VIEW_NONE;
}

/*
 * Told by F9's own sign: this host had never DATA_ACKed data, and the ACK that came bare to the
 * peer was sent bare. A peer that goes on with mappings or DATA_ACKs after it breaks F9 itself.
 */
static bool peer_ignored_bare_ack(const struct scene *scene)
{
	const struct scene *peer = scene->other;
	struct note note = { .state = RULE_NOT_EXERCISED };
	uint32_t i;

	rule_f9(peer, &note);
	if (note.state != RULE_BROKEN ||
		!(peer->facts[note.fact].has & (HAS_MAPPING | HAS_DATA_ACK)))
		return false;
	for (i = scene->initial->first; i < scene->acked_out; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == SENT && !(fact->flags & (TCP_SYN | TCP_RST)) &&
			!(fact->has & HAS_OPTION) && fact->seq == peer->facts[peer->bare_ack].seq &&
			fact->ack == peer->facts[peer->bare_ack].ack)
			return true;
	}
	return false;
}

/* The last packets with payload or DATA_ACK that a host sent were MPTCP's. */
static bool is_still_mptcp(const struct scene *scene)
{
	uint32_t i, ordinary = VIEW_NONE;

	if (!scene->mptcp || scene->plain_out != VIEW_NONE ||
		scene->connection->infinite[SENT] != VIEW_NONE)
		return false;
	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT &&
			(scene->facts[i].has & (HAS_MAPPING | HAS_DATA_ACK)))
			ordinary = i;
	return ordinary != VIEW_NONE &&
		scene->facts[ordinary].at + SCENE_DUE > scene->facts[scene->initial->last].at;
}

/* Bytes that boxes declared to have put into what this host received. */
static uint64_t bytes_inserted(const struct scene *scene)
{
	enum dir dir = scene->end == SERVER ? TO_SERVER : TO_CLIENT;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < scene->input->edit_count; i++) {
		const struct stream_edit *edit = &scene->input->edits[i];

		if (edit->dir == dir && edit->new_length > edit->old_length)
			sum += edit->new_length - edit->old_length;
	}
	return sum;
}

void rule_f64(const struct scene *scene, struct note *note)
{
	const struct scene *peer = scene->other;
	enum end far = end_opposite(scene->end);
	const struct app_view *own = &scene->input->app[scene->end];
	uint64_t length = scene->input->stream[far].length;
	const struct flow *flow = &scene->initial->flow[RECEIVED];
	uint32_t where = first_of(scene->plain_out, first_of(flow->unmapped, flow->early));
	bool left = scene->plain_out != VIEW_NONE || scene_delivered_unmapped(scene);

	if (scene->bad != VIEW_NONE)
		where = first_of(where, scene->view.mappings[scene->bad].complete);
	if (!scene->mptcp || peer->connection == NULL || !peer->mptcp || !left ||
		where == VIEW_NONE || scene->connection->infinite[RECEIVED] < where)
		return;
	note_held(note);
	if (has_told(scene) || peer->connection->infinite[SENT] != VIEW_NONE ||
		peer_ignored_bare_ack(scene))
		return;
	if (own->received_length > length + bytes_inserted(scene))
		note_broken(note, where,
			"left MPTCP alone: the peer's re-sent data came as new bytes");
	else if (is_still_mptcp(peer) && scene->input->timed_out)
		note_broken(note, where,
			"left MPTCP alone, and the peer still waits for DATA_ACKs");
}
