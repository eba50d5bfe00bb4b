/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_selftest.c - mbtest selftest: the judge on trial. Suites run against our endpoint with
 * each of its faults; a fault that no scenario catches is a failure.
 */
#include "mbtest/command_set.h"
#include "mbtest/command_suites.h"
#include "mbtest/command_trace.h"
#include "probe/options.h"
#include "probe/base/alloc.h"
#include "probe/endpoint/fault.h"

#include <stdlib.h>
#include <unistd.h>

struct selftest_options {
	const char *only;
	bool json;
	uint64_t jobs;
};

static const struct option_row rows[] = {
	OPTION_TEXT_ROW(struct selftest_options, only, "only", "GLOB",
		"only scenarios whose name matches"),
	OPTION_NUMBER_ROW(struct selftest_options, jobs, "jobs", 1, JOBS_MOST,
		"scenarios side by side"),
	OPTION_FLAG_ROW(struct selftest_options, json, "json", "one object: mbkit.selftest/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest selftest [options] [SUITE...]",
	"Run suites (default: all) against each fault of our endpoint and print which\n"
	"scenario catches which fault, and which none. Exit status 1: one is not caught.",
	"  mbtest selftest\n"
	"  mbtest selftest classic --json\n",
};

static void note_pass(void *self, const struct scenario *scenario, const struct result *result)
{
	bool *passed = self;

	(void)scenario;
	passed[result->index] = result->pass;
}

/* Run the suites with a fault (0: none) at both ends. */
static enum runner_end run_with(const struct suites *suites, uint64_t fault,
	const struct selftest_options *options, bool *passed, struct err *err)
{
	struct runner_config config = {
		.repeat = 1,
		.jobs = (unsigned int)options->jobs,
		.progress = isatty(STDERR_FILENO) == 1,
		.done = note_pass,
		.self = passed,
	};

	config.run.seed = 1;
	config.run.trace = trace_scenario;
	config.run.stack[CLIENT].faults = config.run.stack[SERVER].faults = fault;
	return runner_run(suites->scenarios, suites->scenario_count, &config, err);
}

static int print_selftest(const struct selftest *selftest, bool json, struct err *err)
{
	bool all = true;
	size_t i;

	for (i = 0; i < selftest->count; i++)
		all = all && selftest_caught(selftest, i);
	if (json)
		report_selftest_json(stdout, selftest);
	else
		report_selftest(stdout, selftest);
	if (!output_done(err))
		return STATUS_WRONG;
	return all ? STATUS_FINE : STATUS_FAIL;
}

/* The suites without fault, then with each. */
static int run_faults(const struct suites *suites, const struct selftest_options *options,
	struct err *err)
{
	struct selftest_fault faults[FAULT_NUMBERS];
	size_t count = suites->scenario_count, i;
	bool *passed = xcalloc((FAULT_NUMBERS + 1) * count, sizeof(*passed));
	const struct selftest selftest = { suites->scenarios, count, passed, faults,
		FAULT_NUMBERS };
	enum runner_end end = run_with(suites, 0, options, passed, err);
	int status = STATUS_WRONG;

	for (i = 0; i < FAULT_NUMBERS && end == RUNNER_DONE; i++) {
		faults[i] = (struct selftest_fault){ fault_list[i].name, passed + (i + 1) * count };
		end = run_with(suites, fault_list[i].bit, options, faults[i].passed, err);
	}
	if (end == RUNNER_WORKER)
		status = STATUS_FINE;
	else if (end == RUNNER_DONE)
		status = print_selftest(&selftest, options->json, err);
	else if (end == RUNNER_INTERRUPTED)
		err_set(err, "interrupted");
	free(passed);
	return status;
}

int command_selftest(int argc, char **argv, struct err *err)
{
	struct selftest_options options = { .json = false };
	struct suites suites = { .count = 0 };
	struct suite_cases cases;
	int first, status;
	bool loaded;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	status = STATUS_WRONG;
	suite_cases_default(&cases);
	loaded = first < argc
		? suites_load(&suites, argv + first, argc - first, &cases, options.only, err)
		: suites_load_all(&suites, &cases, options.only, err);
	if (loaded)
		status = run_faults(&suites, &options, err);
	suites_fini(&suites);
	return status;
}
