/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cc_wvegas.c - weighted Vegas: each subflow keeps so many bytes of its own in the queues of its
 * path, a share of a total by its part of the connection's rate. Paths with longer queues so lose
 * rate to the others without a loss.
 */
#include "probe/endpoint/cc.h"

enum {
	TOTAL_SEGMENTS = 10, /* kept in queues by the connection, ... */
	LEAST_SEGMENTS = 2,  /* ... and at least by a subflow */
	GAMMA_SEGMENTS = 1,  /* a queue of so many ends slow start */
};

/*
 * A window that has what it wants in the queue sees the delay grow to twice the least it saw so:
 * others queue there, too. Drain it, so that the least round trip shows again.
 */
static void drain(struct cc *cc, uint32_t rtt_us)
{
	uint32_t delay = rtt_us - cc->base_us;

	if (cc->queue_us == 0 || delay < cc->queue_us)
		cc->queue_us = delay;
	if (delay < 2 * cc->queue_us || delay == 0)
		return;
	cc->cwnd = (uint32_t)((uint64_t)cc->cwnd * cc->base_us / rtt_us / 2);
	cc->queue_us = 0;
}

void cc_wvegas_round(struct cc *cc, uint32_t rtt_us)
{
	uint32_t queued = (uint32_t)((uint64_t)cc->cwnd * (rtt_us - cc->base_us) / rtt_us);
	uint32_t least = LEAST_SEGMENTS * cc->mss, wanted;

	if (cc->cwnd < cc->ssthresh) {
		if (queued > GAMMA_SEGMENTS * cc->mss) {
			cc->cwnd -= queued;
			cc->ssthresh = cc->cwnd;
		}
	} else {
		wanted = (uint32_t)((uint64_t)TOTAL_SEGMENTS * cc->mss * cc->cwnd /
			cc_group_sends(cc));
		if (wanted < least)
			wanted = least;
		if (queued > wanted)
			cc->cwnd -= cc->mss;
		else if (queued < wanted && cc->cwnd < CC_WINDOW_MOST - cc->mss)
			cc->cwnd += cc->mss;
		if (queued >= wanted)
			drain(cc, rtt_us);
		/* What rounds set is no slow start's business. */
		if (cc->ssthresh > cc->cwnd)
			cc->ssthresh = cc->cwnd;
	}
	if (cc->cwnd < least)
		cc->cwnd = cc->ssthresh = least;
}
