/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey_paths.c - looks at one host's packets where there are several subflows: ports, keys, and
 * which subflow carries what (questions 5 to 8 of the survey).
 */
#include "mbtest/judge/survey_rows.h"

enum {
	FIRST_SEGMENTS = 8, /* of a burst, that tell which subflow is preferred */
	FEW_PERCENT = 5,    /* of the data on a subflow: it is not used */
	FEW_RESENDS = 2,    /* on the subflow itself, before others take over */
};

/* Between the first chunk and the rest. */
#define PAUSE_SEEN (150 * NSEC_PER_MS)

/* 1: the first subflow's port again, 2: another one. */
unsigned int look_ports(const struct survey_run *run, const struct scene *scene)
{
	const struct subflow_view *join = survey_join(scene);

	if (run->asked != CLIENT || join == NULL || !join->opened_by_us)
		return 0;
	return join->initiator.port == scene->initial->initiator.port ? 1 : 2;
}

/* The HMAC that it signs joins with, whatever becomes of them. */
unsigned int look_hmac(const struct survey_run *run, const struct scene *scene)
{
	unsigned int seen = 0;
	uint32_t i;

	(void)run;
	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *join = scene_subflow(scene, i);
		enum hmac_verdict verdict = join->opened_by_us ? join->hmac_ack : join->hmac_synack;

		if (join->is_join && verdict == HMAC_OK)
			seen |= SEEN_YES;
		else if (join->is_join && verdict == HMAC_BAD)
			seen |= SEEN_NO;
	}
	return seen;
}

/* A join whose HMAC is wrong: is it reset? */
unsigned int look_hmac_checked(const struct survey_run *run, const struct scene *scene)
{
	uint32_t i;

	(void)run;
	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *join = scene_subflow(scene, i);
		enum hmac_verdict heard = join->opened_by_us ? join->hmac_synack : join->hmac_ack;

		if (join->is_join && heard == HMAC_BAD)
			return join->flow[SENT].rst != VIEW_NONE ? SEEN_YES : SEEN_NO;
	}
	return 0;
}

/* Algorithms offered or accepted beside HMAC. */
unsigned int look_algorithms(const struct survey_run *run, const struct scene *scene)
{
	unsigned int seen = 0;
	uint32_t i;

	(void)run;
	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct mp_capable *capable = scene_capable(scene, i);

		if (capable == NULL || scene->facts[i].way != SENT)
			continue;
		seen |= capable->flags & (capable->version == 0 ? MPC_CRYPTO_V0 : MPC_CRYPTO_V1) &
				~MPC_HMAC
			? SEEN_YES
			: SEEN_NO;
	}
	return seen;
}

/* Kind 30, and only forms that the registries know. */
unsigned int look_registry(const struct survey_run *run, const struct scene *scene)
{
	unsigned int seen = 0;
	uint32_t i;

	(void)run;
	for (i = 0; i < scene->view.fact_count; i++)
		if (scene->facts[i].way == SENT && (scene->facts[i].has & HAS_OPTION))
			seen |= scene->facts[i].has & HAS_UNDECODABLE ? SEEN_NO : SEEN_YES;
	return seen & SEEN_NO ? SEEN_NO : seen;
}

/* ---- a path that dies ---- */

/* Whether a mapping of another subflow brings bytes of this one again. */
static bool brings_again(const struct mapping *again, const struct mapping *mapping)
{
	return again->way == SENT && again->subflow != mapping->subflow &&
		again->fact > mapping->fact &&
		(again->dsn - mapping->dsn < mapping->length ||
			mapping->dsn - again->dsn < again->length);
}

/* The first packet that brings what a subflow was left with on another one; VIEW_NONE. */
static uint32_t sent_elsewhere(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct view *view = &scene->view;
	uint32_t first = VIEW_NONE;
	size_t i, k;

	for (i = 0; i < view->mapping_count; i++) {
		const struct mapping *mapping = &view->mappings[i];

		if (mapping->way != SENT || scene_subflow(scene, mapping->subflow) != subflow ||
			mapping->ssn + mapping->length <= subflow->flow[SENT].acked)
			continue;
		for (k = 0; k < view->mapping_count; k++)
			if (brings_again(&view->mappings[k], mapping))
				first = first_of(first, view->mappings[k].fact);
	}
	return first;
}

