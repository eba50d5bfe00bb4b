/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c - see worker.h.
 */
#include "mbtest/suite/worker.h"

#include "probe/io/pcap_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct scenario *work_scenario(const struct work *work, uint32_t job)
{
	return work->scenarios[job / work->config->repeat];
}

void scenario_file_name(const struct scenario *scenario, char *name, size_t size)
{
	snprintf(name, size, "%s-v%u-%s-ip%u", scenario->name, scenario->version,
		scenario->checksum ? "checksum" : "plain", scenario->family);
}

/* Write both taps of a failed run. */
static bool keep_taps(const struct work *work, const struct scenario *scenario,
	const struct run_taps *taps, struct err *err)
{
	static const char *const ends[ENDS] = { "client", "server" };
	char name[160], path[512];
	unsigned int end;

	scenario_file_name(scenario, name, sizeof(name));
	for (end = 0; end < ENDS; end++) {
		snprintf(path, sizeof(path), "%s/%s.%s.pcap", work->config->keep, name, ends[end]);
		if (!pcap_file_write(path, &taps->tap[end], err))
			return false;
	}
	return true;
}

static void run_job(const struct work *work, uint32_t job, struct work_message *message)
{
	const struct scenario *scenario = work_scenario(work, job);
	struct run_config run = work->config->run;
	bool keep = work->config->keep != NULL;
	struct run_taps taps;
	struct result result;
	struct err err;

	memset(&taps, 0, sizeof(taps));
	run.seed += job % work->config->repeat;
	message->ran = run_scenario(scenario, &run, &result, keep ? &taps : NULL, &err);
	if (message->ran && keep && !result.pass)
		message->ran = keep_taps(work, scenario, &taps, &err);
	capture_fini(&taps.tap[CLIENT]);
	capture_fini(&taps.tap[SERVER]);
	result.index = job / work->config->repeat;
	if (message->ran)
		message->result = result;
	else
		message->err = err;
}

static bool send_message(int pipe, const struct work_message *message)
{
	const char *at = (const char *)message;
	size_t left = sizeof(*message);

	while (left > 0) {
		ssize_t sent = write(pipe, at, left);

		if (sent <= 0)
			return false;
		at += sent;
		left -= (size_t)sent;
	}
	return true;
}

void worker_loop(const struct work *work, unsigned int worker, int pipe)
{
	struct work_message message;

	for (;;) {
		uint32_t job = atomic_fetch_add(&work->board->next, 1);

		if (job >= work->count)
			return;
		atomic_store(&work->board->current[worker], job + 1);
		memset(&message, 0, sizeof(message));
		message.job = job;
		run_job(work, job, &message);
		if (!send_message(pipe, &message))
			return;
		atomic_store(&work->board->current[worker], 0);
	}
}
