/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blame.c - see blame.h. What a host owes is read at its own tap: what came to it and was neither
 * answered nor made use of, for longer than any timer of a host that means to.
 */
#include "mbtest/judge/blame.h"

#include "probe/base/seq.h"

#include <stdio.h>
#include <string.h>

/* When a subflow ended: later silence is no fault. */
static nsec_t subflow_over(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct flow *flow = subflow->flow;
	uint32_t end = first_of(flow[SENT].rst, flow[RECEIVED].rst);

	return end == VIEW_NONE ? scene->input->now : scene->facts[end].at;
}

/* Came in order and within the window long before the end, and no ACK ever covered it. */
static uint32_t unacknowledged_on(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct flow *flow = &subflow->flow[RECEIVED];
	nsec_t over = subflow_over(scene, subflow);
	uint32_t i;

	if (!flow->has_edge || flow->acked >= flow->end || flow->edge <= flow->acked + 1)
		return VIEW_NONE;
	for (i = subflow->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED && fact->payload > 0 && fact->seq <= flow->acked &&
			fact_end(fact) > flow->acked && fact_end(fact) <= flow->edge &&
			fact->at + SCENE_PATIENCE < over)
			return i;
	}
	return VIEW_NONE;
}

static uint32_t unacknowledged(const struct scene *scene)
{
	uint32_t i, found = VIEW_NONE;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling)
		found = first_of(found, unacknowledged_on(scene, scene_subflow(scene, i)));
	return found;
}

/* The next bytes of the stream came, mapped and whole, and no DATA_ACK ever covered them. */
static uint32_t lacks_data_ack(const struct scene *scene)
{
	const struct connection_view *connection = scene->connection;
	uint64_t next = connection->data_ack[SENT];
	size_t i;

	if (!scene->mptcp || !connection->has_data_ack[SENT] || scene_signalled(scene, VIEW_NONE) ||
		scene->plain_out != VIEW_NONE)
		return VIEW_NONE;
	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];
		const struct subflow_view *subflow = scene_subflow(scene, mapping->subflow);

		if (mapping->way != RECEIVED || mapping->length == 0 ||
			(mapping->state != MAPPING_UNCHECKED && mapping->state != MAPPING_GOOD) ||
			next - mapping->dsn >= mapping->length ||
			subflow->flow[RECEIVED].acked < mapping->ssn + mapping->length)
			continue;
		if (scene->facts[mapping->complete].at + SCENE_PATIENCE <
			subflow_over(scene, subflow))
			return mapping->complete;
	}
	return VIEW_NONE;
}

/* Its peer's subflow acknowledges all, but not the connection, and it goes on repeating (O2). */
static uint32_t repeats_for_good(const struct scene *scene)
{
	const struct connection_view *connection = scene->connection;
	uint32_t i, last = VIEW_NONE, settled = 1;

	if (!scene->mptcp || !scene->input->timed_out || scene->input->app[scene->end].failed ||
		!connection->has_dsn[SENT] || !connection->has_data_ack[RECEIVED] ||
		!dsn_after(connection->dsn_end[SENT], connection->data_ack[RECEIVED]))
		return VIEW_NONE;
	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way != SENT || fact->payload == 0)
			continue;
		last = i;
		if (fact->at + SCENE_DUE < scene->input->now && fact_end(fact) > settled)
			settled = fact_end(fact);
	}
	if (last == VIEW_NONE || scene->facts[last].at + SCENE_PATIENCE < scene->input->now ||
		scene->initial->flow[SENT].acked < settled)
		return VIEW_NONE;
	return last;
}

/* Its application has more to send, all before is acknowledged, the window is open: silence. */
static uint32_t holds_back(const struct scene *scene)
{
	const struct flow *flow = &scene->initial->flow[SENT];
	uint64_t length = scene->input->stream[scene->end].length;
	const struct fact *last;

	if (!scene->input->timed_out || scene->input->app[scene->end].failed ||
		flow->bytes >= length || scene->initial->sibling != VIEW_NONE ||
		flow->fin != VIEW_NONE || flow->rst != VIEW_NONE || flow->acked < flow->end ||
		!flow->has_edge || flow->edge <= flow->end)
		return VIEW_NONE;
	last = &scene->facts[scene->initial->last];
	return last->at + SCENE_PATIENCE < scene->input->now ? scene->initial->last : VIEW_NONE;
}

/* The gravest first: who repeats has a reason where the peer does not say what it took. */
static const struct debt {
	uint32_t (*find)(const struct scene *scene); /* the packet, or VIEW_NONE */
	const char *what;
} debts[] = {
	{ unacknowledged, "never acknowledged what came in order" },
	{ lacks_data_ack, "never DATA_ACKed what came mapped" },
	{ repeats_for_good, "repeats for good what is not DATA_ACKed, without an error" },
	{ holds_back, "sends nothing more, though nothing hinders it" },
};

static bool find_debtors(const struct scene scenes[ENDS], const struct debt *debt,
	struct judgement *judgement)
{
	bool any = false;
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		struct blame *blame = &judgement->blame[end];
		uint32_t found = debt->find(&scenes[end]);

		blame->is_at_fault = found != VIEW_NONE;
		if (!blame->is_at_fault)
			continue;
		any = true;
		blame->packet = scenes[end].facts[found].record + 1;
		snprintf(blame->why, sizeof(blame->why), "%s", debt->what);
	}
	return any;
}

void blame_judge(const struct scene scenes[ENDS], struct judgement *judgement)
{
	size_t i;

	memset(judgement->blame, 0, sizeof(judgement->blame));
	if ((judgement->outcome != OUTCOME_STALLED && judgement->outcome != OUTCOME_RESET) ||
		scenes[CLIENT].connection == NULL || scenes[SERVER].connection == NULL)
		return;
	for (i = 0; i < sizeof(debts) / sizeof(debts[0]); i++)
		if (find_debtors(scenes, &debts[i], judgement))
			return;
}
