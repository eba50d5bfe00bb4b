/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore.h - scenarios that nobody wrote: a seed becomes paths of boxes, links, timing and an
 * application, drawn from the tables the boxes describe themselves by. Nothing particular is
 * expected of them; what must hold of every connection must hold of these too, and what does not
 * is a violation, which shrink.h makes small.
 */
#ifndef MBTEST_SUITE_EXPLORE_H
#define MBTEST_SUITE_EXPLORE_H

#include "mbtest/suite/run.h"
#include "mbtest/suite/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EXPLORE_PATHS = 3,
	EXPLORE_BRANCHES = 3, /* of the one place where ways part, if there is one */
	EXPLORE_ROWS = EXPLORE_PATHS + EXPLORE_BRANCHES,
	EXPLORE_ELEMENTS = 6, /* of one row */
	EXPLORE_ARGS = 8,     /* of one box */
	EXPLORE_TEXT = 32,    /* of one argument */
};

/*
 * A scenario with all that it points to: rows of elements, the paths first, then the branches.
 * Copied by exploration_copy alone.
 */
struct exploration {
	struct scenario scenario;
	struct path_plan branches[EXPLORE_BRANCHES];
	struct element elements[EXPLORE_ROWS][EXPLORE_ELEMENTS];
	struct box_arg args[EXPLORE_ROWS][EXPLORE_ELEMENTS][EXPLORE_ARGS];
	char texts[EXPLORE_ROWS][EXPLORE_ELEMENTS][EXPLORE_ARGS][EXPLORE_TEXT];
	char name[32];
};

/* What is drawn from. */
struct explore_plan {
	const struct box_entry *boxes; /* names and types, borrowed */
	size_t box_count;
	unsigned int versions, checksums; /* sets: 1 off or v0, 2 on or v1 */
	unsigned int families;            /* 1 IPv4, 2 IPv6 */
};

/* The scenario of a seed; the same on every machine. */
void explore_make(const struct explore_plan *plan, uint64_t seed, struct exploration *exploration);

void exploration_copy(struct exploration *to, const struct exploration *from);

/* Where a row's plan is kept, whether the scenario has that row or not. */
struct path_plan *exploration_row(struct exploration *exploration, unsigned int row);

/* Elements of a row; 0 when the scenario has no such row. */
unsigned int exploration_length(const struct exploration *exploration, unsigned int row);

/* Branches of the place where ways part; 0: there is none. */
unsigned int exploration_branches(const struct exploration *exploration);

/* Take an element, an argument of one, or a branch out. */
void exploration_drop_element(struct exploration *exploration, unsigned int row,
	unsigned int element);
void exploration_drop_arg(struct exploration *exploration, unsigned int row, unsigned int element,
	unsigned int arg);
void exploration_drop_branch(struct exploration *exploration, unsigned int branch);

/* Set what is allowed to come of it, by the boxes that are in it. */
void exploration_expect(struct exploration *exploration);

/*
 * What does not hold in a result, by name: "delivered-twice", "stream-whole", "both-ends-end",
 * "ends-by-itself" (the run crashed or hung), "drop-reason", "before-deadline", "storm",
 * "rule-F16"; "" when all holds.
 */
const char *explore_violation(const struct result *result, char text[static 32]);

#endif
