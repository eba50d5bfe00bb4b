/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_trace.h - scenarios that are traces: the prober is sent along the scenario's path on the
 * virtual clock, and what it finds is held against the truth. Here mbtest meets tracebox.
 */
#ifndef MBTEST_COMMAND_TRACE_H
#define MBTEST_COMMAND_TRACE_H

#include "mbtest/suite/run.h"

/* For run_config.trace. */
run_function trace_scenario;

#endif
