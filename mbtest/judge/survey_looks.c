/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey_looks.c - looks at one host's packets: which signals it gives and heeds, and whether it
 * falls back (questions 2 to 4 of the survey).
 */
#include "mbtest/judge/survey_rows.h"

#include <string.h>

bool survey_asks(const struct survey_run *run, const char *scenario)
{
	size_t length = strlen(scenario);

	return strncmp(run->scenario, scenario, length) == 0 &&
		(strcmp(run->scenario + length, "-client") == 0 ||
			strcmp(run->scenario + length, "-server") == 0);
}

static bool is_open(const struct scene *scene, const struct subflow_view *subflow)
{
	return subflow_is_up(scene, subflow, VIEW_NONE) &&
		(!subflow->is_join || subflow->fourth != VIEW_NONE);
}

const struct subflow_view *survey_join(const struct scene *scene)
{
	uint32_t i = scene->connection->subflow;

	for (; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling)
		if (scene_subflow(scene, i)->is_join && is_open(scene, scene_subflow(scene, i)))
			return scene_subflow(scene, i);
	return NULL;
}

/* A join was begun. */
static bool was_joined(const struct scene *scene)
{
	return scene->connection->subflow_count > 1;
}

/* The first packet that went one way, after fact from, with any of these; VIEW_NONE. */
static uint32_t find_fact(const struct scene *scene, enum way way, uint32_t from, uint32_t has)
{
	uint32_t i;

	for (i = from == VIEW_NONE ? 0 : from; i < scene->view.fact_count; i++)
		if (scene->facts[i].way == way && (scene->facts[i].has & has))
			return i;
	return VIEW_NONE;
}

/* The first option of a subtype that went one way; an ADD_ADDR's echo only if asked for. */
static const struct mptcp_opt *find_option(const struct scene *scene, enum way way,
	enum mptcp_subtype subtype, bool echo, uint32_t *at)
{
	uint32_t i;

	for (i = 0; i < scene->view.fact_count; i++) {
		const struct mptcp_opt *option;

		if (scene->facts[i].way != way || !(scene->facts[i].has & HAS_ADDRESS))
			continue;
		option = view_option(&scene->view, &scene->facts[i], subtype);
		if (option == NULL || (subtype == MP_ADD_ADDR && option->add_addr.echo != echo))
			continue;
		if (at != NULL)
			*at = i;
		return option;
	}
	return NULL;
}

static unsigned int yes_or_no(bool yes)
{
	return yes ? SEEN_YES : SEEN_NO;
}

/* ---- 2, 3.1: opening ---- */

unsigned int look_family(const struct survey_run *run, const struct scene *scene)
{
	(void)scene;
	if (run->outcome == OUTCOME_REFUSED)
		return 0;
	return run->family == 4 ? 1 : 2;
}

unsigned int look_version(const struct survey_run *run, const struct scene *scene)
{
	(void)run;
	return scene->mptcp ? 1u << (scene->version & 1) : 0;
}

unsigned int look_capable(const struct survey_run *run, const struct scene *scene)
{
	(void)run;
	return yes_or_no(scene->mptcp);
}

/* ---- 3.2: joins ---- */

unsigned int look_join(const struct survey_run *run, const struct scene *scene)
{
	if (!scene->mptcp)
		return SEEN_NO;
	if (survey_join(scene) != NULL)
		return SEEN_YES;
	/* Who is never asked for one, or need not take it from the passive side, says nothing. */
	return survey_asks(run, "join") && run->asked == SERVER && was_joined(scene) ? SEEN_NO : 0;
}

/* 1: the first end starts subflows; 2: the other one does. */
unsigned int look_initiator(const struct survey_run *run, const struct scene *scene)
{
	unsigned int seen = 0;
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (!subflow->is_join)
			continue;
		if (subflow->opened_by_us)
			seen |= run->asked == CLIENT ? 1 : 2;
		else if (run->asked == SERVER && is_open(scene, subflow))
			seen |= 1;
	}
	return seen;
}

unsigned int look_subflows(const struct survey_run *run, const struct scene *scene)
{
	unsigned int count = 0;
	uint32_t i;

	(void)run;
	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling)
		count += is_open(scene, scene_subflow(scene, i));
	return scene->mptcp ? count : 0;
}

/* ---- 3.3: DSS ---- */

unsigned int look_dss(const struct survey_run *run, const struct scene *scene)
{
	if (!scene->mptcp || run->checksum)
		return 0;
	return yes_or_no(run->outcome == OUTCOME_MPTCP && run->intact &&
		scene->connection->has_dsn[SENT] && scene->connection->has_data_ack[SENT]);
}

