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
 */
bool pcap_file_write(const char *path, const struct capture *capture, struct err *err);

/*
 * Append the packets of a file to a capture. False with a sentence when it cannot be read, is no
 * capture, or is cut; the capture then holds what came before.
 */
bool pcap_file_read(const char *path, struct capture *capture, struct err *err);

#endif
