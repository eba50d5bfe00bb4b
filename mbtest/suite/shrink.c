/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shrink.c - see shrink.h. A round makes every scenario that is one step smaller, runs them all,
 * and goes on from the first that still fails alike; it ends when none does.
 */
#include "mbtest/suite/shrink.h"

#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 96, ROUNDS = 64 };

struct round {
	struct exploration *candidates;
	size_t count;
	const char *name;
	size_t found; /* the first candidate that fails alike; count: none */
};

/* One more candidate, to be made smaller; NULL when there are enough. */
static struct exploration *candidate(struct round *round, const struct exploration *from)
{
	struct exploration *made;

	if (round->count == CANDIDATES)
		return NULL;
	made = &round->candidates[round->count++];
	exploration_copy(made, from);
	return made;
}

/* ---- steps ---- */

static void fewer_paths(struct round *round, const struct exploration *from)
{
	struct exploration *made;

	if (from->scenario.path_count < 2)
		return;
	made = candidate(round, from);
	if (made == NULL)
		return;
	made->scenario.subflows--;
	made->scenario.path_count--;
	made->scenario.joins--;
}

static void fewer_elements(struct round *round, const struct exploration *from)
{
	unsigned int row, branch, i;

	for (row = 0; row < EXPLORE_ROWS; row++) {
		for (i = 0; i < exploration_length(from, row); i++) {
			struct exploration *made = candidate(round, from);

			if (made != NULL)
				exploration_drop_element(made, row, i);
		}
	}
	for (branch = 0; exploration_branches(from) > 1 && branch < exploration_branches(from);
		branch++) {
		struct exploration *made = candidate(round, from);

		if (made != NULL)
			exploration_drop_branch(made, branch);
	}
}

static void fewer_args(struct round *round, const struct exploration *from)
{
	unsigned int row, i, k;

	for (row = 0; row < EXPLORE_ROWS; row++) {
		for (i = 0; i < exploration_length(from, row); i++) {
			const struct element *element = &from->elements[row][i];

			for (k = 0; k < element->arg_count; k++) {
				struct exploration *made = candidate(round, from);
				struct err err;

				if (made == NULL)
					return;
				exploration_drop_arg(made, row, i, k);
				element = &made->elements[row][i];
				if (!box_check(element->box, element->type, element->args,
					    element->arg_count, &err))
					round->count--;
				element = &from->elements[row][i];
			}
		}
	}
}

/* Our endpoints as they are by themselves. */
static void plainer_endpoints(struct round *round, const struct exploration *from)
{
	const struct scenario *scenario = &from->scenario;
	struct exploration *made;
	enum end end;

	for (end = CLIENT; end < ENDS; end++)
		if (scenario->profile[end] != NULL && (made = candidate(round, from)) != NULL)
			made->scenario.profile[end] = NULL;
	if (scenario->cc != NULL && (made = candidate(round, from)) != NULL)
		made->scenario.cc = NULL;
	if (scenario->scheduler != NULL && (made = candidate(round, from)) != NULL)
		made->scenario.scheduler = NULL;
	if (scenario->path_manager != NULL && (made = candidate(round, from)) != NULL)
		made->scenario.path_manager = NULL;
	if (scenario->join_backup && (made = candidate(round, from)) != NULL)
		made->scenario.join_backup = false;
	if (scenario->dsn_narrow && (made = candidate(round, from)) != NULL)
		made->scenario.dsn_narrow = false;
	if (scenario->dsn_wraps && (made = candidate(round, from)) != NULL)
		made->scenario.dsn_wraps = false;
	if (scenario->no_timestamps && (made = candidate(round, from)) != NULL)
		made->scenario.no_timestamps = false;
	if (scenario->no_sack && (made = candidate(round, from)) != NULL)
		made->scenario.no_sack = false;
	if (scenario->no_window_scale && (made = candidate(round, from)) != NULL)
		made->scenario.no_window_scale = false;
	if (scenario->server_joins > 0 && (made = candidate(round, from)) != NULL)
		made->scenario.server_joins = 0;
}

