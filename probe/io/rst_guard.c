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

#define ENDED "what keeps the kernel from resetting connections has ended"

/* What is asked of the child, and what it says. */
struct request {
	enum { REQUEST_LAST, REQUEST_DROP, REQUEST_PASS } what;
	unsigned int number; /* of the flow */
	struct flow flow;
};

struct reply {
	bool ok;
	struct err err;
};

struct guarded {
	struct flow flow;
	unsigned int number;
	int fd; /* bound to its port, never listening; -1: none */
};

struct rst_guard {
	pid_t child;
	int link; /* to the child */
	struct guarded *list;
	size_t count, capacity;
	unsigned int added;
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
		request.what != REQUEST_LAST)
		ok = request.what == REQUEST_DROP
			? nftables_drop(&tables, request.number, &request.flow, &err)
			: nftables_pass(&tables, request.number, &err);
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
		return err_set(err, ENDED);
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
	struct request last = { .what = REQUEST_LAST };
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

/*
 * Nobody else gets the port as long as we hold it; that somebody has it already is no error.
 * Without a version, of both.
 */
static int reserve(const struct flow *flow)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(flow->to.port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(flow->to.port) };
	int kind = (flow->protocol == PROTOCOL_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
	bool is_v6 = flow->to.addr.version != 4;
	int fd;

	if (flow->to.port == 0 || flow->protocol == 0)
		return -1;
	fd = socket(is_v6 ? AF_INET6 : AF_INET, kind, 0);
	if (fd < 0 && flow->to.addr.version == 0) {
		is_v6 = false;
		fd = socket(AF_INET, kind, 0);
	}
	memcpy(&v4.sin_addr, flow->to.addr.bytes, 4);
	memcpy(&v6.sin6_addr, flow->to.addr.bytes, 16);
	if (fd >= 0 &&
		bind(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
			is_v6 ? sizeof(v6) : sizeof(v4)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool ask(const struct rst_guard *guard, const struct request *request, struct err *err)
{
	if (send(guard->link, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		return err_set_errno(err, ENDED);
	return hear(guard, err);
}

bool rst_guard_add(struct rst_guard *guard, const struct flow *flow, unsigned int *number,
	struct err *err)
{
	struct request request;

	memset(&request, 0, sizeof(request));
	request.what = REQUEST_DROP;
	request.number = guard->added;
	request.flow = *flow;
	if (!ask(guard, &request, err))
		return false;
	guard->list = xgrow(guard->list, guard->count, &guard->capacity, sizeof(*guard->list));
	guard->list[guard->count++] = (struct guarded){ *flow, guard->added, reserve(flow) };
	if (number != NULL)
		*number = guard->added;
	guard->added++;
	return true;
}

bool rst_guard_holds(const struct rst_guard *guard, unsigned int number)
{
	for (size_t i = 0; i < guard->count; i++)
		if (guard->list[i].number == number)
			return guard->list[i].fd >= 0;
	return false;
}

bool rst_guard_covers(const struct rst_guard *guard, const struct flow *flow)
{
	for (size_t i = 0; i < guard->count; i++)
		if (flow_covers(&guard->list[i].flow, flow))
			return true;
	return false;
}

bool rst_guard_remove(struct rst_guard *guard, unsigned int number, struct err *err)
{
	struct request request;
	size_t i = 0;

	while (i < guard->count && guard->list[i].number != number)
		i++;
	if (i == guard->count)
		return true;
	if (guard->list[i].fd >= 0)
		close(guard->list[i].fd);
	guard->list[i] = guard->list[--guard->count];
	memset(&request, 0, sizeof(request));
	request.what = REQUEST_PASS;
	request.number = number;
	return ask(guard, &request, err);
}
