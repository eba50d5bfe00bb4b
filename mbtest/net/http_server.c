/* SPDX-License-Identifier: BSD-2-Clause */
/* http_server.c - see http_server.h. */
#include "mbtest/net/http_server.h"

#include "probe/wire/addr.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/mptcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

enum {
	BACKLOG = 128,
	HEAD_BYTES = 8192, /* of a request, at most */
	BLOCK_BYTES = 65536,
	PATIENCE_SECONDS = 60,
};

static int listening_socket(int family, int protocol, uint16_t port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol), one = 1, none = 0;
	const struct sockaddr *any = (const struct sockaddr *)&any4;
	socklen_t length = sizeof(any4);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none));
		any = (const struct sockaddr *)&any6;
		length = sizeof(any6);
	}
	if (bind(fd, any, length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

bool http_server_open(struct http_server *server, uint16_t port, bool plain, struct err *err)
{
	static const int families[] = { AF_INET6, AF_INET };
	int protocols[] = { IPPROTO_MPTCP, IPPROTO_TCP };

	if (plain)
		protocols[0] = IPPROTO_TCP;
	for (size_t i = 0; i < 4; i++) {
		server->fd = listening_socket(families[i / 2], protocols[i % 2], port);
		if (server->fd >= 0)
			return true;
	}
	return err_set_errno(err, "cannot listen on port %u at the far end", port);
}

void http_server_close(struct http_server *server)
{
	close(server->fd);
	server->fd = -1;
}

/* ---- one connection ---- */

struct request {
	char head[HEAD_BYTES + 1];
	size_t length;     /* of all that came */
	size_t head_bytes; /* up to the body */
	uint64_t body;     /* bytes announced */
};

/* The value of a header field, or NULL. */
static const char *field(const struct request *request, const char *name)
{
	const char *line = strchr(request->head, '\n');

	for (; line != NULL; line = strchr(line + 1, '\n')) {
		if (strncasecmp(line + 1, name, strlen(name)) == 0)
			return line + 1 + strlen(name);
	}
	return NULL;
}

/* Read up to the empty line; false when none comes. */
static bool request_read(struct request *request, int fd)
{
	const char *end = NULL, *value;
	ssize_t got;

	while (end == NULL && request->length < HEAD_BYTES) {
		got = read(fd, request->head + request->length, HEAD_BYTES - request->length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		request->length += (size_t)got;
		request->head[request->length] = '\0';
		end = strstr(request->head, "\r\n\r\n");
	}
	if (end == NULL)
		return false;
	request->head_bytes = (size_t)(end - request->head) + 4;
	value = field(request, "Content-Length:");
	request->body = value == NULL ? 0 : strtoull(value, NULL, 10);
	return true;
}

static bool write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t put = write(fd, at, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		at += put;
		length -= (size_t)put;
	}
	return true;
}

/* What is left of the body; how much came in all. */
static uint64_t body_skip(const struct request *request, int fd)
{
	uint64_t came = request->length - request->head_bytes;
	const char *expect = field(request, "Expect:");
	char block[BLOCK_BYTES];
	ssize_t got = 1;

	if (expect != NULL && came < request->body)
		write_all(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	while (came < request->body && got > 0) {
		got = read(fd, block, sizeof(block));
		if (got > 0)
			came += (uint64_t)got;
	}
	return came;
}

static bool reply_head(int fd, uint64_t length, const char *type)
{
	char head[256];
	int bytes = snprintf(head, sizeof(head),
		"HTTP/1.0 200 OK\r\nServer: mbtest/%s\r\nContent-Type: %s\r\n"
		"Content-Length: %" PRIu64 "\r\nConnection: close\r\n\r\n",
		MBKIT_VERSION, type, length);

	return write_all(fd, head, (size_t)bytes);
}

/* N bytes, each line with its own offset, so that what is missing or doubled can be seen. */
static void reply_bytes(int fd, uint64_t length)
{
	char block[BLOCK_BYTES];
	uint64_t offset, part;
	size_t i;

	for (offset = 0; offset < length; offset += part) {
		for (i = 0; i < sizeof(block); i += 16)
			snprintf(block + i, sizeof(block) - i, "%015" PRIu64, offset + i);
		for (i = 15; i < sizeof(block); i += 16)
			block[i] = '\n';
		part = length - offset < sizeof(block) ? length - offset : sizeof(block);
		if (!write_all(fd, block, part))
			return;
	}
}

static struct sockname peer_of(int fd)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(storage);
	struct sockname name = { .port = 0 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	getpeername(fd, (struct sockaddr *)&storage, &length);
	if (storage.ss_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, &storage, sizeof(v6));
		name.port = ntohs(v6.sin6_port);
		name.addr = memcmp(v6.sin6_addr.s6_addr, mapped, sizeof(mapped)) == 0
			? addr_from_bytes(4, v6.sin6_addr.s6_addr + 12)
			: addr_from_bytes(6, v6.sin6_addr.s6_addr);
	} else if (storage.ss_family == AF_INET) {
		struct sockaddr_in v4;
		uint8_t bytes[4];

		memcpy(&v4, &storage, sizeof(v4));
		memcpy(bytes, &v4.sin_addr, sizeof(bytes));
		name.port = ntohs(v4.sin_port);
		name.addr = addr_from_bytes(4, bytes);
	}
	return name;
}

/* What this end's socket says; after a fallback it is TCP. */
static bool is_multipath(int fd)
{
	struct mptcp_info info;
	socklen_t length = sizeof(info);

	return getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &length) == 0;
}

static void reply_greeting(int fd, uint64_t body)
{
	struct sockname peer = peer_of(fd);
	char name[SOCKNAME_TEXT], text[256];
	int length = snprintf(text, sizeof(text), "This is the far end. You are %s, over %s",
		sockname_text(&peer, name), is_multipath(fd) ? "Multipath TCP" : "TCP");

	if (body > 0)
		length += snprintf(text + length, sizeof(text) - (size_t)length,
			", and sent %" PRIu64 " bytes", body);
	length += snprintf(text + length, sizeof(text) - (size_t)length, ".\n");
	if (reply_head(fd, (uint64_t)length, "text/plain"))
		write_all(fd, text, (size_t)length);
}

static void connection_serve(int fd)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct request request = { .length = 0 };
	const char *slash;
	char *end;
	uint64_t wanted, body;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!request_read(&request, fd))
		return;
	body = body_skip(&request, fd);
	slash = strchr(request.head, '/');
	wanted = slash == NULL ? 0 : strtoull(slash + 1, &end, 10);
	if (strncmp(request.head, "HEAD ", 5) == 0)
		reply_head(fd, 0, "text/plain");
	else if (slash == NULL || end == slash + 1 || slash[1] == '-' || *end != ' ')
		reply_greeting(fd, body);
	else if (reply_head(fd, wanted, "application/octet-stream"))
		reply_bytes(fd, wanted);
}

_Noreturn void http_server_run(int fd)
{
	/* Nobody waits for the children. */
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (connection < 0 && (errno == EMFILE || errno == ENOMEM || errno == ENFILE))
			usleep(10000);
		if (connection < 0)
			continue;
		if (fork() == 0) {
			close(fd);
			connection_serve(connection);
			_exit(0);
		}
		close(connection);
	}
}
