/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cc.h - congestion control: algorithms as a table chosen by name, one state a subflow, and a group
 * of those of a connection, which coupled algorithms look at. All windows in bytes, all arithmetic
 * in integers. Loss detection and recovery are not here: an algorithm only says how large the
 * window is.
 */
#ifndef PROBE_ENDPOINT_CC_H
#define PROBE_ENDPOINT_CC_H

#include "probe/base/nsec.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CC_FRACTION = 16, /* bits of a byte's fraction in what a window grows by */
	CC_WINDOW_MOST = 1 << 30,
};

struct cc;

struct cc_ops {
	const char *name; /* the table ends with NULL */
	const char *text;
	/*
	 * Congestion avoidance: what the window changes by for bytes acknowledged, in
	 * 2^-CC_FRACTION bytes. NULL: only rounds change it.
	 */
	int64_t (*increase)(const struct cc *cc, uint32_t bytes);
	/* The window after a loss, before its least of two segments is applied. */
	uint32_t (*decrease)(const struct cc *cc, uint32_t in_flight);
	/* Once a round trip, with its mean time in rtt_us; NULL: not asked for. */
	void (*round)(struct cc *cc, uint32_t rtt_us);
};

/* The windows of one connection. Zeroed: empty. */
struct cc_group {
	struct cc *first;
};

struct cc {
	const struct cc_ops *ops;
	struct cc_group *group; /* NULL: of none, and no window at all */
	struct cc *next;
	uint32_t mss;
	uint32_t cwnd, ssthresh;
	int64_t credit;  /* below a byte, in 2^-CC_FRACTION: what the window has not grown by yet */
	bool in_use;     /* it has carried data: only such windows count in a group */
	uint32_t rtt_us; /* smoothed; at least 1 once started */
	uint64_t since_loss, between_losses; /* bytes acknowledged since the last loss, ... */
	/* by rounds */
	uint32_t base_us;                   /* least round trip ever */
	uint32_t queue_us;                  /* least queueing delay since the last drain */
	uint64_t samples_us, samples_count; /* of this round */
	nsec_t round_at;                    /* it ends then */
};

/* newreno, lia, olia, balia, wvegas. */
extern const struct cc_ops cc_list[];

/* NULL when there is none of that name. */
const struct cc_ops *cc_find(const char *name);

/* Start with a window of initial_segments, in a group; what was measured before is kept. */
void cc_init(struct cc *cc, struct cc_group *group, const struct cc_ops *ops, uint32_t mss,
	uint32_t initial_segments);

/* Leave the group; a zeroed or finished one is left alone. */
void cc_fini(struct cc *cc);

/* A round trip was measured; smoothed as by RFC 6298. */
void cc_measured(struct cc *cc, nsec_t rtt, nsec_t smoothed, nsec_t now);

/* New data was acknowledged while the window was in use, outside recovery. */
void cc_acked(struct cc *cc, uint32_t bytes);

/* A loss was found by acknowledgements: once a window (RFC 5681 3.2). */
void cc_lost(struct cc *cc, uint32_t in_flight);

/* The retransmission timer expired (RFC 5681 3.1). */
void cc_timed_out(struct cc *cc, uint32_t in_flight);

/* Halve the window without a loss: it holds up the others (Raiciu et al., NSDI 2012). */
void cc_penalise(struct cc *cc);

/* ---- for algorithms ---- */

/*
 * The sum of cwnd_p * rtt / rtt_p over the group: what all of it sends in one round trip of cc,
 * in bytes; never less than cc->cwnd.
 */
uint64_t cc_group_sends(const struct cc *cc);

/*
 * window / total^2 of a byte for each byte of a segment of cc acknowledged, times bytes, in
 * 2^-CC_FRACTION: the term that all coupled increases are made of. window <= total.
 */
int64_t cc_linked(const struct cc *cc, uint32_t window, uint64_t total, uint32_t bytes);

/* One segment a window: RFC 5681 3.1, and half of what was in flight. */
int64_t cc_newreno_increase(const struct cc *cc, uint32_t bytes);
uint32_t cc_newreno_decrease(const struct cc *cc, uint32_t in_flight);

/* RFC 6356; cc_coupled.c. */
int64_t cc_lia_increase(const struct cc *cc, uint32_t bytes);

/* Khalili et al., "MPTCP is not Pareto-optimal" (CoNEXT 2012). */
int64_t cc_olia_increase(const struct cc *cc, uint32_t bytes);

/* Peng et al., "Multipath TCP: Analysis, Design, and Implementation" (ToN 2016). */
int64_t cc_balia_increase(const struct cc *cc, uint32_t bytes);
uint32_t cc_balia_decrease(const struct cc *cc, uint32_t in_flight);

/* Cao, Xu and Fu, "Delay-based congestion control for Multipath TCP" (ICNP 2012); cc_wvegas.c. */
void cc_wvegas_round(struct cc *cc, uint32_t rtt_us);

#endif
