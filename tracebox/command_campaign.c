/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/command_campaign.h"

#include "probe/base/alloc.h"
#include "probe/io/progress.h"
#include "tracebox/attribute.h"
#include "tracebox/campaign.h"
#include "tracebox/run.h"
#include "tracebox/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	STATUS_FINE = 0,
	STATUS_FOUND = 1,
	STATUS_WRONG = 2,
	ACTIVE_MAX = 512,
	LOOKUPS = 64,
	FINISHED_MAX = 512,
};

/* A target that is done but for the names of its hops. */
struct finished {
	struct trace *trace;
	char *name;
	struct finished *next;
};

struct run {
	const struct campaign_plan *plan;
	struct targets *targets;
	struct campaign *campaign;
	struct report_about about;
	char *names[LOOKUPS]; /* targets whose address is looked for */
	unsigned int waiting;
	struct finished *first, *last;
	unsigned int finished;
	struct err last_error;
	unsigned int tried, failed, reported;
	bool has_found;
	struct progress progress;
};

/* ---- one target begins ---- */

static bool aim(struct run *run, const struct addr *destination, struct packet *probe,
	struct err *err)
{
	const struct campaign_plan *plan = run->plan;
	const struct channel *channel = plan->channel;
	uint32_t at = plan->probe->version == 4 ? 12 : 8;
	struct addr source;

	if (!channel->ops->source(channel->self, destination, &source, err))
		return false;
	packet_set(probe, packet_data(plan->probe), plan->probe->length);
	packet_write(probe, at, source.bytes, (uint32_t)addr_len(&source));
	packet_write(probe, at + (uint32_t)addr_len(&source), destination->bytes,
		(uint32_t)addr_len(destination));
	packet_finish(probe);
	return true;
}

/* The probe without its addresses: what all targets' have in common. */
static struct packet *template_of(const struct packet *probe)
{
	static const uint8_t any[32];
	struct packet *packet = packet_clone(probe);

	packet_write(packet, probe->version == 4 ? 12 : 8, any, probe->version == 4 ? 8 : 32);
	packet_finish(packet);
	return packet;
}

/* Look for the addresses of as many targets as there is room for. */
static void look_ahead(struct run *run)
{
	const char *name;

	while (run->waiting < LOOKUPS && (name = targets_next(run->targets)) != NULL)
		run->names[run->waiting++] = xstrdup(name);
}

static char *take_waiting(struct run *run, unsigned int index)
{
	char *name = run->names[index];

	run->waiting--;
	memmove(&run->names[index], &run->names[index + 1],
		(run->waiting - index) * sizeof(run->names[0]));
	return name;
}

static void refuse(struct run *run, char *name, const struct err *err)
{
	run->failed++;
	run->last_error = *err;
	if (run->plan->options->json)
		report_json_error(stdout, name, err->text);
	else
		printf("%s: %s\n", name, err->text);
	free(name);
}

/* Targets in their order, but for those whose address is not known yet. */
static enum campaign_next next_target(void *self, struct packet *probe, void **tag)
{
	struct run *run = self;
	const struct channel *channel = run->plan->channel;
	uint8_t version = run->plan->probe->version;
	unsigned int i = 0;

	look_ahead(run);
	while (i < run->waiting) {
		struct addr destination;
		struct err err = { "" };
		enum names_state state = channel->ops->lookup(channel->self, run->names[i], version,
			&destination, &err);
		char *name;

		if (state == NAMES_PENDING) {
			i++;
			continue;
		}
		name = take_waiting(run, i);
		if (state == NAMES_FOUND && aim(run, &destination, probe, &err)) {
			*tag = name;
			run->tried++;
			return CAMPAIGN_PROBE;
		}
		refuse(run, name, &err);
		look_ahead(run);
	}
	return run->waiting > 0 ? CAMPAIGN_LATER : CAMPAIGN_END;
}

/* ---- one target is done ---- */

static void report_target(struct run *run, const struct result *result)
{
	const struct options *o = run->plan->options;

	if (o->json) {
		report_json(stdout, &run->about, result);
	} else if (o->original_json) {
		report_compat(stdout, &run->about, result);
	} else {
		report_text_begin(stdout, &run->about);
		for (size_t i = 0; i < result->hop_count; i++)
			report_text_hop(stdout, &run->about, &result->hops[i]);
		report_text_end(stdout, &run->about, result);
		putchar('\n');
	}
	fflush(stdout);
}

