/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cc.h - congestion control of one subflow as a table of operations; all windows in bytes. Loss
 * detection and recovery are not here: an algorithm only says how large the window is.
 */
#ifndef PROBE_ENDPOINT_CC_H
#define PROBE_ENDPOINT_CC_H

#include "probe/base/nsec.h"

#include <stdint.h>

struct cc;

struct cc_ops {
	const char *name;
	/* New data was acknowledged while the window was in use, outside recovery. */
	void (*acked)(struct cc *cc, uint32_t bytes, nsec_t now);
	/* A loss was found by acknowledgements: once a window (RFC 5681 3.2). */
	void (*lost)(struct cc *cc, uint32_t in_flight);
	/* The retransmission timer expired (RFC 5681 3.1). */
	void (*timed_out)(struct cc *cc, uint32_t in_flight);
};

struct cc {
	const struct cc_ops *ops;
	uint32_t mss;
	uint32_t cwnd, ssthresh;
	uint32_t credit; /* bytes acknowledged towards the next increase */
};

/* RFC 5681 and RFC 6582. */
extern const struct cc_ops cc_newreno;

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss, uint32_t initial_segments);

#endif
