/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * app_kernel.c - see app_kernel.h. The parent's half makes the socket, so that a refusal by the
 * kernel is a sentence and a server listens before any client starts; the child's half is one loop
 * around poll.
 */
#include "mbtest/suite/app_kernel.h"

#include "probe/base/alloc.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum {
	CHUNK_BYTES = 65536,
	SPARE_BYTES = 262144, /* room for bytes delivered twice */
	SOCKET_FD = 3,        /* of the child, by helpers_fork */
	BACKLOG = 128,        /* with fewer, joins at the same time are told off by SYN cookies */
};

/* Written by the child, read by the parent; done is written last. */
struct app_report {
	atomic_bool opened, failed, ended, finished, done;
	_Atomic int error;         /* errno */
	_Atomic uint64_t received; /* bytes after this struct, at most room */
	/* CLOCK_MONOTONIC; 0: never */
	_Atomic uint64_t last_progress, aborted_at;
};

struct app_kernel {
	struct app_plan plan;
	struct helpers *helpers;
	pid_t pid;
	struct app_report *report;
	uint64_t room;
	size_t mapped;
};

/* The child's half. */
struct session {
	const struct app_plan *plan;
	struct app_report *report;
	uint8_t *received;
	uint64_t room;
	nsec_t until;
	int fd;
	uint64_t sent;
	nsec_t resume_at; /* end of the pause after the first chunk */
	nsec_t abort_at;
	bool ended, shut;
	uint8_t chunk[CHUNK_BYTES];
};

static nsec_t monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

static socklen_t socket_address(const struct sockname *name, struct sockaddr_storage *storage)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(name->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(name->port) };

	if (name->addr.version == 4) {
		memcpy(&v4.sin_addr, name->addr.bytes, sizeof(v4.sin_addr));
		memcpy(storage, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, name->addr.bytes, sizeof(v6.sin6_addr));
	memcpy(storage, &v6, sizeof(v6));
	return sizeof(v6);
}

/* ---- the child ---- */

static void session_progress(struct session *session)
{
	atomic_store(&session->report->last_progress, monotonic_now());
}

static void session_fail(struct session *session, int error)
{
	atomic_store(&session->report->error, error);
	atomic_store(&session->report->failed, true);
}

static bool session_failed(const struct session *session)
{
	return atomic_load(&session->report->failed);
}

/* Wait for an event of the socket, at most to the moment at; false when the time is up. */
static bool session_wait(const struct session *session, short events, nsec_t at, short *got)
{
	struct pollfd watch = { .fd = session->fd, .events = events };
	nsec_t now = monotonic_now();
	struct timespec patience;
	nsec_t wait;

	*got = 0;
	at = nsec_min(at, session->until);
	if (now >= session->until)
		return false;
	wait = at > now ? at - now : 0;
	patience.tv_sec = (time_t)(wait / NSEC_PER_SEC);
	patience.tv_nsec = (long)(wait % NSEC_PER_SEC);
	if (ppoll(&watch, 1, &patience, NULL) > 0)
		*got = watch.revents;
	return true;
}

static int session_error(const struct session *session)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return errno;
	return error;
}

/* How much may be written now: up to the end of the first chunk before the pause is over. */
static uint64_t session_writable(const struct session *session, nsec_t now)
{
	const struct app_plan *plan = session->plan;
	uint64_t end = plan->sends.length;

	if (now < session->resume_at && plan->first_chunk < end)
		end = plan->first_chunk;
	return end > session->sent ? end - session->sent : 0;
}

static void session_write(struct session *session, nsec_t now)
{
	uint64_t length = session_writable(session, now);
	ssize_t taken;

	if (length > sizeof(session->chunk))
		length = sizeof(session->chunk);
	stream_fill(&session->plan->sends, session->sent, session->chunk, (size_t)length);
	taken = send(session->fd, session->chunk, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (taken < 0) {
		if (errno != EAGAIN && errno != EINTR)
			session_fail(session, errno);
		return;
	}
	session->sent += (uint64_t)taken;
	session_progress(session);
}

/* Read what is there; bytes past the room are read and forgotten. */
static void session_read(struct session *session)
{
	uint64_t received = atomic_load(&session->report->received);
	bool fits = received < session->room;
	void *to = fits ? session->received + received : session->chunk;
	size_t room = fits ? (size_t)(session->room - received) : sizeof(session->chunk);
	ssize_t got = recv(session->fd, to, room, MSG_DONTWAIT);

	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			session_fail(session, errno);
		return;
	}
	session_progress(session);
	if (got == 0) {
		session->ended = true;
		atomic_store(&session->report->ended, true);
	} else if (fits) {
		atomic_store(&session->report->received, received + (uint64_t)got);
	}
}

