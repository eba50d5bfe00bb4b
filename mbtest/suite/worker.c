/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c - see worker.h.
 */
#include "mbtest/suite/worker.h"

#include "mbtest/suite/build.h"
#include "mbtest/suite/keep.h"
#include "mbtest/suite/tap_file.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { JOB_SECONDS = 60 }; /* of the processor, which no scenario in virtual time needs */

/*
 * Let the kernel end this process (SIGXCPU) when its next job does not end by itself, or before
 * that where the user has bounded it. A machine may be too busy to go by the clock.
 */
static void bound_job(const struct rlimit *own)
{
	struct rlimit limit = *own;
	struct rusage used;

	if (getrusage(RUSAGE_SELF, &used) != 0)
		return;
	limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + JOB_SECONDS;
	if (limit.rlim_cur > own->rlim_cur)
		limit.rlim_cur = own->rlim_cur;
	setrlimit(RLIMIT_CPU, &limit);
}

static void run_job(const struct work *work, uint32_t job, struct run_memory *memory,
	struct work_message *message)
{
	const struct scenario *scenario = work_scenario(work, job);
	struct run_config run = work->config->run;
	bool keep = work->config->keep != NULL || work->config->record != NULL;
	struct run_taps taps;
	struct result result;
	struct err err;

	memset(&taps, 0, sizeof(taps));
	run.seed = work_seed(work, job);
	run.memory = memory;
	message->ran = run_scenario(scenario, &run, &result, keep ? &taps : NULL, &err);
	/* A crowded host may refuse what it grants a moment later. */
	if (!message->ran && run_is_live(&run))
		message->ran = run_scenario(scenario, &run, &result, keep ? &taps : NULL, &err);
	if (message->ran)
		message->ran = keep_write(work, job, &result, &taps, &err);
	if (message->ran && work->config->record != NULL)
		message->ran = tap_file_write(work->config->record, job, &taps, &err);
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

/* Wait until few enough others are busy, and be one of them; false when that cannot be. */
static bool begin_busy(const struct work *work, unsigned int worker)
{
	uint64_t turn;

	if (read(work->turns, &turn, sizeof(turn)) != (ssize_t)sizeof(turn))
		return false;
	atomic_store(&work->board->state[worker], WORKER_BUSY);
	return true;
}

void work_rest(const struct work *work, unsigned int worker, enum worker_state state)
{
	const uint64_t turn = 1;
	unsigned int was = WORKER_BUSY;

	if (!atomic_compare_exchange_strong(&work->board->state[worker], &was, state)) {
		if (state == WORKER_IDLE)
			atomic_store(&work->board->state[worker], WORKER_IDLE);
		return;
	}
	while (write(work->turns, &turn, sizeof(turn)) < 0 && errno == EINTR)
		continue;
}

void worker_loop(const struct work *work, unsigned int worker, int pipe)
{
	struct work_message message;
	struct run_memory memory = { .net = NULL };
	struct rlimit own = { RLIM_INFINITY, RLIM_INFINITY };

	getrlimit(RLIMIT_CPU, &own);
	while (begin_busy(work, worker)) {
		uint32_t place = atomic_fetch_add(&work->board->next, 1);

		if (place < work->count) {
			atomic_store(&work->board->current[worker], work->order[place] + 1);
			memset(&message, 0, sizeof(message));
			message.job = work->order[place];
			if (!run_is_live(&work->config->run))
				bound_job(&own);
			run_job(work, message.job, &memory, &message);
		}
		work_rest(work, worker, WORKER_IDLE);
		if (place >= work->count || !send_message(pipe, &message))
			break;
		atomic_store(&work->board->current[worker], 0);
		/* It has given its privileges up: the next job is for another process. */
		if (run_is_remote(&work->config->run))
			break;
	}
	run_memory_fini(&memory);
}
