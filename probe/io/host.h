/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - what this host knows of itself: the address it sends from, which files may be written,
 * what stands behind standard output, and the privileges it can do without once sockets are open.
 */
#ifndef PROBE_IO_HOST_H
#define PROBE_IO_HOST_H

#include "probe/base/err.h"
#include "probe/wire/addr.h"

#include <stdbool.h>
#include <stddef.h>

/* The address the kernel would send from; device NULL: by the routing table. */
bool host_source(const struct addr *destination, const char *device, struct addr *source,
	struct err *err);

/* The addresses this host has now, at most so many; how many, or -1 with a sentence. */
int host_addresses(struct addr *list, int most, struct err *err);

/* Whether a file can be written there, as far as can be told without writing it. */
bool host_can_write(const char *path, struct err *err);

/* Remove a file that could not be written whole; a pipe or a device stays. */
void host_discard(const char *path);

/*
 * First of all: descriptors 0 to 2 are taken, so that no file or socket is mistaken for standard
 * output; and a reader that goes away is an error of the write, not the end of us.
 */
void host_settle_streams(void);

/* Whether standard output is a terminal that shows colours, and nobody objects (NO_COLOR). */
bool host_shows_colour(void);

/* Whether this process may configure the network: queues, devices, rules (CAP_NET_ADMIN). */
bool host_is_net_admin(void);

/* Give up every capability, for good. */
bool host_drop_privileges(struct err *err);

#endif
