/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/suite/promise.h"

#include "probe/endpoint/profile.h"

#include <assert.h>
#include <stddef.h>

enum { EXCUSED_MOST = 12 };

/* One row for each thing left out that a rule asks for. */
static const struct {
	unsigned int lacks; /* LACKS_* */
	const char *rules[EXCUSED_MOST];
} rows[] = {
	/* Question 7: it neither sends checksums when asked nor looks at them. */
	{ LACKS_CHECKSUM, { "F7b", "F14", "F21", "F23", "F24", "F25", "F26" } },
	{ LACKS_HMAC_CHECK, { "F39", "F40" } },
	{ LACKS_FASTCLOSE, { "F62" } },
	/* Question 4: first data without mapping, or without DATA_ACK, is no reason to fall back;
	 * who leaves out the first throws such bytes away and never goes on as TCP. */
	{ LACKS_DSS_FALLBACK,
		{ "F4", "F10", "F15", "F16", "F24", "F28", "F48", "O1", "O2", "O3", "O5", "O7" } },
	{ LACKS_DATA_ACK_FALLBACK, { "F9", "F9a", "F9b", "F11" } },
};

struct rule_set promise_excused(const struct profile *profile)
{
	struct rule_set set = { { 0 } };
	unsigned int index, k;
	size_t i;

	for (i = 0; profile != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (k = 0; (profile->lacks & rows[i].lacks) && k < EXCUSED_MOST &&
			rows[i].rules[k] != NULL;
			k++) {
			bool found = rule_find(rows[i].rules[k], &index);

			assert(found);
			if (found)
				set.bits[index / 64] |= (uint64_t)1 << index % 64;
		}
	}
	return set;
}
