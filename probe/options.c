/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - see options.h.
 */
#include "probe/options.h"

#include "probe/io/host.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* The getopt table: values are LONG_ONLY and the row's number; help and version come last. */
static int fill_getopt(struct option *options, const struct option_row *table)
{
	int count = 0;

	for (; table[count].name != NULL && count < OPTIONS_AT_MOST - 3; count++) {
		options[count] = (struct option){ table[count].name,
			table[count].argument == NULL ? no_argument : required_argument, NULL,
			LONG_ONLY + count };
	}
	options[count] = (struct option){ "help", no_argument, NULL, LONG_ONLY + count };
	options[count + 1] = (struct option){ "version", no_argument, NULL, LONG_ONLY + count + 1 };
	return count;
}

static bool store(const struct option_row *row, void *self, const char *text, struct err *err)
{
	char *field = (char *)self + row->offset;
	char name[64];

	switch (row->kind) {
	case OPTION_CALL:
		return row->set(self, text, err);
	case OPTION_FLAG:
		memcpy(field, &(bool){ true }, sizeof(bool));
		return true;
	case OPTION_TEXT:
		memcpy(field, &text, sizeof(text));
		return true;
	case OPTION_NUMBER:
		snprintf(name, sizeof(name), "--%s", row->name);
		return parse_number(name, text, row->low, row->high, (uint64_t *)(void *)field,
			err);
	}
	return false;
}

/* One option as getopt told it: stored, or printed (then *printed). */
static bool take(int got, char **argv, const struct option_row *table,
	const struct command_help *help, int count, void *self, bool *printed, struct err *err)
{
	if (got == LONG_ONLY + count || got == 'h') {
		print_help(table, help);
		*printed = true;
	} else if (got == LONG_ONLY + count + 1) {
		printf("%.*s %s\n", (int)strcspn(help->usage, " "), help->usage, MBKIT_VERSION);
		*printed = true;
	} else if (got == ':' || got == '?') {
		return option_refuse(got, argv, err);
	} else {
		return store(&table[got - LONG_ONLY], self, optarg, err);
	}
	return true;
}

bool option_refuse(int got, char **argv, struct err *err)
{
	char letter[] = { '-', (char)optopt, '\0' };

	/* Of letters in a word getopt tells the one; else it has gone beyond the word. */
	return err_set(err, got == ':' ? "option %s needs a value" : "there is no option %s",
		optopt > 0 && optopt < LONG_ONLY ? letter : argv[optind - 1]);
}

bool options_parse(int argc, char **argv, const struct option_row *table,
	const struct command_help *help, void *self, int *first, int *status, struct err *err)
{
	struct option options[OPTIONS_AT_MOST] = { { 0 } };
	int count = fill_getopt(options, table), got;
	bool printed = false;

	*status = STATUS_WRONG;
	optind = 1;
	opterr = 0;
	while (!printed && (got = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (!take(got, argv, table, help, count, self, &printed, err))
			return false;
	}
	if (printed && output_done(err))
		*status = STATUS_FINE;
	*first = optind;
	return !printed;
}

bool output_done(struct err *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	return err_set_errno(err, "cannot write the output");
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

bool folder_ready(const char *path, struct err *err)
{
	struct stat about;

	if (path == NULL)
		return true;
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		return err_set_errno(err, "cannot make %s", path);
	if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
		return err_set(err, "%s is no folder", path);
	if (access(path, W_OK | X_OK) != 0)
		return err_set_errno(err, "cannot write into %s", path);
	return true;
}

static void print_commands(const struct program *program)
{
	const struct command *command;

	printf("usage: %s COMMAND [options]\n\n%s\ncommands:\n", program->name, program->about);
	for (command = program->commands; command->name != NULL; command++)
		printf("  %-10s %s\n", command->name, command->help);
	printf("\noptions:\n  --help     print this and exit; after a command, its options\n"
	       "  --version  print the version and exit\n"
	       "\nexamples:\n%s",
		program->examples);
}

/* "run, list or pcap". */
static void list_commands(const struct program *program, char *text, size_t size)
{
	const struct command *command = program->commands;
	size_t used = 0;

	for (; command->name != NULL && used < size; command++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
			command == program->commands      ? ""
				: command[1].name == NULL ? " or "
							  : ", ",
			command->name);
}

static int command_find(const struct program *program, int argc, char **argv, struct err *err)
{
	const struct command *command = program->commands;
	char list[128];

	if (argc < 2) {
		list_commands(program, list, sizeof(list));
		err_set(err, "a command is needed: %s (see %s --help)", list, program->name);
		return STATUS_WRONG;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_commands(program);
		return output_done(err) ? STATUS_FINE : STATUS_WRONG;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", program->name, MBKIT_VERSION);
		return output_done(err) ? STATUS_FINE : STATUS_WRONG;
	}
	for (; command->name != NULL; command++)
		if (strcmp(command->name, argv[1]) == 0)
			return command->run(argc - 1, argv + 1, err);
	err_set(err, "there is no command %s (see %s --help)", argv[1], program->name);
	return STATUS_WRONG;
}

int program_run(const struct program *program, int argc, char **argv)
{
	struct err err = { "" };
	int status;

	host_settle_streams();
	status = command_find(program, argc, argv, &err);
	/* A command that runs another one may end with that status on the other's account. */
	if (status == STATUS_WRONG && err.text[0] != '\0')
		fprintf(stderr, "%s: %s\n", program->name, err.text);
	return status;
}
