/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sniffer.h - packets as they come in, whatever a firewall does to them afterwards: a packet socket
 * that never waits, hands out IP packets of any kind of link, and knows libpcap's filter language.
 * A capture handle of libpcap's would do, but its ring costs two waits for the whole kernel, one
 * when it is made and one when it is given back, which together last longer than some traces.
 */
#ifndef PROBE_IO_SNIFFER_H
#define PROBE_IO_SNIFFER_H

#include "probe/base/err.h"
#include "probe/wire/packet.h"

#include <stdbool.h>

struct sniffer;

/*
 * device NULL is all of them. Hears nothing before the first filter. NULL with a sentence, which
 * names the privilege that is missing.
 */
struct sniffer *sniffer_open(const char *device, struct err *err);
void sniffer_close(struct sniffer *sniffer);

/* Let through only what a filter expression (pcap-filter(7)) matches; drops what waits. */
bool sniffer_filter(struct sniffer *sniffer, const char *expression, struct err *err);

/* Becomes readable when packets wait. */
int sniffer_fd(const struct sniffer *sniffer);

/*
 * The next waiting packet, parsed, with the time it came by the clock of the day in at (0: not
 * known); false when there is none. Packets this host sent are none. A checksum that was left to
 * hardware is finished.
 */
bool sniffer_read(struct sniffer *sniffer, struct packet *packet);

#endif
