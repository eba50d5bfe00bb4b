/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/rst_guard.h"

#include "probe/base/alloc.h"
#include "probe/io/nftables.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is asked of the child, and what it says; a request of no version is the last. */
struct request {
	struct sockname local;
	struct addr peer;
};

struct reply {
	bool ok;
	struct err err;
};

struct reserved {
	struct request request;
	int fd; /* bound to the local address and port, never listening */
};

struct rst_guard {
	pid_t child;
	int link; /* to the child */
	struct reserved *list;
	size_t count, capacity;
};

/* ---- the child ---- */

static bool answer(int link, bool ok, const struct err *err)
{
	struct reply reply = { .ok = ok };

	if (!ok)
		reply.err = *err;
	return send(link, &reply, sizeof(reply), MSG_NOSIGNAL) == (ssize_t)sizeof(reply);
}

/* What the child has no use for would be held open by it. */
static void close_all_but(int first, int second)
{
	unsigned int low = (unsigned int)(first < second ? first : second);
	unsigned int high = (unsigned int)(first < second ? second : first);

	syscall(SYS_close_range, 0U, low - 1, 0U);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0U);
	syscall(SYS_close_range, high + 1, ~0U, 0U);
}

/*
 * Whoever interrupts a program in a terminal interrupts its children; this one ends with its link.
 * The table is removed before the last word is said, so that it is gone when we are; what takes
 * the kernel its time comes after it.
 */
static void child_run(int link, int keep, pid_t parent)
{
	struct nftables tables;
	struct request request;
	struct err err = { "" };
	bool ok;

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	close_all_but(link, keep >= 0 ? keep : link);
	ok = nftables_open(&tables, parent, &err);
	while (answer(link, ok, &err) && recv(link, &request, sizeof(request), 0) > 0 &&
		request.local.addr.version != 0)
		ok = nftables_drop(&tables, &request.local, &request.peer, &err);
	nftables_remove(&tables);
	answer(link, true, &err);
	_exit(0);
}

/* ---- its parent ---- */

static bool hear(const struct rst_guard *guard, struct err *err)
{
	struct reply reply;
	ssize_t got;

	do
		got = recv(guard->link, &reply, sizeof(reply), 0);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(reply))
		return err_set(err, "what keeps the kernel from resetting connections has ended");
	if (!reply.ok)
		*err = reply.err;
	return reply.ok;
}

struct rst_guard *rst_guard_open(int keep, struct err *err)
{
	struct rst_guard *guard = xcalloc(1, sizeof(*guard));
	pid_t parent = getpid();
	int ends[2];

	guard->link = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		err_set_errno(err, "cannot make a socket pair");
		rst_guard_close(guard);
		return NULL;
	}
	guard->link = ends[0];
	guard->child = fork();
	if (guard->child == 0)
		child_run(ends[1], keep, parent);
	close(ends[1]);
	if (guard->child < 0)
		err_set_errno(err, "cannot start a process");
	else if (hear(guard, err))
		return guard;
	rst_guard_close(guard);
	return NULL;
}

void rst_guard_close(struct rst_guard *guard)
{
	struct request last = { .local = { .port = 0 } };
	struct err ignored;

	if (guard == NULL)
		return;
	for (size_t i = 0; i < guard->count; i++)
		if (guard->list[i].fd >= 0)
			close(guard->list[i].fd);
	if (guard->child > 0 &&
		send(guard->link, &last, sizeof(last), MSG_NOSIGNAL) == (ssize_t)sizeof(last))
		hear(guard, &ignored);
	if (guard->link >= 0)
		close(guard->link);
	if (guard->child > 0)
		waitpid(guard->child, NULL, WNOHANG);
	free(guard->list);
	free(guard);
}

/* Nobody else gets the port as long as we hold it; that somebody has it already is no error. */
static int reserve(const struct sockname *local)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(local->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(local->port) };
	bool is_v4 = local->addr.version == 4;
	int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(&v4.sin_addr, local->addr.bytes, 4);
	memcpy(&v6.sin6_addr, local->addr.bytes, 16);
	if (fd >= 0 &&
		bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
			is_v4 ? sizeof(v4) : sizeof(v6)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool rst_guard_add(struct rst_guard *guard, const struct sockname *local, const struct addr *peer,
	struct err *err)
{
	struct request request;

	for (size_t i = 0; i < guard->count; i++)
		if (sockname_equal(&guard->list[i].request.local, local) &&
			addr_equal(&guard->list[i].request.peer, peer))
			return true;
	memset(&request, 0, sizeof(request));
	request.local = *local;
	request.peer = *peer;
	if (send(guard->link, &request, sizeof(request), MSG_NOSIGNAL) < 0)
		return err_set_errno(err,
			"what keeps the kernel from resetting connections has "
			"ended");
	if (!hear(guard, err))
		return false;
	guard->list = xgrow(guard->list, guard->count, &guard->capacity, sizeof(*guard->list));
	guard->list[guard->count++] = (struct reserved){ request, reserve(local) };
	return true;
}
