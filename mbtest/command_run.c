/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_run.c - mbtest run: suites, stacks and cases chosen by options, then the reports.
 */
#include "mbtest/command_set.h"
#include "mbtest/command_stacks.h"
#include "mbtest/command_suites.h"
#include "mbtest/command_trace.h"
#include "mbtest/report_html.h"
#include "mbtest/suite/build.h"
#include "mbtest/suite/run_remote.h"
#include "probe/options.h"
#include "probe/base/alloc.h"
#include "probe/endpoint/cc.h"
#include "probe/endpoint/sched.h"
#include "probe/io/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run_options {
	struct runner_config config;
	struct suite_cases cases;
	const char *only, *junit, *html, *keep;
	char taps[TAPS_FOLDER]; /* folder of what the HTML page draws; empty: none is wanted */
	uint64_t jobs, repeat, deadline_s;
	bool json, tap, by_rule, log, named_version, one_end;
	enum end blamed;
};

/* ---- options ---- */

static bool set_client(void *self, const char *text, struct err *err)
{
	return stack_parse(&((struct run_options *)self)->config.run.stack[CLIENT], CLIENT, text,
		err);
}

static bool set_server(void *self, const char *text, struct err *err)
{
	return stack_parse(&((struct run_options *)self)->config.run.stack[SERVER], SERVER, text,
		err);
}

/* One of two words, or "both": a set of two bits. */
static bool set_pair(const char *option, const char *text, const char *const words[4],
	unsigned int *set, struct err *err)
{
	unsigned int index;

	if (!parse_choice(option, text, words, &index, err))
		return false;
	*set = index == 2 ? CASE_OFF | CASE_ON : 1u << index;
	return true;
}

static bool set_mptcp(void *self, const char *text, struct err *err)
{
	static const char *const words[] = { "0", "1", "both", NULL };
	struct run_options *options = self;

	options->named_version = true;
	return set_pair("--mptcp", text, words, &options->cases.versions, err);
}

static bool set_checksum(void *self, const char *text, struct err *err)
{
	static const char *const words[] = { "off", "on", "both", NULL };

	return set_pair("--checksum", text, words, &((struct run_options *)self)->cases.checksums,
		err);
}

static bool set_family(void *self, const char *text, struct err *err)
{
	static const char *const words[] = { "4", "6", "both", NULL };

	return set_pair("--family", text, words, &((struct run_options *)self)->cases.families,
		err);
}

static bool set_fault(void *self, const char *text, struct err *err)
{
	return run_set_fault(&((struct run_options *)self)->config.run, text, err);
}

static bool set_blame(void *self, const char *text, struct err *err)
{
	static const char *const words[] = { "client", "server", NULL };
	struct run_options *options = self;
	unsigned int index;

	if (!parse_choice("--blame", text, words, &index, err))
		return false;
	options->one_end = true;
	options->blamed = index == 0 ? CLIENT : SERVER;
	return true;
}

static bool set_cc(void *self, const char *text, struct err *err)
{
	struct run_options *options = self;
	const char *names[16] = { NULL };
	unsigned int i;

	for (i = 0; cc_list[i].name != NULL; i++)
		names[i] = cc_list[i].name;
	options->config.run.cc = text;
	return parse_choice("--cc", text, names, &i, err);
}

static bool set_scheduler(void *self, const char *text, struct err *err)
{
	struct run_options *options = self;
	const char *names[16] = { NULL };
	unsigned int i;

	for (i = 0; sched_list[i].name != NULL; i++)
		names[i] = sched_list[i].name;
	options->config.run.scheduler = text;
	return parse_choice("--scheduler", text, names, &i, err);
}

#define TEXT(field, name, argument, help) \
	OPTION_TEXT_ROW(struct run_options, field, name, argument, help)
#define NUMBER(field, name, low, high, help) \
	OPTION_NUMBER_ROW(struct run_options, field, name, low, high, help)
#define FLAG(field, name, help) OPTION_FLAG_ROW(struct run_options, field, name, help)

