/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore.c - see explore.h. Values are drawn by the kind of a parameter; a box that would need a
 * text nobody can guess is given one by a small table.
 */
#include "mbtest/suite/explore.h"

#include "probe/endpoint/cc.h"
#include "probe/endpoint/pm.h"
#include "probe/endpoint/profile.h"
#include "probe/endpoint/sched.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TRIES = 8, SHARE = 3 /* of the optional parameters one in so many is given */ };

/*
 * Values that make sense, and fit together: the marker is what rewrite looks for, a rate of some
 * bits a second is a path that is none, copies by the dozen, answered by the dozen, are a storm
 * that the box itself makes, as are segments of a byte, and a NAT of four ports mistakes one
 * subflow for another.
 */
static const char marker[] = "MARK";

static const struct {
	const char *box, *param;
	const char *texts[4];
} guesses[] = {
	{ "duplicate", "copies", { "1", "2", "3" } },
	{ "nat", "first_port", { "1024", "20000" } },
	{ "nat", "last_port", { "20063", "65535" } },
	{ "port-map", "map", { "80:8080", "80:81" } },
	{ "rate", "rate", { "100000", "400000", "2000000", "10000000" } },
	{ "split", "mss", { "88", "300", "536", "1200" } },
	{ "rewrite", "pattern", { marker } },
	{ "rewrite", "replacement", { "mark", "MARKER", "MA", "" } },
};

static uint64_t log_uniform(struct rng *rng, uint64_t low, uint64_t high)
{
	uint64_t span = high - low, bits = 0, top;

	while (bits < 63 && span >> bits > 0)
		bits++;
	top = (uint64_t)1 << rng_below(rng, bits + 1);
	if (top > span)
		top = span + 1;
	return low + rng_below(rng, top);
}

/* ---- parameters ---- */

static bool guess(struct rng *rng, const char *box, const char *param, char *text)
{
	size_t i, count;

	for (i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++) {
		if (strcmp(guesses[i].box, box) != 0 || strcmp(guesses[i].param, param) != 0)
			continue;
		for (count = 0; count < 4 && guesses[i].texts[count] != NULL;)
			count++;
		snprintf(text, EXPLORE_TEXT, "%s", guesses[i].texts[rng_below(rng, count)]);
		return true;
	}
	return false;
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
	unsigned int count = 0;

	switch (param->kind) {
	case PARAM_INT:
		draw_int(rng, param, text);
		return true;
	case PARAM_BOOL:
		snprintf(text, EXPLORE_TEXT, "%s", rng_chance(rng, 1, 2) ? "true" : "false");
		return true;
	case PARAM_CHOICE:
		while (param->choices[count] != NULL)
			count++;
		snprintf(text, EXPLORE_TEXT, "%s", param->choices[rng_below(rng, count)]);
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
	case PARAM_TEXT:
	case PARAM_ADDR:
		break;
	}
	return false;
}

/* ---- boxes ---- */

static struct element *last_element(struct exploration *exploration, unsigned int path)
{
	return &exploration->elements[path][exploration->scenario.paths[path].element_count - 1];
}

static void add_arg(struct exploration *exploration, unsigned int path, const char *name,
	const char *value)
{
	struct element *element = last_element(exploration, path);
	unsigned int slot = exploration->scenario.paths[path].element_count - 1;
	unsigned int number = element->arg_count;
	char *text;

	if (number == EXPLORE_ARGS)
		return;
	text = exploration->texts[path][slot][number];
	snprintf(text, EXPLORE_TEXT, "%s", value);
	exploration->args[path][slot][number] = (struct box_arg){ name, text, strlen(text) };
	element->arg_count++;
}

/* The parameters of one table: all that must be given, and some of the others. */
static bool draw_params(struct rng *rng, struct exploration *exploration, unsigned int path,
	const struct box_param *params)
{
	const char *box = last_element(exploration, path)->box;
	const struct box_param *param;
	char text[EXPLORE_TEXT];

	for (param = params; param != NULL && param->name != NULL; param++) {
		bool needed = param->default_text == NULL;

		if (!needed && !rng_chance(rng, 1, SHARE))
			continue;
		if (guess(rng, box, param->name, text) || draw_value(rng, param, text))
			add_arg(exploration, path, param->name, text);
		else if (needed)
			return false;
	}
	return true;
}

