/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run_remote.h - one scenario against a server on a real network: our endpoint is the client, the
 * scenario's boxes stand on our side of the wire, and what leaves the last of them goes out by raw
 * sockets. The server's tap is where our side ends.
 *
 * Nothing is known of the server's application: the client sends, and whatever comes back is right.
 * The server is taken to have got what it acknowledged.
 */
#ifndef MBTEST_SUITE_RUN_REMOTE_H
#define MBTEST_SUITE_RUN_REMOTE_H

#include "mbtest/suite/run.h"
#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"

#include <stdbool.h>

/*
 * As run_scenario; it needs CAP_NET_RAW and CAP_NET_ADMIN, and gives all privileges up: a process
 * can do it once.
 */
run_function run_remote;

/* Whether a scenario asks nothing of the server's end that only we could make it do. */
bool remote_can(const struct scenario *scenario);

#endif
