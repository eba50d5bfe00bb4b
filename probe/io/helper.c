/* SPDX-License-Identifier: BSD-2-Clause */
/* helper.c - see helper.h. */
#include "probe/io/helper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEPT_FD = 3 };

bool helpers_begin(struct helpers *helpers, struct err *err)
{
	helpers->count = 0;
	helpers->home = open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (helpers->home < 0)
		return err_set_errno(err, "cannot open the PID namespace of this process");
	helpers->parent = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (helpers->parent < 0) {
		err_set_errno(err, "cannot watch over helper processes");
		close(helpers->home);
		return false;
	}
	if (unshare(CLONE_NEWPID) < 0) {
		err_set_errno(err, "cannot make a PID namespace");
		close(helpers->parent);
		close(helpers->home);
		return false;
	}
	return true;
}

/*
 * Die with the parent. It may have died before prctl, and getppid says 0 in any case, for the
 * parent stands outside: so its pidfd is asked.
 */
static void child_tie(int parent)
{
	struct pollfd watch = { .fd = parent, .events = POLLIN };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || poll(&watch, 1, 0) != 0)
		_exit(1);
}

static void child_settle(int keep)
{
	if (keep >= 0 && keep != KEPT_FD)
		dup2(keep, KEPT_FD);
	syscall(SYS_close_range, KEPT_FD + (keep >= 0), ~0U, 0);
	signal(SIGINT, SIG_IGN); /* a Ctrl-C is the parent's to answer */
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
}

static pid_t helper_fork(struct helpers *helpers, struct err *err)
{
	pid_t pid;

	assert(helpers->count < HELPERS);
	pid = fork();
	if (pid < 0)
		err_set_errno(err, "cannot start a helper process");
	if (pid == 0)
		child_tie(helpers->parent);
	if (pid > 0)
		helpers->pids[helpers->count++] = pid;
	return pid;
}

pid_t helpers_fork(struct helpers *helpers, int keep, struct err *err)
{
	pid_t pid = helper_fork(helpers, err);

	if (pid == 0)
		child_settle(keep);
	return pid;
}

pid_t helpers_fork_program(struct helpers *helpers, struct err *err)
{
	pid_t pid = helper_fork(helpers, err);
	sigset_t none;

	if (pid != 0)
		return pid;
	signal(SIGPIPE, SIG_DFL); /* ignored by us alone */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

bool helpers_ended(struct helpers *helpers, pid_t pid, int *status)
{
	for (unsigned int i = 0; i < helpers->count; i++) {
		if (helpers->pids[i] != pid)
			continue;
		if (waitpid(pid, status, WNOHANG) == 0)
			return false;
		helpers->pids[i] = 0;
	}
	return true;
}

void helpers_end(struct helpers *helpers)
{
	for (unsigned int i = 0; i < helpers->count; i++)
		if (helpers->pids[i])
			kill(helpers->pids[i], SIGKILL);
	/* The first one cannot end before the others in its namespace have been reaped. */
	for (unsigned int i = helpers->count; i-- > 0;)
		while (helpers->pids[i] && waitpid(helpers->pids[i], NULL, 0) < 0 && errno == EINTR)
			;
	helpers->count = 0;
	setns(helpers->home, CLONE_NEWPID);
	close(helpers->parent);
	close(helpers->home);
}
