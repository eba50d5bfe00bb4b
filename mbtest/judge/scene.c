/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scene.c - what the predicates ask of a host's view, whatever their topic.
 */
#include "mbtest/judge/scene.h"

#include "probe/base/seq.h"

/*
 * A host echoes the timestamp of a packet that it took (RFC 7323 4.3), and takes them in order: an
 * echo that no packet before the cause can have brought was brought by the cause or a later one.
 */
static bool has_echoed(const struct scene *scene, const struct fact *fact, uint32_t cause)
{
	const struct fact *origin = &scene->facts[cause], *before = NULL;
	uint32_t i;

	if (!fact->has_stamp || !origin->has_stamp || !(fact->flags & TCP_ACK) ||
		origin->way != RECEIVED || seq_before(fact->stamp_echo, origin->stamp))
		return false;
	if (fact->stamp_echo != origin->stamp)
		return true;
	for (i = fact_subflow(scene, cause)->first; i < cause; i = scene->facts[i].next)
		if (scene->facts[i].way == RECEIVED && scene->facts[i].has_stamp)
			before = &scene->facts[i];
	return before == NULL || before->stamp != origin->stamp;
}

bool scene_knew(const struct scene *scene, uint32_t index, uint32_t cause)
{
	const struct fact *fact = &scene->facts[index], *origin = &scene->facts[cause];

	if (index <= cause || fact->way != SENT)
		return false;
	if (fact->at > origin->at + scene->prompt)
		return true;
	if (fact->subflow != origin->subflow)
		return false;
	return (fact_end(origin) > origin->seq && fact->ack >= fact_end(origin)) ||
		has_echoed(scene, fact, cause);
}

bool scene_was_overtaken(const struct scene *scene, uint32_t index)
{
	const struct fact *late = &scene->facts[index];
	uint32_t i;

	for (i = fact_subflow(scene, index)->first; i < index; i = scene->facts[i].next)
		if (scene->facts[i].way == late->way && scene->facts[i].has_stamp &&
			late->has_stamp && seq_before(late->stamp, scene->facts[i].stamp))
			return true;
	return false;
}

bool scene_had_acked(const struct scene *scene, uint32_t index)
{
	const struct fact *acked, *fact;

	if (scene->acked_out == VIEW_NONE || index == VIEW_NONE)
		return false;
	if (scene->acked_out < index)
		return true;
	acked = &scene->facts[scene->acked_out];
	fact = &scene->facts[index];
	return acked->subflow == fact->subflow && fact->payload > 0 && acked->ack <= fact->seq;
}

uint32_t scene_sent(const struct scene *scene, const struct subflow_view *subflow, uint32_t from,
	uint32_t wanted)
{
	uint32_t i;

	for (i = subflow->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (i > from && fact->way == SENT && !(fact->flags & TCP_RST) &&
			(wanted == 0 || (fact->has & wanted)) && scene_knew(scene, i, from))
			return i;
	}
	return VIEW_NONE;
}

uint32_t flow_next(const struct view *view, const struct flow *flow, uint32_t index)
{
	uint32_t i, next = 1;

	for (i = 0; i < flow->piece_count; i++) {
		const struct piece *piece = &view->pieces[flow->piece + i];

		if (piece->seq > next || piece->fact >= index)
			break;
		next = piece->seq + piece->length;
	}
	return next;
}

bool subflow_is_up(const struct scene *scene, const struct subflow_view *subflow, uint32_t index)
{
	const struct fact *third;

	if (subflow->third == VIEW_NONE || subflow->third > index)
		return false;
	if (!subflow->is_join)
		return true;
	third = &scene->facts[subflow->third];
	if (!(scene->facts[subflow->synack].has & HAS_JOIN) || !(third->has & HAS_JOIN))
		return false;
	if (subflow->opened_by_us)
		return subflow->hmac_synack != HMAC_BAD;
	return subflow->hmac_ack != HMAC_BAD;
}

bool subflow_is_alive(const struct scene *scene, const struct subflow_view *subflow, uint32_t index)
{
	const struct flow *flow = subflow->flow;

	return subflow_is_up(scene, subflow, index) && flow[SENT].rst >= index &&
		flow[RECEIVED].rst >= index &&
		!(flow[SENT].fin < index && flow[RECEIVED].fin < index);
}

bool subflow_is_established(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	return subflow_is_alive(scene, subflow, index) &&
		(!subflow->is_join || !subflow->opened_by_us || subflow->fourth < index);
}

typedef bool subflow_state(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index);

/* How many of the connection's other subflows are so at fact index. */
static unsigned int count_others(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index, subflow_state *is_so)
{
	unsigned int count = 0;
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling)
		count += scene_subflow(scene, i) != subflow &&
			is_so(scene, scene_subflow(scene, i), index);
	return count;
}

unsigned int others_alive(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	return count_others(scene, subflow, index, subflow_is_alive);
}

unsigned int others_ever(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	return count_others(scene, subflow, index, subflow_is_up);
}

