/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns.h - anonymous network namespaces, what is set in them, and TUN devices. A namespace has no
 * name and no file: it lives as long as a process is in it or a descriptor holds it, so nothing is
 * left behind whatever ends a run. Calls concern the namespace the calling process is in.
 */
#ifndef PROBE_IO_NETNS_H
#define PROBE_IO_NETNS_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether this process may make namespaces and TUN devices here; the sentence says what is missing.
 */
bool netns_supported(struct err *err);

/* A descriptor that holds the namespace the process is in; -1 with a sentence. */
int netns_hold(struct err *err);

/* Move to a new, empty namespace; to one that is held. */
bool netns_new(struct err *err);
bool netns_enter(int held, struct err *err);

/* A setting of this namespace, "net.ipv4.tcp_sack" written as "ipv4/tcp_sack". */
struct netns_setting {
	const char *name;
	const char *value;
	bool optional; /* not every kernel has it */
};

bool netns_set(const struct netns_setting *settings, size_t count, struct err *err);

/*
 * A new TUN device (raw IP packets) that disappears when its descriptor is closed. Returns the
 * descriptor and the device's index, or -1 with a sentence.
 */
int netns_tun(const char *name, int *index, struct err *err);

/*
 * Append the namespace's counters (/proc/net/snmp, snmp6, netstat) to a file, for a look at why
 * a stack did what it did.
 */
bool netns_counters_save(const char *path, struct err *err);

#endif
