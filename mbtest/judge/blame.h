/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blame.h - whose fault it is when a connection comes to nothing although no rule is broken.
 * Internal to the judge.
 */
#ifndef MBTEST_JUDGE_BLAME_H
#define MBTEST_JUDGE_BLAME_H

#include "mbtest/judge/scene.h"

/*
 * Fill in blame after the outcome: of a connection that stalled, or that was given up after long,
 * the ends that owe the next step. Such is an acknowledgement of what came in order, a DATA_ACK of
 * what came mapped, a byte of the stream where nothing hinders it, or an end to repeating what
 * will never be DATA_ACKed.
 */
void blame_judge(const struct scene scenes[ENDS], struct judgement *judgement);

#endif
