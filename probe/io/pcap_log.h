/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap_log.h - a capture file that grows while packets come, link type RAW, in nanoseconds: for
 * runs without an end in sight, which no memory holds (pcap_file.h writes what is held).
 */
#ifndef PROBE_IO_PCAP_LOG_H
#define PROBE_IO_PCAP_LOG_H

#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/wire/packet.h"

#include <stdbool.h>

struct pcap_log;

/* Begins a file, over what was there; NULL with a sentence. */
struct pcap_log *pcap_log_open(const char *path, struct err *err);

void pcap_log_add(struct pcap_log *log, const struct packet *packet, nsec_t at);

/*
 * Flush and close; NULL is nothing. ok: what was logged went well, or err says already why not; the
 * same comes back, or false with a sentence when not all that was added could be written. No file
 * is left then, nor an empty one of what failed.
 */
bool pcap_log_close(struct pcap_log *log, bool ok, struct err *err);

#endif
