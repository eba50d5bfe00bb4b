/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.c - see inside.h. The first helper is the first process of a PID namespace: it buries what
 * others leave behind, and its end, which is tied to ours, is the end of all.
 */
#include "mbtest/net/inside.h"

#include "probe/io/mounts.h"
#include "probe/io/mptcp_sockets.h"
#include "probe/io/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	READY_MS = 5000, /* for a server to listen, before the command is started anyway */
	LOOK_MS = 10,
	FAREWELL_MS = 500, /* for a server to end in good order */
	CHANNEL_FD = 3,    /* of a helper, by helpers_fork */
};

/* What is passed on to the command when somebody, not the terminal, sends it to us. */
static const int forwarded[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };

enum { FORWARDED = sizeof(forwarded) / sizeof(forwarded[0]) };

static void signals_of_ours(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < FORWARDED; i++)
		sigaddset(set, forwarded[i]);
}

/* ---- processes ---- */

/* The first process of the namespace; it has nothing to do but to reap. */
static bool reaper_start(struct inside *inside, struct err *err)
{
	pid_t pid = helpers_fork(&inside->helpers, -1, err);
	sigset_t children;

	if (pid != 0)
		return pid > 0;
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	for (;;) {
		sigwaitinfo(&children, NULL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
	}
}

/* Somebody in this namespace to give MPTCP sockets; the other end of the channel, or -1. */
static int giver_start(struct inside *inside, struct err *err)
{
	int channel[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) {
		err_set_errno(err, "cannot make a pair of sockets");
		return -1;
	}
	pid = helpers_fork(&inside->helpers, channel[1], err);
	if (pid == 0) {
		mptcp_sockets_give(CHANNEL_FD);
		_exit(0);
	}
	close(channel[1]);
	if (pid > 0)
		return channel[0];
	close(channel[0]);
	return -1;
}

/* The child's way to its program; returns only when that cannot be executed. */
static void child_execute(const struct inside *inside, char *const *command, int channel,
	struct err *err)
{
	static const char resolv[] = "# Inside this network only names in /etc/hosts are known.\n"
				     "options timeout:1 attempts:1\n";
	const struct mount_file files[] = {
		{ "/etc/hosts", inside->plan.hosts },
		{ "/etc/resolv.conf", resolv },
	};
	size_t count = access(files[1].path, F_OK) == 0 ? 2 : 1;

	if (!mounts_cover(files, count, err) || (channel >= 0 && !mptcp_sockets_want(channel, err)))
		return;
	execvp(command[0], command);
	err_set_errno(err, "cannot run %s", command[0]);
}

/* What went wrong in the child, if anything: "" at the end of file, which exec brings. */
static void pipe_say(int fd, const struct err *err)
{
	ssize_t ignored = write(fd, err->text, strlen(err->text));

	(void)ignored;
}

/*
 * Start a program in the namespace we are in. *refused is where its child says why it could not be
 * executed. The far end's program has no terminal: it reads nothing and writes to our stderr.
 */
static pid_t program_start(struct inside *inside, char *const *command, bool is_far, int *refused,
	struct err *err)
{
	int channel = inside->plan.mptcp ? giver_start(inside, err) : -1, ends[2];
	pid_t pid;

	if (inside->plan.mptcp && channel < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) != 0) {
		err_set_errno(err, "cannot make a pipe");
		return -1;
	}
	pid = helpers_fork_program(&inside->helpers, err);
	if (pid == 0) {
		if (is_far) {
			setpgid(0, 0);
			dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
			dup2(STDERR_FILENO, STDOUT_FILENO);
		}
		child_execute(inside, command, channel, err);
		pipe_say(ends[1], err);
		_exit(127);
	}
	close(ends[1]);
	if (channel >= 0)
		close(channel);
	*refused = ends[0];
	if (pid < 0)
		close(ends[0]);
	return pid;
}

/* ---- the far end ---- */

/* Whether any socket of a process's namespace waits for others: a line in state 0A, or of UDP. */
static bool somebody_listens(pid_t pid)
{
	static const char *const tables[] = { "tcp", "tcp6", "udp", "udp6" };
	char path[64], line[256];
	bool found = false;

	for (size_t i = 0; i < 4 && !found; i++) {
		FILE *table;
		char state[3] = "";

		snprintf(path, sizeof(path), "/proc/%ld/net/%s", (long)pid, tables[i]);
		table = fopen(path, "re");
		while (table != NULL && !found && fgets(line, sizeof(line), table) != NULL)
			found = sscanf(line, " %*[0-9]: %*s %*s %2s", state) == 1 &&
				(i >= 2 || strcmp(state, "0A") == 0);
		if (table != NULL)
			fclose(table);
	}
	return found;
}

