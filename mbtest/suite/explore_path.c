/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore_path.c - see explore_path.h. A parameter is drawn by its row of the box's own table: by
 * its examples, else by its kind. What the boxes' tables cannot know stands in two small ones here:
 * values that fit the rest of the scenario, and how often a parameter that every box has is given.
 */
#include "mbtest/suite/explore_path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	TRIES = 8,
	WHOLE = 48,        /* shares are in so many parts */
	SHARE = WHOLE / 3, /* how often an optional parameter is given */
};

const char explore_marker[] = "MARK";

/*
 * Always given, and so: the marker is what rewrite looks for; and what is forged in a host's name
 * that host is judged by, unless it lies so far outside the window that nobody is to heed it (F58).
 */
static const struct {
	const char *box, *param;
	const char *texts[5];
} fixed[] = {
	{ "forge", "seq", { "100000000", "-100000000" } },
	{ "rewrite", "pattern", { explore_marker } },
	{ "rewrite", "replacement", { "mark", "MARKER", "MA", "" } },
};

/*
 * How often a parameter of every box is given; one that is not named here, as any other. A box that
 * translates is not made to miss what it must see, and half of the others that see all are not.
 */
static const struct {
	const char *param;
	unsigned int share, whole;
} shares[] = {
	{ "direction", WHOLE * 3 / 4, WHOLE * 3 / 4 }, { "on", WHOLE / 2, 0 },
	{ "path", 0, 0 }, /* it stands on one */
	{ "from", WHOLE / 3, 0 }, { "until", WHOLE / 4, 0 }, { "every", WHOLE / 8, 0 },
	{ "chance", WHOLE / 4, 0 },
	{ "checksum", WHOLE / 24, 0 }, /* a checksum left wrong is a packet lost */
};

uint64_t log_uniform(struct rng *rng, uint64_t low, uint64_t high)
{
	uint64_t span = high - low, bits = 0, top;

	while (bits < 63 && span >> bits > 0)
		bits++;
	top = (uint64_t)1 << rng_below(rng, bits + 1);
	if (top > span)
		top = span + 1;
	return low + rng_below(rng, top);
}

/* ---- values ---- */

/* What a parameter is one of, always; NULL where it is not fixed. */
static const char *const *find_fixed(const char *box, const char *param)
{
	size_t i;

	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(fixed[i].box, box) == 0 && strcmp(fixed[i].param, param) == 0)
			return fixed[i].texts;
	return NULL;
}

static const char *draw_text(struct rng *rng, const char *const *texts)
{
	unsigned int count = 0;

	while (texts[count] != NULL)
		count++;
	return texts[rng_below(rng, count)];
}

static void draw_point(struct rng *rng, char *text)
{
	static const char *const units[] = { "", "B", "ms" };
	static const uint64_t most[] = { 30, 20000, 600 };
	unsigned int unit = (unsigned int)rng_below(rng, 3);

	snprintf(text, EXPLORE_TEXT, "%" PRIu64 "%s", 1 + log_uniform(rng, 0, most[unit]),
		units[unit]);
}

static void draw_int(struct rng *rng, const struct box_param *param, char *text)
{
	uint64_t span = (uint64_t)param->max - (uint64_t)param->min;

	snprintf(text, EXPLORE_TEXT, "%" PRId64,
		(int64_t)((uint64_t)param->min + log_uniform(rng, 0, span)));
}

