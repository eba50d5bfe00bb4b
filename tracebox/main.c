/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - tracebox: from the command line to a channel, a probe and a report.
 */
#include "lua/bind_trace.h"
#include "probe/io/host.h"
#include "probe/io/interrupt.h"
#include "probe/io/pcap_file.h"
#include "tracebox/attribute.h"
#include "tracebox/channel_live.h"
#include "tracebox/channel_offline.h"
#include "tracebox/command_bundle.h"
#include "tracebox/command_campaign.h"
#include "tracebox/command_established.h"
#include "tracebox/command_matrix.h"
#include "tracebox/command_reverse.h"
#include "tracebox/command_sim.h"
#include "tracebox/options.h"
#include "tracebox/report.h"
#include "tracebox/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	STATUS_FINE = 0,
	STATUS_FOUND = 1,
	STATUS_WRONG = 2,
	PROBE_TEXT = 128,
};

struct program {
	struct options options;
	struct channel channel;
	struct trace_lua *lua;
	char **argv;
	struct capture capture;
	struct report_about about;
	char probe_text[PROBE_TEXT]; /* of the built-in probe */
	bool began;                  /* the text's first line is out */
	bool is_kept;                /* the capture is written */
};

/* ---- the probe ---- */

/* The built-in probe as an expression, and as it is called in reports. */
static void builtin_probe(struct program *program, char expression[PROBE_TEXT])
{
	const struct options *o = &program->options;
	const char *extra = o->mptcp >= 0 && !o->udp ? "/MSS/SACKP/TS/WSCALE/MPCAPABLE" : "";

	snprintf(expression, PROBE_TEXT, "%s/%s{dst=%u}%s", o->ipv6 ? "IPv6" : "IP",
		o->udp ? "udp" : "tcp", o->port, extra);
	snprintf(program->probe_text, PROBE_TEXT, "%s/%s%s", o->ipv6 ? "IPv6" : "IP",
		o->udp ? "UDP" : "TCP", extra);
}

static bool make_probe(struct program *program, struct trace_lua_probe *probe, struct err *err)
{
	const struct options *o = &program->options;
	struct sockname source, destination;
	char expression[PROBE_TEXT];

	builtin_probe(program, expression);
	if (!trace_lua_probe(program->lua, o->probe != NULL ? o->probe : expression, probe, err))
		return false;
	packet_socknames(probe->packet, &source, &destination);
	program->about.addr = destination.addr;
	program->about.port = destination.port;
	program->about.probe = o->probe != NULL ? o->probe : program->probe_text;
	return true;
}

/* ---- one trace ---- */

static bool print_hop(void *self, const struct hop_view *view)
{
	struct program *program = self;

	if (!program->began && program->options.trace.first_ttl == 1)
		report_text_begin(stdout, &program->about);
	program->began = true;
	report_text_hop(stdout, &program->about, view);
	fflush(stdout);
	return false;
}

static bool write_bundle(struct program *program, const struct result *result, struct err *err)
{
	struct bundle_plan plan = { .path = program->options.bundle,
		.argv = program->argv,
		.capture = &program->capture,
		.about = &program->about,
		.result = result };

	return command_bundle(&plan, err);
}

static bool write_capture(struct program *program, struct err *err)
{
	const char *path = program->options.capture;

	if (path == NULL || program->is_kept)
		return true;
	program->is_kept = true;
	return pcap_file_write(path, &program->capture, err);
}

/* Files first: what cannot be kept is not told of, if it is one object. */
static bool report(struct program *program, const struct result *result, struct err *err)
{
	const struct options *o = &program->options;

	if (!write_capture(program, err) ||
		(o->bundle != NULL && !write_bundle(program, result, err)) ||
		(o->svg != NULL && !report_svg(o->svg, &program->about, result, err)))
		return false;
	if (o->json)
		report_json(stdout, &program->about, result);
	else if (o->original_json)
		report_compat(stdout, &program->about, result);
	else
		report_text_end(stdout, &program->about, result);
	return true;
}

static int failing_status(const struct options *options, const struct result *result)
{
	char name[OPTID_TEXT];

	for (; result != NULL; result = result->reverse)
		for (size_t i = 0; i < result->finding_count; i++)
			if (options_fail_on(options, finding_name(&result->findings[i], name)))
				return STATUS_FOUND;
	return STATUS_FINE;
}

