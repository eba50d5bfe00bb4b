/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/cc.h"

enum { CWND_MOST = 1u << 30 };

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss, uint32_t initial_segments)
{
	*cc = (struct cc){ .ops = ops, .mss = mss, .ssthresh = CWND_MOST };
	cc->cwnd = mss * (initial_segments > 0 ? initial_segments : 1);
}

/* Slow start with L = 2 (RFC 3465), then one segment a window. */
static void newreno_acked(struct cc *cc, uint32_t bytes, nsec_t now)
{
	(void)now;
	if (cc->cwnd >= CWND_MOST)
		return;
	if (cc->cwnd < cc->ssthresh) {
		cc->cwnd += bytes < 2 * cc->mss ? bytes : 2 * cc->mss;
		return;
	}
	cc->credit += bytes;
	if (cc->credit >= cc->cwnd) {
		cc->credit -= cc->cwnd;
		cc->cwnd += cc->mss;
	}
}

static void newreno_lost(struct cc *cc, uint32_t in_flight)
{
	uint32_t least = 2 * cc->mss;

	cc->ssthresh = in_flight / 2 > least ? in_flight / 2 : least;
	cc->cwnd = cc->ssthresh;
	cc->credit = 0;
}

static void newreno_timed_out(struct cc *cc, uint32_t in_flight)
{
	newreno_lost(cc, in_flight);
	cc->cwnd = cc->mss;
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.acked = newreno_acked,
	.lost = newreno_lost,
	.timed_out = newreno_timed_out,
};