/* 1: of four bytes, 2: of eight. */
unsigned int look_data_ack(const struct survey_run *run, const struct scene *scene)
{
	unsigned int seen = 0;
	uint32_t i;

	(void)run;
	for (i = 0; i < scene->view.fact_count; i++)
		if (scene->facts[i].way == SENT && (scene->facts[i].has & HAS_DATA_ACK))
			seen |= scene->facts[i].ack_wide ? 2 : 1;
	return seen;
}

unsigned int look_dsn(const struct survey_run *run, const struct scene *scene)
{
	unsigned int seen = 0;
	uint32_t i;

	(void)run;
	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == SENT && (fact->has & HAS_DSS) && (fact->has & HAS_MAPPING))
			seen |= fact->dsn_wide ? 2 : 1;
	}
	return seen;
}

unsigned int look_data_fin(const struct survey_run *run, const struct scene *scene)
{
	if (!scene->mptcp || run->checksum)
		return 0;
	return yes_or_no(scene->connection->data_fin[SENT] != VIEW_NONE);
}

/* Both ends are to use them: are they there, and right? */
unsigned int look_checksum(const struct survey_run *run, const struct scene *scene)
{
	size_t i, count = 0;

	if (!run->checksum || !scene->syn_capable || !scene->synack_capable)
		return 0;
	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way != SENT || mapping->infinite)
			continue;
		count++;
		if (!mapping->has_checksum || mapping->state == MAPPING_BAD)
			return SEEN_NO;
	}
	return yes_or_no(scene->connection->flag_a && count > 0);
}

/* ---- 3.4, 3.5: addresses, abrupt end ---- */

/* It joined another address than that of the first subflow. */
static bool joined_elsewhere(const struct scene *scene)
{
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		const struct sockname *first = scene->initial->opened_by_us
			? &scene->initial->responder
			: &scene->initial->initiator;

		if (subflow->is_join && subflow->opened_by_us &&
			!addr_equal(&subflow->responder.addr, &first->addr))
			return true;
	}
	return false;
}

unsigned int look_add_addr(const struct survey_run *run, const struct scene *scene)
{
	if (!scene->mptcp)
		return 0;
	if (survey_asks(run, "announce"))
		return find_option(scene, SENT, MP_ADD_ADDR, false, NULL) != NULL ? SEEN_TELLS
										  : SEEN_MUTE;
	if (joined_elsewhere(scene) || find_option(scene, SENT, MP_ADD_ADDR, true, NULL) != NULL)
		return SEEN_HEEDS;
	/* v0 has no echo, and the passive side need not start subflows. */
	return run->version == 1 || run->asked == CLIENT ? SEEN_DEAF : 0;
}

/*
 * It tried whether a subflow is alive, by a packet from before what is acknowledged already: RFC
 * 8684 3.4.2 wants that before a subflow is closed for a REMOVE_ADDR.
 */
static bool was_tried(const struct scene *scene, const struct subflow_view *subflow, uint32_t from)
{
	uint32_t acked = 0, i;

	for (i = subflow->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED && fact->ack > acked)
			acked = fact->ack;
		if (i > from && fact->way == SENT && fact->payload <= 1 && fact->seq < acked &&
			!(fact->flags & (TCP_SYN | TCP_RST | TCP_FIN)))
			return true;
	}
	return false;
}

/* It closed a join before the streams ended, or was about to. */
static bool doubted_join(const struct scene *scene, uint32_t from)
{
	uint32_t end =
		first_of(scene->connection->data_fin[SENT], scene->connection->data_fin[RECEIVED]);
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t close = first_of(subflow->flow[SENT].fin, subflow->flow[SENT].rst);

		if (subflow->is_join &&
			((close > from && close < end) || was_tried(scene, subflow, from)))
			return true;
	}
	return false;
}

unsigned int look_remove_addr(const struct survey_run *run, const struct scene *scene)
{
	uint32_t at = VIEW_NONE;

	if (!scene->mptcp)
		return 0;
	if (survey_asks(run, "withdrawn")) {
		if (survey_join(scene) == NULL ||
			find_option(scene, RECEIVED, MP_REMOVE_ADDR, false, &at) == NULL)
			return 0;
		return doubted_join(scene, at) ? SEEN_HEEDS : SEEN_DEAF;
	}
	if (find_option(scene, SENT, MP_REMOVE_ADDR, false, NULL) != NULL)
		return SEEN_TELLS;
	/* An address that the peer never heard of need not be taken back. */
	return find_option(scene, SENT, MP_ADD_ADDR, false, NULL) != NULL ||
			(run->asked == CLIENT && survey_join(scene) != NULL)
		? SEEN_MUTE
		: 0;
}

