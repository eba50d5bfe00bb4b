/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - a program of commands, and the options of each from one table: it makes the getopt
 * arrays and the help, so that help cannot lie.
 */
#ifndef PROBE_OPTIONS_H
#define PROBE_OPTIONS_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses of every program. */
enum {
	STATUS_FINE = 0,
	STATUS_FAIL = 1,  /* a test failed */
	STATUS_WRONG = 2, /* usage, input or environment: err is set */
};

/* A command takes its own argv and returns an exit status; the table ends with NULL. */
struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct err *err);
	const char *help;
};

struct program {
	const char *name;
	const char *about;    /* lines, each ended */
	const char *examples; /* likewise */
	const struct command *commands;
};

/* What a main does: finds the command, runs it, prints what went wrong; the exit status. */
int program_run(const struct program *program, int argc, char **argv);

enum option_kind {
	OPTION_CALL,   /* set() stores it */
	OPTION_FLAG,   /* takes no argument; a bool at offset becomes true */
	OPTION_TEXT,   /* a const char * at offset */
	OPTION_NUMBER, /* a uint64_t at offset, within low..high */
};

struct option_row {
	const char *name;     /* long name; the table ends with NULL */
	const char *argument; /* "N", "FILE"; NULL: none is taken */
	const char *help;     /* NULL: not in the help */
	bool (*set)(void *self, const char *text, struct err *err);
	enum option_kind kind;
	size_t offset; /* into the command's own struct */
	uint64_t low, high;
};

#define OPTION_FLAG_ROW(type, field, name, help)                                 \
	{                                                                        \
		name, NULL, help, NULL, OPTION_FLAG, offsetof(type, field), 0, 0 \
	}
#define OPTION_TEXT_ROW(type, field, name, argument, help)                           \
	{                                                                            \
		name, argument, help, NULL, OPTION_TEXT, offsetof(type, field), 0, 0 \
	}
#define OPTION_NUMBER_ROW(type, field, name, low, high, help)                          \
	{                                                                              \
		name, "N", help, NULL, OPTION_NUMBER, offsetof(type, field), low, high \
	}
#define OPTION_CALL_ROW(set, name, argument, help)              \
	{                                                       \
		name, argument, help, set, OPTION_CALL, 0, 0, 0 \
	}
#define OPTION_END_ROW                                       \
	{                                                    \
		NULL, NULL, NULL, NULL, OPTION_CALL, 0, 0, 0 \
	}

struct command_help {
	const char *usage;    /* "mbtest run [options] [SUITE...]": begins with the program */
	const char *about;    /* a sentence or two */
	const char *examples; /* lines, each ended */
};

/*
 * Store the options in self, by the table. True: go on, *first is the first argument that is no
 * option. False: the command ends with *status; help or version was printed, or err says what.
 */
bool options_parse(int argc, char **argv, const struct option_row *table,
	const struct command_help *help, void *self, int *first, int *status, struct err *err);

/* In tables for getopt_long: values of long options begin where those of letters end. */
enum { LONG_ONLY = 256 };

/* The sentence for what getopt_long did not take: an option that is none, or lacks its value. */
bool option_refuse(int got, char **argv, struct err *err);

/* Whether standard output took everything; false with a sentence. */
bool output_done(struct err *err);

/* A folder to write into, made when missing; NULL is none and ready. */
bool folder_ready(const char *path, struct err *err);

/* A whole number within bounds; name is what is complained about. */
bool parse_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value,
	struct err *err);

/* One of a NULL-ended list: its index. */
bool parse_choice(const char *name, const char *text, const char *const *words, unsigned int *index,
	struct err *err);

#endif
