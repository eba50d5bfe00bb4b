/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_pcap.c - mbtest pcap: the boxes of a path file over a capture. Packets keep their times;
 * what a box holds back leaves when its time comes.
 */
#include "lua/path_file.h"
#include "mbtest/command_set.h"
#include "probe/options.h"
#include "mbtest/report_box.h"
#include "mbtest/suite/pipeline.h"
#include "probe/io/pcap_file.h"

#include <inttypes.h>

struct pcap_options {
	struct pipeline_plan plan;
	bool has_server, json;
};

static bool set_to_server(void *self, const char *text, struct err *err)
{
	struct pcap_options *options = self;

	options->has_server = true;
	if (addr_parse(&options->plan.server, text))
		return true;
	return err_set(err, "--to-server needs an address, not \"%s\"", text);
}

static const struct option_row rows[] = {
	OPTION_CALL_ROW(set_to_server, "to-server", "ADDR",
		"packets for this address go to the server"),
	OPTION_NUMBER_ROW(struct pcap_options, plan.seed, "seed", 0, INT64_MAX,
		"seed of everything random (default 1)"),
	OPTION_FLAG_ROW(struct pcap_options, json, "json",
		"what each box did, as JSON (mbkit.box/1)"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest pcap [options] PIPELINE.lua IN.pcap OUT.pcap",
	"Pass the packets of a capture through the boxes of a pipeline: a file that\n"
	"returns path { box.strip { kind = 30 } }, as tracebox --sim takes it, or the\n"
	"boxes of a suite file's first scenario. Without --to-server, who sent the first\n"
	"SYN is the client.",
	"  mbtest pcap scripts/paths/strip.lua before.pcap after.pcap\n"
	"  mbtest pcap --to-server 198.18.100.2 nat.lua before.pcap after.pcap\n",
};

/* The same as of packets that pass in real time, whose time is the capture's. */
static void print_json(const char *name, const struct capture *in,
	const struct pipeline_result *result)
{
	struct inline_run run = { .pipeline = result->pipeline };
	struct box_report report = { .path = name, .run = &run };

	if (in->count > 0)
		report.elapsed = in->records[in->count - 1].at - in->records[0].at;
	memcpy(run.counts.packets, result->packets, sizeof(result->packets));
	memcpy(run.counts.bytes, result->bytes, sizeof(result->bytes));
	memcpy(run.counts.sent, result->sent, sizeof(result->sent));
	run.counts.dropped = result->dropped;
	report_box_json(stdout, &report);
}

static int run_pipeline(struct pcap_options *options, char **names, struct err *err)
{
	struct path_file *file = path_file_load(names[0], 1, err);
	struct pipeline_result result = { .pipeline = NULL };
	struct capture in, out;
	uint64_t others;
	int status = STATUS_WRONG;

	if (file == NULL)
		return status;
	capture_init(&in);
	capture_init(&out);
	options->plan.path = path_file_plan(file);
	if (pcap_file_read(names[1], &in, &others, err) &&
		pipeline_run(&options->plan, &in, &out, &result, err) &&
		pcap_file_write(names[2], &out, err)) {
		if (options->json)
			print_json(names[0], &in, &result);
		if (others > 0)
			fprintf(stderr,
				"mbtest: %" PRIu64 " frame%s of %s without IP %s left out\n",
				others, others == 1 ? "" : "s", names[1],
				others == 1 ? "is" : "are");
		if (output_done(err))
			status = STATUS_FINE;
	}
	pipeline_free(result.pipeline);
	capture_fini(&in);
	capture_fini(&out);
	path_file_free(file);
	return status;
}

int command_pcap(int argc, char **argv, struct err *err)
{
	struct pcap_options options = { .plan = { .seed = 1 } };
	int first, status;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (argc - first != 3) {
		err_set(err, "a pipeline, a capture to read and one to write are needed: %s",
			help.usage);
		return STATUS_WRONG;
	}
	return run_pipeline(&options, argv + first, err);
}