/* A campaign's probe is made for a destination that each target replaces. */
static int trace_many(struct program *program, struct trace_lua_probe *probe, struct err *err)
{
	struct campaign_plan plan = { .options = &program->options,
		.channel = &program->channel,
		.probe = probe->packet,
		.trace = program->options.trace };

	if (!make_probe(program, probe, err))
		return STATUS_WRONG;
	plan.trace.fixed_id = probe->fixed_id;
	plan.trace.fixed_seq = probe->fixed_seq;
	plan.about = program->about;
	return command_campaign(&plan, err);
}

static int trace_matrix(struct program *program, struct err *err)
{
	struct matrix_plan plan = { .options = &program->options,
		.channel = &program->channel,
		.lua = program->lua,
		.about = program->about };

	return command_matrix(&plan, err);
}

static int trace_one(struct program *program, struct err *err)
{
	const struct options *o = &program->options;
	struct trace_lua_probe probe = { .packet = packet_new(PACKET_LARGE) };
	struct run_plan plan = { .channel = &program->channel,
		.config = o->trace,
		.self = program,
		.names = program->about.names != NULL,
		.filters = o->debug ? stderr : NULL };
	struct trace *trace = NULL;
	struct result result;
	int status = STATUS_WRONG;

	if (!o->json && !o->original_json)
		plan.hop = print_hop;
	if (o->targets != NULL) {
		status = trace_many(program, &probe, err);
	} else if (make_probe(program, &probe, err)) {
		plan.config.fixed_id = probe.fixed_id;
		plan.config.fixed_seq = probe.fixed_seq;
		trace = run_trace(&plan, probe.packet, err);
	}
	packet_free(probe.packet);
	if (trace == NULL)
		return status;
	result_init(&result, trace);
	program->about.elapsed_ns = result.elapsed_ns;
	if (report(program, &result, err))
		status = failing_status(o, &result);
	result_fini(&result);
	trace_free(trace);
	return status;
}

/* ---- a live connection ---- */

