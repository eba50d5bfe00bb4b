/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore.c - see explore.h: who the two ends are, what they do, and how many paths they have; what
 * stands on those is drawn by explore_path.c.
 */
#include "mbtest/suite/explore_path.h"

#include "probe/endpoint/cc.h"
#include "probe/endpoint/pm.h"
#include "probe/endpoint/profile.h"
#include "probe/endpoint/sched.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

	if (!rng_chance(rng, 1, 3))
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
		scenario->marker = explore_marker;
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
			explore_link(rng, plan);
			if (rng_chance(rng, 1, 3))
				plan->queue_bytes = (uint32_t)log_uniform(rng, 3000, 300000);
		}
	}
}

/* What few seeds have, drawn by itself: the others stay as they were without. */
static void draw_rarities(struct rng *rng, const struct explore_plan *plan,
	struct exploration *exploration)
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
	scenario->no_timestamps = rng_chance(rng, 1, 12);
	scenario->no_sack = rng_chance(rng, 1, 24);
	scenario->no_window_scale = rng_chance(rng, 1, 24);
	if (rng_chance(rng, 1, 8))
		explore_ecmp(rng, plan, exploration,
			(unsigned int)rng_below(rng, scenario->path_count));
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

void explore_make(const struct explore_plan *plan, uint64_t seed, struct exploration *exploration)
{
	struct scenario *scenario = &exploration->scenario;
	struct rng rng, rare;
	unsigned int row, path;

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
	for (row = 0; row < EXPLORE_ROWS; row++)
		exploration_row(exploration, row)->elements = exploration->elements[row];
	for (path = 0; path < scenario->path_count; path++)
		explore_path(&rng, plan, exploration, path);
	if (has_box(scenario, 0, "port-map"))
		scenario->server_port = 8080;
	draw_rarities(&rare, plan, exploration);
	exploration_expect(exploration);
}
