/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - mpprobe: its commands.
 */
#include "probe/command_set.h"

#include <stddef.h>

int main(int argc, char **argv)
{
	static const struct command commands[] = {
		{ "analyze", command_analyze,
			"every Multipath TCP connection of a capture, verified" },
		{ NULL, NULL, NULL },
	};
	static const struct program program = {
		"mpprobe",
		"What does this Multipath TCP peer, or this capture, actually do?\n",
		"  mpprobe analyze capture.pcap\n"
		"  mpprobe analyze --json capture.pcap\n",
		commands,
	};

	return program_run(&program, argc, argv);
}
