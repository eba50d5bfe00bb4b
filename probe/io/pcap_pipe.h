/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap_pipe.h - a network of two capture files or FIFOs: every packet that is sent is appended to
 * one and flushed, every packet that is received is read from the other. Both of link type RAW;
 * what is read may have any that pcap_link.h knows.
 */
#ifndef PROBE_IO_PCAP_PIPE_H
#define PROBE_IO_PCAP_PIPE_H

#include "probe/base/err.h"
#include "probe/wire/packet.h"

#include <stdbool.h>

struct pcap_pipe;

/*
 * Opens the file to write now, and that to read with the first packet wanted from it. When the
 * latter turns out to be no capture, closing removes the former.
 */
struct pcap_pipe *pcap_pipe_open(const char *out, const char *in, struct err *err);
void pcap_pipe_close(struct pcap_pipe *pipe);

bool pcap_pipe_send(struct pcap_pipe *pipe, const struct packet *packet, struct err *err);

/* The next packet, waiting for it; false with a sentence when there is none any more. */
bool pcap_pipe_receive(struct pcap_pipe *pipe, struct packet *packet, struct err *err);

#endif