/* What packets are meant: the words of "on" are those of box.h. */
static void draw_when(struct rng *rng, struct exploration *exploration, unsigned int path)
{
	static const char *const ways[] = { "to-server", "to-client" };
	static const char *const kinds[] = { "syn", "synack", "ack3", "data", "ack", "fin", "rst" };
	const struct box_type *type = last_element(exploration, path)->type;
	char text[EXPLORE_TEXT];

	if (rng_chance(rng, 1, 2))
		add_arg(exploration, path, "direction", ways[rng_below(rng, 2)]);
	/* A box that must see all to undo what it did is not made to miss some. */
	if (type->sees_all)
		return;
	if (rng_chance(rng, 1, 2))
		add_arg(exploration, path, "on", kinds[rng_below(rng, 7)]);
	if (rng_chance(rng, 1, SHARE)) {
		draw_point(rng, text);
		add_arg(exploration, path, "from", text);
	}
	if (rng_chance(rng, 1, 4)) {
		draw_point(rng, text);
		add_arg(exploration, path, "until", text);
	}
	if (rng_chance(rng, 1, 4)) {
		snprintf(text, sizeof(text), "0.%02u", 1 + (unsigned int)rng_below(rng, 99));
		add_arg(exploration, path, "chance", text);
	}
}

static struct element *add_element(struct exploration *exploration, unsigned int path,
	enum element_kind kind)
{
	struct element *element;

	exploration->scenario.paths[path].element_count++;
	element = last_element(exploration, path);
	memset(element, 0, sizeof(*element));
	element->kind = kind;
	return element;
}

/* Edits are declared one by one: what two boxes make of a byte together nobody says. */
static bool has_editor(const struct exploration *exploration)
{
	unsigned int path, i;

	for (path = 0; path < EXPLORE_PATHS; path++) {
		for (i = 0; i < exploration->scenario.paths[path].element_count; i++) {
			const struct element *element = &exploration->elements[path][i];

			if (element->kind == ELEMENT_BOX && element->type->alters_payload)
				return true;
		}
	}
	return false;
}

static void add_box(struct rng *rng, const struct explore_plan *plan,
	struct exploration *exploration, unsigned int path)
{
	unsigned int *count = &exploration->scenario.paths[path].element_count, try;

	for (try = 0; try < TRIES; try++) {
		const struct box_entry *entry = &plan->boxes[rng_below(rng, plan->box_count)];
		struct element *element;
		struct err err;

		if (entry->type->alters_payload && has_editor(exploration))
			continue;
		element = add_element(exploration, path, ELEMENT_BOX);

		element->box = entry->name;
		element->type = entry->type;
		element->args = exploration->args[path][*count - 1];
		if (draw_params(rng, exploration, path, entry->type->params)) {
			draw_when(rng, exploration, path);
			if (box_check(entry->name, entry->type, element->args, element->arg_count,
				    &err))
				return;
		}
		--*count;
	}
}

/* ---- the rest of a scenario ---- */

static void draw_link(struct rng *rng, struct link_plan *plan)
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

static void add_link(struct rng *rng, struct exploration *exploration, unsigned int path)
{
	struct element *element = add_element(exploration, path, ELEMENT_LINK);
	struct link_plan *plan = &element->link[TO_SERVER];

	link_plan_default(plan);
	draw_link(rng, plan);
	element->link[TO_CLIENT] = *plan;
}

static void add_path(struct rng *rng, const struct explore_plan *plan,
	struct exploration *exploration, unsigned int path)
{
	unsigned int boxes = (unsigned int)rng_below(rng, EXPLORE_ELEMENTS - 2), i;

	exploration->scenario.paths[path].elements = exploration->elements[path];
	if (rng_chance(rng, 2, 3))
		add_link(rng, exploration, path);
	for (i = 0; i < boxes; i++)
		add_box(rng, plan, exploration, path);
	if (rng_chance(rng, 1, 8))
		add_element(exploration, path, ELEMENT_HOP)->hop.addr[0] =
			addr_v4(198, 18, (uint8_t)(path + 1), 1);
}

static bool pick(struct rng *rng, unsigned int set)
{
	return set == 3 ? rng_chance(rng, 1, 2) : set == 2;
}

static const struct profile *draw_profile(struct rng *rng)
{
	unsigned int count = 0;

	if (!rng_chance(rng, 1, 6))
		return NULL;
	while (profile_list[count].name != NULL)
		count++;
	return &profile_list[rng_below(rng, count)];
}

/* One of the names of a table whose rows begin with theirs and that ends without; or NULL. */
#define DRAW_NAME(rng, list) draw_name(rng, (const char *)(list), sizeof((list)[0]))

