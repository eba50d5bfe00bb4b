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
 * Live runs side by side that still leave each its time: most of one is waiting, for links of
 * 30 Mbit/s and for retransmission timers.
 */
unsigned int run_live_jobs(void);

/* Whether live runs are possible here (root, TUN devices, MPTCP); else the sentence why not. */
bool run_live_possible(struct err *err);

/*
 * As run_scenario. Whatever ends this process, nothing remains of the run. The process must have
 * one thread. With MBKIT_LIVE_COUNTERS=DIR in the environment, the counters of each kernel's
 * namespace are written to DIR/SCENARIO.END.
 */
bool run_live(const struct scenario *scenario, const struct run_config *run, struct result *result,
	struct run_taps *taps, struct err *err);

#endif
