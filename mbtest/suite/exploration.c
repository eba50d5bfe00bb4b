/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exploration.c - an explored scenario: how it is kept and made smaller, and what must hold of it.
 */
#include "mbtest/suite/explore.h"

#include "probe/endpoint/profile.h"

#include <stdio.h>
#include <string.h>

/* ---- rows ---- */

struct path_plan *exploration_row(struct exploration *exploration, unsigned int row)
{
	return row < EXPLORE_PATHS ? &exploration->scenario.paths[row]
				   : &exploration->branches[row - EXPLORE_PATHS];
}

unsigned int exploration_branches(const struct exploration *exploration)
{
	const struct scenario *scenario = &exploration->scenario;
	unsigned int path, i;

	for (path = 0; path < scenario->path_count; path++)
		for (i = 0; i < scenario->paths[path].element_count; i++)
			if (exploration->elements[path][i].kind == ELEMENT_ECMP)
				return exploration->elements[path][i].branch_count;
	return 0;
}

unsigned int exploration_length(const struct exploration *exploration, unsigned int row)
{
	const struct scenario *scenario = &exploration->scenario;

	if (row < EXPLORE_PATHS)
		return row < scenario->path_count ? scenario->paths[row].element_count : 0;
	return row - EXPLORE_PATHS < exploration_branches(exploration)
		? exploration->branches[row - EXPLORE_PATHS].element_count
		: 0;
}

/* ---- what may come of it ---- */

/*
 * Boxes that put words into a host's mouth. No checksum covers a DATA_ACK: one of a DATA_FIN that
 * never came leaves both ends waiting, in peace and for ever. Nor does one cover the infinite
 * mapping: where it says that the stream goes on, it goes on.
 */
static bool edits_options(const char *box)
{
	return strcmp(box, "option-edit") == 0 || strcmp(box, "option-bytes") == 0;
}

static bool uses_checksums(const struct scenario *scenario)
{
	bool used = scenario->checksum;
	enum end end;

	for (end = CLIENT; end < ENDS; end++)
		used = used &&
			(scenario->profile[end] == NULL ||
				!(scenario->profile[end]->lacks & LACKS_CHECKSUM));
	return used;
}

static void expect_of(struct scenario *scenario, const struct element *element)
{
	if (element->kind != ELEMENT_BOX)
		return;
	if (edits_options(element->box))
		scenario->expected |= 1u << OUTCOME_STALLED | 1u << OUTCOME_CORRUPT;
	else if (!element->type->alters_payload)
		return;
	/* Without checksums a mapping that no longer fits its bytes goes unseen (F28), and so does
	 * one that was made another. */
	scenario->any_intact = true;
	if (!uses_checksums(scenario))
		scenario->expected |= 1u << OUTCOME_CORRUPT;
}

void exploration_expect(struct exploration *exploration)
{
	struct scenario *scenario = &exploration->scenario;
	unsigned int row, i;

	scenario->expected = (1u << OUTCOME_COUNT) - 1;
	scenario->expected &= ~(1u << OUTCOME_CORRUPT | 1u << OUTCOME_STALLED);
	scenario->expect_intact = true;
	scenario->any_intact = false;
	for (row = 0; row < EXPLORE_ROWS; row++)
		for (i = 0; i < exploration_length(exploration, row); i++)
			expect_of(scenario, &exploration->elements[row][i]);
}

/* ---- changing one ---- */

/* Point into this exploration what pointed into another, or to where it was before. */
static void exploration_settle(struct exploration *exploration)
{
	unsigned int row, i, k;

	exploration->scenario.name = exploration->name;
	for (row = 0; row < EXPLORE_ROWS; row++) {
		exploration_row(exploration, row)->elements = exploration->elements[row];
		for (i = 0; i < EXPLORE_ELEMENTS; i++) {
			exploration->elements[row][i].args = exploration->args[row][i];
			exploration->elements[row][i].branches = exploration->branches;
			for (k = 0; k < EXPLORE_ARGS; k++)
				exploration->args[row][i][k].text = exploration->texts[row][i][k];
		}
	}
}

void exploration_copy(struct exploration *to, const struct exploration *from)
{
	*to = *from;
	exploration_settle(to);
}

void exploration_drop_element(struct exploration *exploration, unsigned int row,
	unsigned int element)
{
	size_t after = EXPLORE_ELEMENTS - element - 1;

	memmove(&exploration->elements[row][element], &exploration->elements[row][element + 1],
		after * sizeof(exploration->elements[row][0]));
	memmove(&exploration->args[row][element], &exploration->args[row][element + 1],
		after * sizeof(exploration->args[row][0]));
	memmove(&exploration->texts[row][element], &exploration->texts[row][element + 1],
		after * sizeof(exploration->texts[row][0]));
	exploration_row(exploration, row)->element_count--;
	exploration_settle(exploration);
}

void exploration_drop_arg(struct exploration *exploration, unsigned int row, unsigned int element,
	unsigned int arg)
{
	size_t after = EXPLORE_ARGS - arg - 1;

	memmove(&exploration->args[row][element][arg], &exploration->args[row][element][arg + 1],
		after * sizeof(exploration->args[row][element][0]));
	memmove(&exploration->texts[row][element][arg], &exploration->texts[row][element][arg + 1],
		after * EXPLORE_TEXT);
	exploration->elements[row][element].arg_count--;
	exploration_settle(exploration);
}

void exploration_drop_branch(struct exploration *exploration, unsigned int branch)
{
	unsigned int row = EXPLORE_PATHS + branch, path, i;
	size_t after = EXPLORE_ROWS - row - 1;

	memmove(&exploration->branches[branch], &exploration->branches[branch + 1],
		after * sizeof(exploration->branches[0]));
	memmove(&exploration->elements[row], &exploration->elements[row + 1],
		after * sizeof(exploration->elements[0]));
	memmove(&exploration->args[row], &exploration->args[row + 1],
		after * sizeof(exploration->args[0]));
	memmove(&exploration->texts[row], &exploration->texts[row + 1],
		after * sizeof(exploration->texts[0]));
	for (path = 0; path < EXPLORE_PATHS; path++)
		for (i = 0; i < EXPLORE_ELEMENTS; i++)
			if (exploration->elements[path][i].kind == ELEMENT_ECMP)
				exploration->elements[path][i].branch_count--;
	exploration_settle(exploration);
}

/* ---- what must hold ---- */

const char *explore_violation(const struct result *result, char text[static 32])
{
	const char *name = "";

	if (result->lost)
		name = "ends-by-itself";
	else if (result->oddity != NET_REGULAR)
		name = net_oddity_text(result->oddity);
	else if (result->pass)
		name = "";
	else if (result->broken_count > 0)
		return snprintf(text, 32, "rule-%s", rule_info(result->broken[0].rule)->name), text;
	else if (result->outcome == OUTCOME_STALLED)
		name = "both-ends-end";
	else if (result->damage == DAMAGE_DUPLICATED)
		name = "delivered-twice";
	else
		name = "stream-whole";
	snprintf(text, 32, "%s", name);
	return text;
}
