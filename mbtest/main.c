/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - mbtest: its commands.
 */
#include "mbtest/command_set.h"

#include <stddef.h>

int main(int argc, char **argv)
{
	static const struct command commands[] = {
		{ "run", command_run,
			"run suites of scenarios (default: classic) and judge the outcomes" },
		{ "survey", command_survey,
			"what a stack does on the wire, as a column of the survey" },
		{ "list", command_list, "the catalogue: boxes, suites, scenarios, faults, rules" },
		{ "selftest", command_selftest,
			"is every fault of the endpoint caught by a scenario?" },
		{ "explore", command_explore,
			"random paths and timing; a violation becomes a small scenario" },
		{ "net", command_net, "run a command inside a path: real programs, our network" },
		{ "box", command_box, "pass real traffic through boxes, between two interfaces" },
		{ "pcap", command_pcap, "pass a capture through boxes" },
		{ "new", command_new, "write a box of one's own to begin with" },
		{ NULL, NULL, NULL },
	};
	static const struct program program = {
		"mbtest",
		"Given these middleboxes, does this TCP or Multipath TCP stack fall back\n"
		"correctly? Simulated without privileges, or against the Linux kernel as root.\n",
		"  mbtest run classic\n"
		"  mbtest run classic --client kernel --server kernel --mptcp 1 --json\n",
		commands,
	};

	return program_run(&program, argc, argv);
}