static void report_finished(struct run *run, struct finished *finished)
{
	char name[OPTID_TEXT];
	struct result result;

	result_init(&result, finished->trace);
	run->about = run->plan->about;
	run->about.name = finished->name;
	run->about.addr = *trace_target(finished->trace);
	run->about.elapsed_ns = trace_elapsed(finished->trace);
	report_target(run, &result);
	run->reported++;
	for (size_t i = 0; i < result.finding_count; i++)
		run->has_found |= options_fail_on(run->plan->options,
			finding_name(&result.findings[i], name));
	result_fini(&result);
	trace_free(finished->trace);
	free(finished->name);
	free(finished);
}

/* Report what has its names, in order; of too many that wait the first goes without. */
static void report_named(struct run *run)
{
	while (run->first != NULL) {
		struct finished *first = run->first;

		if (run->plan->about.names != NULL && run->finished <= FINISHED_MAX &&
			run_names_pending(run->plan->channel, first->trace))
			return;
		run->first = first->next;
		run->finished--;
		report_finished(run, first);
	}
}

static void complete_target(void *self, struct trace *trace, void *tag)
{
	struct finished *finished = xcalloc(1, sizeof(*finished));
	struct run *run = self;

	finished->trace = trace;
	finished->name = tag;
	if (run->first == NULL)
		run->first = finished;
	else
		run->last->next = finished;
	run->last = finished;
	run->finished++;
	/* All names are looked for at once, whoever is reported first. */
	if (run->plan->about.names != NULL)
		run_names_pending(run->plan->channel, trace);
	report_named(run);
}

/* Where the reports go elsewhere. */
static void show_progress(struct run *run)
{
	if (isatty(STDOUT_FILENO) != 1 && progress_due(&run->progress))
		fprintf(stderr, "\r%u targets traced, %u not", run->reported, run->failed);
}

static bool is_done(void *self)
{
	struct run *run = self;

	report_named(run);
	show_progress(run);
	/* What nobody can read any more need not be traced. */
	return ferror(stdout) || (campaign_done(run->campaign) && run->first == NULL);
}

/* ---- going on where an earlier run stopped ---- */

/*
 * Standard output is then the earlier run's file, appended to: its targets are left out. A last
 * line that was cut goes.
 */
static bool resume(struct targets *targets, struct err *err)
{
	char *line = NULL, name[512];
	struct stat status;
	size_t room = 0;
	off_t whole = 0;
	ssize_t length;
	FILE *file;

	if (fstat(STDOUT_FILENO, &status) < 0 || !S_ISREG(status.st_mode))
		return err_set(err,
			"--resume needs standard output to be appended to the file of "
			"the earlier run (>> FILE)");
	file = fopen("/proc/self/fd/1", "r");
	if (file == NULL)
		return err_set_errno(err, "--resume cannot read standard output's file");
	while ((length = getline(&line, &room, file)) > 0 && line[length - 1] == '\n') {
		whole += length;
		if (report_json_target(line, name, sizeof(name)))
			targets_skip(targets, name);
	}
	free(line);
	fclose(file);
	if (whole != status.st_size && ftruncate(STDOUT_FILENO, whole) < 0)
		return err_set_errno(err, "--resume cannot cut an unfinished line");
	return true;
}

/* What a run that failed has left. */
static void discard(struct run *run)
{
	struct finished *next;

	while (run->waiting > 0)
		free(run->names[--run->waiting]);
	for (; run->first != NULL; run->first = next) {
		next = run->first->next;
		trace_free(run->first->trace);
		free(run->first->name);
		free(run->first);
	}
}

int command_campaign(const struct campaign_plan *plan, struct err *err)
{
	const struct options *o = plan->options;
	struct run run = { .plan = plan };
	struct campaign_config config = { .trace = plan->trace,
		.active = ACTIVE_MAX,
		.next = next_target,
		.complete = complete_target,
		.abandon = free,
		.self = &run };
	struct packet *template;
	bool ok;

	run.targets = targets_open(o->targets, o->shard, o->shards, err);
	if (run.targets == NULL)
		return STATUS_WRONG;
	run.campaign = campaign_new(&config);
	progress_begin(&run.progress);
	template = template_of(plan->probe);
	ok = (!o->resume || resume(run.targets, err)) &&
		plan->channel->ops->run(plan->channel->self, template,
			campaign_machine(run.campaign), is_done, &run, err) &&
		targets_were_read(run.targets, err);
	progress_clear(&run.progress);
	packet_free(template);
	campaign_free(run.campaign);
	targets_free(run.targets);
	discard(&run);
	if (!ok)
		return STATUS_WRONG;
	if (run.tried == 0 && run.failed > 0) {
		*err = run.last_error;
		return STATUS_WRONG;
	}
	return run.has_found ? STATUS_FOUND : STATUS_FINE;
}
