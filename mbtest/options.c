/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - see options.h.
 */
#include "mbtest/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_AT_MOST = 40, HELP_COLUMN = 24 };

static void print_row(const char *name, const char *argument, const char *help)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", name, argument == NULL ? "" : " ",
		argument == NULL ? "" : argument);
	printf("  %-*s %s\n", HELP_COLUMN, left, help);
}

static void print_help(const struct option_row *table, const struct command_help *help)
{
	printf("usage: %s\n\n%s\n\noptions:\n", help->usage, help->about);
	for (; table->name != NULL; table++) {
		if (table->help != NULL)
			print_row(table->name, table->argument, table->help);
	}
	print_row("help", NULL, "print this and exit");
	print_row("version", NULL, "print the version and exit");
	printf("\nexamples:\n%s", help->examples);
}

/* The getopt table: values are the row's number plus one; help and version come last. */
static void fill_getopt(struct option *options, const struct option_row *table, int *help,
	int *version)
{
	int count = 0;

	for (; table[count].name != NULL && count < OPTIONS_AT_MOST - 3; count++) {
		options[count] = (struct option){ table[count].name,
			table[count].argument == NULL ? no_argument : required_argument, NULL,
			count + 1 };
	}
	*help = count + 1;
	*version = count + 2;
	options[count] = (struct option){ "help", no_argument, NULL, *help };
	options[count + 1] = (struct option){ "version", no_argument, NULL, *version };
}

enum options_end options_parse(int argc, char **argv, const struct option_row *table,
	const struct command_help *help, void *self, int *first, struct err *err)
{
	struct option options[OPTIONS_AT_MOST] = { { 0 } };
	int asks_help, asks_version, got;

	fill_getopt(options, table, &asks_help, &asks_version);
	optind = 1;
	opterr = 0;
	while ((got = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (got == asks_help || got == 'h') {
			print_help(table, help);
			return OPTIONS_DONE;
		}
		if (got == asks_version) {
			printf("mbtest %s\n", MBKIT_VERSION);
			return OPTIONS_DONE;
		}
		if (got == ':' || got == '?') {
			err_set(err,
				got == ':' ? "option %s needs a value" : "there is no option %s",
				argv[optind - 1]);
			return OPTIONS_WRONG;
		}
		if (!table[got - 1].set(self, optarg, err))
			return OPTIONS_WRONG;
	}
	*first = optind;
	return OPTIONS_RUN;
}

bool parse_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value,
	struct err *err)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && *value >= low &&
		*value <= high)
		return true;
	return err_set(err, "%s must be a whole number from %llu to %llu, not \"%s\"", name,
		(unsigned long long)low, (unsigned long long)high, text);
}

bool parse_choice(const char *name, const char *text, const char *const *words, unsigned int *index,
	struct err *err)
{
	char list[128] = "";
	size_t used = 0;

	for (*index = 0; words[*index] != NULL; (*index)++) {
		if (strcmp(words[*index], text) == 0)
			return true;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
			*index == 0 ? "" : ", ", words[*index]);
	}
	return err_set(err, "%s is one of %s, not \"%s\"", name, list, text);
}
