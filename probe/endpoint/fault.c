/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/fault.h"

#include <stddef.h>
#include <string.h>

const struct fault fault_list[] = {
	{ "ignore-checksum", FAULT_IGNORE_CHECKSUM,
		"delivers mappings that fail their DSS checksum (breaks F21, F23)" },
	{ "never-fall-back", FAULT_NEVER_FALL_BACK,
		"goes on with MPTCP where the path lost it (breaks F3, F4, F9, F24)" },
	{ "deliver-unmapped", FAULT_DELIVER_UNMAPPED,
		"gives bytes without a mapping to the application (breaks F10, F15, F16)" },
	{ "accept-any-hmac", FAULT_ACCEPT_ANY_HMAC,
		"does not verify the HMACs of MP_JOIN (breaks F39, F40)" },
	{ NULL, 0, NULL },
};

uint64_t fault_find(const char *name)
{
	const struct fault *fault;

	for (fault = fault_list; fault->name != NULL; fault++)
		if (strcmp(fault->name, name) == 0)
			return fault->bit;
	return 0;
}
