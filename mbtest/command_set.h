/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_set.h - the subcommands of mbtest; one file each, command_NAME.c. Each takes its own argv
 * and returns an exit status; what went wrong is a sentence in err, printed by main alone.
 */
#ifndef MBTEST_COMMAND_SET_H
#define MBTEST_COMMAND_SET_H

#include "probe/options.h"

int command_run(int argc, char **argv, struct err *err);
int command_list(int argc, char **argv, struct err *err);
int command_box(int argc, char **argv, struct err *err);
int command_net(int argc, char **argv, struct err *err);
int command_pcap(int argc, char **argv, struct err *err);
int command_new(int argc, char **argv, struct err *err);
int command_explore(int argc, char **argv, struct err *err);
int command_survey(int argc, char **argv, struct err *err);
int command_selftest(int argc, char **argv, struct err *err);

#endif