/* A value as text; false when there is none to be had. */
static bool draw_value(struct rng *rng, const struct box_param *param, char *text)
{
	if (param->choices != NULL) {
		snprintf(text, EXPLORE_TEXT, "%s", draw_text(rng, param->choices));
		return true;
	}
	switch (param->kind) {
	case PARAM_INT:
		draw_int(rng, param, text);
		return true;
	case PARAM_BOOL:
		snprintf(text, EXPLORE_TEXT, "%s", rng_chance(rng, 1, 2) ? "true" : "false");
		return true;
	case PARAM_RATIO:
		snprintf(text, EXPLORE_TEXT, "0.%02u", 1 + (unsigned int)rng_below(rng, 99));
		return true;
	case PARAM_TIME:
		snprintf(text, EXPLORE_TEXT, "%" PRIu64 "us", log_uniform(rng, 100, 2000000));
		return true;
	case PARAM_POINT:
		draw_point(rng, text);
		return true;
	case PARAM_CHOICE:
	case PARAM_TEXT:
	case PARAM_ADDR: /* which are free, and of which family, no table says */
		break;
	}
	return false;
}

/* ---- boxes ---- */

static struct element *last_element(struct exploration *exploration, unsigned int row)
{
	unsigned int count = exploration_row(exploration, row)->element_count;

	return &exploration->elements[row][count - 1];
}

static void add_arg(struct exploration *exploration, unsigned int row, const char *name,
	const char *value)
{
	struct element *element = last_element(exploration, row);
	unsigned int slot = exploration_row(exploration, row)->element_count - 1;
	unsigned int number = element->arg_count;
	char *text;

	if (number == EXPLORE_ARGS)
		return;
	text = exploration->texts[row][slot][number];
	snprintf(text, EXPLORE_TEXT, "%s", value);
	exploration->args[row][slot][number] = (struct box_arg){ name, text, strlen(text) };
	element->arg_count++;
}

static unsigned int share_of(const struct box_param *param, bool whole)
{
	size_t i;

	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		if (strcmp(shares[i].param, param->name) == 0)
			return whole ? shares[i].whole : shares[i].share;
	return SHARE;
}

/* The parameters of one table: all that must be given, and some of the others; whole: the box is to
 * see whole connections. */
static bool draw_params(struct rng *rng, struct exploration *exploration, unsigned int row,
	const struct box_param *params, bool whole)
{
	const struct element *element = last_element(exploration, row);
	const struct box_param *param;
	char text[EXPLORE_TEXT];

	for (param = params; param != NULL && param->name != NULL; param++) {
		const char *const *texts = find_fixed(element->box, param->name);
		bool needed = param->default_text == NULL || texts != NULL;

		if (!needed && !rng_chance(rng, share_of(param, whole), WHOLE))
			continue;
		if (texts != NULL)
			add_arg(exploration, row, param->name, draw_text(rng, texts));
		else if (draw_value(rng, param, text))
			add_arg(exploration, row, param->name, text);
		else if (needed)
			return false;
	}
	return true;
}

static struct element *add_element(struct exploration *exploration, unsigned int row,
	enum element_kind kind)
{
	struct element *element;

	exploration_row(exploration, row)->element_count++;
	element = last_element(exploration, row);
	memset(element, 0, sizeof(*element));
	element->kind = kind;
	return element;
}

/* Edits are declared one by one: what two boxes make of a byte together nobody says. */
static bool has_editor(const struct exploration *exploration)
{
	unsigned int row, i;

	for (row = 0; row < EXPLORE_ROWS; row++) {
		for (i = 0; i < exploration_length(exploration, row); i++) {
			const struct element *element = &exploration->elements[row][i];

			if (element->kind == ELEMENT_BOX && element->type->alters_payload)
				return true;
		}
	}
	return false;
}

/* A box that translates does not stand where only some packets pass. */
static bool fits(const struct box_type *type, const struct exploration *exploration,
	unsigned int row)
{
	return !(type->alters_payload && has_editor(exploration)) &&
		!(type->translates && row >= EXPLORE_PATHS);
}

static void add_box(struct rng *rng, const struct explore_plan *plan,
	struct exploration *exploration, unsigned int row)
{
	unsigned int *count = &exploration_row(exploration, row)->element_count, try;

