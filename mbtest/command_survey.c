/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_survey.c - mbtest survey: a stack answers the implementations survey by what it does.
 * Each end that is asked meets our endpoint in the scenarios of suite survey.
 */
#include "mbtest/command_set.h"
#include "mbtest/command_stacks.h"
#include "mbtest/command_suites.h"
#include "mbtest/report_survey.h"
#include "mbtest/suite/build.h"
#include "mbtest/suite/run_remote.h"
#include "mbtest/suite/tap_file.h"
#include "probe/base/alloc.h"
#include "probe/options.h"

#include <stdlib.h>
#include <string.h>

/* Of one scenario on the real clock: a stack that recovers does so within a few time-outs. */
#define LIVE_DEADLINE (10 * NSEC_PER_SEC)

enum { REMOTE_JOBS = 4 }; /* connections at a time to somebody else's server */

struct survey_options {
	struct stack stack[ENDS];
	bool is_named[ENDS], json, markdown;
	uint64_t jobs, slower, faults;
};

static bool set_client(void *self, const char *text, struct err *err)
{
	struct survey_options *options = self;

	options->is_named[CLIENT] = true;
	return stack_parse(&options->stack[CLIENT], CLIENT, text, err);
}

static bool set_server(void *self, const char *text, struct err *err)
{
	struct survey_options *options = self;

	options->is_named[SERVER] = true;
	return stack_parse(&options->stack[SERVER], SERVER, text, err);
}

static bool set_fault(void *self, const char *text, struct err *err)
{
	return fault_parse(&((struct survey_options *)self)->faults, text, err);
}