/* Wait until the server listens; false when it has ended before. */
static bool server_await(struct inside *inside, struct err *err)
{
	for (int waited = 0; waited < READY_MS; waited += LOOK_MS) {
		if (helpers_ended(&inside->helpers, inside->server, &inside->server_status)) {
			inside->server = 0;
			return err_set(err, "the server ended before anything began: %s",
				inside->plan.server);
		}
		if (somebody_listens(inside->server))
			return true;
		poll(NULL, 0, LOOK_MS);
	}
	return true;
}

static bool server_start(struct inside *inside, struct err *err)
{
	char shell[] = "/bin/sh", option[] = "-c", line[4096];
	char *command[] = { shell, option, line, NULL };
	int refused;

	switch (inside->plan.far) {
	case FAR_CLOSED:
	case FAR_SILENT:
		return true;
	case FAR_HTTP:
		if (!http_server_open(&inside->http, NET_SERVER_PORT, inside->plan.plain_server,
			    err))
			return false;
		inside->server = helpers_fork(&inside->helpers, inside->http.fd, err);
		if (inside->server == 0)
			http_server_run(CHANNEL_FD);
		http_server_close(&inside->http);
		return inside->server > 0;
	case FAR_SHELL:
		snprintf(line, sizeof(line), "%s", inside->plan.server);
		inside->server = program_start(inside, command, true, &refused, err);
		if (inside->server < 0)
			return false;
		close(refused);
		return server_await(inside, err);
	}
	return false;
}

/* ---- making and unmaking ---- */

static bool host_make(struct inside *inside, enum end end, struct err *err)
{
	const struct live_host_plan plan = {
		.end = end,
		.family = inside->plan.family,
		.paths = inside->plan.paths,
		.joins = end == CLIENT && inside->plan.mptcp ? (uint16_t)(inside->plan.paths - 1)
							     : 0,
		.checksum = inside->plan.checksum,
		.long_mapping = true,
		.no_address = end == SERVER && inside->plan.far == FAR_SILENT,
	};

	inside->has_host[end] = live_host_make(&inside->host[end], &plan, err);
	return inside->has_host[end];
}

bool inside_open(struct inside *inside, const struct inside_plan *plan, struct err *err)
{
	sigset_t ours;

	*inside = (struct inside){ .plan = *plan, .home = -1, .signals = -1, .refused = -1 };
	if (!netns_supported(err))
		return false;
	inside->home = netns_hold(err);
	if (inside->home < 0)
		return false;
	signals_of_ours(&ours);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	inside->signals = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
	if (inside->signals < 0)
		return err_set_errno(err, "cannot wait for signals");
	inside->has_helpers = helpers_begin(&inside->helpers, err);
	return inside->has_helpers && reaper_start(inside, err) && host_make(inside, SERVER, err) &&
		server_start(inside, err) && host_make(inside, CLIENT, err);
}

bool inside_start(struct inside *inside, struct err *err)
{
	bool ok;

	inside->command = program_start(inside, inside->plan.command, false, &inside->refused, err);
	ok = inside->command > 0;
	return ok && netns_enter(inside->home, err);
}

void inside_stop(struct inside *inside)
{
	struct err ignored;

	if (inside->home >= 0) {
		netns_enter(inside->home, &ignored);
		close(inside->home);
	}
	if (inside->plan.far == FAR_SHELL && inside->server > 0 &&
		kill(-inside->server, SIGTERM) == 0) {
		for (int waited = 0; waited < FAREWELL_MS; waited += LOOK_MS) {
			if (helpers_ended(&inside->helpers, inside->server, NULL))
				break;
			poll(NULL, 0, LOOK_MS);
		}
	}
	if (inside->has_helpers)
		helpers_end(&inside->helpers);
	for (size_t end = 0; end < ENDS; end++)
		if (inside->has_host[end])
			live_host_drop(&inside->host[end]);
	if (inside->refused >= 0)
		close(inside->refused);
	if (inside->signals >= 0)
		close(inside->signals);
}

/* ---- while it runs ---- */

/* The terminal sends its signals to the command as well; what comes from others goes on to it. */
static void signals_forward(struct inside *inside)
{
	struct signalfd_siginfo info;

	while (read(inside->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD && info.ssi_code <= 0 && !inside->ended)
			kill(inside->command, (int)info.ssi_signo);
}

bool inside_ended(struct inside *inside)
{
	signals_forward(inside);
	if (!inside->ended)
		inside->ended = helpers_ended(&inside->helpers, inside->command, &inside->status);
	if (inside->server > 0 &&
		helpers_ended(&inside->helpers, inside->server, &inside->server_status)) {
		inside->server = 0;
		inside->server_failed = inside->server_status != 0;
	}
	return inside->ended;
}

bool inside_refused(struct inside *inside, struct err *err)
{
	char text[sizeof(err->text)];
	ssize_t length = read(inside->refused, text, sizeof(text) - 1);

	if (length <= 0)
		return false;
	text[length] = '\0';
	err_set(err, "%s", text);
	return true;
}

int inside_exit_status(const struct inside *inside)
{
	if (WIFSIGNALED(inside->status))
		return 128 + WTERMSIG(inside->status);
	return WEXITSTATUS(inside->status);
}
