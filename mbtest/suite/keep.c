/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keep.c - see keep.h.
 */
#include "mbtest/suite/keep.h"

#include "probe/io/pcap_file.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* Name for a scenario's files: its own, version, checksum and family. */
static void file_stem(const struct scenario *scenario, char *name, size_t size)
{
	if (scenario->trace != NULL)
		snprintf(name, size, "%s-ip%u", scenario->name, scenario->family);
	else
		snprintf(name, size, "%s-v%u-%s-ip%u", scenario->name, scenario->version,
			scenario->checksum ? "checksum" : "plain", scenario->family);
}

static const char *path_of(const struct work *work, uint32_t job, const struct result *result,
	enum end end, char path[static PATH_MAX])
{
	const char *name = end_text(end);
	char scenario[160];

	file_stem(work_scenario(work, job), scenario, sizeof(scenario));
	if (work->config->repeat > 1)
		snprintf(path, PATH_MAX, "%s/%s.seed%" PRIu64 ".%s.%s.pcap", work->config->keep,
			scenario, result->seed, outcome_text(result->outcome), name);
	else
		snprintf(path, PATH_MAX, "%s/%s.%s.pcap", work->config->keep, scenario, name);
	return path;
}

bool keep_write(const struct work *work, uint32_t job, const struct result *result,
	const struct run_taps *taps, struct err *err)
{
	char path[PATH_MAX];
	unsigned int end;

	if (work->config->keep == NULL || (result->pass && work->config->repeat == 1))
		return true;
	for (end = 0; end < ENDS; end++) {
		if (!pcap_file_write(path_of(work, job, result, end, path), &taps->tap[end], err))
			return false;
	}
	return true;
}

static void remove_files(const struct work *work, uint32_t job, const struct result *result)
{
	char path[PATH_MAX];
	unsigned int end;

	for (end = 0; end < ENDS; end++)
		unlink(path_of(work, job, result, end, path));
}

void keep_settle(const struct work *work, uint32_t job, const struct result *result,
	struct kept *kept)
{
	uint32_t bit = UINT32_C(1) << (result->outcome + (result->pass ? 0 : OUTCOME_COUNT));

	if (work->config->keep == NULL || work->config->repeat == 1)
		return;
	kept->done++;
	if (!result->lost && (kept->seen & bit) != 0)
		remove_files(work, job, result);
	else if (!result->lost && kept->seen == 0)
		kept->first = job;
	kept->seen |= result->lost ? 0 : bit;
	if (kept->done == work->config->repeat && result->pass && kept->seen == bit) {
		struct result first = *result;

		first.seed = work_seed(work, kept->first);
		remove_files(work, kept->first, &first);
	}
}
