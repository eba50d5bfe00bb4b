/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel_offline.h - the channel of -i pcap:OUT:IN: each probe is appended to one capture, and
 * exactly one packet is then read from the other. Time stands still but for what is waited for.
 */
#ifndef TRACEBOX_CHANNEL_OFFLINE_H
#define TRACEBOX_CHANNEL_OFFLINE_H

#include "tracebox/channel.h"

/* Whether a device's name is one of these. */
bool channel_is_offline(const char *device);

bool channel_offline_open(struct channel *channel, const char *device, struct err *err);

#endif
