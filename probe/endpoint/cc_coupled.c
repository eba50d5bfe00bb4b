/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cc_coupled.c - the algorithms whose increase looks at all subflows of the connection. Written
 * with w for a window, x = w / rtt for a rate, r for the subflow of an acknowledgement and S_r for
 * cc_group_sends: the sum of w_p * rtt_r / rtt_p. Every sum of rates in the papers is S_r / rtt_r,
 * so that no rate need be written down.
 */
#include "probe/endpoint/cc.h"

#include <stddef.h>

/* ---- LIA ---- */

/* a * (b / c) without overflow for a <= 2^40 and b, c <= 2^26, to 16 bits. */
static uint64_t times_ratio(uint64_t a, uint32_t b, uint32_t c)
{
	return (a * (((uint64_t)b << 16) / c)) >> 16;
}

/*
 * alpha = w_total * max(w_p / rtt_p^2) / (sum(w_p / rtt_p))^2, and min(alpha / w_total, 1 / w_r)
 * for each byte of a segment (RFC 6356 3): with m the subflow of the maximum, that is w_m / S_m^2.
 */
int64_t cc_lia_increase(const struct cc *cc, uint32_t bytes)
{
	const struct cc *other, *best = cc;
	int64_t linked, alone = cc_newreno_increase(cc, bytes);

	for (other = cc->group->first; other != NULL; other = other->next) {
		if (!other->in_use)
			continue;
		/* w_other / rtt_other^2 > w_best / rtt_best^2 */
		if (times_ratio(times_ratio(other->cwnd, best->rtt_us, other->rtt_us), best->rtt_us,
			    other->rtt_us) > best->cwnd)
			best = other;
	}
	linked = cc_linked(cc, best->cwnd, cc_group_sends(best), bytes);
	return linked < alone ? linked : alone;
}

/* ---- OLIA ---- */

/* An estimate of what goes between two losses, so that its inverse is one of their probability. */
static uint64_t loss_distance(const struct cc *cc)
{
	uint64_t distance =
		cc->since_loss > cc->between_losses ? cc->since_loss : cc->between_losses;

	return distance < UINT64_C(1) << 38 ? distance : UINT64_C(1) << 38;
}

/* A TCP alone would be faster on a than on b: its rate goes with sqrt(distance) / rtt. */
static bool is_better(const struct cc *a, const struct cc *b)
{
	uint64_t distance = times_ratio(loss_distance(a), b->rtt_us, a->rtt_us);

	if (distance > UINT64_C(1) << 38)
		return true;
	return times_ratio(distance, b->rtt_us, a->rtt_us) > loss_distance(b);
}

/* Sizes of the sets that OLIA speaks of, and whether a subflow is in them. */
struct olia_sets {
	unsigned int all, largest, collected; /* paths of the largest window; best, but not those */
	bool in_largest, in_collected;
};

static struct olia_sets olia_sets(const struct cc *cc)
{
	const struct cc *best = cc, *other;
	struct olia_sets sets = { 0 };
	uint32_t window = cc->cwnd;

	for (other = cc->group->first; other != NULL; other = other->next) {
		if (!other->in_use)
			continue;
		if (is_better(other, best))
			best = other;
		if (other->cwnd > window)
			window = other->cwnd;
	}
	for (other = cc->group->first; other != NULL; other = other->next) {
		bool largest = other->cwnd == window;
		bool collected = !largest && !is_better(best, other);

		if (!other->in_use)
			continue;
		sets.all++;
		sets.largest += largest;
		sets.collected += collected;
		if (other == cc) {
			sets.in_largest = largest;
			sets.in_collected = collected;
		}
	}
	return sets;
}

/*
 * (w_r / rtt_r^2) / (sum(w_p / rtt_p))^2 + alpha_r / w_r, the first being w_r / S_r^2. alpha_r
 * moves the windows from the largest ones to those of the best paths that are not.
 */
int64_t cc_olia_increase(const struct cc *cc, uint32_t bytes)
{
	int64_t by = cc_linked(cc, cc->cwnd, cc_group_sends(cc), bytes);
	int64_t alone = cc_newreno_increase(cc, bytes);
	struct olia_sets sets = olia_sets(cc);

	if (sets.collected == 0)
		return by;
	if (sets.in_collected)
		return by + alone / (int64_t)(sets.all * sets.collected);
	if (sets.in_largest)
		return by - alone / (int64_t)(sets.all * sets.largest);
	return by;
}

/* ---- BALIA ---- */

enum { BALIA_ONE = 1 << 10, BALIA_MOST = 1 << 20 };

/* alpha_r = max(x_p) / x_r, in units of 1 / BALIA_ONE. */
static uint64_t balia_alpha(const struct cc *cc)
{
	const struct cc *other;
	uint64_t alpha = BALIA_ONE;

	for (other = cc->group->first; other != NULL; other = other->next) {
		uint64_t window = (uint64_t)other->cwnd * cc->rtt_us / other->rtt_us;

		if (!other->in_use)
			continue;
		if (window >= (uint64_t)cc->cwnd * (BALIA_MOST / BALIA_ONE))
			return BALIA_MOST;
		if (window * BALIA_ONE / cc->cwnd > alpha)
			alpha = window * BALIA_ONE / cc->cwnd;
	}
	return alpha;
}

/* x_r / (rtt_r * (sum(x_p))^2) * (1 + alpha_r) / 2 * (4 + alpha_r) / 5: the first is w_r / S_r^2.
 */
int64_t cc_balia_increase(const struct cc *cc, uint32_t bytes)
{
	uint64_t by = (uint64_t)cc_linked(cc, cc->cwnd, cc_group_sends(cc), bytes);
	uint64_t alpha = balia_alpha(cc);

	by = by * (BALIA_ONE + alpha) / (2 * BALIA_ONE);
	return (int64_t)(by * (4 * BALIA_ONE + alpha) / (5 * BALIA_ONE));
}

/* Down by w_r / 2 * min(alpha_r, 1.5). */
uint32_t cc_balia_decrease(const struct cc *cc, uint32_t in_flight)
{
	uint64_t alpha = balia_alpha(cc);

	if (alpha > BALIA_ONE * 3 / 2)
		alpha = BALIA_ONE * 3 / 2;
	return in_flight - (uint32_t)(in_flight * alpha / (2 * BALIA_ONE));
}
