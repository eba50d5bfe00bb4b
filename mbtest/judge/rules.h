/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.h - the table of rules F1 ... F64 and open points O1 ... O18: name, strength, text, and the
 * predicate that watches every scenario. The predicates live in rules_*.c by topic.
 */
#ifndef MBTEST_JUDGE_RULES_H
#define MBTEST_JUDGE_RULES_H

#include <stdbool.h>
#include <stdint.h>

enum { RULE_COUNT = 128 }; /* upper bound of rows in the table; see rule_count() */

enum rule_state {
	RULE_NOT_EXERCISED,
	RULE_HELD,
	RULE_BROKEN,
};

enum rule_strength {
	RULE_MUST,
	RULE_SHOULD,
	RULE_MAY,
	RULE_OPEN, /* O rows: bind our endpoint only; another stack's choice goes into "differs" */
};

struct rule_info {
	const char *name; /* "F7a" */
	enum rule_strength strength;
	const char *text; /* one sentence in own words, with the RFC section */
};

/* Rules by index. */
struct rule_set {
	uint64_t bits[RULE_COUNT / 64];
};

static inline bool rule_set_has(const struct rule_set *set, unsigned int index)
{
	return set->bits[index / 64] >> index % 64 & 1;
}

unsigned int rule_count(void);
const struct rule_info *rule_info(unsigned int index);

/* Index of a rule by name; false when there is none. */
bool rule_find(const char *name, unsigned int *index);

#endif