static void seed(const struct options *options, struct rng *rng)
{
	uint64_t value = 1;

	if (options->sim == NULL && getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		value = (uint64_t)getpid();
	rng_init(rng, value);
}

static void await_names(const struct program *program, const struct result *result)
{
	const struct channel *channel = program->about.names;

	while (channel != NULL && result->trace != NULL &&
		run_names_pending(channel, result->trace))
		channel->ops->wait(channel->self);
}

static void print_hops(struct program *program, const struct result *result)
{
	report_text_begin(stdout, &program->about);
	for (size_t i = 0; i < result->hop_count; i++)
		report_text_hop(stdout, &program->about, &result->hops[i]);
}

static int report_connection(struct program *program, const struct result *result, struct err *err)
{
	const struct options *o = &program->options;

	await_names(program, result);
	if (result->reverse != NULL)
		await_names(program, result->reverse);
	if (!o->json)
		print_hops(program, result);
	return report(program, result, err) ? failing_status(o, result) : STATUS_WRONG;
}

/* The way back, for which there has to have been a way there; then the report of both. */
static int trace_back(struct program *program, const struct established_plan *plan,
	struct established_run *run, struct err *err)
{
	struct result *result = &run->joined.result;
	struct reverse_run back = { .length = 0 };
	int status;

	if (run->was_interrupted)
		result->reverse_unknown = "it was not waited for";
	else if (run->info.end == END_REFUSED || run->info.end == END_UNANSWERED)
		result->reverse_unknown = "there is no connection";
	else if (!command_reverse(plan, &back, err))
		return STATUS_WRONG;
	else if (back.unknown != NULL)
		result->reverse_unknown = back.unknown;
	else
		result->reverse = &back.joined.result;
	status = report_connection(program, result, err);
	result->reverse = NULL;
	command_reverse_fini(&back);
	return status;
}

static int trace_connection(struct program *program, struct err *err)
{
	const struct options *o = &program->options;
	struct established_plan plan = { .options = o,
		.channel = &program->channel,
		.host = program->about.name,
		.wake = -1 };
	struct established_run run;
	int status = STATUS_WRONG;

	seed(o, &plan.rng);
	if (o->sim == NULL) {
		plan.wake = interrupt_open(err);
		if (plan.wake < 0)
			return STATUS_WRONG;
		channel_live_wake(&program->channel, plan.wake);
	}
	if (command_established(&plan, &run, err)) {
		program->about.addr = run.end.remote.addr;
		program->about.port = o->port;
		program->about.probe = o->ipv6 ? "IPv6/TCP established" : "IP/TCP established";
		program->about.elapsed_ns = run.joined.result.elapsed_ns;
		status = o->reverse ? trace_back(program, &plan, &run, err)
				    : report_connection(program, &run.joined.result, err);
		command_established_fini(&run);
	}
	interrupt_close(plan.wake);
	return status;
}

/* ---- the whole ---- */

/* Offline every probe has one answer, in order, and none is sent again. */
static void settle_options(struct options *options)
{
	if (!channel_is_offline(options->device))
		return;
	options->trace.parallel = options->trace.probes = 1;
	options->trace.retries = 0;
	options->trace.keep_open = options->trace.lockstep = true;
	options->capture = NULL;
}

/* Nothing is traced that cannot be kept. */
static bool check_outputs(const struct options *options, struct err *err)
{
	const char *const paths[] = { options->capture, options->svg, options->bundle };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (paths[i] != NULL && !host_can_write(paths[i], err))
			return false;
	return true;
}

static bool open_channel(struct program *program, struct err *err)
{
	const struct options *o = &program->options;

	if (o->sim != NULL)
		return channel_sim_open(&program->channel, o->sim, o->port, err);
	if (channel_is_offline(o->device))
		return channel_offline_open(&program->channel, o->device, err);
	return channel_live_open(&program->channel, o->device,
		!o->udp || o->script != NULL || o->chunk != NULL, err);
}

static void make_lua(struct program *program)
{
	const struct options *o = &program->options;
	bool script = o->script != NULL || o->chunk != NULL;
	struct trace_lua_config config = { .channel = &program->channel,
		.trace = o->trace,
		.host = o->host != NULL             ? o->host
			: o->sim != NULL && !script ? "server"
						    : NULL,
		.mptcp_version = o->mptcp >= 0 ? o->mptcp
			: script               ? 0
					       : 1 };

	config.warns = o->warnings;
	config.filters = o->debug ? stderr : NULL;
	config.any_destination = o->targets != NULL;
	config.arguments = o->arguments;
	config.argument_count = o->argument_count;
	seed(o, &config.rng);
	program->lua = trace_lua_new(&config);
	program->about.name = config.host != NULL ? config.host : "";
	program->about.last_ttl = o->trace.last_ttl;
	program->about.verbose = o->verbose;
	program->about.names = o->numeric ? NULL : &program->channel;
	program->about.colour = host_shows_colour();
}

static int run(struct program *program, struct err *err)
{
	const struct options *o = &program->options;
	int status = STATUS_WRONG;

	if (o->capture != NULL || o->bundle != NULL)
		program->channel.ops->record(program->channel.self, &program->capture);
	if (o->script != NULL) {
		if (!trace_lua_script(program->lua, o->script, &status, err))
			status = STATUS_WRONG;
	} else if (o->chunk != NULL) {
		if (trace_lua_chunk(program->lua, o->chunk, err))
			status = STATUS_FINE;
	} else if (o->established || o->reverse) {
		status = trace_connection(program, err);
	} else if (o->matrix != NULL) {
		status = trace_matrix(program, err);
	} else {
		status = trace_one(program, err);
	}
	if (err->text[0] == '\0' && !write_capture(program, err))
		status = STATUS_WRONG;
	return status;
}

/* False with a sentence when not all of it was; why is known of the last piece alone. */
static bool output_written(struct err *err)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	return errno != 0 ? err_set_errno(err, "cannot write the output")
			  : err_set(err, "cannot write the output");
}

int main(int argc, char **argv)
{
	struct program program = { .argv = argv };
	struct err err = { "" };
	int status = STATUS_WRONG;

	host_settle_streams();
	switch (options_fill(&program.options, argc, argv, &err)) {
	case OPTIONS_DONE:
		if (output_written(&err))
			return STATUS_FINE;
		/* fallthrough */
	case OPTIONS_WRONG:
		fprintf(stderr, "tracebox: %s\n", err.text);
		return STATUS_WRONG;
	case OPTIONS_RUN:
		break;
	}
	settle_options(&program.options);
	capture_init(&program.capture);
	if (check_outputs(&program.options, &err) && open_channel(&program, &err)) {
		make_lua(&program);
		status = run(&program, &err);
		trace_lua_free(program.lua);
		program.channel.ops->free(program.channel.self);
	}
	capture_fini(&program.capture);
	if (err.text[0] == '\0' && !output_written(&err))
		status = STATUS_WRONG;
	if (err.text[0] != '\0')
		fprintf(stderr, "tracebox: %s\n", err.text);
	return status;
}
