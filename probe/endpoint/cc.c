/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cc.c - what all algorithms share: the table, slow start, losses and time-outs, the group, rounds.
 */
#include "probe/endpoint/cc.h"

#include <stddef.h>
#include <string.h>

enum { RTT_MOST_US = 60 * 1000 * 1000 };

const struct cc_ops cc_list[] = {
	{ "newreno", "RFC 5681 and RFC 6582: each subflow by itself", cc_newreno_increase,
		cc_newreno_decrease, NULL },
	{ "lia", "RFC 6356: together no more than one TCP on the best path", cc_lia_increase,
		cc_newreno_decrease, NULL },
	{ "olia", "opportunistic: windows move to the best paths", cc_olia_increase,
		cc_newreno_decrease, NULL },
	{ "balia", "balanced: between the responsiveness of lia and the balance of olia",
		cc_balia_increase, cc_balia_decrease, NULL },
	{ "wvegas", "weighted Vegas: by queueing delay, before packets are lost", NULL,
		cc_newreno_decrease, cc_wvegas_round },
	{ NULL, NULL, NULL, NULL, NULL },
};

const struct cc_ops *cc_find(const char *name)
{
	const struct cc_ops *ops;

	for (ops = cc_list; ops->name != NULL; ops++)
		if (strcmp(ops->name, name) == 0)
			return ops;
	return NULL;
}

void cc_init(struct cc *cc, struct cc_group *group, const struct cc_ops *ops, uint32_t mss,
	uint32_t initial_segments)
{
	uint32_t rtt_us = cc->rtt_us > 0 ? cc->rtt_us : 1, base_us = cc->base_us;

	cc_fini(cc);
	*cc = (struct cc){ .ops = ops,
		.group = group,
		.next = group->first,
		.mss = mss,
		.ssthresh = CC_WINDOW_MOST,
		.rtt_us = rtt_us,
		.base_us = base_us };
	cc->cwnd = mss * (initial_segments > 0 ? initial_segments : 1);
	group->first = cc;
}

void cc_fini(struct cc *cc)
{
	struct cc **at;

	if (cc->group == NULL)
		return;
	for (at = &cc->group->first; *at != cc; at = &(*at)->next)
		;
	*at = cc->next;
	cc->group = NULL;
}

/* ---- the group ---- */

uint64_t cc_group_sends(const struct cc *cc)
{
	const struct cc *other;
	uint64_t sum = cc->cwnd;

	for (other = cc->group->first; other != NULL; other = other->next)
		if (other != cc && other->in_use)
			sum += (uint64_t)other->cwnd * cc->rtt_us / other->rtt_us;
	return sum;
}

int64_t cc_linked(const struct cc *cc, uint32_t window, uint64_t total, uint32_t bytes)
{
	/* At most 2^30 * 2^16 * 2^16 before the first division, mss * 2^16 behind it. */
	uint64_t part = ((uint64_t)window * cc->mss << CC_FRACTION) / total;

	return (int64_t)(part * bytes / total);
}

/* ---- what happens ---- */

static void grow(struct cc *cc, int64_t by)
{
	int64_t whole, cwnd;

	cc->credit += by;
	whole = cc->credit / (1 << CC_FRACTION);
	cc->credit -= whole * (1 << CC_FRACTION);
	cwnd = (int64_t)cc->cwnd + whole;
	if (cwnd < (int64_t)cc->mss)
		cwnd = cc->mss;
	cc->cwnd = cwnd < CC_WINDOW_MOST ? (uint32_t)cwnd : CC_WINDOW_MOST;
}

/* Slow start has L = 2 (RFC 3465). */
void cc_acked(struct cc *cc, uint32_t bytes)
{
	cc->in_use = true;
	cc->since_loss += bytes;
	if (cc->cwnd < cc->ssthresh)
		grow(cc, (int64_t)(bytes < 2 * cc->mss ? bytes : 2 * cc->mss) << CC_FRACTION);
	else if (cc->ops->increase != NULL)
		grow(cc, cc->ops->increase(cc, bytes));
}

void cc_measured(struct cc *cc, nsec_t rtt, nsec_t smoothed, nsec_t now)
{
	uint32_t sample = (uint32_t)nsec_min(rtt / 1000, RTT_MOST_US - 1) + 1;

	cc->rtt_us = (uint32_t)nsec_min(smoothed / 1000, RTT_MOST_US - 1) + 1;
	if (cc->base_us == 0 || sample < cc->base_us)
		cc->base_us = sample;
	cc->samples_us += sample;
	cc->samples_count++;
	if (now < cc->round_at)
		return;
	if (cc->ops != NULL && cc->ops->round != NULL && cc->in_use)
		cc->ops->round(cc, (uint32_t)(cc->samples_us / cc->samples_count));
	cc->samples_us = cc->samples_count = 0;
	cc->round_at = now + smoothed;
}

void cc_lost(struct cc *cc, uint32_t in_flight)
{
	uint32_t least = 2 * cc->mss, window = cc->ops->decrease(cc, in_flight);

	cc->cwnd = cc->ssthresh = window > least ? window : least;
	cc->credit = 0;
	cc->between_losses = cc->since_loss;
	cc->since_loss = 0;
}

void cc_penalise(struct cc *cc)
{
	cc->cwnd = cc->cwnd / 2 > 2 * cc->mss ? cc->cwnd / 2 : 2 * cc->mss;
	if (cc->ssthresh > cc->cwnd)
		cc->ssthresh = cc->cwnd;
}

void cc_timed_out(struct cc *cc, uint32_t in_flight)
{
	cc_lost(cc, in_flight);
	cc->cwnd = cc->mss;
}

/* ---- NewReno ---- */

int64_t cc_newreno_increase(const struct cc *cc, uint32_t bytes)
{
	return (int64_t)((((uint64_t)cc->mss * bytes) << CC_FRACTION) / cc->cwnd);
}

uint32_t cc_newreno_decrease(const struct cc *cc, uint32_t in_flight)
{
	(void)cc;
	return in_flight / 2;
}
