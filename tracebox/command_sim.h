/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_sim.h - the channel into a simulated network: a path, from a Lua file or a suite, with
 * our endpoint as the server at its end, on the virtual clock.
 */
#ifndef TRACEBOX_COMMAND_SIM_H
#define TRACEBOX_COMMAND_SIM_H

#include "mbtest/suite/scenario.h"
#include "tracebox/channel.h"

struct sim_plan {
	struct net_config net;
	const struct path_plan *path; /* borrowed until the channel is freed */
	enum path_server server;
	uint16_t port; /* where the server listens, at its addresses of both families */
};

/* False with a sentence. */
bool channel_sim_new(struct channel *channel, const struct sim_plan *plan, struct err *err);

/* The path of a Lua file; false with a sentence naming file and line. */
bool channel_sim_open(struct channel *channel, const char *path, uint16_t port, struct err *err);

/* The network of such a channel, to be looked at. */
const struct net *channel_sim_net(const struct channel *channel);

#endif
