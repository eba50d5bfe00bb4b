/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome.h - what came of a connection, from two scenes. Internal to the judge.
 */
#ifndef MBTEST_JUDGE_OUTCOME_H
#define MBTEST_JUDGE_OUTCOME_H

#include "mbtest/judge/scene.h"

/*
 * Name the outcome and say why, after intact and damage are filled in: the first of enum outcome
 * that matches. An MP_FAIL or infinite mapping is "seen" when it reached the host it was meant for.
 */
void outcome_judge(const struct scene scenes[ENDS], struct judgement *judgement);

/* Fill in subflows_opened and second_carried. */
void subflows_judge(const struct scene scenes[ENDS], struct judgement *judgement);

#endif
