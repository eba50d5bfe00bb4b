/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_sim.h - the channel into a simulated network: a path from a Lua file, with our endpoint
 * as the server at its end, on the virtual clock.
 */
#ifndef TRACEBOX_COMMAND_SIM_H
#define TRACEBOX_COMMAND_SIM_H

#include "tracebox/channel.h"

/*
 * The server listens at port, at its addresses of both families. False with a sentence naming file
 * and line.
 */
bool channel_sim_open(struct channel *channel, const char *path, uint16_t port, struct err *err);

#endif