static const char *draw_name(struct rng *rng, const char *list, size_t size)
{
	unsigned int count = 0;
	const char *const *name;

	if (!rng_chance(rng, 1, SHARE))
		return NULL;
	while (*(const char *const *)(const void *)(list + count * size) != NULL)
		count++;
	name = (const void *)(list + rng_below(rng, count) * size);
	return *name;
}

/* Who the two ends are. The profiles speak v0, and not all of them IPv6. */
static void draw_endpoints(struct rng *rng, struct scenario *scenario)
{
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		const struct profile *profile = draw_profile(rng);

		scenario->profile[end] = profile;
		if (profile == NULL)
			continue;
		scenario->version = 0;
		if (!profile->has_ipv6)
			scenario->family = 4;
	}
	scenario->cc = DRAW_NAME(rng, cc_list);
	scenario->scheduler = DRAW_NAME(rng, sched_list);
	scenario->path_manager = DRAW_NAME(rng, pm_list);
	scenario->join_backup = rng_chance(rng, 1, 8);
	scenario->dsn_narrow = rng_chance(rng, 1, 8);
}

static void draw_application(struct rng *rng, struct scenario *scenario)
{
	scenario->sender = (enum sender)rng_below(rng, 3);
	scenario->bytes = 1 + log_uniform(rng, 0, 40000);
	if (rng_chance(rng, 1, 2)) {
		scenario->first_chunk = 1 + rng_below(rng, scenario->bytes);
		scenario->pause_ns = log_uniform(rng, 1, 600) * NSEC_PER_MS;
	}
	if (scenario->bytes > 100 && rng_chance(rng, 1, 3)) {
		scenario->marker = marker;
		scenario->marker_offset = rng_below(rng, scenario->bytes - 10);
	}
}

/* What the ends do beside sending: an address is told of or taken back, a subflow closed. */
static void draw_steps(struct rng *rng, struct scenario *scenario)
{
	struct step_plan *plan = &scenario->steps;
	unsigned int count = 1 + (unsigned int)rng_below(rng, 3);
	nsec_t at = 0;

	for (plan->count = 0; plan->count < count; plan->count++) {
		struct step *step = &plan->steps[plan->count];

		at += log_uniform(rng, 1, 400) * NSEC_PER_MS;
		step->at = at;
		step->by = rng_chance(rng, 1, 2) ? CLIENT : SERVER;
		/* The last verb ends it all: the others come by far more often. */
		step->verb = rng_chance(rng, 1, 12) ? STEP_ABORT
						    : (enum step_verb)rng_below(rng, STEP_ABORT);
		step->number = 1 + (unsigned int)rng_below(rng, scenario->path_count);
		if (step->verb == STEP_ANNOUNCE && rng_chance(rng, 1, 4))
			step->port = 81;
	}
}

/* Now and then each way of a link is another one. */
static void draw_asymmetry(struct rng *rng, struct exploration *exploration)
{
	unsigned int path, i;

	for (path = 0; path < exploration->scenario.path_count; path++) {
		for (i = 0; i < exploration->scenario.paths[path].element_count; i++) {
			struct link_plan *plan = &exploration->elements[path][i].link[TO_CLIENT];

			if (exploration->elements[path][i].kind != ELEMENT_LINK)
				continue;
			link_plan_default(plan);
			draw_link(rng, plan);
			if (rng_chance(rng, 1, 3))
				plan->queue_bytes = (uint32_t)log_uniform(rng, 3000, 300000);
		}
	}
}

/* What few seeds have, drawn by itself: the others stay as they were without. */
static void draw_rarities(struct rng *rng, struct exploration *exploration)
{
	struct scenario *scenario = &exploration->scenario;

	if (rng_chance(rng, 1, 6))
		draw_steps(rng, scenario);
	if (rng_chance(rng, 1, 8))
		draw_asymmetry(rng, exploration);
	if (scenario->path_count > 1 && rng_chance(rng, 1, 12))
		scenario->server_joins = 1;
	if (rng_chance(rng, 1, 64)) {
		scenario->bytes = log_uniform(rng, 100000, 2000000);
		scenario->deadline = 7200 * NSEC_PER_SEC; /* slow paths are paths, too */
		/* A key by which less wraps is long to find. */
		scenario->dsn_wraps = scenario->bytes > 400000 && rng_chance(rng, 1, 2);
	}
}

static bool has_box(const struct scenario *scenario, unsigned int path, const char *name)
{
	unsigned int i;

	for (i = 0; i < scenario->paths[path].element_count; i++) {
		const struct element *element = &scenario->paths[path].elements[i];

		if (element->kind == ELEMENT_BOX && strcmp(element->box, name) == 0)
			return true;
	}
	return false;
}

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