unsigned int look_fastclose(const struct survey_run *run, const struct scene *scene)
{
	uint32_t heard;

	if (!scene->mptcp)
		return 0;
	if (survey_asks(run, "abort"))
		return find_fact(scene, SENT, VIEW_NONE, HAS_FASTCLOSE) != VIEW_NONE ? SEEN_TELLS
										     : SEEN_MUTE;
	heard = find_fact(scene, RECEIVED, VIEW_NONE, HAS_FASTCLOSE);
	if (heard == VIEW_NONE)
		return 0;
	return subflow_reset_after(scene, fact_subflow(scene, heard), SENT, heard) != VIEW_NONE
		? SEEN_HEEDS
		: SEEN_DEAF;
}

/* ---- 4: fallback ---- */

static bool left_mptcp(const struct survey_run *run)
{
	return run->intact &&
		(run->outcome == OUTCOME_FALLBACK || run->outcome == OUTCOME_INFINITE ||
			run->outcome == OUTCOME_TCP);
}

unsigned int look_plain(const struct survey_run *run, const struct scene *scene)
{
	(void)scene;
	return yes_or_no(run->outcome == OUTCOME_TCP && run->intact);
}

unsigned int look_no_join(const struct survey_run *run, const struct scene *scene)
{
	/* To a server that sees a plain SYN, it is a connection of its own. */
	bool tried = run->asked == CLIENT ? was_joined(scene) : scene->view.subflow_count > 1;

	if (!tried || !scene->mptcp)
		return 0;
	return yes_or_no(run->outcome == OUTCOME_SUBFLOW_CLOSED && run->intact);
}

unsigned int look_no_dss(const struct survey_run *run, const struct scene *scene)
{
	const struct subflow_view *join = survey_join(scene);

	/* Who has left says nothing of it any more; who holds the bytes DATA_ACKs what it had. */
	if (survey_asks(run, "no-dss")) {
		if (!scene->mptcp || scene->plain_in == VIEW_NONE)
			return 0;
		return yes_or_no(left_mptcp(run) &&
			scene_sent(scene, scene->initial, scene->plain_in, HAS_DATA_ACK) ==
				VIEW_NONE);
	}
	if (join == NULL || join->flow[RECEIVED].bytes == 0)
		return 0;
	return yes_or_no(join->flow[SENT].rst != VIEW_NONE && run->intact);
}

unsigned int look_no_data_ack(const struct survey_run *run, const struct scene *scene)
{
	if (!scene->mptcp || scene->bare_ack == VIEW_NONE)
		return 0;
	return yes_or_no(left_mptcp(run) &&
		scene_sent(scene, scene->initial, scene->bare_ack, HAS_MAPPING) == VIEW_NONE);
}

/* MP_FAIL, and the subflow is reset unless it is the only one. */
unsigned int look_flip(const struct survey_run *run, const struct scene *scene)
{
	const struct subflow_view *join = survey_join(scene);

	if (!scene->syn_capable || !scene->synack_capable)
		return 0;
	if (survey_asks(run, "flip"))
		return yes_or_no(scene->connection->fail[SENT] != VIEW_NONE);
	if (join == NULL || join->flow[RECEIVED].bytes == 0)
		return 0;
	return yes_or_no(join->flow[SENT].rst != VIEW_NONE && run->intact);
}

/* Told of a failed checksum it tells of an infinite mapping; told of one it takes it. */
unsigned int look_infinite(const struct survey_run *run, const struct scene *scene)
{
	if (survey_asks(run, "fail")) {
		if (scene->connection->fail[RECEIVED] == VIEW_NONE)
			return 0;
		return scene->connection->infinite[SENT] != VIEW_NONE ? SEEN_TELLS : SEEN_MUTE;
	}
	if (scene->connection->infinite[RECEIVED] == VIEW_NONE)
		return 0;
	/* Where it sends, too, its own mappings may be what went wrong. */
	if (scene->initial->flow[SENT].bytes > 0)
		return left_mptcp(run) ? SEEN_HEEDS : 0;
	return left_mptcp(run) ? SEEN_HEEDS : SEEN_DEAF;
}

unsigned int look_corner(const struct survey_run *run, const struct scene *scene)
{
	(void)scene;
	return yes_or_no(run->broken != NULL);
}

/* 10.6: on a path without boxes of ours. */
unsigned int look_reached(const struct survey_run *run, const struct scene *scene)
{
	(void)run;
	return scene->mptcp ? SEEN_NO : 0;
}
