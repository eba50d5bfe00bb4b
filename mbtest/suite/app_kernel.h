/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * app_kernel.h - the application of app.h over a socket of the kernel's own stack: the same plan,
 * the same discipline, in a child process that stays in the network namespace it was started in.
 * What it saw stands in memory shared with it. It never judges, and it never waits for ever.
 */
#ifndef MBTEST_SUITE_APP_KERNEL_H
#define MBTEST_SUITE_APP_KERNEL_H

#include "mbtest/judge/judge.h"
#include "mbtest/suite/app.h"
#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/io/helper.h"

#include <stdbool.h>

struct app_kernel;

/*
 * Start it here and now: a server listens when this returns, a client connects at once. mptcp
 * false makes it a plain TCP socket. It gives up at the moment until, on CLOCK_MONOTONIC. The plan
 * is copied; its marker is borrowed. NULL with a sentence when there is no such socket.
 */
struct app_kernel *app_kernel_new(const struct app_plan *plan, bool mptcp, nsec_t until,
	struct helpers *helpers, struct err *err);

/* After helpers_end, or its received bytes may still grow. */
void app_kernel_free(struct app_kernel *app);

/* The application has nothing more to do: finished, failed or out of time. */
bool app_kernel_done(const struct app_kernel *app);

/* Its process has ended, which it never does by itself. */
bool app_kernel_lost(const struct app_kernel *app);

/* received points into the application; times count from epoch, a moment on CLOCK_MONOTONIC. */
void app_kernel_view(const struct app_kernel *app, nsec_t epoch, struct app_view *view);

#endif