	for (try = 0; try < TRIES; try++) {
		const struct box_entry *entry = &plan->boxes[rng_below(rng, plan->box_count)];
		const struct box_type *type = entry->type;
		struct element *element;
		struct err err;

		if (!fits(type, exploration, row))
			continue;
		element = add_element(exploration, row, ELEMENT_BOX);
		element->box = entry->name;
		element->type = type;
		element->args = exploration->args[row][*count - 1];
		if (draw_params(rng, exploration, row, type->params, false) &&
			draw_params(rng, exploration, row, box_when_params,
				type->translates || (type->sees_all && rng_chance(rng, 1, 2))) &&
			box_check(entry->name, type, element->args, element->arg_count, &err))
			return;
		--*count;
	}
}

/* ---- links, ways that part, and all of a path ---- */

void explore_link(struct rng *rng, struct link_plan *plan)
{
	if (rng_chance(rng, 1, 2))
		plan->delay_ns = log_uniform(rng, 0, 200) * NSEC_PER_MS;
	if (rng_chance(rng, 1, 4))
		plan->rate_bps = log_uniform(rng, 500000, 1000000000);
	if (rng_chance(rng, 1, 6))
		plan->loss_ppm = (uint32_t)log_uniform(rng, 100, 100000);
	if (rng_chance(rng, 1, 8))
		plan->duplicate_ppm = (uint32_t)log_uniform(rng, 100, 200000);
	if (rng_chance(rng, 1, 8)) {
		plan->reorder_ppm = (uint32_t)log_uniform(rng, 100, 300000);
		plan->jitter_ns = log_uniform(rng, 1, 50) * NSEC_PER_MS;
	}
}

static void add_link(struct rng *rng, struct exploration *exploration, unsigned int row)
{
	struct element *element = add_element(exploration, row, ELEMENT_LINK);
	struct link_plan *plan = &element->link[TO_SERVER];

	link_plan_default(plan);
	explore_link(rng, plan);
	element->link[TO_CLIENT] = *plan;
}

void explore_path(struct rng *rng, const struct explore_plan *plan, struct exploration *exploration,
	unsigned int path)
{
	unsigned int boxes = (unsigned int)rng_below(rng, EXPLORE_ELEMENTS - 2), i;

	if (rng_chance(rng, 2, 3))
		add_link(rng, exploration, path);
	for (i = 0; i < boxes; i++)
		add_box(rng, plan, exploration, path);
	if (rng_chance(rng, 1, 8))
		add_element(exploration, path, ELEMENT_HOP)->hop.addr[0] =
			addr_v4(198, 18, (uint8_t)(path + 1), 1);
}

/* By what packets part, which of them do, and whether the route changes. */
static void draw_choice(struct rng *rng, struct ecmp_plan *plan)
{
	plan->by = (enum ecmp_by)rng_below(rng, ECMP_PACKET + 1);
	plan->salt = (uint32_t)rng_next(rng);
	plan->change_ns = NSEC_NEVER;
	if (plan->by == ECMP_NONE || rng_chance(rng, 1, 3))
		plan->change_ns = log_uniform(rng, 1, 2000) * NSEC_PER_MS;
	if (rng_chance(rng, 1, 2))
		plan->one_way[rng_below(rng, DIRS)] = true;
}

void explore_ecmp(struct rng *rng, const struct explore_plan *plan, struct exploration *exploration,
	unsigned int path)
{
	struct element *element = add_element(exploration, path, ELEMENT_ECMP);
	unsigned int branch, boxes, i;

	draw_choice(rng, &element->ecmp);
	element->branches = exploration->branches;
	element->branch_count = 2 + (unsigned int)rng_below(rng, EXPLORE_BRANCHES - 1);
	for (branch = 0; branch < element->branch_count; branch++) {
		unsigned int row = EXPLORE_PATHS + branch;

		add_link(rng, exploration, row);
		boxes = (unsigned int)rng_below(rng, 3);
		for (i = 0; i < boxes; i++)
			add_box(rng, plan, exploration, row);
	}
}
