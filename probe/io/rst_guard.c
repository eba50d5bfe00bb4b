/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/rst_guard.h"

#include "probe/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	COMMAND_BYTES = 512,
	REPLY_BYTES = 65536,
	REPLY_WAIT_MS = 5000,
	MATCH_TEXT = ADDR_TEXT + 16,
};

struct reserved {
	struct sockname local;
	struct addr peer;
	int fd; /* bound to it, never listening */
};

struct rst_guard {
	pid_t child;
	int to, from; /* its standard input and output */
	char table[32];
	struct reserved *list;
	size_t count, capacity;
};

/* Read what nft says until the listing of our table ends, or an error. */
static bool read_reply(struct rst_guard *guard, struct err *err)
{
	char *text = xmalloc(REPLY_BYTES);
	struct pollfd watch = { .fd = guard->from, .events = POLLIN };
	size_t used = 0;
	ssize_t got;
	bool ok = false;

	while (used + 1 < REPLY_BYTES && poll(&watch, 1, REPLY_WAIT_MS) > 0) {
		got = read(guard->from, text + used, REPLY_BYTES - 1 - used);
		if (got <= 0)
			break;
		used += (size_t)got;
		text[used] = '\0';
		ok = strstr(text, "\n}\n") != NULL;
		if (ok || strstr(text, "rror") != NULL)
			break;
	}
	text[used] = '\0';
	if (!ok && strstr(text, "not permitted") != NULL)
		err_set(err,
			"keeping the kernel from resetting probed connections needs the "
			"capability CAP_NET_ADMIN (or root)");
	else if (!ok)
		err_set(err,
			"nft does not make the table that keeps the kernel from resetting "
			"probed connections: %.*s",
			(int)strcspn(text, "\n"), used > 0 ? text : "no answer");
	free(text);
	return ok;
}

/* One command, and a listing whose end says that it is in force. */
static bool command(struct rst_guard *guard, const char *text, struct err *err)
{
	char line[COMMAND_BYTES];
	int length = snprintf(line, sizeof(line), "%slist table inet %s\n", text, guard->table);

	if (write(guard->to, line, (size_t)length) != length)
		return err_set_errno(err, "nft has ended");
	return read_reply(guard, err);
}

/* The child's ends are the only ones it has: everything else of ours is close-on-exec. */
static bool start(struct rst_guard *guard, struct err *err)
{
	char name[] = "nft", option[] = "-i";
	char *const arguments[] = { name, option, NULL };
	char *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2], status;

	if (pipe2(in, O_CLOEXEC) < 0)
		return err_set_errno(err, "cannot make a pipe");
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(in[0]);
		close(in[1]);
		return err_set_errno(err, "cannot make a pipe");
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
	status = posix_spawnp(&guard->child, name, &actions, NULL, arguments, environment);
	if (status == ENOENT)
		status = posix_spawn(&guard->child, "/usr/sbin/nft", &actions, NULL, arguments,
			environment);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	guard->to = in[1];
	guard->from = out[0];
	if (status == 0)
		return true;
	guard->child = 0;
	errno = status;
	return err_set_errno(err,
		"cannot start nft, which keeps the kernel from resetting probed "
		"connections");
}

struct rst_guard *rst_guard_open(struct err *err)
{
	struct rst_guard *guard = xcalloc(1, sizeof(*guard));
	char text[COMMAND_BYTES];

	guard->to = guard->from = -1;
	snprintf(guard->table, sizeof(guard->table), "mbkit_%d", (int)getpid());
	snprintf(text, sizeof(text),
		"add table inet %s { flags owner; }\n"
		"add chain inet %s in { type filter hook input priority -300; policy accept; }\n",
		guard->table, guard->table);
	if (start(guard, err) && command(guard, text, err))
		return guard;
	rst_guard_close(guard);
	return NULL;
}

void rst_guard_close(struct rst_guard *guard)
{
	if (guard == NULL)
		return;
	for (size_t i = 0; i < guard->count; i++)
		if (guard->list[i].fd >= 0)
			close(guard->list[i].fd);
	if (guard->to >= 0)
		close(guard->to);
	if (guard->from >= 0)
		close(guard->from);
	while (guard->child > 0 && waitpid(guard->child, NULL, 0) < 0 && errno == EINTR)
		;
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

/* "ip daddr 198.18.1.2 ", or nothing for any address. */
static const char *match_text(const struct addr *addr, const char *field, char text[MATCH_TEXT])
{
	static const uint8_t any[16];
	char buffer[ADDR_TEXT];

	text[0] = '\0';
	if (memcmp(addr->bytes, any, sizeof(any)) != 0)
		snprintf(text, MATCH_TEXT, "%s %s %s ", addr->version == 4 ? "ip" : "ip6", field,
			addr_text(addr, buffer));
	return text;
}

bool rst_guard_add(struct rst_guard *guard, const struct sockname *local, const struct addr *peer,
	struct err *err)
{
	char text[COMMAND_BYTES], to[MATCH_TEXT], from[MATCH_TEXT];

	for (size_t i = 0; i < guard->count; i++)
		if (sockname_equal(&guard->list[i].local, local) &&
			addr_equal(&guard->list[i].peer, peer))
			return true;
	snprintf(text, sizeof(text), "add rule inet %s in %s%stcp dport %u drop\n", guard->table,
		match_text(&local->addr, "daddr", to), match_text(peer, "saddr", from),
		local->port);
	if (!command(guard, text, err))
		return false;
	guard->list = xgrow(guard->list, guard->count, &guard->capacity, sizeof(*guard->list));
	guard->list[guard->count++] = (struct reserved){ *local, *peer, reserve(local) };
	return true;
}
