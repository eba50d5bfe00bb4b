/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c - see worker.h.
 */
#include "mbtest/suite/worker.h"

#include "probe/io/pcap_file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
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

/* Wait until few enough others are busy, and be one of them. */
static void begin_busy(const struct work *work, unsigned int worker)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	unsigned int busy = atomic_load(&work->board->busy);

	for (;;) {
		if (busy < work->busy_at_most &&
			atomic_compare_exchange_weak(&work->board->busy, &busy, busy + 1))
			break;
		if (busy < work->busy_at_most)
			continue;
		nanosleep(&moment, NULL);
		busy = atomic_load(&work->board->busy);
	}
	atomic_store(&work->board->state[worker], WORKER_BUSY);
}

void work_rest(const struct work *work, unsigned int worker, enum worker_state state)
{
	unsigned int was = WORKER_BUSY;

	if (atomic_compare_exchange_strong(&work->board->state[worker], &was, state))
		atomic_fetch_sub(&work->board->busy, 1);
	else if (state == WORKER_IDLE)
		atomic_store(&work->board->state[worker], WORKER_IDLE);
}

void worker_loop(const struct work *work, unsigned int worker, int pipe)
{
	struct work_message message;

	for (;;) {
		uint32_t job;

		begin_busy(work, worker);
		job = atomic_fetch_add(&work->board->next, 1);
		if (job < work->count) {
			atomic_store(&work->board->current[worker], job + 1);
			memset(&message, 0, sizeof(message));
			message.job = job;
			run_job(work, job, &message);
		}
		work_rest(work, worker, WORKER_IDLE);
		if (job >= work->count || !send_message(pipe, &message))
			return;
		atomic_store(&work->board->current[worker], 0);
	}
}
