/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/targets.h"

#include "probe/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct done {
	UT_hash_handle hh;
	char name[];
};

struct targets {
	FILE *file;
	char *line;
	size_t room;
	unsigned int shard, shards;
	size_t count; /* targets read */
	const char *path;
	int failure; /* errno of reading that failed */
	struct done *done;
};

struct targets *targets_open(const char *path, unsigned int shard, unsigned int shards,
	struct err *err)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	struct targets *targets;

	if (file == NULL) {
		err_set_errno(err, "cannot read %s", path);
		return NULL;
	}
	targets = xcalloc(1, sizeof(*targets));
	targets->file = file;
	targets->path = path;
	targets->shard = shard;
	targets->shards = shards;
	return targets;
}

void targets_free(struct targets *targets)
{
	struct done *done, *next;

	if (targets == NULL)
		return;
	done = targets->done;
	HASH_CLEAR(hh, targets->done);
	while (done != NULL) {
		next = done->hh.next;
		free(done);
		done = next;
	}
	if (targets->file != stdin)
		fclose(targets->file);
	free(targets->line);
	free(targets);
}

void targets_skip(struct targets *targets, const char *name)
{
	size_t length = strlen(name);
	struct done *done;

	HASH_FIND(hh, targets->done, name, length, done);
	if (done != NULL)
		return;
	done = xcalloc(1, sizeof(*done) + length + 1);
	memcpy(done->name, name, length);
	HASH_ADD(hh, targets->done, name, length, done);
}

/* The text of a line without comment and blanks. */
static char *trim(char *line)
{
	size_t length;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	length = strlen(line);
	while (length > 0 && strchr(" \t", line[length - 1]) != NULL)
		line[--length] = '\0';
	return line;
}

const char *targets_next(struct targets *targets)
{
	while (getline(&targets->line, &targets->room, targets->file) >= 0) {
		const char *name = trim(targets->line);
		struct done *done;

		if (name[0] == '\0' || targets->count++ % targets->shards != targets->shard - 1)
			continue;
		HASH_FIND(hh, targets->done, name, strlen(name), done);
		if (done == NULL)
			return name;
	}
	if (ferror(targets->file))
		targets->failure = errno;
	return NULL;
}

bool targets_were_read(const struct targets *targets, struct err *err)
{
	errno = targets->failure;
	return errno == 0 || err_set_errno(err, "cannot read %s", targets->path);
}
