/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_suites.c - see command_suites.h.
 */
#include "mbtest/command_suites.h"

#include "mbtest/command_trace.h"
#include "mbtest/suite/tap_file.h"
#include "probe/base/alloc.h"
#include "probe/endpoint/fault.h"
#include "probe/io/interrupt.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void suite_cases_default(struct suite_cases *cases)
{
	cases->versions = CASE_OFF | CASE_ON;
	cases->checksums = CASE_OFF | CASE_ON;
	cases->families = CASE_IP4;
}

static void select_scenarios(struct suites *suites, const struct suite *suite, const char *only)
{
	size_t i;

	for (i = 0; i < suite_count(suite); i++) {
		const struct scenario *scenario = suite_scenario(suite, i);

		if (only != NULL && fnmatch(only, scenario->name, 0) != 0)
			continue;
		suites->scenarios = xgrow(suites->scenarios, suites->scenario_count,
			&suites->capacity, sizeof(*suites->scenarios));
		suites->scenarios[suites->scenario_count++] = scenario;
	}
}

/* Load one suite more. */
static bool load_one(struct suites *suites, const char *name, const struct suite_cases *cases,
	struct err *err)
{
	struct suite *suite;

	if (suites->count == SUITES_AT_MOST)
		return err_set(err, "at most %d suites at once", SUITES_AT_MOST);
	suite = suite_load(name, cases, err);
	if (suite == NULL)
		return false;
	suites->list[suites->count++] = suite;
	return true;
}

static bool any_selected(const struct suites *suites, const char *only, struct err *err)
{
	if (suites->scenario_count > 0)
		return true;
	return err_set(err, "no scenario is selected%s%s", only == NULL ? "" : " by --only ",
		only == NULL ? "" : only);
}

bool suites_load(struct suites *suites, char *const *names, int count,
	const struct suite_cases *cases, const char *only, struct err *err)
{
	int i;

	*suites = (struct suites){ { NULL }, 0, NULL, 0, 0 };
	for (i = 0; i < count || i == 0; i++) {
		if (!load_one(suites, count == 0 ? "classic" : names[i], cases, err))
			return false;
		select_scenarios(suites, suites->list[suites->count - 1], only);
	}
	return any_selected(suites, only, err);
}

bool suites_load_all(struct suites *suites, const struct suite_cases *cases, const char *only,
	struct err *err)
{
	char name[64];
	size_t i;

	*suites = (struct suites){ { NULL }, 0, NULL, 0, 0 };
	for (i = 0; suite_builtin(i, name) != NULL; i++) {
		struct suite *suite;

		if (!load_one(suites, name, cases, err))
			return false;
		suite = suites->list[suites->count - 1];
		if (suite_count(suite) > 0 && suite_scenario(suite, 0)->trace == NULL)
			select_scenarios(suites, suite, only);
	}
	return any_selected(suites, only, err);
}

size_t suites_keep(struct suites *suites, bool (*keep)(const struct scenario *scenario, void *self),
	void *self)
{
	size_t i, kept = 0, had = suites->scenario_count;

	for (i = 0; i < had; i++)
		if (keep(suites->scenarios[i], self))
			suites->scenarios[kept++] = suites->scenarios[i];
	suites->scenario_count = kept;
	return had - kept;
}

void suites_fini(struct suites *suites)
{
	unsigned int i;

	for (i = 0; i < suites->count; i++)
		suite_free(suites->list[i]);
	free(suites->scenarios);
}

static void add_row(void *self, const struct scenario *scenario, const struct result *result)
{
	struct report_run *report = self;

	report->rows = xgrow(report->rows, report->count, &report->capacity, sizeof(*report->rows));
	report->rows[report->count].scenario = scenario;
	report->rows[report->count++].result = *result;
}

bool fault_parse(uint64_t *faults, const char *name, struct err *err)
{
	uint64_t bit = fault_find(name);

	if (bit == 0)
		return err_set(err, "there is no fault %s (see mbtest list faults)", name);
	*faults |= bit;
	return true;
}

bool run_set_fault(struct run_config *run, const char *name, struct err *err)
{
	return fault_parse(&run->stack[CLIENT].faults, name, err) &&
		fault_parse(&run->stack[SERVER].faults, name, err);
}

enum runner_end suites_run(const struct suites *suites, struct runner_config *config,
	struct report_run *report, struct err *err)
{
	enum runner_end end;

	config->run.trace = trace_scenario;
	config->done = add_row;
	config->self = report;
	config->progress = isatty(STDERR_FILENO) == 1;
	report->repeat = config->repeat;
	fflush(stdout);
	end = runner_run(suites->scenarios, suites->scenario_count, config, err);
	report->interrupted = end == RUNNER_INTERRUPTED;
	return end;
}

void report_run_fini(struct report_run *report)
{
	free(report->rows);
	report->rows = NULL;
	report->count = report->capacity = 0;
}

bool taps_folder_make(char folder[static TAPS_FOLDER], struct err *err)
{
	const char *parent = getenv("TMPDIR");

	if (parent == NULL)
		parent = "/tmp";
	snprintf(folder, TAPS_FOLDER, "%.230s/mbtest.XXXXXX", parent);
	interrupt_hold();
	if (mkdtemp(folder) != NULL)
		return true;
	interrupt_release();
	return err_set_errno(err, "cannot make a folder in %s", parent);
}

void taps_folder_remove(const char *folder, size_t jobs)
{
	size_t job;

	for (job = 0; job < jobs; job++)
		tap_file_remove(folder, (uint32_t)job);
	rmdir(folder);
	interrupt_release();
}
