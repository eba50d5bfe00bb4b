/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - mbtest: finds the subcommand, and prints what went wrong.
 */
#include "mbtest/command_set.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct err *err);
	const char *help;
} commands[] = {
	{ "run", command_run, "run suites of scenarios (default: classic) and judge the outcomes" },
	{ "list", command_list, "the catalogue: boxes, suites, scenarios, faults, rules" },
	{ "selftest", command_selftest, "is every fault of the endpoint caught by a scenario?" },
	{ "explore", command_explore,
		"random paths and timing; a violation becomes a small scenario" },
	{ "net", command_net, "run a command inside a path: real programs, our network" },
	{ "pcap", command_pcap, "pass a capture through boxes" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(void)
{
	unsigned int i;

	printf("usage: mbtest COMMAND [options]\n\n"
	       "Given these middleboxes, does this TCP or Multipath TCP stack fall back\n"
	       "correctly? Simulated without privileges, or against the Linux kernel as root.\n\n"
	       "commands:\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	printf("\noptions:\n  --help     print this and exit; after a command, its options\n"
	       "  --version  print the version and exit\n"
	       "\nexamples:\n  mbtest run classic\n"
	       "  mbtest run classic --client kernel --server kernel --mptcp 1 --json\n");
}

int main(int argc, char **argv)
{
	struct err err = { "" };
	int status = STATUS_WRONG;
	unsigned int i;

	/* A reader that goes away is an error of the write, not the end of us. */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		fprintf(stderr,
			"mbtest: a command is needed: run, list, selftest, explore or pcap "
			"(see mbtest --help)\n");
		return STATUS_WRONG;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help();
		return STATUS_FINE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("mbtest %s\n", MBKIT_VERSION);
		return STATUS_FINE;
	}
	for (i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, argv[1]) == 0)
			break;
	}
	if (i < COMMANDS)
		status = commands[i].run(argc - 1, argv + 1, &err);
	else
		err_set(&err, "there is no command %s (see mbtest --help)", argv[1]);
	/* A command inside a path may end with 2 on its own account. */
	if (status == STATUS_WRONG && err.text[0] != '\0')
		fprintf(stderr, "mbtest: %s\n", err.text);
	return status;
}
