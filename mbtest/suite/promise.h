/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promise.h - what the profiles of our endpoint (profile.h) do not promise: the rules that the
 * implementation they stand for leaves out, as its authors have published.
 */
#ifndef MBTEST_SUITE_PROMISE_H
#define MBTEST_SUITE_PROMISE_H

#include "mbtest/judge/rules.h"

struct profile;

/* The rules that an end with this profile is not held to; none where it has no profile (NULL). */
struct rule_set promise_excused(const struct profile *profile);

#endif
