/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runner.c - see runner.h: the parent of the workers. It polls their pipes, a signal descriptor
 * and a ticking timer; it never reads a clock.
 */
#include "mbtest/suite/runner.h"

#include "mbtest/suite/build.h"
#include "mbtest/suite/keep.h"
#include "mbtest/suite/worker.h"
#include "probe/base/alloc.h"
#include "probe/io/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	TICKS_PER_SECOND = 4,
	LIVE_BUSY = 12,       /* side by side, not counting those ... */
	LONG_SECONDS = 1,     /* ... that have been at one scenario for so long: they wait */
	SLACK_SECONDS = 60,   /* beyond a live scenario's deadline before its worker is killed */
	STUCK_SECONDS = 3600, /* in virtual time the processor's bounds it before: see worker.c */
};

struct worker {
	pid_t pid; /* 0: none */
	int pipe;
	bool was_killed; /* by us: it took too long */
	size_t have;     /* bytes of message read */
	struct work_message message;
	uint32_t current; /* as seen at the last tick, and for how many ticks */
	unsigned int ticks;
};

struct runner {
	const struct runner_config *config;
	struct work work;
	struct worker workers[RUNNER_JOBS];
	unsigned int jobs, alive;
	uint32_t *order;
	struct result **results; /* those that wait for one before them */
	struct kept *kept;       /* by scenario */
	size_t reported, finished, failed;
	int signals, timer;
	unsigned int ticks;
	sigset_t old_mask;
	bool is_worker, interrupted, drew;
	struct err *err; /* set when stopped by the environment */
	bool stopped;
};

/* ---- results ---- */

static bool has_result(const struct runner *runner, uint32_t job)
{
	return job < runner->reported || runner->results[job] != NULL;
}

/* Hand over what is there without a gap. */
static void report_ready(struct runner *runner)
{
	while (runner->reported < runner->work.count && runner->results[runner->reported] != NULL) {
		size_t job = runner->reported++;

		runner->config->done(runner->config->self,
			work_scenario(&runner->work, (uint32_t)job), runner->results[job]);
		free(runner->results[job]);
		runner->results[job] = NULL;
	}
}

static void store_result(struct runner *runner, uint32_t job, const struct result *result)
{
	runner->results[job] = xmalloc(sizeof(*result));
	*runner->results[job] = *result;
	runner->finished++;
	runner->failed += !result->pass;
	keep_settle(&runner->work, job, result, &runner->kept[job / runner->config->repeat]);
	report_ready(runner);
}

/* A job that came to no result: a failed one, that says why. */
static void store_failure(struct runner *runner, uint32_t job, const char *what, const char *detail)
{
	struct result result;

	memset(&result, 0, sizeof(result));
	result.index = job / runner->config->repeat;
	result.outcome = OUTCOME_STALLED;
	result.seed = work_seed(&runner->work, job);
	result.lost = true;
	snprintf(result.why, sizeof(result.why), "the run of %s %s%s",
		work_scenario(&runner->work, job)->name, what, detail);
	store_result(runner, job, &result);
}

/* The worker died in the middle of a job. */
static void store_crash(struct runner *runner, const struct worker *worker, uint32_t job,
	int status)
{
	char code[16];

	snprintf(code, sizeof(code), "%d", WEXITSTATUS(status));
	if (worker->was_killed || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU))
		store_failure(runner, job, "did not end by itself", "");
	else if (WIFSIGNALED(status))
		store_failure(runner, job, "crashed: ", strsignal(WTERMSIG(status)));
	else
		store_failure(runner, job, "ended its process: status ", code);
}

/*
 * A job that could not be run. On the real clock the machine may have run short of something for
 * a moment: what the others found is not lost for that. Else, or at the start, the run ends.
 */
static bool store_refusal(struct runner *runner, uint32_t job, const char *sentence)
{
	if (!run_is_live(&runner->config->run) || runner->finished == 0)
		return err_set(runner->err, "%s", sentence);
	store_failure(runner, job, "could not be made: ", sentence);
	return true;
}

/* ---- workers ---- */

static bool start_worker(struct runner *runner, unsigned int index)
{
	struct worker *worker = &runner->workers[index];
	int ends[2];
	pid_t parent = getpid();
	unsigned int i;

	if (pipe(ends) != 0)
		return err_set_errno(runner->err, "cannot make a pipe");
	memset(worker, 0, sizeof(*worker));
	atomic_store(&runner->work.board->current[index], 0);
	work_rest(&runner->work, index, WORKER_IDLE);
	worker->pid = fork();
	if (worker->pid < 0) {
		worker->pid = 0;
		close(ends[0]);
		close(ends[1]);
		return err_set_errno(runner->err, "cannot start a worker");
	}
	if (worker->pid > 0) {
		close(ends[1]);
		worker->pipe = ends[0];
		runner->alive++;
		return true;
	}
	runner->is_worker = true;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, &runner->old_mask, NULL);
	for (i = 0; i < runner->jobs; i++) {
		if (i != index && runner->workers[i].pid > 0)
			close(runner->workers[i].pipe);
	}
	close(ends[0]);
	if (getppid() == parent)
		worker_loop(&runner->work, index, ends[1]);
	close(ends[1]);
	return true;
}

