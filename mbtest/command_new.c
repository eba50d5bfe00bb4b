/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_new.c - mbtest new: a file to begin with, which says in comments what can be done in it.
 */
#include "lua/state.h"
#include "mbtest/command_set.h"
#include "probe/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MOST = 40 };

static const char placeholder[] = "NAME";

struct new_options {
	bool json;
};

static const struct option_row rows[] = {
	OPTION_FLAG_ROW(struct new_options, json, "json", "one object: mbkit.new/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest new [--json] box NAME",
	"Write NAME.lua: a box that works, with comments that say what else it can do.\n"
	"A '-' in the name is a '_' in the file's. A file that is there is left alone.",
	"  mbtest new box slow-syn\n"
	"  mbtest new box nat64\n",
};

static bool name_is_good(const char *name, struct err *err)
{
	size_t length = strlen(name), i;
	bool good = length > 0 && length <= NAME_MOST && islower((unsigned char)name[0]);

	for (i = 0; i < length && good; i++) {
		unsigned char c = (unsigned char)name[i];

		good = islower(c) || isdigit(c) || c == '-' || c == '_';
	}
	return good ||
		err_set(err, "\"%s\" is no name for a box: a-z, then a-z, 0-9, - and _, at most %d",
			name, NAME_MOST);
}

/* The template but for its first line, its licence; with the name in its places. */
static void write_text(FILE *out, const char *text, size_t length, const char *name)
{
	const char *end = text + length, *at;

	text = (const char *)memchr(text, '\n', length) + 1;
	for (;; text = at + sizeof(placeholder) - 1) {
		at = memmem(text, (size_t)(end - text), placeholder, sizeof(placeholder) - 1);
		if (at == NULL)
			break;
		fwrite(text, 1, (size_t)(at - text), out);
		fputs(name, out);
	}
	fwrite(text, 1, (size_t)(end - text), out);
}

static bool write_box(const char *name, bool json, struct err *err)
{
	char stem[NAME_MOST + 1], path[NAME_MOST + 5], *at;
	size_t length;
	const char *text = script_builtin("lua/template_box.lua", &length);
	FILE *out;
	bool failed;

	snprintf(stem, sizeof(stem), "%s", name);
	for (at = stem; *at != '\0'; at++) {
		if (*at == '-')
			*at = '_';
	}
	snprintf(path, sizeof(path), "%s.lua", stem);
	out = fopen(path, "wxe");
	if (out == NULL)
		return err_set(err, "%s cannot be written: %s", path, strerror(errno));
	write_text(out, text, length, stem);
	failed = ferror(out) != 0;
	failed |= fclose(out) != 0;
	if (failed) {
		err_set(err, "%s cannot be written: %s", path, strerror(errno));
		unlink(path);
		return false;
	}
	printf(json ? "{\"schema\":\"mbkit.new/1\",\"file\":\"%s\"}\n" : "wrote %s\n", path);
	return output_done(err);
}

int command_new(int argc, char **argv, struct err *err)
{
	struct new_options options = { .json = false };
	int first, status;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (argc - first != 2 || strcmp(argv[first], "box") != 0) {
		err_set(err, "what is new, and its name, are needed: %s", help.usage);
		return STATUS_WRONG;
	}
	return name_is_good(argv[first + 1], err) && write_box(argv[first + 1], options.json, err)
		? STATUS_FINE
		: STATUS_WRONG;
}
