/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - options of a command from one table: it makes the getopt arrays and the help, so
 * that help cannot lie.
 */
#ifndef MBTEST_OPTIONS_H
#define MBTEST_OPTIONS_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct option_row {
	const char *name;     /* long name; the table ends with NULL */
	const char *argument; /* "N", "FILE"; NULL: none is taken */
	const char *help;     /* NULL: not in the help */
	/* Store it; text is NULL when no argument is taken. */
	bool (*set)(void *self, const char *text, struct err *err);
};

struct command_help {
	const char *usage;    /* "mbtest run [options] [SUITE...]" */
	const char *about;    /* a sentence or two */
	const char *examples; /* lines, each ended */
};

enum options_end {
	OPTIONS_RUN,   /* go on; *first is the first argument that is no option */
	OPTIONS_DONE,  /* help or version was printed: exit 0 */
	OPTIONS_WRONG, /* err says what: exit 2 */
};

enum options_end options_parse(int argc, char **argv, const struct option_row *table,
	const struct command_help *help, void *self, int *first, struct err *err);

/* A whole number within bounds; name is what is complained about. */
bool parse_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value,
	struct err *err);

/* One of a NULL-ended list: its index. */
bool parse_choice(const char *name, const char *text, const char *const *words, unsigned int *index,
	struct err *err);

#endif
