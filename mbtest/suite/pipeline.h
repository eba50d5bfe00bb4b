/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipeline.h - the boxes of a path over a capture: no network, no hosts, only the packets that
 * are there and the times they have.
 */
#ifndef MBTEST_SUITE_PIPELINE_H
#define MBTEST_SUITE_PIPELINE_H

#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"
#include "probe/wire/capture.h"

#include <stdbool.h>
#include <stdint.h>

struct pipeline_plan {
	const struct path_plan *path; /* its boxes; links and hops do nothing */
	/* Packets for it go to the server; version 0: told from the first SYN or first packet. */
	struct addr server;
	uint64_t seed;
};

/* Append what comes out to a capture; false when a box cannot be made or failed. */
bool pipeline_run(const struct pipeline_plan *plan, const struct capture *in, struct capture *out,
	struct err *err);

#endif
