/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel_live.h - the channel into the network this host is in.
 */
#ifndef TRACEBOX_CHANNEL_LIVE_H
#define TRACEBOX_CHANNEL_LIVE_H

#include "tracebox/channel.h"

/*
 * Open sockets, capture and guard, then drop all privileges. device NULL: by the routing table.
 * guarded: TCP probes may be sent, so that the kernel has to be kept quiet.
 */
bool channel_live_open(struct channel *channel, const char *device, bool guarded, struct err *err);

/* A descriptor that interrupts a pause of a live channel's run when it is readable; -1: none. */
void channel_live_wake(struct channel *channel, int fd);

#endif
