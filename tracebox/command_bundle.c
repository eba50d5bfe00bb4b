/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/command_bundle.h"

#include "probe/io/pcap_file.h"
#include "tracebox/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { FILES = 5, PATH_TEXT = 4096 };

/* What a writer prints into memory, as a file of the bundle. */
struct text {
	FILE *file;
	char *bytes;
	size_t length;
};

static FILE *text_open(struct text *text)
{
	text->file = open_memstream(&text->bytes, &text->length);
	return text->file;
}

/* Arguments quoted, so that the line can be typed again. */
static void print_command(FILE *out, char **argv)
{
	for (; *argv != NULL; argv++) {
		fputc('\'', out);
		for (const char *at = *argv; *at != '\0'; at++) {
			if (*at == '\'')
				fputs("'\\''", out);
			else
				fputc(*at, out);
		}
		fputs(argv[1] != NULL ? "' " : "'\n", out);
	}
}

static void print_versions(FILE *out)
{
	struct utsname host;

	fprintf(out, "tracebox %s\n", MBKIT_VERSION);
	if (uname(&host) == 0)
		fprintf(out, "%s %s %s %s\n", host.sysname, host.release, host.version,
			host.machine);
}

static void print_text(FILE *out, const struct bundle_plan *plan)
{
	struct report_about about = *plan->about;

	about.colour = false;
	about.names = NULL;
	about.verbose = true;
	report_text_begin(out, &about);
	for (size_t i = 0; i < plan->result->hop_count; i++)
		report_text_hop(out, &about, &plan->result->hops[i]);
	report_text_end(out, &about, plan->result);
}

/* The capture as a file's bytes, by way of a file next to the bundle. */
static bool capture_bytes(struct text *text, const struct bundle_plan *plan, struct err *err)
{
	char path[PATH_TEXT];
	FILE *file;
	int byte;

	snprintf(path, sizeof(path), "%.*s.pcap", PATH_TEXT - 8, plan->path);
	if (!pcap_file_write(path, plan->capture, err))
		return false;
	file = fopen(path, "rb");
	unlink(path);
	if (file == NULL)
		return err_set_errno(err, "cannot read %s", path);
	while ((byte = fgetc(file)) != EOF)
		fputc(byte, text->file);
	fclose(file);
	return true;
}

bool command_bundle(const struct bundle_plan *plan, struct err *err)
{
	static const char *const names[FILES] = { "tracebox/command.txt", "tracebox/versions.txt",
		"tracebox/trace.json", "tracebox/trace.txt", "tracebox/trace.pcap" };
	struct bundle_file files[FILES];
	struct text texts[FILES] = { 0 };
	bool ok = true;

	for (int i = 0; i < FILES; i++)
		ok = text_open(&texts[i]) != NULL && ok;
	if (ok) {
		print_command(texts[0].file, plan->argv);
		print_versions(texts[1].file);
		report_json(texts[2].file, plan->about, plan->result);
		print_text(texts[3].file, plan);
		ok = capture_bytes(&texts[4], plan, err);
	} else {
		err_set_errno(err, "cannot make %s", plan->path);
	}
	for (int i = 0; i < FILES; i++) {
		if (texts[i].file != NULL)
			fclose(texts[i].file);
		files[i] = (struct bundle_file){ names[i], texts[i].bytes, texts[i].length };
	}
	ok = ok && bundle_write(plan->path, files, FILES, err);
	for (int i = 0; i < FILES; i++)
		free(texts[i].bytes);
	return ok;
}
