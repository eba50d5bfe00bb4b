/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_server.h - a small HTTP/1.0 server for the far end of a path, so that curl, wget, ab and
 * browsers have somebody to talk to. GET /N gives N bytes, GET of anything else tells who asked and
 * by which protocol; what is sent to it is counted and forgotten.
 */
#ifndef MBTEST_NET_HTTP_SERVER_H
#define MBTEST_NET_HTTP_SERVER_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct http_server {
	int fd; /* listens */
};

/*
 * Listen on a port for both IP versions, where there are both, in the network namespace the process
 * is in; with Multipath TCP (which serves TCP too) unless plain or the kernel has none.
 */
bool http_server_open(struct http_server *server, uint16_t port, bool plain, struct err *err);
void http_server_close(struct http_server *server);

/* Serve on a listening socket until killed: one child a connection. */
_Noreturn void http_server_run(int fd);

#endif
