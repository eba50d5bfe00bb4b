/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap_file.h - both taps of a run, handed from the worker that ran it to the parent that reports
 * it. The file holds the structures as they are: it never leaves the machine, nor the run.
 */
#ifndef MBTEST_SUITE_TAP_FILE_H
#define MBTEST_SUITE_TAP_FILE_H

#include "mbtest/suite/run.h"
#include "probe/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* The file of a job in a folder; one that cannot be read is as good as empty. */
bool tap_file_write(const char *folder, uint32_t job, const struct run_taps *taps, struct err *err);
bool tap_file_read(const char *folder, uint32_t job, struct run_taps *taps);
void tap_file_remove(const char *folder, uint32_t job);

#endif
