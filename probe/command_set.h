/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_set.h - the commands of mpprobe; one file each, command_NAME.c.
 */
#ifndef PROBE_COMMAND_SET_H
#define PROBE_COMMAND_SET_H

#include "probe/options.h"

int command_connect(int argc, char **argv, struct err *err);
int command_serve(int argc, char **argv, struct err *err);
int command_analyze(int argc, char **argv, struct err *err);

#endif
