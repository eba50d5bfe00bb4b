/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/fault.h"

#include <stddef.h>
#include <string.h>

#define FAULT_ROW(number, name, text) { name, UINT64_C(1) << FAULT_##number, text },

const struct fault fault_list[] = {
	/* clang-format off */
	FAULT_TABLE(FAULT_ROW)
	{ NULL, 0, NULL },
	/* clang-format on */
};

_Static_assert(FAULT_NUMBERS <= 64, "more faults than bits");

uint64_t fault_find(const char *name)
{
	const struct fault *fault;

	for (fault = fault_list; fault->name != NULL; fault++)
		if (strcmp(fault->name, name) == 0)
			return fault->bit;
	return 0;
}
