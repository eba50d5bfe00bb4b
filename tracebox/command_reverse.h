/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_reverse.h - tracebox --reverse: a connection on which the server at the far end
 * (reverse.h) is asked to trace the way back, and what it says of that.
 */
#ifndef TRACEBOX_COMMAND_REVERSE_H
#define TRACEBOX_COMMAND_REVERSE_H

#include "tracebox/command_established.h"
#include "tracebox/record.h"

struct reverse_run {
	struct live_end end;
	struct client *client;
	char *text; /* what came, length bytes */
	size_t length;
	struct record record;
	struct joined joined;
	const char *unknown; /* why nothing is known; NULL: joined is the result */
};

/* False with a sentence when the network failed; what the far end says is no error. */
bool command_reverse(const struct established_plan *plan, struct reverse_run *run, struct err *err);
void command_reverse_fini(struct reverse_run *run);

#endif