static const struct option_row rows[] = {
	TEXT(only, "only", "GLOB", "only scenarios whose name matches"),
	OPTION_CALL_ROW(set_client, "client", "STACK",
		"sim (ours; default), sim:PROFILE or kernel (as root)"),
	OPTION_CALL_ROW(set_server, "server", "STACK",
		"the same for the server; remote:HOST:PORT (as root)"),
	OPTION_CALL_ROW(set_mptcp, "mptcp", "0|1|both", "MPTCP version offered (default both)"),
	OPTION_CALL_ROW(set_checksum, "checksum", "on|off|both", "DSS checksums (default both)"),
	OPTION_CALL_ROW(set_family, "family", "4|6|both", "IP version (default 4)"),
	NUMBER(config.run.bytes, "bytes", 1, 1u << 30,
		"bytes each sender sends (64 KiB, with a kernel 1 MiB)"),
	NUMBER(deadline_s, "deadline", 1, 3600, "seconds until a run is given up (120; kernel 20)"),
	NUMBER(config.run.slower, "slower", 1, 100, "live: pauses and steps last N times as long"),
	NUMBER(config.run.seed, "seed", 0, INT64_MAX, "seed of everything random (default 1)"),
	NUMBER(repeat, "repeat", 1, 1000000, "run each N times, seeds counting up; tell races"),
	NUMBER(jobs, "jobs", 1, JOBS_MOST, "scenarios side by side"),
	OPTION_CALL_ROW(set_cc, "cc", "NAME", "newreno, lia (default), olia, balia or wvegas"),
	OPTION_CALL_ROW(set_scheduler, "scheduler", "NAME",
		"who sends next: least-filled, or see mbtest(1)"),
	OPTION_CALL_ROW(set_fault, "fault", "NAME", "make our endpoint wrong on purpose"),
	OPTION_CALL_ROW(set_blame, "blame", "client|server",
		"only what the client, or the server, did wrong fails"),
	TEXT(keep, "keep", "DIR", "write the captures of failures there"),
	FLAG(json, "json", "JSON Lines: mbkit.result/1"),
	FLAG(tap, "tap", "Test Anything Protocol"),
	FLAG(by_rule, "by-rule", "a line a rule, our endpoint simulated beside them"),
	TEXT(junit, "junit", "FILE", "write JUnit XML there as well"),
	TEXT(html, "html", "FILE", "write a page: the matrix, a ladder of each scenario"),
	FLAG(log, "log", "one scenario alone: every event, on stderr"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest run [options] [SUITE...]",
	"Run suites (default: classic) and judge each scenario by the rules of Multipath\n"
	"TCP. A SUITE with a '/' or ending in .lua is a file. Exit status 1: one failed.",
	"  mbtest run classic --mptcp 1 --only 'capable-*'\n"
	"  mbtest run my.lua --client kernel --server kernel --keep /tmp/failed --json\n",
};

/* ---- before the run ---- */

/* The prober has simulated paths here; kernels are for tracebox itself. */
static bool check_traces(const struct run_options *options, const struct suites *suites,
	struct err *err)
{
	size_t i;

	for (i = 0; i < suites->scenario_count && run_is_live(&options->config.run); i++) {
		if (suites->scenarios[i]->trace != NULL)
			return err_set(err, "suite %s traces simulated paths: no kernel is in it",
				suites->scenarios[i]->suite);
	}
	return true;
}

static bool is_for_remote(const struct scenario *scenario, void *self)
{
	(void)self;
	return scenario->sender == SENDER_CLIENT && remote_can(scenario);
}

/* What only who runs the server could make it do is left out. */
static bool check_remote(const struct run_options *options, struct suites *suites, struct err *err)
{
	size_t out;

	if (!run_is_remote(&options->config.run))
		return true;
	out = suites_keep(suites, is_for_remote, NULL);
	if (suites->scenario_count == 0)
		return err_set(err, "nothing is left to run: we cannot make the server of %s send",
			options->config.run.stack[SERVER].name);
	if (out > 0)
		fprintf(stderr, "mbtest: %zu scenarios are left out: we cannot make %s do that\n",
			out, options->config.run.stack[SERVER].name);
	return true;
}

/* Whether a file can be written, before all the work; made: it was not there before. */
static bool check_file(const char *path, bool *made, struct err *err)
{
	FILE *file;

	if (path == NULL)
		return true;
	*made = access(path, F_OK) != 0;
	file = fopen(path, "ae");
	if (file == NULL) {
		*made = false;
		return err_set_errno(err, "cannot write %s", path);
	}
	fclose(file);
	return true;
}

/* ---- one scenario with its log ---- */

static void print_log(void *self, const char *line)
{
	(void)self;
	fprintf(stderr, "%s\n", line);
}

/* In this process, so that the log comes as it happens. */
static bool run_logged(const struct suites *suites, struct run_options *options,
	struct report_run *report, struct err *err)
{
	struct result result;

	if (suites->scenario_count != 1 || options->config.repeat != 1)
		return err_set(err,
			"--log is for one scenario, not %zu: choose it with --only, "
			"--mptcp and --checksum",
			suites->scenario_count * options->config.repeat);
	options->config.run.log = print_log;
	if (suites->scenarios[0]->seed != 0)
		options->config.run.seed = suites->scenarios[0]->seed;
	options->config.run.trace = trace_scenario;
	if (!run_scenario(suites->scenarios[0], &options->config.run, &result, NULL, err))
		return false;
	result.index = 0;
	report->rows = xcalloc(1, sizeof(*report->rows));
	report->rows[0] = (struct report_row){ suites->scenarios[0], result };
	report->count = 1;
	report->repeat = 1;
	return true;
}

/* ---- reports ---- */

static bool close_report(FILE *file, const char *path, struct err *err)
{
	bool ok = fflush(file) == 0 && ferror(file) == 0;

	if (!ok)
		err_set_errno(err, "cannot write %s", path);
	fclose(file);
	return ok;
}

static bool write_junit(const char *path, const struct report_run *report, struct err *err)
{
	FILE *file = path == NULL ? NULL : fopen(path, "we");

	if (path == NULL)
		return true;
	if (file == NULL)
		return err_set_errno(err, "cannot write %s", path);
	report_junit(file, report);
	return close_report(file, path, err);
}

static bool write_html(const struct run_options *options, const struct report_run *report,
	struct err *err)
{
	FILE *file = options->html == NULL ? NULL : fopen(options->html, "we");

	if (options->html == NULL)
		return true;
	if (file == NULL)
		return err_set_errno(err, "cannot write %s", options->html);
	report_html(file, report, options->taps);
	return close_report(file, options->html, err);
}

static bool write_reports(const struct run_options *options, const struct report_run *report,
	const struct report_run *simulated, struct err *err)
{
	if (!write_junit(options->junit, report, err) || !write_html(options, report, err))
		return false;
	if (options->json)
		report_json(stdout, report);
	else if (options->tap)
		report_tap(stdout, report);
	else if (options->by_rule)
		report_rules(stdout, report, simulated->count > 0 ? simulated : report);
	else
		report_table(stdout, report);
	return output_done(err);
}

/* A folder for what the page draws. */
static bool make_taps(struct run_options *options, struct err *err)
{
	if (options->html == NULL)
		return true;
	options->config.record = options->taps;
	return taps_folder_make(options->taps, err);
}

/* Whether two of our own endpoints run, as they are. */
static bool is_ours(const struct run_config *run)
{
	unsigned int end;

	for (end = 0; end < ENDS; end++) {
		if (strcmp(run->stack[end].name, "sim") != 0 || run->stack[end].faults != 0)
			return false;
	}
	return true;
}

/* What the other stacks are held against. */
static enum runner_end run_simulated(const struct run_options *options, const struct suites *suites,
	struct report_run *report, struct err *err)
{
	struct runner_config config = { .repeat = 1 };

	if (!options->by_rule || is_ours(&options->config.run))
		return RUNNER_DONE;
	config.run.seed = options->config.run.seed;
	return suites_run(suites, &config, report, err);
}

/* Run and report; the exit status. */
static int run_suites(struct run_options *options, const struct suites *suites, struct err *err)
{
	struct report_run report = { .run = &options->config.run,
		.one_end = options->one_end,
		.blamed = options->blamed };
	struct report_run simulated = { .run = &options->config.run };
	enum runner_end end;
	int status = STATUS_WRONG;

	report.colour = host_shows_colour();
	end = run_simulated(options, suites, &simulated, err);
	if (end == RUNNER_DONE && options->log)
		end = run_logged(suites, options, &report, err) ? RUNNER_DONE : RUNNER_FAILED;
	else if (end == RUNNER_DONE)
		end = suites_run(suites, &options->config, &report, err);
	switch (end) {
	case RUNNER_WORKER:
		status = STATUS_FINE;
		break;
	case RUNNER_DONE:
		if (write_reports(options, &report, &simulated, err))
			status = report_failed(&report) == 0 ? STATUS_FINE : STATUS_FAIL;
		break;
	case RUNNER_INTERRUPTED:
		if (write_reports(options, &report, &simulated, err))
			err_set(err, "interrupted");
		break;
	case RUNNER_FAILED:
		break;
	}
	report_run_fini(&report);
	report_run_fini(&simulated);
	if (end != RUNNER_WORKER && options->html != NULL)
		taps_folder_remove(options->taps, suites->scenario_count * options->config.repeat);
	return status;
}

static int load_and_run(struct run_options *options, char **names, int count, struct err *err)
{
	struct suites suites = { .count = 0 };
	bool made_junit = false, made_html = false;
	int status = STATUS_WRONG;

	if (stacks_check(&options->config.run, &options->cases, err) &&
		suites_load(&suites, names, count, &options->cases, options->only, err) &&
		check_traces(options, &suites, err) && check_remote(options, &suites, err) &&
		folder_ready(options->config.keep, err) &&
		check_file(options->junit, &made_junit, err) &&
		check_file(options->html, &made_html, err) && make_taps(options, err))
		status = run_suites(options, &suites, err);
	if (status == STATUS_WRONG && made_junit)
		unlink(options->junit);
	if (status == STATUS_WRONG && made_html)
		unlink(options->html);
	suites_fini(&suites);
	return status;
}

int command_run(int argc, char **argv, struct err *err)
{
	struct run_options options = { .repeat = 1 };
	unsigned int end;
	int first, status;

	for (end = 0; end < ENDS; end++)
		snprintf(options.config.run.stack[end].name, 32, "sim");
	options.config.run.seed = 1;
	suite_cases_default(&options.cases);
	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	options.config.run.hash = options.json; /* nothing else prints it */
	options.config.jobs = (unsigned int)options.jobs;
	options.config.repeat = (unsigned int)options.repeat;
	options.config.keep = options.keep;
	options.config.run.deadline = options.deadline_s * NSEC_PER_SEC;
	if (options.json + options.tap + options.by_rule > 1) {
		err_set(err, "--json, --tap and --by-rule each want standard output");
		return STATUS_WRONG;
	}
	return load_and_run(&options, argv + first, argc - first, err);
}
