/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit.h - C unit tests. A file tests/unit/test_X.c is one program; TEST(name) { ... } adds a
 * case without editing any list. "test_X" lists the names; "test_X name" runs one, exit 1 when a
 * check failed, after printing file, line and both values.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

void unit_add(struct unit_test *test);

#define TEST(test_name)                                                             \
	static void test_name(void);                                                \
	static struct unit_test unit_##test_name = { #test_name, test_name, NULL }; \
	static __attribute__((constructor)) void add_##test_name(void)              \
	{                                                                           \
		unit_add(&unit_##test_name);                                        \
	}                                                                           \
	static void test_name(void)

void unit_check(bool ok, const char *file, int line, const char *what);
void unit_equal_u64(uint64_t got, uint64_t want, const char *file, int line, const char *what);
void unit_equal_text(const char *got, const char *want, const char *file, int line,
	const char *what);
/* want in hex digits; spaces are ignored. */
void unit_equal_hex(const void *got, size_t length, const char *want, const char *file, int line,
	const char *what);

/* Asked for by make long: the whole measurement, and its figures on stderr. */
bool unit_is_long(void);

#define CHECK(condition)         unit_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_U64(got, want)     unit_equal_u64((got), (want), __FILE__, __LINE__, #got)
#define CHECK_TEXT(got, want)    unit_equal_text((got), (want), __FILE__, __LINE__, #got)
#define CHECK_HEX(got, len, hex) unit_equal_hex((got), (len), (hex), __FILE__, __LINE__, #got)

#endif
