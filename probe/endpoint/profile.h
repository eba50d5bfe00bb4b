/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - the implementations of the survey (draft-eardley-mptcp-implementations-survey-02) as
 * data: what each one signals, leaves out, falls back on and how it retransmits. One table.
 */
#ifndef PROBE_ENDPOINT_PROFILE_H
#define PROBE_ENDPOINT_PROFILE_H

#include "probe/endpoint/endpoint.h"

struct profile {
	const char *name; /* "uclouvain"; the table ends with NULL */
	const char *text;
	bool has_ipv6;                  /* question 2.2 */
	bool both_join;                 /* 3.2b: either end starts subflows */
	unsigned int subflows_most;     /* 3.2c */
	bool wide_as_peer;              /* 3.3c: 8-byte DSNs to a peer that sends them ... */
	bool wide_past_wrap;            /* ... or when the low half has wrapped */
	unsigned int lacks;             /* 3, 4, 8.5: set of LACKS_* */
	unsigned int reinject_rtos;     /* 5.3: time-outs of a subflow that others stand by */
	unsigned int subflow_rtos;      /* 5.3: time-outs before it is reset; 0: our own choice */
	bool opportunistic;             /* 5.2: and penalises */
	bool same_port;                 /* 5.4 */
	const char *path_manager;       /* 5.5 */
	const char *scheduler;          /* 8.1 */
	const char *congestion_control; /* 8.3 */
	bool join_backup;               /* 8.5: joins carry flag B */
};

extern const struct profile profile_list[];

/* NULL when there is none of that name. */
const struct profile *profile_find(const char *name);

/*
 * Make a configuration that of a profile. All of them speak v0 alone; addresses, faults and sizes
 * stay, checksums are asked for only where the profile has them.
 */
void profile_apply(const struct profile *profile, struct endpoint_config *config);

#endif
