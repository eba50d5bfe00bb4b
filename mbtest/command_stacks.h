/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_stacks.h - the options --client and --server of run and survey: which stack a word
 * names, and what it cannot do.
 */
#ifndef MBTEST_COMMAND_STACKS_H
#define MBTEST_COMMAND_STACKS_H

#include "lua/suite.h"
#include "mbtest/suite/run.h"
#include "probe/base/err.h"

#include <stdbool.h>

/* A stack by its name, at one end: "sim", "sim:anon", "kernel". */
bool stack_parse(struct stack *stack, enum end end, const char *text, struct err *err);

/*
 * Leave out of the cases what a stack does not speak, with a line on stderr; false when nothing
 * remains, or when the run needs privileges that are missing.
 */
bool stacks_check(const struct run_config *run, struct suite_cases *cases, struct err *err);

#endif