static const struct option_row rows[] = {
	OPTION_CALL_ROW(set_client, "client", "STACK",
		"asked as the client: sim, sim:PROFILE, kernel (root)"),
	OPTION_CALL_ROW(set_server, "server", "STACK",
		"asked as the server: these, remote:HOST:PORT (root)"),
	OPTION_NUMBER_ROW(struct survey_options, jobs, "jobs", 1, JOBS_MOST,
		"scenarios side by side"),
	OPTION_NUMBER_ROW(struct survey_options, slower, "slower", 1, 100,
		"live: pauses and steps last N times as long"),
	OPTION_CALL_ROW(set_fault, "fault", "NAME", "make who is asked wrong on purpose, if ours"),
	OPTION_FLAG_ROW(struct survey_options, markdown, "markdown", "a table in Markdown"),
	OPTION_FLAG_ROW(struct survey_options, json, "json", "one object: mbkit.survey/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest survey [options]",
	"Ask a stack the implementations survey, by scenarios instead of by mail, and\n"
	"print its column beside the four published ones. An end that is named meets our\n"
	"endpoint at the other; when none is named, ours is asked at both ends.",
	"  mbtest survey --client kernel --server kernel --markdown\n"
	"  mbtest survey --server remote:198.18.1.2:5001\n",
};

/* ---- one end ---- */

static const char *broken_rule(const struct result *result, enum end end)
{
	unsigned int i;

	for (i = 0; i < result->broken_count; i++)
		if (result->broken[i].end == end)
			return rule_info(result->broken[i].rule)->name;
	return NULL;
}

static void take_results(struct survey *survey, const struct report_run *report, enum end asked,
	const char *folder)
{
	struct run_taps taps;
	size_t i;

	for (i = 0; i < report->count; i++) {
		const struct scenario *scenario = report->rows[i].scenario;
		const struct result *result = &report->rows[i].result;
		const struct survey_run run = {
			.scenario = scenario->name,
			.asked = asked,
			.version = scenario->version,
			.family = scenario->family,
			.checksum = scenario->checksum,
			.subflows = scenario->subflows,
			.outcome = result->outcome,
			.intact = result->intact,
			.broken = broken_rule(result, asked),
			.tap = &taps.tap[asked],
		};

		if (result->lost)
			fprintf(stderr, "mbtest: %s\n", result->why);
		if (result->lost || !tap_file_read(folder, (uint32_t)i, &taps))
			continue;
		survey_add(survey, &run);
		capture_fini(&taps.tap[CLIENT]);
		capture_fini(&taps.tap[SERVER]);
	}
}

static enum runner_end run_asking(struct survey *survey, const struct suites *suites,
	struct runner_config *config, enum end asked, struct err *err)
{
	struct report_run report = { .run = &config->run };
	char folder[TAPS_FOLDER];
	enum runner_end end;

	if (!taps_folder_make(folder, err))
		return RUNNER_FAILED;
	config->record = folder;
	end = suites_run(suites, config, &report, err);
	if (end == RUNNER_DONE)
		take_results(survey, &report, asked, folder);
	if (end != RUNNER_WORKER)
		taps_folder_remove(folder, suites->scenario_count);
	report_run_fini(&report);
	return end;
}

struct asking {
	const struct suite_cases *cases;
	const struct run_config *run;
};

/* In IPv6 once only: the answers do not depend on it. */
static bool is_asking(const struct scenario *scenario, void *self)
{
	const struct asking *asking = self;

	if (run_is_remote(asking->run) && !remote_can(scenario))
		return false;
	return asking->cases->families != (CASE_IP4 | CASE_IP6) || scenario->family == 4 ||
		strncmp(scenario->name, "open-", 5) == 0;
}

/* A server elsewhere may not be there: one connection tells before all the others are tried. */
static enum runner_end knock(const struct suites *suites, struct runner_config *config,
	struct err *err)
{
	struct suites first = { .scenarios = suites->scenarios, .scenario_count = 1 };
	struct report_run report = { .run = &config->run };
	enum runner_end end = suites_run(&first, config, &report, err);

	if (end == RUNNER_DONE &&
		(report.count == 0 || report.rows[0].result.outcome == OUTCOME_REFUSED)) {
		err_set(err, "%s does not answer", config->run.stack[SERVER].name);
		end = RUNNER_FAILED;
	}
	report_run_fini(&report);
	return end;
}

/* The scenarios that ask this end; versions gets those that it speaks. */
static enum runner_end ask_end(struct survey *survey, const struct survey_options *options,
	enum end asked, struct suites *suites, unsigned int *versions, struct err *err)
{
	static char *const name[] = { "survey" };
	struct runner_config config = { .repeat = 1,
		.jobs = (unsigned int)options->jobs,
		.is_asking = true };
	struct suite_cases cases = { CASE_OFF | CASE_ON, CASE_OFF | CASE_ON, CASE_IP4 | CASE_IP6 };
	struct asking asking = { &cases, &config.run };
	unsigned int end;

	for (end = 0; end < ENDS; end++)
		snprintf(config.run.stack[end].name, sizeof(config.run.stack[end].name), "sim");
	config.run.stack[asked] = options->stack[asked];
	config.run.stack[asked].faults = options->faults;
	config.run.seed = 1;
	config.run.slower = options->slower;
	if (run_is_live(&config.run))
		config.run.deadline = run_slowed(&config.run, LIVE_DEADLINE);
	if (run_is_remote(&config.run) && config.jobs == 0)
		config.jobs = REMOTE_JOBS;
	if (!stacks_check(&config.run, &cases, err) ||
		!suites_load(suites, name, 1, &cases, asked == CLIENT ? "*-client" : "*-server",
			err))
		return RUNNER_FAILED;
	suites_keep(suites, is_asking, &asking);
	*versions |= cases.versions;
	if (run_is_remote(&config.run)) {
		enum runner_end knocked = knock(suites, &config, err);

		if (knocked != RUNNER_DONE)
			return knocked;
	}
	return run_asking(survey, suites, &config, asked, err);
}

/* ---- all of it ---- */

static bool print_survey(const struct survey *survey, const struct survey_options *options,
	unsigned int versions, struct err *err)
{
	struct survey_report report = { .versions = versions, .count = survey_rows() };
	struct survey_cell *cells = xcalloc(report.count, sizeof(*cells));
	unsigned int i;

	for (i = 0; i < ENDS; i++) {
		report.stack[i] = options->stack[i].name;
		report.is_asked[i] = options->is_named[i];
	}
	for (i = 0; i < report.count; i++)
		survey_cell(survey, i, &cells[i]);
	report.cells = cells;
	if (options->json)
		report_survey_json(stdout, &report);
	else if (options->markdown)
		report_survey_markdown(stdout, &report);
	else
		report_survey(stdout, &report);
	free(cells);
	return output_done(err);
}

static int run_survey(const struct survey_options *options, struct err *err)
{
	struct suites suites[ENDS] = { { .count = 0 }, { .count = 0 } };
	struct survey *survey = survey_new();
	enum runner_end end = RUNNER_DONE;
	int status = STATUS_WRONG;
	unsigned int asked, versions = 0;

	for (asked = 0; asked < ENDS && end == RUNNER_DONE; asked++)
		if (options->is_named[asked])
			end = ask_end(survey, options, (enum end)asked, &suites[asked], &versions,
				err);
	if (end == RUNNER_INTERRUPTED)
		err_set(err, "interrupted");
	else if (end == RUNNER_WORKER ||
		(end == RUNNER_DONE && print_survey(survey, options, versions, err)))
		status = STATUS_FINE;
	survey_free(survey);
	suites_fini(&suites[CLIENT]);
	suites_fini(&suites[SERVER]);
	return status;
}

int command_survey(int argc, char **argv, struct err *err)
{
	struct survey_options options = { .json = false };
	int first, status;

	for (int end = 0; end < ENDS; end++)
		snprintf(options.stack[end].name, sizeof(options.stack[end].name), "sim");
	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	status = STATUS_WRONG;
	if (first < argc)
		err_set(err, "a survey takes no \"%s\": its scenarios are its own", argv[first]);
	else if (options.json && options.markdown)
		err_set(err, "--json and --markdown both want standard output");
	else if (options.is_named[CLIENT] && options.is_named[SERVER] &&
		strcmp(options.stack[CLIENT].name, options.stack[SERVER].name) != 0)
		err_set(err, "a survey is about one stack, not about %s and %s",
			options.stack[CLIENT].name, options.stack[SERVER].name);
	else {
		if (!options.is_named[CLIENT] && !options.is_named[SERVER])
			options.is_named[CLIENT] = options.is_named[SERVER] = true;
		status = run_survey(&options, err);
	}
	return status;
}