static void stop_workers(struct runner *runner)
{
	unsigned int i;

	for (i = 0; i < runner->jobs; i++) {
		if (runner->workers[i].pid <= 0)
			continue;
		kill(runner->workers[i].pid, SIGKILL);
		close(runner->workers[i].pipe);
		waitpid(runner->workers[i].pid, NULL, 0);
		runner->workers[i].pid = 0;
	}
	runner->alive = 0;
}

static bool work_left(const struct runner *runner)
{
	return atomic_load(&runner->work.board->next) < runner->work.count;
}

/* Its pipe is closed: it has done its part, or died. */
static bool end_worker(struct runner *runner, unsigned int index)
{
	struct worker *worker = &runner->workers[index];
	uint32_t current = atomic_load(&runner->work.board->current[index]);
	int status = 0;

	close(worker->pipe);
	waitpid(worker->pid, &status, 0);
	worker->pid = 0;
	runner->alive--;
	work_rest(&runner->work, index, WORKER_IDLE);
	if (WIFSIGNALED(status) && !worker->was_killed &&
		(WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM ||
			WTERMSIG(status) == SIGHUP))
		runner->interrupted = true;
	else if (current > 0 && !has_result(runner, current - 1))
		store_crash(runner, worker, current - 1, status);
	if (runner->interrupted || !work_left(runner))
		return true;
	return start_worker(runner, index);
}

/* Read what a worker has to say; false when the run must stop. */
static bool read_worker(struct runner *runner, unsigned int index)
{
	struct worker *worker = &runner->workers[index];
	ssize_t got = read(worker->pipe, (char *)&worker->message + worker->have,
		sizeof(worker->message) - worker->have);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (got <= 0)
		return end_worker(runner, index);
	worker->have += (size_t)got;
	if (worker->have < sizeof(worker->message))
		return true;
	worker->have = 0;
	if (!worker->message.ran)
		return store_refusal(runner, worker->message.job, worker->message.err.text);
	store_result(runner, worker->message.job, &worker->message.result);
	return true;
}

/* ---- time ---- */

static void draw_progress(struct runner *runner)
{
	if (!runner->config->progress || runner->ticks < TICKS_PER_SECOND)
		return;
	fprintf(stderr, "\r%zu of %zu done", runner->finished, runner->work.count);
	if (!runner->config->is_asking)
		fprintf(stderr, ", %zu failed", runner->failed);
	fflush(stderr);
	runner->drew = true;
}

/* Kill a worker that has been at one job for longer than any deadline. */
static void watch_worker(struct runner *runner, unsigned int index)
{
	struct worker *worker = &runner->workers[index];
	uint32_t current = atomic_load(&runner->work.board->current[index]);
	const struct run_config *run = &runner->config->run;
	nsec_t bound = STUCK_SECONDS * NSEC_PER_SEC;

	if (worker->pid <= 0 || current == 0 || current != worker->current) {
		worker->current = current;
		worker->ticks = 0;
		return;
	}
	if (run_is_live(run))
		bound = SLACK_SECONDS * NSEC_PER_SEC +
			scenario_deadline(work_scenario(&runner->work, current - 1), run);
	if (++worker->ticks == LONG_SECONDS * TICKS_PER_SECOND && runner->config->jobs == 0)
		work_rest(&runner->work, index, WORKER_WAITING);
	if (worker->ticks <= bound / NSEC_PER_SEC * TICKS_PER_SECOND)
		return;
	worker->was_killed = true;
	kill(worker->pid, SIGKILL);
}

static void tick(struct runner *runner)
{
	uint64_t times;
	unsigned int i;

	if (read(runner->timer, &times, sizeof(times)) != (ssize_t)sizeof(times))
		return;
	runner->ticks++;
	for (i = 0; i < runner->jobs; i++)
		watch_worker(runner, i);
	draw_progress(runner);
}

/* ---- the run ---- */

static bool open_descriptors(struct runner *runner)
{
	const struct itimerspec period = {
		.it_interval = { .tv_nsec = 1000000000 / TICKS_PER_SECOND },
		.it_value = { .tv_nsec = 1000000000 / TICKS_PER_SECOND },
	};

	sigprocmask(SIG_BLOCK, NULL, &runner->old_mask);
	runner->signals = interrupt_open(runner->err);
	if (runner->signals < 0)
		return false;
	runner->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (runner->timer < 0)
		return err_set_errno(runner->err, "cannot watch the time");
	timerfd_settime(runner->timer, 0, &period, NULL);
	return true;
}

/* Take what is pending, or it would strike when it is no longer blocked. */
static void take_signals(struct runner *runner)
{
	while (interrupt_came(runner->signals))
		runner->interrupted = true;
}

