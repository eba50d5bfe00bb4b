/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_explore.h - what an exploration found.
 */
#ifndef MBTEST_REPORT_EXPLORE_H
#define MBTEST_REPORT_EXPLORE_H

#include "mbtest/judge/judge.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { EXPLORE_FOUND = 64 };

struct explore_found {
	uint64_t seed;
	char invariant[32];
	char file[PATH_MAX]; /* the scenario, made small */
	char why[WHY_TEXT];
};

struct explore_report {
	uint64_t first, last, ran; /* seeds asked for, both ends included; seeds tried, ... */
	uint64_t outcomes[OUTCOME_COUNT]; /* ... by what came of them, ... */
	uint64_t exercised[RULE_COUNT];   /* ... and that put a rule to the test */
	struct explore_found found[EXPLORE_FOUND];
	size_t count;
};

void report_explore(FILE *out, const struct explore_report *report);      /* for people */
void report_explore_json(FILE *out, const struct explore_report *report); /* mbkit.explore/1 */

#endif
