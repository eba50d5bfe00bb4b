/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_explore.c - mbtest explore: seeds in batches through the runner, violations made small
 * and written down, and where it stands kept in a file for those who go on later.
 */
#include "lua/box.h"
#include "mbtest/command_set.h"
#include "mbtest/command_suites.h"
#include "mbtest/report_explore.h"
#include "mbtest/suite/shrink.h"
#include "probe/base/alloc.h"
#include "probe/io/interrupt.h"
#include "probe/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 1024, BOXES_AT_MOST = 128 };

struct explore_options {
	struct run_config run;
	struct explore_plan plan;
	uint64_t first, last, jobs, stop;
	uint64_t shard, shards; /* 1 first */
	const char *keep, *resume;
	bool json, given;
};

/* An exploration under way. */
struct explorer {
	const struct explore_options *options;
	struct lua_boxes *lua;
	struct box_entry boxes[BOXES_AT_MOST];
	char names[BOXES_AT_MOST][64];
	struct exploration *batch;
	size_t batch_count;
	uint64_t next; /* seed */
	struct explore_report report;
	size_t shrunk; /* violations of the report that were made small */
	struct timespec begun;
	uint64_t begun_ran;
	struct err *err;
};

/* ---- options ---- */

static bool set_seeds(void *self, const char *text, struct err *err)
{
	struct explore_options *options = self;
	char *end;

	errno = 0;
	options->first = strtoull(text, &end, 10);
	options->last = options->first;
	if (end != text && strncmp(end, "..", 2) == 0)
		options->last = strtoull(end + 2, &end, 10);
	if (errno != 0 || *text == '-' || *end != '\0' || end == text ||
		options->last > INT64_MAX || options->last < options->first)
		return err_set(err, "--seeds wants a range such as 1..20000, not %s", text);
	options->given = true;
	return true;
}

static bool set_shard(void *self, const char *text, struct err *err)
{
	struct explore_options *options = self;
	int used = 0;

	if (sscanf(text, "%" SCNu64 "/%" SCNu64 "%n", &options->shard, &options->shards, &used) !=
			2 ||
		text[used] != '\0' || options->shard < 1 || options->shard > options->shards)
		return err_set(err, "--shard wants I/N with I from 1 to N, not %s", text);
	return true;
}

static bool set_fault(void *self, const char *text, struct err *err)
{
	return run_set_fault(&((struct explore_options *)self)->run, text, err);
}