/* An end that sends shuts down after its last byte, one that does not after the peer's. */
static void session_shut(struct session *session)
{
	uint64_t length = session->plan->sends.length;

	if (session->shut || session->sent < length || (length == 0 && !session->ended))
		return;
	if (shutdown(session->fd, SHUT_WR) < 0)
		session_fail(session, errno);
	session->shut = true;
}

static nsec_t abort_time(const struct app_plan *plan, nsec_t now)
{
	unsigned int i;

	for (i = 0; i < plan->steps.count; i++)
		if (plan->steps.steps[i].verb == STEP_ABORT)
			return now + plan->steps.steps[i].at;
	return NSEC_NEVER;
}

/* A close that lingers for no time at all: the kernel sends MP_FASTCLOSE, or RST. */
static void session_abort(struct session *session)
{
	const struct linger none = { .l_onoff = 1, .l_linger = 0 };

	atomic_store(&session->report->aborted_at, monotonic_now());
	setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(session->fd);
	session_fail(session, ECONNABORTED);
}

/* Both streams, until both have ended, something fails, or the time is up. */
static void session_run(struct session *session)
{
	session_progress(session);
	session->resume_at = monotonic_now() + session->plan->pause_ns;
	session->abort_at = abort_time(session->plan, monotonic_now());
	while (!session_failed(session) && !(session->ended && session->shut)) {
		nsec_t now = monotonic_now();
		bool writes = session_writable(session, now) > 0;
		nsec_t at = session->resume_at > now ? session->resume_at : NSEC_NEVER;
		short got;

		if (now >= session->abort_at) {
			session_abort(session);
			return;
		}
		if (!session_wait(session,
			    (short)((session->ended ? 0 : POLLIN) | (writes ? POLLOUT : 0)),
			    nsec_min(at, session->abort_at), &got))
			return;
		if (!session->ended && (got & (POLLIN | POLLHUP | POLLERR)))
			session_read(session);
		if (writes && (got & POLLOUT) && !session_failed(session))
			session_write(session, now);
		if (session->ended && (got & POLLERR)) {
			int error = session_error(session);

			if (error)
				session_fail(session, error);
		}
		if (session->ended && !writes && (got & (POLLHUP | POLLERR)))
			usleep(1000); /* these two are told whether asked for or not */
		if (!session_failed(session))
			session_shut(session);
	}
	if (!session_failed(session)) {
		close(session->fd);
		atomic_store(&session->report->finished, true);
	}
}

static bool session_connect(struct session *session)
{
	struct sockaddr_storage remote;
	socklen_t length = socket_address(&session->plan->remote, &remote);
	short got = 0;
	int error = 0;

	if (connect(session->fd, (struct sockaddr *)&remote, length) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		while (got == 0)
			if (!session_wait(session, POLLOUT, NSEC_NEVER, &got))
				return false;
		error = session_error(session);
	}
	if (error)
		session_fail(session, error);
	return error == 0;
}

static bool session_accept(struct session *session)
{
	short got = 0;
	int fd;

	while (got == 0)
		if (!session_wait(session, POLLIN, NSEC_NEVER, &got))
			return false;
	fd = accept4(session->fd, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0) {
		session_fail(session, errno);
		return false;
	}
	/* the listener stays open: further subflows come to it */
	session->fd = fd;
	return true;
}

static _Noreturn void child_run(struct session *session)
{
	bool opened =
		session->plan->end == CLIENT ? session_connect(session) : session_accept(session);

	if (opened) {
		atomic_store(&session->report->opened, true);
		session_run(session);
	}
	atomic_store(&session->report->done, true);
	/* The namespace lives on with this process, so that the kernel can close properly. */
	while (monotonic_now() < session->until + 10 * NSEC_PER_SEC)
		usleep(500000);
	_exit(0);
}

