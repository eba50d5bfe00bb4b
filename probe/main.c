/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - mpprobe: its commands.
 */
#include "probe/command_set.h"

#include <stddef.h>

int main(int argc, char **argv)
{
	static const struct command commands[] = {
		{ "connect", command_connect, "one connection to a peer, and what the peer did" },
		{ "serve", command_serve, "a server that answers with what it got, or saw" },
		{ "analyze", command_analyze,
			"every Multipath TCP connection of a capture, verified" },
		{ NULL, NULL, NULL },
	};
	static const struct program program = {
		"mpprobe",
		"What does this Multipath TCP peer, or this capture, actually do?\n",
		"  sudo mpprobe connect --get / www.example.org\n"
		"  mpprobe analyze capture.pcap\n",
		commands,
	};

	return program_run(&program, argc, argv);
}