static void fewer_steps(struct round *round, const struct exploration *from)
{
	unsigned int i;

	for (i = 0; i < from->scenario.steps.count; i++) {
		struct exploration *made = candidate(round, from);
		struct step_plan *plan;

		if (made == NULL)
			return;
		plan = &made->scenario.steps;
		plan->count--;
		memmove(&plan->steps[i], &plan->steps[i + 1],
			(plan->count - i) * sizeof(plan->steps[0]));
	}
}

/* Everything about the application and the case that could be plainer. */
static void plainer_application(struct round *round, const struct exploration *from)
{
	const struct scenario *scenario = &from->scenario;
	struct exploration *made;

	if (scenario->first_chunk > 0 && (made = candidate(round, from)) != NULL)
		made->scenario.first_chunk = made->scenario.pause_ns = 0;
	if (scenario->marker != NULL && (made = candidate(round, from)) != NULL)
		made->scenario.marker = NULL;
	if (scenario->sender == SENDER_BOTH && (made = candidate(round, from)) != NULL)
		made->scenario.sender = SENDER_CLIENT;
	if (scenario->sender == SENDER_BOTH && (made = candidate(round, from)) != NULL)
		made->scenario.sender = SENDER_SERVER;
	if (scenario->family == 6 && (made = candidate(round, from)) != NULL)
		made->scenario.family = 4;
	if (scenario->server_port != 0 && (made = candidate(round, from)) != NULL)
		made->scenario.server_port = 0;
	if (scenario->bytes < 2)
		return;
	made = candidate(round, from);
	if (made != NULL)
		made->scenario.bytes /= 2;
	made = candidate(round, from);
	if (made != NULL)
		made->scenario.bytes -= scenario->bytes > 100 ? 100 : 1;
}

/* ---- rounds ---- */

static void note_result(void *self, const struct scenario *scenario, const struct result *result)
{
	struct round *round = self;
	char text[32];

	(void)scenario;
	if (round->found == round->count &&
		strcmp(explore_violation(result, text), round->name) == 0)
		round->found = result->index;
}

static void make_candidates(struct round *round, const struct exploration *from)
{
	size_t i;

	round->count = 0;
	fewer_paths(round, from);
	fewer_elements(round, from);
	fewer_args(round, from);
	fewer_steps(round, from);
	plainer_endpoints(round, from);
	plainer_application(round, from);
	for (i = 0; i < round->count; i++) {
		struct scenario *scenario = &round->candidates[i].scenario;

		if (scenario->marker_offset + 10 > scenario->bytes)
			scenario->marker_offset = 0;
		if (scenario->first_chunk > scenario->bytes)
			scenario->first_chunk = scenario->bytes;
		exploration_expect(&round->candidates[i]);
	}
}

enum runner_end shrink(struct exploration *exploration, const char *name,
	const struct run_config *run, struct err *err)
{
	struct round round = { xcalloc(CANDIDATES, sizeof(*round.candidates)), 0, name, 0 };
	const struct scenario *scenarios[CANDIDATES];
	struct runner_config config = { .run = *run, .repeat = 1, .done = note_result };
	enum runner_end end = RUNNER_DONE;
	unsigned int rounds;
	size_t i;

	config.self = &round;
	for (rounds = 0; rounds < ROUNDS; rounds++) {
		make_candidates(&round, exploration);
		for (i = 0; i < round.count; i++)
			scenarios[i] = &round.candidates[i].scenario;
		round.found = round.count;
		if (round.count > 0)
			end = runner_run(scenarios, round.count, &config, err);
		if (end != RUNNER_DONE || round.found == round.count)
			break;
		exploration_copy(exploration, &round.candidates[round.found]);
	}
	free(round.candidates);
	return end;
}
