/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_close.h - when a live run may end: kernels go on closing after their applications are done,
 * and what they send then belongs to the evidence. Watches a tap for the end of every TCP
 * connection (subflow) that appeared on it; judges nothing.
 */
#ifndef MBTEST_NET_LIVE_CLOSE_H
#define MBTEST_NET_LIVE_CLOSE_H

#include "probe/base/nsec.h"
#include "probe/wire/capture.h"

#include <stdbool.h>
#include <stddef.h>

enum { LIVE_CLOSE_FLOWS = 64 };

/* Zeroed: nothing seen yet. */
struct live_close {
	struct live_flow {
		struct sockname local, remote;
		bool fin_out, fin_in, reset;
	} flows[LIVE_CLOSE_FLOWS];
	size_t flow_count;
	size_t seen; /* records of the tap looked at */
	nsec_t last; /* time of the latest TCP packet */
};

/* Look at the tap's new records. */
void live_close_watch(struct live_close *close, const struct capture *tap);

/* Every flow has ended, by FINs both ways or a reset, and all has been quiet for some round trips.
 */
bool live_close_over(const struct live_close *close, nsec_t now);

#endif
