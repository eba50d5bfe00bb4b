/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/interrupt.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGHUP);
}

void interrupt_hold(void)
{
	sigset_t signals;

	fill(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

void interrupt_release(void)
{
	sigset_t signals;

	fill(&signals);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

int interrupt_open(struct err *err)
{
	sigset_t signals;
	int fd;

	fill(&signals);
	fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0) {
		err_set_errno(err, "cannot watch for signals");
		return -1;
	}
	interrupt_hold();
	return fd;
}

bool interrupt_came(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

void interrupt_close(int fd)
{
	if (fd < 0)
		return;
	/* What has been heard need not strike. */
	while (interrupt_came(fd)) {
	}
	interrupt_release();
	close(fd);
}