static const struct option_row rows[] = {
	OPTION_CALL_ROW(set_seeds, "seeds", "A..B", "the seeds to try, both ends included"),
	OPTION_CALL_ROW(set_shard, "shard", "I/N", "only each N-th seed, from the I-th on"),
	OPTION_TEXT_ROW(struct explore_options, resume, "resume", "FILE",
		"keep in FILE how far it is, and go on from there"),
	OPTION_TEXT_ROW(struct explore_options, keep, "keep", "DIR",
		"write scenarios there (default: here)"),
	OPTION_NUMBER_ROW(struct explore_options, stop, "stop", 1, EXPLORE_FOUND,
		"end after so many violations (default 8)"),
	OPTION_NUMBER_ROW(struct explore_options, jobs, "jobs", 1, 64, "worker processes"),
	OPTION_CALL_ROW(set_fault, "fault", "NAME", "make our endpoint wrong on purpose"),
	OPTION_FLAG_ROW(struct explore_options, json, "json", "one object: mbkit.explore/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest explore --seeds A..B [options]",
	"Random paths of boxes, links and timing between two of our endpoints: streams\n"
	"must arrive whole and once, both ends must end, no rule may be broken. What is\n"
	"violated is made small and written as a scenario file. Exit status 1: something\n"
	"was.",
	"  mbtest explore --seeds 1..20000\n"
	"  mbtest explore --seeds 1..10000 --fault deliver-unmapped --stop 1\n",
};

/* ---- how far it is ---- */

static bool counts_read(FILE *file, uint64_t *counts, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (fscanf(file, "%" SCNu64, &counts[i]) != 1)
			return false;
	return fscanf(file, "\n") == 0;
}

static void counts_write(FILE *file, const uint64_t *counts, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		fprintf(file, "%" PRIu64 "%c", counts[i], i + 1 < count ? ' ' : '\n');
}

/* Read what an earlier run wrote; a file of another exploration is refused. */
static bool state_read(struct explorer *explorer, struct err *err)
{
	const struct explore_options *options = explorer->options;
	struct explore_report *report = &explorer->report;
	uint64_t first, last, shard, shards;
	_Static_assert(sizeof(report->found->invariant) == 32 &&
			sizeof(report->found->file) == 4096 && sizeof(report->found->why) == 400,
		"widths of what is read");
	FILE *file = options->resume == NULL ? NULL : fopen(options->resume, "re");
	bool ok;

	if (options->resume == NULL || (file == NULL && errno == ENOENT))
		return true;
	if (file == NULL)
		return err_set_errno(err, "cannot read %s", options->resume);
	ok = fscanf(file,
		     "explore %" SCNu64 " %" SCNu64 " %" SCNu64 "/%" SCNu64 " %" SCNu64 " %" SCNu64
		     "\n",
		     &first, &last, &shard, &shards, &explorer->next, &report->ran) == 6 &&
		first == options->first && last == options->last && shard == options->shard &&
		shards == options->shards && counts_read(file, report->outcomes, OUTCOME_COUNT) &&
		counts_read(file, report->exercised, rule_count());
	while (ok && report->count < EXPLORE_FOUND) {
		struct explore_found *found = &report->found[report->count];

		if (fscanf(file, "%" SCNu64 "\t%31[^\t]\t%4095[^\t]\t%399[^\n]\n", &found->seed,
			    found->invariant, found->file, found->why) != 4)
			break;
		report->count++;
	}
	fclose(file);
	explorer->shrunk = report->count;
	if (!ok)
		return err_set(err, "%s is not about these seeds", options->resume);
	return true;
}

/* Write it whole or not at all. */
static bool state_write(const struct explorer *explorer, struct err *err)
{
	const struct explore_options *options = explorer->options;
	const struct explore_report *report = &explorer->report;
	char path[PATH_MAX + sizeof(".new")];
	FILE *file;
	size_t i;
	bool ok;

	if (options->resume == NULL)
		return true;
	snprintf(path, sizeof(path), "%s.new", options->resume);
	file = fopen(path, "we");
	if (file == NULL)
		return err_set_errno(err, "cannot write %s", path);
	fprintf(file,
		"explore %" PRIu64 " %" PRIu64 " %" PRIu64 "/%" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		options->first, options->last, options->shard, options->shards, explorer->next,
		report->ran);
	counts_write(file, report->outcomes, OUTCOME_COUNT);
	counts_write(file, report->exercised, rule_count());
	for (i = 0; i < report->count; i++)
		fprintf(file, "%" PRIu64 "\t%s\t%s\t%s\n", report->found[i].seed,
			report->found[i].invariant, report->found[i].file, report->found[i].why);
	ok = fflush(file) == 0 && ferror(file) == 0;
	ok = fclose(file) == 0 && ok && rename(path, options->resume) == 0;
	return ok || err_set_errno(err, "cannot write %s", options->resume);
}

static void show_progress(const struct explorer *explorer)
{
	const struct explore_report *report = &explorer->report;
	struct timespec now;
	double seconds;

	if (isatty(STDERR_FILENO) != 1)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	seconds = (double)(now.tv_sec - explorer->begun.tv_sec) +
		(double)(now.tv_nsec - explorer->begun.tv_nsec) / 1e9;
	fprintf(stderr, "\rexplore: %" PRIu64 " seeds, %.0f a second, %zu violations ", report->ran,
		(double)(report->ran - explorer->begun_ran) / (seconds > 0 ? seconds : 1),
		report->count);
}

/* ---- what is found ---- */

static void count_result(struct explore_report *report, const struct result *result)
{
	unsigned int i;

	/* What crashed or hung came to nothing that has a name. */
	if (result->lost)
		return;
	report->outcomes[result->outcome]++;
	for (i = 0; i < rule_count(); i++)
		report->exercised[i] += result->rules_exercised[i / 64] >> i % 64 & 1;
}

static void note_result(void *self, const struct scenario *scenario, const struct result *result)
{
	struct explorer *explorer = self;
	struct explore_report *report = &explorer->report;
	struct explore_found *found = &report->found[report->count];
	char text[32];

	report->ran++;
	count_result(report, result);
	if (*explore_violation(result, text) == '\0' || report->count >= explorer->options->stop)
		return;
	memset(found, 0, sizeof(*found));
	found->seed = scenario->seed;
	snprintf(found->invariant, sizeof(found->invariant), "%s", text);
	snprintf(found->why, sizeof(found->why), "%s", result->why);
	report->count++;
}

static bool write_scenario(const struct explorer *explorer, const struct exploration *exploration,
	struct explore_found *found, struct err *err)
{
	const char *keep = explorer->options->keep;
	char comment[480];
	FILE *file;
	bool ok;

	snprintf(found->file, sizeof(found->file), "%s/explore-%" PRIu64 ".lua",
		keep == NULL ? "." : keep, found->seed);
	snprintf(comment, sizeof(comment), "%s: %s", found->invariant, found->why);
	file = fopen(found->file, "we");
	if (file == NULL)
		return err_set_errno(err, "cannot write %s", found->file);
	scenario_write(file, &exploration->scenario, comment);
	ok = fflush(file) == 0 && ferror(file) == 0;
	ok = fclose(file) == 0 && ok;
	return ok || err_set_errno(err, "cannot write %s", found->file);
}

/* Make small and write down what the last batch found. */
static enum runner_end shrink_found(struct explorer *explorer)
{
	struct explore_report *report = &explorer->report;
	struct exploration *small = xcalloc(1, sizeof(*small));
	enum runner_end end = RUNNER_DONE;

	for (; explorer->shrunk < report->count && end == RUNNER_DONE; explorer->shrunk++) {
		struct explore_found *found = &report->found[explorer->shrunk];

		explore_make(&explorer->options->plan, found->seed, small);
		end = shrink(small, found->invariant, &explorer->options->run, explorer->err);
		if (end == RUNNER_DONE && !write_scenario(explorer, small, found, explorer->err))
			end = RUNNER_FAILED;
	}
	free(small);
	return end;
}

/* ---- batches ---- */

static void make_batch(struct explorer *explorer)
{
	const struct explore_options *options = explorer->options;

	explorer->batch_count = 0;
	while (explorer->batch_count < BATCH && explorer->next <= options->last) {
		explore_make(&options->plan, explorer->next,
			&explorer->batch[explorer->batch_count++]);
		if (options->last - explorer->next < options->shards)
			explorer->next = options->last + 1;
		else
			explorer->next += options->shards;
	}
}

static enum runner_end run_batch(struct explorer *explorer)
{
	const struct explore_options *options = explorer->options;
	struct runner_config config = { .run = options->run, .repeat = 1, .done = note_result };
	const struct scenario *scenarios[BATCH];
	enum runner_end end;
	size_t i;

	config.jobs = (unsigned int)options->jobs;
	config.self = explorer;
	for (i = 0; i < explorer->batch_count; i++)
		scenarios[i] = &explorer->batch[i].scenario;
	end = runner_run(scenarios, explorer->batch_count, &config, explorer->err);
	if (end == RUNNER_DONE)
		end = shrink_found(explorer);
	if (end == RUNNER_DONE && !state_write(explorer, explorer->err))
		end = RUNNER_FAILED;
	return end;
}

static enum runner_end run_all(struct explorer *explorer)
{
	enum runner_end end = RUNNER_DONE;

	explorer->batch = xcalloc(BATCH, sizeof(*explorer->batch));
	clock_gettime(CLOCK_MONOTONIC, &explorer->begun);
	explorer->begun_ran = explorer->report.ran;
	while (end == RUNNER_DONE && explorer->next <= explorer->options->last &&
		explorer->report.count < explorer->options->stop) {
		make_batch(explorer);
		end = run_batch(explorer);
		if (end != RUNNER_WORKER)
			show_progress(explorer);
	}
	if (end != RUNNER_WORKER && isatty(STDERR_FILENO) == 1)
		fprintf(stderr, "\r%*s\r", 60, "");
	free(explorer->batch);
	return end;
}

/* Boxes in C and in Lua. */
static bool collect_boxes(struct explorer *explorer, struct explore_plan *plan, struct err *err)
{
	const struct box_entry *entry;
	size_t i;

	for (entry = box_list; entry->name != NULL && plan->box_count < BOXES_AT_MOST; entry++)
		explorer->boxes[plan->box_count++] = *entry;
	for (i = 0; lua_box_builtin(i, explorer->names[i]) != NULL; i++) {
		struct box_entry *own = &explorer->boxes[plan->box_count];

		if (plan->box_count++ == BOXES_AT_MOST)
			return err_set(err, "there are more than %d boxes", BOXES_AT_MOST);
		own->name = explorer->names[i];
		own->type = lua_boxes_find(explorer->lua, own->name, NULL, err);
		if (own->type == NULL)
			return false;
	}
	plan->boxes = explorer->boxes;
	return true;
}

static int print_report(const struct explorer *explorer, bool interrupted, struct err *err)
{
	if (explorer->options->json)
		report_explore_json(stdout, &explorer->report);
	else
		report_explore(stdout, &explorer->report);
	if (!output_done(err))
		return STATUS_WRONG;
	if (interrupted) {
		err_set(err, "interrupted");
		return STATUS_WRONG;
	}
	return explorer->report.count == 0 ? STATUS_FINE : STATUS_FAIL;
}

static int explore(struct explore_options *options, struct err *err)
{
	struct explorer *explorer = xcalloc(1, sizeof(*explorer));
	int status = STATUS_WRONG;

	/* Between batches, too: what was found is told, and files are written whole. */
	interrupt_hold();
	explorer->options = options;
	explorer->err = err;
	explorer->lua = lua_boxes_new();
	explorer->next = options->first + options->shard - 1;
	explorer->report.first = options->first;
	explorer->report.last = options->last;
	if (folder_ready(options->keep, err) && collect_boxes(explorer, &options->plan, err) &&
		state_read(explorer, err)) {
		switch (run_all(explorer)) {
		case RUNNER_WORKER:
			status = STATUS_FINE;
			break;
		case RUNNER_DONE:
			status = print_report(explorer, false, err);
			break;
		case RUNNER_INTERRUPTED:
			status = print_report(explorer, true, err);
			break;
		case RUNNER_FAILED:
			break;
		}
	}
	lua_boxes_free(explorer->lua);
	free(explorer);
	return status;
}

int command_explore(int argc, char **argv, struct err *err)
{
	struct explore_options options = { .shard = 1, .shards = 1, .stop = 8 };
	unsigned int end;
	int first, status;

	for (end = 0; end < ENDS; end++)
		snprintf(options.run.stack[end].name, 32, "sim");
	options.plan.versions = options.plan.checksums = options.plan.families = 3;
	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (!options.given || first < argc) {
		err_set(err,
			first < argc ? "explore takes no argument %s" : "--seeds A..B is needed%s",
			first < argc ? argv[first] : "");
		return STATUS_WRONG;
	}
	return explore(&options, err);
}
