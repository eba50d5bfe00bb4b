/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap_live.h - packets as they pass an interface, whatever a firewall does to them afterwards:
 * a libpcap capture that never waits and hands out IP packets of any link type.
 */
#ifndef PROBE_IO_PCAP_LIVE_H
#define PROBE_IO_PCAP_LIVE_H

#include "probe/base/err.h"
#include "probe/wire/packet.h"

#include <stdbool.h>

struct pcap_live;

/* device "any" is all of them. NULL with a sentence, which names the privilege that is missing. */
struct pcap_live *pcap_live_open(const char *device, struct err *err);
void pcap_live_close(struct pcap_live *live);

/* Let through only what a filter expression (pcap-filter(7)) matches; drops what waits. */
bool pcap_live_filter(struct pcap_live *live, const char *expression, struct err *err);

/* Becomes readable when packets wait. */
int pcap_live_fd(const struct pcap_live *live);

/* The next waiting packet, parsed; false when there is none. */
bool pcap_live_read(struct pcap_live *live, struct packet *packet);

#endif
