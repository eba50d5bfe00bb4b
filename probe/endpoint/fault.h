/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h - named ways of being wrong: the endpoint can be told to break one rule, so that the
 * judge can be tried. One table, found by name.
 */
#ifndef PROBE_ENDPOINT_FAULT_H
#define PROBE_ENDPOINT_FAULT_H

#include <stdint.h>

enum fault_bit {
	FAULT_IGNORE_CHECKSUM = 1u << 0,  /* delivers mappings that fail their DSS checksum */
	FAULT_NEVER_FALL_BACK = 1u << 1,  /* goes on with MPTCP where the path lost it */
	FAULT_DELIVER_UNMAPPED = 1u << 2, /* gives bytes without a mapping to the application */
	FAULT_ACCEPT_ANY_HMAC = 1u << 3,  /* does not verify the HMACs of MP_JOIN */
};

struct fault {
	const char *name; /* "ignore-checksum"; the table ends with NULL */
	uint64_t bit;
	const char *text;
};

extern const struct fault fault_list[];

/* 0 when there is no such fault. */
uint64_t fault_find(const char *name);

#endif
