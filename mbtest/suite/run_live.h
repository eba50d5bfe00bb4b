/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run_live.h - one scenario on the real clock, where one end at least is the kernel's own stack:
 * in a fresh anonymous network namespace, with TUN devices to the network in between. An end that
 * is our endpoint stands inside the network, as in a simulated run.
 */
#ifndef MBTEST_SUITE_RUN_LIVE_H
#define MBTEST_SUITE_RUN_LIVE_H

#include "mbtest/suite/run.h"
#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"

#include <stdbool.h>

/*
 * As run_scenario; it needs root, TUN devices and MPTCP. Whatever ends this process, nothing
 * remains of the run. The process must have one thread. With MBKIT_LIVE_COUNTERS=DIR in the
 * environment, the counters of each kernel's namespace are written there, one file an end.
 */
bool run_live(const struct scenario *scenario, const struct run_config *run, struct result *result,
	struct run_taps *taps, struct err *err);

#endif
