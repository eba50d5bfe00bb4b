/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_selftest.c - mbtest selftest: the judge on trial. Suites run against our endpoint with
 * each of its faults; a fault that no scenario catches is a failure.
 */
#include "mbtest/command_set.h"
#include "mbtest/command_suites.h"
#include "probe/options.h"
#include "probe/endpoint/fault.h"

#include <stdlib.h>

enum { FAULTS_AT_MOST = 64 };

struct selftest_options {
	bool json;
	uint64_t jobs;
};

static const struct option_row rows[] = {
	OPTION_NUMBER_ROW(struct selftest_options, jobs, "jobs", 1, JOBS_MOST,
		"scenarios side by side"),
	OPTION_FLAG_ROW(struct selftest_options, json, "json", "one object: mbkit.selftest/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest selftest [options] [SUITE...]",
	"Run suites (default: classic and signal) against each fault of our endpoint and\n"
	"print which scenario catches which fault. Exit status 1: one is not caught.",
	"  mbtest selftest\n"
	"  mbtest selftest classic --json\n",
};

/* Run the suites with a fault (0: none) at both ends. */
static enum runner_end run_with(const struct suites *suites, uint64_t fault,
	const struct selftest_options *options, struct run_config *run, struct report_run *report,
	struct err *err)
{
	struct runner_config config = { .repeat = 1, .jobs = (unsigned int)options->jobs };

	config.run.seed = 1;
	config.run.stack[CLIENT].faults = config.run.stack[SERVER].faults = fault;
	*run = config.run;
	report->run = run;
	return suites_run(suites, &config, report, err);
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

static int run_faults(const struct suites *suites, const struct selftest_options *options,
	struct err *err)
{
	struct selftest_fault faults[FAULTS_AT_MOST] = { { NULL } };
	struct run_config runs[FAULTS_AT_MOST + 1];
	struct selftest selftest = { .faults = faults };
	const struct fault *fault = fault_list;
	enum runner_end end;
	int status = STATUS_WRONG;
	size_t i;

	end = run_with(suites, 0, options, &runs[FAULTS_AT_MOST], &selftest.clean, err);
	for (; fault->name != NULL && end == RUNNER_DONE; fault++) {
		struct selftest_fault *outcome = &faults[selftest.count];

		if (selftest.count == FAULTS_AT_MOST)
			break;
		outcome->name = fault->name;
		end = run_with(suites, fault->bit, options, &runs[selftest.count++], &outcome->run,
			err);
	}
	if (end == RUNNER_WORKER)
		status = STATUS_FINE;
	else if (end == RUNNER_DONE)
		status = print_selftest(&selftest, options->json, err);
	else if (end == RUNNER_INTERRUPTED)
		err_set(err, "interrupted");
	for (i = 0; i < selftest.count; i++)
		report_run_fini(&faults[i].run);
	report_run_fini(&selftest.clean);
	return status;
}

int command_selftest(int argc, char **argv, struct err *err)
{
	static char *const usual[] = { "classic", "signal" };
	struct selftest_options options = { .json = false };
	struct suites suites = { .count = 0 };
	struct suite_cases cases;
	int first, status;
	bool named;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	status = STATUS_WRONG;
	suite_cases_default(&cases);
	named = first < argc;
	if (suites_load(&suites, named ? argv + first : usual, named ? argc - first : 2, &cases,
		    NULL, err))
		status = run_faults(&suites, &options, err);
	suites_fini(&suites);
	return status;
}
