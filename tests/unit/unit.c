/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct unit_test *tests;
static unsigned int failures;

void unit_add(struct unit_test *test)
{
	test->next = tests;
	tests = test;
}

static void fail(const char *file, int line, const char *what)
{
	failures++;
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
}

bool unit_is_long(void)
{
	return getenv("MBKIT_LONG") != NULL;
}

void unit_check(bool ok, const char *file, int line, const char *what)
{
	if (!ok)
		fail(file, line, what);
}

void unit_equal_u64(uint64_t got, uint64_t want, const char *file, int line, const char *what)
{
	if (got == want)
		return;
	fail(file, line, what);
	fprintf(stderr, "  got  %" PRIu64 " (0x%" PRIx64 ")\n  want %" PRIu64 " (0x%" PRIx64 ")\n",
		got, got, want, want);
}

void unit_equal_text(const char *got, const char *want, const char *file, int line,
	const char *what)
{
	if (strcmp(got, want) == 0)
		return;
	fail(file, line, what);
	fprintf(stderr, "  got  %s\n  want %s\n", got, want);
}

void unit_equal_hex(const void *got, size_t length, const char *want, const char *file, int line,
	const char *what)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = got;
	size_t i, digit = 0;
	bool same = true;

	for (i = 0; want[i] != '\0'; i++) {
		const char *at = strchr(digits, want[i]);

		if (want[i] == ' ')
			continue;
		same = same && at != NULL && digit / 2 < length;
		if (same) {
			unsigned int nibble =
				digit % 2 ? bytes[digit / 2] & 15u : bytes[digit / 2] >> 4;

			same = nibble == (unsigned int)(at - digits);
		}
		digit++;
	}
	if (same && digit == 2 * length)
		return;
	fail(file, line, what);
	fprintf(stderr, "  got  ");
	for (i = 0; i < length; i++)
		fprintf(stderr, "%02x", bytes[i]);
	fprintf(stderr, "\n  want %s\n", want);
}

int main(int argc, char **argv)
{
	struct unit_test *test;

	for (test = tests; test != NULL; test = test->next) {
		if (argc < 2)
			puts(test->name);
		else if (strcmp(test->name, argv[1]) == 0)
			break;
	}
	if (argc < 2)
		return 0;
	if (test == NULL) {
		fprintf(stderr, "no test %s\n", argv[1]);
		return 2;
	}
	test->run();
	return failures > 0;
}
