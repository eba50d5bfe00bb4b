/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h - programs of any kind at the ends of a live network: a command at the client's, a
 * server at the other, each with a host of its own (live_host.h) where names of ends and hops are
 * known. The command has its standard streams, its terminal and its signals as if it had been
 * started by whoever started us. Everything ends with this process, whatever ends that.
 */
#ifndef MBTEST_NET_INSIDE_H
#define MBTEST_NET_INSIDE_H

#include "mbtest/net/http_server.h"
#include "mbtest/net/live_host.h"
#include "probe/io/helper.h"

enum far_end {
	FAR_HTTP,   /* the built-in server, on port 80 */
	FAR_SHELL,  /* a line for the shell */
	FAR_CLOSED, /* a host where nothing listens */
	FAR_SILENT, /* nothing answers at all */
};

struct inside_plan {
	char **command; /* NULL-ended */
	enum far_end far;
	const char *server; /* FAR_SHELL: the line */
	const char *hosts;  /* what /etc/hosts reads like inside */
	uint8_t family;     /* 4, 6, or 0: both */
	uint16_t paths;     /* addresses and devices of the command's host */
	bool mptcp;         /* the programs' TCP sockets are MPTCP's */
	bool plain_server;  /* the built-in one listens with plain TCP */
	bool checksum;      /* net.mptcp.checksum_enabled */
};

struct inside {
	struct inside_plan plan;
	int home; /* the namespace we came from */
	struct helpers helpers;
	bool has_helpers;
	struct live_host host[ENDS];
	bool has_host[ENDS];
	struct http_server http;
	pid_t command, server;
	int signals; /* signalfd: becomes readable when inside_ended may have news */
	int refused; /* read end of a pipe: why the command could not be executed */
	bool ended;
	int status;         /* of the command, as wait(2) has it */
	bool server_failed; /* the server ended by itself, with ... */
	int server_status;  /* ... this */
};

/*
 * Make both hosts and start the server, then, with the network built, the command. False with a
 * sentence; inside_stop is due in any case. The process must have one thread.
 */
bool inside_open(struct inside *inside, const struct inside_plan *plan, struct err *err);
bool inside_start(struct inside *inside, struct err *err);

/* Look after signals and children; whether the command has ended. */
bool inside_ended(struct inside *inside);

/* Whether the command could not even be executed. */
bool inside_refused(struct inside *inside, struct err *err);

/* The exit status that a shell would give: 128 and the number of the signal that ended it. */
int inside_exit_status(const struct inside *inside);

/* End everything. */
void inside_stop(struct inside *inside);

#endif