/* Times at which a host repeated something on a subflow before fact until. */
static unsigned int count_resends(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t until)
{
	unsigned int count = 0;
	uint32_t end = 0, i;
	nsec_t last = 0;

	for (i = subflow->first; i != VIEW_NONE && i < until; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED)
			count = 0;
		if (fact->way == RECEIVED || fact->payload == 0)
			continue;
		if (fact->seq < end && fact->at > last + SCENE_PROMPT) {
			count++;
			last = fact->at;
		}
		end = fact_end(fact) > end ? fact_end(fact) : end;
	}
	return count;
}

/* 1: what the dead subflow held soon goes on the other, 2: it is tried there again and again. */
unsigned int look_resend(const struct survey_run *run, const struct scene *scene)
{
	const struct subflow_view *first = scene->initial;
	uint32_t elsewhere;

	(void)run;
	if (survey_join(scene) == NULL || first->flow[SENT].acked >= first->flow[SENT].end)
		return 0;
	elsewhere = sent_elsewhere(scene, first);
	return count_resends(scene, first, elsewhere) > FEW_RESENDS ? 2
		: elsewhere == VIEW_NONE                            ? 0
								    : 1;
}

unsigned int look_handover(const struct survey_run *run, const struct scene *scene)
{
	if (survey_join(scene) == NULL)
		return 0;
	return run->intact &&
			(run->outcome == OUTCOME_MPTCP || run->outcome == OUTCOME_SUBFLOW_CLOSED)
		? SEEN_YES
		: SEEN_NO;
}

/* ---- sharing ---- */

/* Bytes it sent after a moment, on the first subflow and on others. */
static void count_sent(const struct scene *scene, nsec_t from, uint64_t *first, uint64_t *others)
{
	uint32_t i;

	*first = *others = 0;
	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way != SENT || fact->at < from)
			continue;
		*(fact_subflow(scene, i) == scene->initial ? first : others) += fact->payload;
	}
}

/* The first packet with data after the pause; VIEW_NONE. */
static uint32_t find_burst(const struct scene *scene)
{
	uint32_t i, last = VIEW_NONE;

	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way != SENT || fact->payload == 0)
			continue;
		if (last != VIEW_NONE && fact->at > scene->facts[last].at + PAUSE_SEEN)
			return i;
		last = i;
	}
	return VIEW_NONE;
}

/* The second path is the faster one: the first segments of a burst all go there. */
static bool prefers_faster(const struct scene *scene, uint32_t burst)
{
	unsigned int seen = 0;
	uint32_t i;

	for (i = burst; i < scene->view.fact_count && seen < FIRST_SEGMENTS; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way != SENT || fact->payload == 0)
			continue;
		if (fact_subflow(scene, i) == scene->initial)
			return false;
		seen++;
	}
	return seen == FIRST_SEGMENTS;
}

/* 1: on both subflows at a time, 2: the faster first, 4: on one of them. */
unsigned int look_sharing(const struct survey_run *run, const struct scene *scene)
{
	uint32_t burst = find_burst(scene);
	uint64_t first, others, few;

	(void)run;
	if (survey_join(scene) == NULL || burst == VIEW_NONE)
		return 0;
	count_sent(scene, scene->facts[burst].at, &first, &others);
	few = (first + others) * FEW_PERCENT / 100;
	if (first <= few || others <= few)
		return 4;
	return prefers_faster(scene, burst) ? 1 | 2 : 1;
}

/* ---- priorities ---- */

/* It asks for a subflow to be kept as backup, by MP_PRIO or in the join itself. */
static bool asks_backup(const struct scene *scene)
{
	uint32_t i;

	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];
		const struct mptcp_opt *join = view_option(&scene->view, fact, MP_JOIN);

		if (fact->way != SENT)
			continue;
		if (view_option(&scene->view, fact, MP_PRIO) != NULL)
			return true;
		if (join != NULL && join->join.form != JOIN_ACK && join->join.backup)
			return true;
	}
	return false;
}

unsigned int look_priority(const struct survey_run *run, const struct scene *scene)
{
	uint64_t first, others;
	uint32_t i, burst;

	if (survey_join(scene) == NULL)
		return 0;
	if (survey_asks(run, "prefer"))
		return asks_backup(scene) ? SEEN_TELLS : SEEN_MUTE;
	burst = find_burst(scene);
	for (i = 0; i < burst && i < scene->view.fact_count; i++)
		if (scene->facts[i].way == RECEIVED && fact_subflow(scene, i) == scene->initial &&
			view_option(&scene->view, &scene->facts[i], MP_PRIO) != NULL)
			break;
	if (i >= burst || burst == VIEW_NONE)
		return 0;
	count_sent(scene, scene->facts[burst].at, &first, &others);
	return first <= (first + others) * FEW_PERCENT / 100 ? SEEN_HEEDS : SEEN_DEAF;
}
