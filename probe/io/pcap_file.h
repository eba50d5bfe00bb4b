/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap_file.h - capture files: written with link type RAW, read with RAW, EN10MB, SLL, SLL2, NULL.
 * Frames that carry no IP packet are left out on reading; times become relative to the first frame.
 */
#ifndef PROBE_IO_PCAP_FILE_H
#define PROBE_IO_PCAP_FILE_H

#include "probe/base/err.h"
#include "probe/wire/capture.h"

#include <stdbool.h>

/*
 * Write a capture to a file. It appears complete or not at all: false with a sentence and no file.
 * A pipe or a device is written to as it is.
 */
bool pcap_file_write(const char *path, const struct capture *capture, struct err *err);

/* A file that is read packet by packet; "-" is standard input. NULL with a sentence. */
struct pcap_file;
struct pcap_file *pcap_file_open(const char *path, struct err *err);
void pcap_file_close(struct pcap_file *file);

enum pcap_file_next {
	PCAP_FILE_PACKET,
	PCAP_FILE_END,
	PCAP_FILE_CUT, /* the file ends amid a frame, or is spoiled: a sentence */
};

/* The next IP packet, as far as it was captured, parsed; packet->at is its time. */
enum pcap_file_next pcap_file_next(struct pcap_file *file, struct packet *packet, struct err *err);

/* Frames read so far, those without an IP packet counted: the number of the last, from 1. */
uint64_t pcap_file_frames(const struct pcap_file *file);

/*
 * Append the packets of a file to a capture. False with a sentence when it cannot be read, is no
 * capture, or is cut; the capture then holds what came before. others, which may be NULL, is the
 * number of frames without an IP packet.
 */
bool pcap_file_read(const char *path, struct capture *capture, uint64_t *others, struct err *err);

#endif
