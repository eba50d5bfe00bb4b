/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_established.h - tracebox --established: a connection of our endpoint over a channel, and
 * what the path does to its data segments and ACKs.
 */
#ifndef TRACEBOX_COMMAND_ESTABLISHED_H
#define TRACEBOX_COMMAND_ESTABLISHED_H

#include "probe/base/rng.h"
#include "tracebox/channel.h"
#include "tracebox/join.h"
#include "tracebox/options.h"

struct established_plan {
	const struct options *options;
	const struct channel *channel;
	const char *host;
	int wake; /* readable: end early (interrupt.h); -1: nothing interrupts */
	struct rng rng;
};

/* Our end of a connection: names and endpoint, and what its packets look like. */
struct live_end {
	struct sockname local, remote;
	struct endpoint *endpoint;
	struct packet *like;
};

/* name tells the connections of one plan apart. False with a sentence, and nothing to be freed. */
bool live_end_init(struct live_end *end, const struct established_plan *plan, const char *name,
	struct err *err);
void live_end_fini(struct live_end *end);

struct established_run {
	struct live_end end;
	struct established *established;
	uint8_t *stream;
	struct conn_info info;
	struct joined joined; /* its result is what reports want */
	bool was_interrupted;
};

/* Fill run from a connection that is over; false with a sentence when the network failed. */
bool command_established(const struct established_plan *plan, struct established_run *run,
	struct err *err);
void command_established_fini(struct established_run *run);

#endif
