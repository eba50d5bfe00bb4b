/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_pcap.c - mbtest pcap: the boxes of a pipeline over a capture. The first scenario of the
 * file is the pipeline: the boxes of its paths, one behind the other. Packets keep their times;
 * what a box holds back leaves when its time comes.
 */
#include "mbtest/command_set.h"
#include "mbtest/command_suites.h"
#include "mbtest/options.h"
#include "mbtest/suite/pipeline.h"
#include "probe/io/pcap_file.h"

#include <string.h>

struct pcap_options {
	struct pipeline_plan plan;
	bool has_server;
};

static bool set_to_server(void *self, const char *text, struct err *err)
{
	struct pcap_options *options = self;

	options->has_server = true;
	if (addr_parse(&options->plan.server, text))
		return true;
	return err_set(err, "--to-server needs an address, not \"%s\"", text);
}

static bool set_seed(void *self, const char *text, struct err *err)
{
	return parse_number("--seed", text, 0, INT64_MAX, &((struct pcap_options *)self)->plan.seed,
		err);
}

static const struct option_row rows[] = {
	{ "to-server", "ADDR", "packets for this address go to the server", set_to_server },
	{ "seed", "N", "seed of everything random (default 1)", set_seed },
	{ NULL, NULL, NULL, NULL },
};

static const struct command_help help = {
	"mbtest pcap [options] PIPELINE.lua IN.pcap OUT.pcap",
	"Pass the packets of a capture through the boxes of a pipeline: the boxes of the\n"
	"first scenario in PIPELINE.lua. Without --to-server, who sent the first SYN is\n"
	"the client.",
	"  mbtest pcap strip.lua before.pcap after.pcap\n"
	"  mbtest pcap --to-server 198.18.100.2 nat.lua before.pcap after.pcap\n",
};

static int run_pipeline(struct pcap_options *options, char **names, struct err *err)
{
	struct suites suites = { .count = 0 };
	struct suite_cases cases = { CASE_ON, CASE_ON, CASE_IP4 };
	struct capture in, out;
	int status = STATUS_WRONG;

	capture_init(&in);
	capture_init(&out);
	if (suites_load(&suites, names, 1, &cases, NULL, err) &&
		pcap_file_read(names[1], &in, err)) {
		options->plan.pipeline = suites.scenarios[0];
		if (pipeline_run(&options->plan, &in, &out, err) &&
			pcap_file_write(names[2], &out, err))
			status = STATUS_FINE;
	}
	capture_fini(&in);
	capture_fini(&out);
	suites_fini(&suites);
	return status;
}

int command_pcap(int argc, char **argv, struct err *err)
{
	struct pcap_options options = { .plan = { .seed = 1 } };
	int first;

	switch (options_parse(argc, argv, rows, &help, &options, &first, err)) {
	case OPTIONS_DONE:
		return output_done(err) ? STATUS_FINE : STATUS_WRONG;
	case OPTIONS_WRONG:
		return STATUS_WRONG;
	case OPTIONS_RUN:
		break;
	}
	if (argc - first != 3) {
		err_set(err, "a pipeline, a capture to read and one to write are needed: %s",
			help.usage);
		return STATUS_WRONG;
	}
	return run_pipeline(&options, argv + first, err);
}
