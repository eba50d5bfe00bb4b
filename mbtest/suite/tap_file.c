/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap_file.c - see tap_file.h.
 */
#include "mbtest/suite/tap_file.h"

#include "probe/base/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *path_of(const char *folder, uint32_t job, char path[static 512])
{
	snprintf(path, 512, "%s/%" PRIu32 ".taps", folder, job);
	return path;
}

static void write_capture(FILE *file, const struct capture *capture)
{
	fwrite(&capture->count, sizeof(capture->count), 1, file);
	fwrite(&capture->used, sizeof(capture->used), 1, file);
	fwrite(capture->records, sizeof(*capture->records), capture->count, file);
	fwrite(capture->bytes, 1, capture->used, file);
}

bool tap_file_write(const char *folder, uint32_t job, const struct run_taps *taps, struct err *err)
{
	char path[512];
	FILE *file = fopen(path_of(folder, job, path), "we");
	bool ok;

	if (file == NULL)
		return err_set_errno(err, "cannot write %s", path);
	write_capture(file, &taps->tap[CLIENT]);
	write_capture(file, &taps->tap[SERVER]);
	ok = fflush(file) == 0 && ferror(file) == 0;
	ok = fclose(file) == 0 && ok;
	return ok || err_set_errno(err, "cannot write %s", path);
}

static bool read_capture(FILE *file, struct capture *capture)
{
	capture_init(capture);
	if (fread(&capture->count, sizeof(capture->count), 1, file) != 1 ||
		fread(&capture->used, sizeof(capture->used), 1, file) != 1)
		return false;
	capture->records = xcalloc(capture->count + 1, sizeof(*capture->records));
	capture->bytes = xmalloc(capture->used + 1);
	capture->capacity = capture->count + 1;
	capture->room = capture->used + 1;
	return fread(capture->records, sizeof(*capture->records), capture->count, file) ==
		capture->count &&
		fread(capture->bytes, 1, capture->used, file) == capture->used;
}

bool tap_file_read(const char *folder, uint32_t job, struct run_taps *taps)
{
	char path[512];
	FILE *file = fopen(path_of(folder, job, path), "re");
	bool ok;

	memset(taps, 0, sizeof(*taps));
	if (file == NULL)
		return false;
	ok = read_capture(file, &taps->tap[CLIENT]) && read_capture(file, &taps->tap[SERVER]);
	fclose(file);
	if (ok)
		return true;
	capture_fini(&taps->tap[CLIENT]);
	capture_fini(&taps->tap[SERVER]);
	memset(taps, 0, sizeof(*taps));
	return false;
}

void tap_file_remove(const char *folder, uint32_t job)
{
	char path[512];

	unlink(path_of(folder, job, path));
}