bool is_one_of_several(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	return count_others(scene, subflow, index, subflow_is_established) > 0;
}

uint32_t subflow_reset_after(const struct scene *scene, const struct subflow_view *subflow,
	enum way way, uint32_t index)
{
	uint32_t i;

	if (subflow->flow[way].rst == VIEW_NONE)
		return VIEW_NONE;
	for (i = subflow->flow[way].rst; i != VIEW_NONE; i = scene->facts[i].next)
		if (i >= index && scene->facts[i].way == way && (scene->facts[i].flags & TCP_RST))
			return i;
	return VIEW_NONE;
}

uint32_t scene_overrun(const struct scene *scene)
{
	const struct connection_view *connection = scene->connection;
	uint64_t limit;
	uint32_t i;

	if (!connection->has_key[RECEIVED] || !connection->has_data_ack[SENT] ||
		connection->infinite[RECEIVED] != VIEW_NONE)
		return VIEW_NONE;
	limit = connection->idsn[RECEIVED] + 1 + connection->mapped[RECEIVED] +
		(connection->data_fin[RECEIVED] != VIEW_NONE);
	if (!dsn_after(connection->data_ack[SENT], limit))
		return VIEW_NONE;
	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == SENT && (fact->has & HAS_DATA_ACK) &&
			dsn_after(fact->data_ack, limit))
			return i;
	}
	return VIEW_NONE;
}

bool scene_delivered_unmapped(const struct scene *scene)
{
	const struct connection_view *connection = scene->connection;

	return connection->has_key[RECEIVED] && connection->infinite[RECEIVED] == VIEW_NONE &&
		scene->input->app[scene->end].received_length > connection->mapped[RECEIVED];
}

bool scene_signalled(const struct scene *scene, uint32_t index)
{
	const struct connection_view *connection = scene->connection;

	return connection->fail[SENT] < index || connection->fail[RECEIVED] < index ||
		connection->infinite[SENT] < index || connection->infinite[RECEIVED] < index;
}

bool closes_fast(const struct scene *scene, uint32_t index)
{
	const struct fact *fact = &scene->facts[index];

	return fact->way == RECEIVED && (fact->has & HAS_FASTCLOSE) &&
		view_option(&scene->view, fact, MP_FASTCLOSE)->fastclose_key ==
		scene->connection->key[SENT];
}

bool scene_aborted(const struct scene *scene, uint32_t index)
{
	nsec_t aborted_at = scene->input->app[scene->end].aborted_at;

	return aborted_at > 0 && aborted_at <= scene->facts[index].at + scene->prompt;
}

bool scene_closed_fast(const struct scene *scene, uint32_t index)
{
	const uint32_t *fastclose = scene->connection->fastclose;
	nsec_t at = scene->facts[index].at + scene->prompt;

	return fastclose[RECEIVED] <= index || scene_aborted(scene, index) ||
		(fastclose[SENT] != VIEW_NONE && scene->facts[fastclose[SENT]].at <= at);
}

bool scene_app_closed(const struct scene *scene, uint32_t index)
{
	nsec_t closed_at = scene->input->app[scene->end].closed_at;
	nsec_t at = scene->facts[index].at;

	return scene_aborted(scene, index) ||
		(closed_at > 0 && closed_at <= at + scene->prompt && at < closed_at + SCENE_DUE);
}

bool scene_closed(const struct scene *scene, uint32_t index)
{
	return scene_closed_fast(scene, index) || scene_app_closed(scene, index);
}

void note_must_end(struct note *note, const struct scene *scene, const struct subflow_view *subflow,
	uint32_t cause, const char *why)
{
	uint32_t instead;

	if (subflow_reset_after(scene, subflow, SENT, cause) != VIEW_NONE ||
		subflow_reset_after(scene, subflow, RECEIVED, cause) != VIEW_NONE) {
		note_held(note);
		return;
	}
	instead = scene_sent(scene, subflow, cause, 0);
	if (instead != VIEW_NONE)
		note_broken(note, instead, why);
	else if (scene->input->now >= scene->facts[cause].at + SCENE_DUE)
		note_broken(note, cause, why);
}

void note_must_reset(struct note *note, const struct scene *scene,
	const struct subflow_view *subflow, uint32_t cause, const char *why)
{
	uint32_t instead = scene_sent(scene, subflow, cause, 0);

	if (instead < subflow_reset_after(scene, subflow, SENT, cause) &&
		instead < subflow_reset_after(scene, subflow, RECEIVED, cause))
		note_broken(note, instead, why);
	else
		note_must_end(note, scene, subflow, cause, why);
}

uint32_t scene_misfit(const struct scene *scene, const struct subflow_view *subflow)
{
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way == RECEIVED && !mapping->infinite &&
			scene_subflow(scene, mapping->subflow) == subflow &&
			mapping->has_checksum != scene->checksum &&
			(scene->version > 0 || scene->checksum))
			return mapping->fact;
	}
	return VIEW_NONE;
}

