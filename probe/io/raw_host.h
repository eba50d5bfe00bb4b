/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raw_host.h - a place on the real network for an endpoint: raw sockets to send by, a capture to
 * receive from, the kernel kept from answering, and nothing more. ARP, neighbour discovery and
 * routing are the kernel's. Once it is open all capabilities are given up.
 */
#ifndef PROBE_IO_RAW_HOST_H
#define PROBE_IO_RAW_HOST_H

#include "probe/io/drive.h"

struct rst_guard;

enum {
	RAW_HOST_ROUTES = 8,
	RAW_HOST_PORTS = 40,
};

struct raw_host_config {
	uint16_t first_port; /* TCP ports that are ours, at every address of this host */
	unsigned int port_count;
	const struct addr *remote; /* the one host we hear; NULL: all */
	struct {
		const char *device;
		struct addr source;
	} routes[RAW_HOST_ROUTES]; /* what leaves by a device of its own, by its source */
	unsigned int route_count;
	bool lossy; /* as drive's */
};

struct raw_host {
	struct drive drive;
	struct rst_guard *guard;
	int wake; /* readable when somebody wants this to end */
};

/* False with a sentence, and nothing open. */
bool raw_host_open(struct raw_host *host, const struct raw_host_config *config, struct err *err);
void raw_host_close(struct raw_host *host);

/* As drive_run; done is asked after every pause. */
bool raw_host_run(struct raw_host *host, struct machine machine, bool (*done)(void *self),
	void *self, struct err *err);

/* Whether an interrupt came since the last time this was asked. */
bool raw_host_interrupted(const struct raw_host *host);

#endif
