/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_box.c - mbtest box: the boxes of a path file in the way of real traffic.
 */
#include "lua/path_file.h"
#include "mbtest/command_set.h"
#include "probe/options.h"
#include "mbtest/report_box.h"
#include "mbtest/suite/inline.h"
#include "probe/io/interrupt.h"

#include <string.h>
#include <unistd.h>

struct box_options {
	const char *in, *out, *before, *after;
	uint64_t queue, seed;
	bool has_queue, json;
	unsigned int fail; /* 0: closed, 1: open */
	struct addr server;
	struct inline_counts then; /* at the last tick, ... */
	nsec_t then_at;            /* ... which was then */
};

static bool set_queue(void *self, const char *text, struct err *err)
{
	struct box_options *options = self;

	options->has_queue = true;
	return parse_number("--nfqueue", text, 0, UINT16_MAX, &options->queue, err);
}

static bool set_fail(void *self, const char *text, struct err *err)
{
	static const char *const words[] = { "closed", "open", NULL };

	return parse_choice("--fail", text, words, &((struct box_options *)self)->fail, err);
}

static bool set_server(void *self, const char *text, struct err *err)
{
	if (addr_parse(&((struct box_options *)self)->server, text))
		return true;
	return err_set(err, "--to-server needs an address, not \"%s\"", text);
}

static const struct option_row rows[] = {
	OPTION_TEXT_ROW(struct box_options, in, "in", "IF", "the interface on the client's side"),
	OPTION_TEXT_ROW(struct box_options, out, "out", "IF", "the interface on the server's side"),
	OPTION_CALL_ROW(set_queue, "nfqueue", "N", "packets of this NFQUEUE instead"),
	OPTION_CALL_ROW(set_server, "to-server", "ADDR",
		"--nfqueue: packets for it go to the server"),
	OPTION_CALL_ROW(set_fail, "fail", "open|closed",
		"a box that fails: go on without boxes, or stop"),
	OPTION_TEXT_ROW(struct box_options, before, "pcap-before", "FILE",
		"keep the packets as they came"),
	OPTION_TEXT_ROW(struct box_options, after, "pcap-after", "FILE",
		"keep the packets as they went on"),
	OPTION_NUMBER_ROW(struct box_options, seed, "seed", 0, INT64_MAX,
		"seed of everything random (default 1)"),
	OPTION_FLAG_ROW(struct box_options, json, "json", "the summary as JSON (mbkit.box/1)"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest box [options] PIPELINE.lua --in IF --out IF | --nfqueue N",
	"Be a middlebox: pass real traffic through the boxes of a path file, between two\n"
	"interfaces that carry no address, or from a queue of the firewall, until\n"
	"interrupted. No rule is made; packets come to a queue by one like\n"
	"iptables -A FORWARD -p tcp -j NFQUEUE --queue-num N\n"
	"Needs root.",
	"  mbtest box scripts/paths/strip.lua --in eth1 --out eth2\n"
	"  mbtest box scripts/paths/strip.lua --nfqueue 5 --fail open\n",
};

/* ---- one run ---- */

static void print_tick(void *self, const struct inline_counts *counts, nsec_t now)
{
	struct box_options *options = self;

	report_box_line(stderr, counts, &options->then, now - options->then_at);
	options->then = *counts;
	options->then_at = now;
}

static bool run_inline(struct box_options *options, const char *name, struct inline_run *run,
	const struct inline_plan *plan, struct err *err)
{
	struct box_report report = { .path = name, .run = run };
	bool ok = options->has_queue
		? inline_queue(run, plan, (uint16_t)options->queue, &options->server, err)
		: inline_bridge(run, plan, options->in, options->out, err);

	if (ok) {
		report.elapsed = inline_now(run);
		(options->json ? report_box_json : report_box)(stdout, &report);
		ok = output_done(err);
	}
	if (ok && run->failed)
		ok = err_set(err, "packets went on without boxes: %.400s", run->failure.text);
	inline_end(run);
	return ok;
}

static bool open_captures(const struct box_options *options, struct inline_plan *plan,
	struct err *err)
{
	if (options->before != NULL && (plan->before = pcap_log_open(options->before, err)) == NULL)
		return false;
	return options->after == NULL || (plan->after = pcap_log_open(options->after, err)) != NULL;
}

static int run_file(struct box_options *options, const char *name, struct err *err)
{
	struct path_file *file = path_file_load(name, 1, err);
	struct inline_plan plan = { .seed = options->seed, .fail_open = options->fail == 1 };
	struct inline_run run = { .failed = false };
	bool ok;

	if (file == NULL)
		return STATUS_WRONG;
	plan.path = path_file_plan(file);
	plan.stop = interrupt_open(err);
	if (isatty(STDERR_FILENO) == 1) {
		plan.tick = print_tick;
		plan.tick_self = options;
	}
	ok = plan.stop >= 0 && open_captures(options, &plan, err) &&
		run_inline(options, name, &run, &plan, err);
	ok = pcap_log_close(plan.before, ok, err);
	ok = pcap_log_close(plan.after, ok, err);
	interrupt_close(plan.stop);
	path_file_free(file);
	return ok ? STATUS_FINE : STATUS_WRONG;
}

int command_box(int argc, char **argv, struct err *err)
{
	struct box_options options = { .seed = 1 };
	int first, status;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (argc - first != 1) {
		err_set(err, "a pipeline is needed: %s", help.usage);
		return STATUS_WRONG;
	}
	if (options.has_queue == (options.in != NULL || options.out != NULL) ||
		(!options.has_queue && (options.in == NULL || options.out == NULL))) {
		err_set(err, "either --in and --out or --nfqueue are needed: %s", help.usage);
		return STATUS_WRONG;
	}
	if (!options.has_queue && strcmp(options.in, options.out) == 0) {
		err_set(err, "--in and --out must be two interfaces");
		return STATUS_WRONG;
	}
	if (!options.has_queue && options.server.version != 0) {
		err_set(err, "--to-server goes with --nfqueue");
		return STATUS_WRONG;
	}
	return run_file(&options, argv[first], err);
}