/* The RST says that the path is at fault: MP_FAIL, or MP_TCPRST with reason 1 or 6. */
static bool reset_blames(const struct scene *scene, uint32_t reset)
{
	const struct fact *fact = &scene->facts[reset];
	const struct mptcp_opt *opt = view_option(&scene->view, fact, MP_TCPRST);

	return (fact->has & HAS_FAIL) ||
		(opt != NULL &&
			(opt->tcprst.reason == RESET_MPTCP ||
				opt->tcprst.reason == RESET_MIDDLEBOX));
}

/* What had been acknowledged before fact index: of the stream, and on a subflow. */
static uint64_t data_acked_before(const struct scene *scene, uint32_t index)
{
	const struct connection_view *connection = scene->connection;
	uint64_t acked = connection->idsn[SENT] + 1;
	uint32_t i;

	for (i = 0; i < index && i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		/* Of what was not sent it says nothing (O18). */
		if (fact->way == RECEIVED && (fact->has & HAS_DATA_ACK) &&
			dsn_after(fact->data_ack, acked) &&
			!dsn_after(fact->data_ack, connection->dsn_end[SENT]))
			acked = fact->data_ack;
	}
	return acked;
}

static uint32_t acked_before(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	uint32_t acked = 0, i;

	if (index == VIEW_NONE)
		return subflow->flow[SENT].acked;
	for (i = subflow->first; i < index; i = scene->facts[i].next)
		if (scene->facts[i].way == RECEIVED && scene->facts[i].ack <= INT32_MAX &&
			scene->facts[i].ack > acked)
			acked = scene->facts[i].ack;
	return acked;
}

const struct mapping *scene_unconfirmed(const struct scene *scene,
	const struct subflow_view *subflow, uint32_t index)
{
	uint64_t next = data_acked_before(scene, index);
	uint32_t acked = acked_before(scene, subflow, index);
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way == SENT && scene_subflow(scene, mapping->subflow) == subflow &&
			next - mapping->dsn < mapping->length &&
			mapping->ssn + mapping->length <= acked)
			return mapping;
	}
	return NULL;
}

/* The peer's FIN came in the midst of a mapping: a box made the segment shorter. */
static bool was_cut_short(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct flow *flow = &subflow->flow[RECEIVED];

	return flow->fin != VIEW_NONE &&
		flow->ssn_end > scene->facts[flow->fin].seq + scene->facts[flow->fin].payload;
}

bool has_failed(const struct scene *scene, const struct subflow_view *subflow, uint32_t index)
{
	size_t i;

	for (i = 0; scene->checksum && i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way == RECEIVED &&
			(mapping->state == MAPPING_BAD || mapping->state == MAPPING_AMBIGUOUS) &&
			mapping->complete < index &&
			scene_subflow(scene, mapping->subflow) == subflow)
			return true;
	}
	return false;
}

bool was_acked_bare(const struct scene *scene, const struct subflow_view *subflow, uint32_t index)
{
	uint32_t i, end = subflow->is_join ? index : first_of(index, scene->confirmed);

	for (i = subflow->third; i < end; i = scene->facts[i].next)
		if (scene->facts[i].way == RECEIVED && scene->facts[i].ack > 1 &&
			!(scene->facts[i].has & HAS_DATA_ACK))
			return true;
	return false;
}

/*
 * A mapping came whose segment it does not touch, an empty one perhaps: what it names may count as
 * unmapped (F51).
 */
static bool has_stray_mapping(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	size_t i;

	for (i = 0; scene->version == 1 && i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way == RECEIVED && mapping->length > 0 && mapping->fact < index &&
			!mapping->from_capable &&
			scene_subflow(scene, mapping->subflow) == subflow &&
			(scene->facts[mapping->fact].payload == 0 ||
				!mapping_touches(mapping, &scene->facts[mapping->fact])))
			return true;
	}
	return false;
}

bool reset_has_ground(const struct scene *scene, const struct subflow_view *subflow, uint32_t reset)
{
	const struct flow *flow = &subflow->flow[RECEIVED];

	return flow->plain != VIEW_NONE || flow->early < reset || flow->rst < reset ||
		flow->infinite < reset || was_cut_short(scene, subflow) ||
		lacks_data_acks(scene, subflow, reset) || scene_misfit(scene, subflow) < reset ||
		scene->plain_ack < reset || was_acked_bare(scene, subflow, reset) ||
		has_failed(scene, subflow, reset) || has_stray_mapping(scene, subflow, reset);
}

bool reset_is_groundless(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t reset)
{
	return reset_blames(scene, reset) && !reset_has_ground(scene, subflow, reset);
}

void note_no_blame(struct note *note, const struct scene *scene, const struct subflow_view *subflow,
	uint32_t cause)
{
	uint32_t reset = own_reset(subflow, cause);

	note_held(note);
	if (reset != VIEW_NONE && scene_knew(scene, reset, cause) &&
		reset_is_groundless(scene, subflow, reset))
		note_broken(note, reset,
			"reset a subflow as faulty though nothing on it was wrong");
}
