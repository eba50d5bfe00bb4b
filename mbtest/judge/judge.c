/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.c - two taps and two applications in, one judgement out: streams first, then the outcome,
 * then every rule of the table against either host.
 */
#include "mbtest/judge/judge.h"

#include "mbtest/judge/blame.h"
#include "mbtest/judge/outcome.h"
#include "mbtest/judge/predicates.h"

#include <stdio.h>

/* Both streams: intact when both are, and the damage that weighs most. */
static void streams_judge(struct scene scenes[ENDS], struct judgement *judgement)
{
	const struct judge_input *input = scenes[CLIENT].input;
	enum end end;

	judgement->intact = true;
	judgement->damage = DAMAGE_NONE;
	for (end = CLIENT; end < ENDS; end++) {
		enum end from = end_opposite(end);
		const struct app_view *app = &input->app[end];
		struct stream_verdict *verdict = &scenes[end].stream;

		*verdict = stream_judge(&input->stream[from], app->received, app->received_length,
			app->ended, input->edits, input->edit_count);
		judgement->intact = judgement->intact && verdict->intact;
		if (verdict->damage > judgement->damage)
			judgement->damage = verdict->damage;
	}
}

static void rule_judge(unsigned int index, const struct scene scenes[ENDS],
	struct rule_finding *finding)
{
	rule_predicate *predicate = rule_predicate_at(index);
	enum end end;

	finding->state = finding->of[CLIENT] = finding->of[SERVER] = RULE_NOT_EXERCISED;
	finding->end = CLIENT;
	finding->packet = 0;
	finding->why[0] = '\0';
	for (end = CLIENT; end < ENDS && predicate != NULL; end++) {
		struct note note = { RULE_NOT_EXERCISED, VIEW_NONE, "" };

		if (scenes[end].connection != NULL && scenes[end].input->speaks_mptcp[end] &&
			!rule_set_has(&scenes[end].input->excused[end], index))
			predicate(&scenes[end], &note);
		finding->of[end] = note.state;
		if (note.state <= finding->state)
			continue;
		finding->state = note.state;
		finding->end = end;
		if (note.state != RULE_BROKEN)
			continue;
		finding->packet = note.fact < scenes[end].view.fact_count
			? scenes[end].facts[note.fact].record + 1
			: 0;
		snprintf(finding->why, sizeof(finding->why), "%s", note.why);
	}
}

void judge(const struct judge_input *input, struct judgement *judgement)
{
	struct scene scenes[ENDS];
	unsigned int i;

	scene_init(&scenes[CLIENT], input, CLIENT);
	scene_init(&scenes[SERVER], input, SERVER);
	scenes[CLIENT].other = &scenes[SERVER];
	scenes[SERVER].other = &scenes[CLIENT];
	streams_judge(scenes, judgement);
	subflows_judge(scenes, judgement);
	outcome_judge(scenes, judgement);
	blame_judge(scenes, judgement);
	for (i = 0; i < rule_count(); i++)
		rule_judge(i, scenes, &judgement->rules[i]);
	scene_fini(&scenes[CLIENT]);
	scene_fini(&scenes[SERVER]);
}