/* ---- the parent ---- */

static int socket_make(const struct app_plan *plan, bool mptcp, struct err *err)
{
	int domain = plan->local.addr.version == 4 ? AF_INET : AF_INET6;
	struct sockaddr_storage local;
	socklen_t length = socket_address(&plan->local, &local);
	struct sockname any = plan->local;
	int on = 1;
	int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		mptcp ? IPPROTO_MPTCP : IPPROTO_TCP);

	if (fd < 0) {
		err_set_errno(err,
			mptcp ? "the kernel has no Multipath TCP socket for us"
			      : "the kernel has no TCP socket for us");
		return -1;
	}
	/* Addresses that are told of later have to be listened at, too. */
	if (plan->end == SERVER && plan->steps.count > 0) {
		any.addr = (struct addr){ .version = plan->local.addr.version };
		length = socket_address(&any, &local);
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&local, length) < 0 ||
		(plan->end == SERVER && listen(fd, BACKLOG) < 0)) {
		err_set_errno(err, "cannot bind a socket in a network namespace");
		close(fd);
		return -1;
	}
	return fd;
}

static bool app_start(struct app_kernel *app, int fd, nsec_t until, struct err *err)
{
	app->pid = helpers_fork(app->helpers, fd, err);
	if (app->pid == 0) {
		struct session *session = xcalloc(1, sizeof(*session));

		session->plan = &app->plan;
		session->report = app->report;
		session->received = (uint8_t *)(app->report + 1);
		session->room = app->room;
		session->until = until;
		session->fd = SOCKET_FD;
		child_run(session);
	}
	return app->pid > 0;
}

struct app_kernel *app_kernel_new(const struct app_plan *plan, bool mptcp, nsec_t until,
	struct helpers *helpers, struct err *err)
{
	struct app_kernel *app;
	bool started;
	int fd = socket_make(plan, mptcp, err);

	if (fd < 0)
		return NULL;
	app = xcalloc(1, sizeof(*app));
	app->plan = *plan;
	app->helpers = helpers;
	app->room = plan->receives + SPARE_BYTES;
	app->mapped = sizeof(*app->report) + (size_t)app->room;
	app->report =
		mmap(NULL, app->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (app->report == MAP_FAILED) {
		err_set_errno(err, "no memory for an application's bytes");
		close(fd);
		free(app);
		return NULL;
	}
	started = app_start(app, fd, until, err);
	close(fd);
	if (started)
		return app;
	app_kernel_free(app);
	return NULL;
}

void app_kernel_free(struct app_kernel *app)
{
	if (!app)
		return;
	munmap(app->report, app->mapped);
	free(app);
}

bool app_kernel_done(const struct app_kernel *app)
{
	return atomic_load(&app->report->done);
}

bool app_kernel_lost(const struct app_kernel *app)
{
	return helpers_ended(app->helpers, app->pid, NULL);
}

static const char *error_text(int error)
{
	switch (error) {
	case ECONNABORTED:
		return "connection aborted";
	case ECONNREFUSED:
		return "connection refused";
	case ECONNRESET:
		return "connection reset";
	case EPIPE:
		return "broken pipe";
	case ETIMEDOUT:
		return "connection timed out";
	case EHOSTUNREACH:
		return "no route to host";
	case ENETUNREACH:
		return "network is unreachable";
	default:
		return "another error of the socket";
	}
}

static nsec_t time_since(nsec_t epoch, nsec_t at)
{
	return at > epoch ? at - epoch : 0;
}

void app_kernel_view(const struct app_kernel *app, nsec_t epoch, struct app_view *view)
{
	const struct app_report *report = app->report;

	*view = (struct app_view){
		.opened = atomic_load(&report->opened),
		.failed = atomic_load(&report->failed),
		.ended = atomic_load(&report->ended),
		.finished = atomic_load(&report->finished),
		.received = (const uint8_t *)(report + 1),
		.received_length = atomic_load(&report->received),
		.last_progress = time_since(epoch, atomic_load(&report->last_progress)),
		.aborted_at = time_since(epoch, atomic_load(&report->aborted_at)),
	};
	if (view->failed)
		view->error = error_text(atomic_load(&report->error));
}