/* Wait for something to happen and see to it; false when the run must stop. */
static bool step(struct runner *runner)
{
	struct pollfd polls[RUNNER_JOBS + 2];
	unsigned int owner[RUNNER_JOBS], count = 0, i;

	for (i = 0; i < runner->jobs; i++) {
		if (runner->workers[i].pid <= 0)
			continue;
		owner[count] = i;
		polls[count++] = (struct pollfd){ .fd = runner->workers[i].pipe, .events = POLLIN };
	}
	polls[count] = (struct pollfd){ .fd = runner->signals, .events = POLLIN };
	polls[count + 1] = (struct pollfd){ .fd = runner->timer, .events = POLLIN };
	if (poll(polls, count + 2, -1) < 0)
		return errno == EINTR;
	if (polls[count].revents != 0)
		take_signals(runner);
	if (polls[count + 1].revents != 0)
		tick(runner);
	for (i = 0; i < count && !runner->interrupted && !runner->is_worker; i++) {
		if (polls[i].revents != 0 && !read_worker(runner, owner[i]))
			return false;
	}
	return !runner->interrupted && !runner->is_worker;
}

static enum runner_end run_all(struct runner *runner)
{
	unsigned int i;
	bool ok = open_descriptors(runner);

	for (i = 0; ok && i < runner->jobs && !runner->is_worker; i++)
		ok = start_worker(runner, i);
	while (ok && !runner->is_worker && runner->alive > 0)
		ok = step(runner);
	if (runner->is_worker)
		return RUNNER_WORKER;
	stop_workers(runner);
	if (runner->drew)
		fprintf(stderr, "\r%*s\r", 60, "");
	if (runner->interrupted)
		return RUNNER_INTERRUPTED;
	return ok ? RUNNER_DONE : RUNNER_FAILED;
}

/*
 * How many are busy at a time: as told, else what is good for the clock. Live, more workers stand
 * by for those that wait for a deadline.
 */
static unsigned int choose_jobs(struct runner *runner)
{
	const struct runner_config *config = runner->config;
	bool live = run_is_live(&config->run);
	long busy = config->jobs;

	if (busy == 0)
		busy = live ? LIVE_BUSY : sysconf(_SC_NPROCESSORS_ONLN);
	if (busy < 1)
		busy = 1;
	if (busy > RUNNER_JOBS)
		busy = RUNNER_JOBS;
	runner->jobs = live && config->jobs == 0 ? RUNNER_JOBS : (unsigned int)busy;
	if (runner->jobs > runner->work.count)
		runner->jobs = (unsigned int)runner->work.count;
	return (unsigned int)busy;
}

/* Whether a run may go on to its deadline: where a connection may end otherwise than well. */
static bool may_wait(const struct scenario *scenario)
{
	const unsigned int quick =
		1u << OUTCOME_MPTCP | 1u << OUTCOME_TCP | 1u << OUTCOME_SUBFLOW_CLOSED;

	return (scenario->expected & ~quick) != 0;
}

/* The order of work: those that may wait begin first, so that the run does not end with them. */
static uint32_t *order_jobs(const struct work *work)
{
	uint32_t *order = xcalloc(work->count + 1, sizeof(*order)), job;
	size_t count = 0;
	int pass;

	for (pass = 0; pass < 2; pass++) {
		for (job = 0; job < work->count; job++) {
			if (may_wait(work_scenario(work, job)) == (pass == 0))
				order[count++] = job;
		}
	}
	return order;
}

/* Semaphore, order and places for results. */
static bool prepare(struct runner *runner)
{
	unsigned int busy = choose_jobs(runner);

	runner->work.turns = eventfd(busy, EFD_SEMAPHORE | EFD_CLOEXEC);
	if (runner->work.turns < 0)
		return err_set_errno(runner->err, "cannot make a semaphore");
	runner->order = order_jobs(&runner->work);
	runner->work.order = runner->order;
	runner->results = xcalloc(runner->work.count + 1, sizeof(*runner->results));
	runner->kept =
		xcalloc(runner->work.count / runner->config->repeat + 1, sizeof(*runner->kept));
	return true;
}

static void runner_free(struct runner *runner)
{
	size_t i;

	if (!runner->is_worker && runner->signals >= 0)
		sigprocmask(SIG_SETMASK, &runner->old_mask, NULL);
	if (runner->signals >= 0)
		close(runner->signals);
	if (runner->timer >= 0)
		close(runner->timer);
	if (runner->work.turns >= 0)
		close(runner->work.turns);
	for (i = 0; runner->results != NULL && i < runner->work.count; i++)
		free(runner->results[i]);
	free(runner->results);
	free(runner->kept);
	free(runner->order);
	munmap(runner->work.board, sizeof(*runner->work.board));
	free(runner);
}

enum runner_end runner_run(const struct scenario *const *scenarios, size_t count,
	const struct runner_config *config, struct err *err)
{
	struct work_board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	enum runner_end end = RUNNER_FAILED;
	struct runner *runner;

	if (board == MAP_FAILED) {
		err_set_errno(err, "cannot share memory with workers");
		return RUNNER_FAILED;
	}
	runner = xcalloc(1, sizeof(*runner));
	runner->config = config;
	runner->err = err;
	runner->signals = runner->timer = -1;
	runner->work = (struct work){ scenarios, count * config->repeat, config, board, NULL, -1 };
	if (prepare(runner))
		end = run_all(runner);
	runner_free(runner);
	return end;
}
