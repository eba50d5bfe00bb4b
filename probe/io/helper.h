/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper.h - child processes that cannot outlive us. They stand in a PID namespace of their own,
 * whose first process dies with the process that made it, however that ends; the kernel then ends
 * all others in it, and whatever they have started.
 */
#ifndef PROBE_IO_HELPER_H
#define PROBE_IO_HELPER_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum { HELPERS = 8 };

struct helpers {
	int home;            /* the PID namespace of our other children */
	int parent;          /* pidfd of ourselves, for the children */
	pid_t pids[HELPERS]; /* 0: reaped */
	unsigned int count;
};

/* From here to helpers_end, every child of this process is born into the new PID namespace. */
bool helpers_begin(struct helpers *helpers, struct err *err);

/*
 * As fork: 0 in the child, -1 with a sentence. The child keeps standard output, standard error and
 * the descriptor keep (-1: none), which becomes descriptor 3; every other one is closed in it.
 * It must leave by _exit.
 */
pid_t helpers_fork(struct helpers *helpers, int keep, struct err *err);

/*
 * As helpers_fork, but for another program, to be executed by the child: it keeps every descriptor
 * that is not close-on-exec, no signal is blocked, and SIGPIPE ends it.
 */
pid_t helpers_fork_program(struct helpers *helpers, struct err *err);

/* Whether a helper has ended by itself; then, if status is not NULL, how, as wait(2) has it. */
bool helpers_ended(struct helpers *helpers, pid_t pid, int *status);

/* Kill and reap all helpers; later children are born where we are. */
void helpers_end(struct helpers *helpers);

#endif
