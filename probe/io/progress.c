/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/progress.h"

#include <stdio.h>
#include <unistd.h>

void progress_begin(struct progress *progress)
{
	progress->told = time(NULL);
	progress->drew = false;
}

bool progress_due(struct progress *progress)
{
	time_t now = time(NULL);

	if (now <= progress->told || isatty(STDERR_FILENO) != 1)
		return false;
	progress->told = now;
	progress->drew = true;
	return true;
}

void progress_clear(struct progress *progress)
{
	if (progress->drew)
		fprintf(stderr, "\r\033[K");
	progress->drew = false;
}
