/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_list.c - mbtest list: boxes, suites, scenarios, faults and rules that there are.
 */
#include "mbtest/command_set.h"
#include "mbtest/command_suites.h"
#include "probe/options.h"

#include "lua/box.h"
#include "probe/base/alloc.h"
#include "probe/endpoint/fault.h"

#include <stdlib.h>
#include <string.h>

enum { BOXES_AT_MOST = 128, FAULTS_AT_MOST = 64 };

struct list_options {
	bool json;
};

/* Everything a catalogue points into. */
struct collection {
	struct lua_boxes *lua;
	struct catalogue_box boxes[BOXES_AT_MOST];
	struct catalogue_suite suites[SUITES_AT_MOST];
	struct suites loaded[SUITES_AT_MOST];
	const struct scenario **names[SUITES_AT_MOST];
	unsigned int suite_count;
	struct catalogue_fault faults[FAULTS_AT_MOST];
	struct run_config run;
	struct report_run report;
	struct catalogue catalogue;
};

static const struct option_row rows[] = {
	OPTION_FLAG_ROW(struct list_options, json, "json", "one object: mbkit.catalogue/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest list [--json] [boxes|suites|scenarios|faults|rules]",
	"Print what there is; without a word, all of it.",
	"  mbtest list boxes\n"
	"  mbtest list rules --json\n",
};

static int compare_boxes(const void *a, const void *b)
{
	return strcmp(((const struct catalogue_box *)a)->name,
		((const struct catalogue_box *)b)->name);
}

static void add_box(struct collection *all, const char *name, const struct box_type *type,
	bool is_lua)
{
	struct catalogue_box *box = &all->boxes[all->catalogue.box_count];

	if (all->catalogue.box_count == BOXES_AT_MOST)
		return;
	snprintf(box->name, sizeof(box->name), "%s", name);
	box->type = type;
	box->is_lua = is_lua;
	all->catalogue.box_count++;
}

static bool collect_boxes(struct collection *all, struct err *err)
{
	const struct box_entry *entry;
	char name[64];
	size_t i;

	for (entry = box_list; entry->name != NULL; entry++)
		add_box(all, entry->name, entry->type, false);
	for (i = 0; lua_box_builtin(i, name) != NULL; i++) {
		const struct box_type *type = lua_boxes_find(all->lua, name, NULL, err);

		if (type == NULL)
			return false;
		add_box(all, name, type, true);
	}
	qsort(all->boxes, all->catalogue.box_count, sizeof(all->boxes[0]), compare_boxes);
	return true;
}

/* The suite's scenarios once each, whatever their cases. */
static void collect_names(struct collection *all, unsigned int index)
{
	const struct suites *loaded = &all->loaded[index];
	struct catalogue_suite *suite = &all->suites[index];
	const struct scenario **names = xcalloc(loaded->scenario_count, sizeof(*names));
	size_t i;

	for (i = 0; i < loaded->scenario_count; i++) {
		if (suite->count == 0 ||
			strcmp(names[suite->count - 1]->name, loaded->scenarios[i]->name) != 0)
			names[suite->count++] = loaded->scenarios[i];
	}
	all->names[index] = names;
	suite->scenarios = names;
}

static bool collect_suites(struct collection *all, struct err *err)
{
	struct suite_cases cases;
	unsigned int i;

	suite_cases_default(&cases);
	for (i = 0; i < SUITES_AT_MOST && suite_builtin(i, all->suites[i].name) != NULL; i++) {
		char *name = all->suites[i].name;

		all->suite_count++;
		if (!suites_load(&all->loaded[i], &name, 1, &cases, NULL, err))
			return false;
		collect_names(all, i);
	}
	all->catalogue.suite_count = all->suite_count;
	return true;
}

static void collect_faults(struct collection *all)
{
	const struct fault *fault;

	for (fault = fault_list; fault->name != NULL; fault++) {
		if (all->catalogue.fault_count == FAULTS_AT_MOST)
			return;
		all->faults[all->catalogue.fault_count++] =
			(struct catalogue_fault){ fault->name, fault->text };
	}
}

/* Run all suites simulated: which scenario exercises which rule is seen, not claimed. */
static enum runner_end collect_rules(struct collection *all, struct err *err)
{
	struct runner_config config = { .repeat = 1 };
	enum runner_end end = RUNNER_DONE;
	unsigned int i;

	config.run.seed = 1;
	all->run = config.run;
	all->report.run = &all->run;
	for (i = 0; i < all->suite_count && end == RUNNER_DONE; i++) {
		/* Traces exercise the prober, and no rule. */
		if (all->loaded[i].scenarios[0]->trace == NULL)
			end = suites_run(&all->loaded[i], &config, &all->report, err);
	}
	all->catalogue.run = &all->report;
	if (end == RUNNER_INTERRUPTED)
		err_set(err, "interrupted");
	return end;
}

static int collect_and_print(struct collection *all, unsigned int parts, bool json, struct err *err)
{
	enum runner_end end = RUNNER_DONE;

	all->catalogue.parts = parts;
	all->catalogue.boxes = all->boxes;
	all->catalogue.suites = all->suites;
	all->catalogue.faults = all->faults;
	if (!collect_boxes(all, err))
		return STATUS_WRONG;
	if ((parts & (CATALOGUE_SUITES | CATALOGUE_SCENARIOS | CATALOGUE_RULES)) != 0 &&
		!collect_suites(all, err))
		return STATUS_WRONG;
	collect_faults(all);
	if ((parts & CATALOGUE_RULES) != 0)
		end = collect_rules(all, err);
	if (end == RUNNER_WORKER)
		return STATUS_FINE;
	if (end != RUNNER_DONE)
		return STATUS_WRONG;
	if (json)
		report_catalogue_json(stdout, &all->catalogue);
	else
		report_catalogue(stdout, &all->catalogue);
	return output_done(err) ? STATUS_FINE : STATUS_WRONG;
}

static int list_parts(unsigned int parts, bool json, struct err *err)
{
	struct collection *all = xcalloc(1, sizeof(*all));
	unsigned int i;
	int status;

	all->lua = lua_boxes_new();
	status = collect_and_print(all, parts, json, err);
	for (i = 0; i < all->suite_count; i++) {
		suites_fini(&all->loaded[i]);
		free(all->names[i]);
	}
	report_run_fini(&all->report);
	lua_boxes_free(all->lua);
	free(all);
	return status;
}

int command_list(int argc, char **argv, struct err *err)
{
	static const char *const words[] = { "boxes", "suites", "scenarios", "faults", "rules",
		NULL };
	struct list_options options = { .json = false };
	unsigned int word;
	int first, status;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (argc - first > 1) {
		err_set(err, "one thing is listed at a time, not \"%s\" too", argv[first + 1]);
		return STATUS_WRONG;
	}
	if (argc == first)
		return list_parts(CATALOGUE_ALL, options.json, err);
	if (!parse_choice("what is listed", argv[first], words, &word, err))
		return STATUS_WRONG;
	return list_parts(1u << word, options.json, err);
}