void exploration_expect(struct exploration *exploration)
{
	struct scenario *scenario = &exploration->scenario;
	unsigned int path, i;

	scenario->expected = (1u << OUTCOME_COUNT) - 1;
	scenario->expected &= ~(1u << OUTCOME_CORRUPT | 1u << OUTCOME_STALLED);
	scenario->expect_intact = true;
	scenario->any_intact = false;
	for (path = 0; path < scenario->path_count; path++) {
		for (i = 0; i < scenario->paths[path].element_count; i++) {
			const struct element *element = &scenario->paths[path].elements[i];

			if (element->kind != ELEMENT_BOX)
				continue;
			if (edits_options(element->box))
				scenario->expected |= 1u << OUTCOME_STALLED | 1u << OUTCOME_CORRUPT;
			else if (!element->type->alters_payload)
				continue;
			/* Without checksums a mapping that no longer fits its bytes goes unseen
			 * (F28), and so does one that was made another. */
			scenario->any_intact = true;
			if (!uses_checksums(scenario))
				scenario->expected |= 1u << OUTCOME_CORRUPT;
		}
	}
}

void explore_make(const struct explore_plan *plan, uint64_t seed, struct exploration *exploration)
{
	struct scenario *scenario = &exploration->scenario;
	struct rng rng, rare;
	unsigned int path;

	memset(exploration, 0, sizeof(*exploration));
	rng_init(&rng, seed);
	rare = rng_fork(&rng, "rarities");
	rng = rng_fork(&rng, "explore");
	snprintf(exploration->name, sizeof(exploration->name), "seed-%" PRIu64, seed);
	scenario->suite = "explore";
	scenario->group = "explored";
	scenario->help = "found by mbtest explore";
	scenario->name = exploration->name;
	scenario->seed = seed;
	scenario->strict = true;
	scenario->version = pick(&rng, plan->versions) ? 1 : 0;
	scenario->checksum = pick(&rng, plan->checksums);
	scenario->family = pick(&rng, plan->families) ? 6 : 4;
	scenario->subflows = 1 + (unsigned int)rng_below(&rng, EXPLORE_PATHS);
	scenario->path_count = scenario->subflows;
	scenario->joins = scenario->path_count - 1;
	draw_endpoints(&rng, scenario);
	scenario->path = 1;
	scenario->direction = "both";
	draw_application(&rng, scenario);
	for (path = 0; path < scenario->path_count; path++)
		add_path(&rng, plan, exploration, path);
	if (has_box(scenario, 0, "port-map"))
		scenario->server_port = 8080;
	draw_rarities(&rare, exploration);
	exploration_expect(exploration);
}

/* ---- changing one ---- */

/* Point into this exploration what pointed into another. */
static void exploration_settle(struct exploration *exploration)
{
	unsigned int path, i, k;

	exploration->scenario.name = exploration->name;
	for (path = 0; path < EXPLORE_PATHS; path++) {
		exploration->scenario.paths[path].elements = exploration->elements[path];
		for (i = 0; i < EXPLORE_ELEMENTS; i++) {
			exploration->elements[path][i].args = exploration->args[path][i];
			for (k = 0; k < EXPLORE_ARGS; k++)
				exploration->args[path][i][k].text = exploration->texts[path][i][k];
		}
	}
}

void exploration_copy(struct exploration *to, const struct exploration *from)
{
	*to = *from;
	exploration_settle(to);
}

void exploration_drop_element(struct exploration *exploration, unsigned int path,
	unsigned int element)
{
	size_t after = EXPLORE_ELEMENTS - element - 1;

	memmove(&exploration->elements[path][element], &exploration->elements[path][element + 1],
		after * sizeof(exploration->elements[path][0]));
	memmove(&exploration->args[path][element], &exploration->args[path][element + 1],
		after * sizeof(exploration->args[path][0]));
	memmove(&exploration->texts[path][element], &exploration->texts[path][element + 1],
		after * sizeof(exploration->texts[path][0]));
	exploration->scenario.paths[path].element_count--;
	exploration_settle(exploration);
}

void exploration_drop_arg(struct exploration *exploration, unsigned int path, unsigned int element,
	unsigned int arg)
{
	size_t after = EXPLORE_ARGS - arg - 1;

	memmove(&exploration->args[path][element][arg], &exploration->args[path][element][arg + 1],
		after * sizeof(exploration->args[path][element][0]));
	memmove(&exploration->texts[path][element][arg],
		&exploration->texts[path][element][arg + 1], after * EXPLORE_TEXT);
	exploration->elements[path][element].arg_count--;
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
