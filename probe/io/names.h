/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.h - names of addresses and addresses of names, many at once and while other things go on
 * (c-ares): /etc/hosts first, then the servers of resolv.conf. Nothing is looked for before it is
 * asked for. An answer that takes too long is none, so that nobody waits for a dead server longer
 * than NAMES_PATIENCE_MS.
 */
#ifndef PROBE_IO_NAMES_H
#define PROBE_IO_NAMES_H

#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/wire/addr.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	NAMES_PATIENCE_MS = 1500, /* for the name of an address */
	NAMES_FDS = 16,           /* descriptors to watch, at most */
};

enum names_state {
	NAMES_PENDING,
	NAMES_FOUND,
	NAMES_NONE,
};

struct names;

struct names *names_new(void);
void names_free(struct names *names);

/*
 * The name of an address, looked for since it was first asked for. What is found, and that nothing
 * is, is remembered.
 */
enum names_state names_of(struct names *names, const struct addr *addr, char *name, size_t size);

/*
 * The first address of a version that a name, or a literal address, has, looked for since it was
 * first asked for; NAMES_NONE with a sentence. Both are forgotten once they are told.
 */
enum names_state names_resolve(struct names *names, const char *name, uint8_t version,
	struct addr *addr, struct err *err);

/* ---- for whoever waits ---- */

/* Descriptors to watch; returns how many. */
unsigned int names_fds(struct names *names, struct pollfd fds[NAMES_FDS]);

/*
 * The longest pause until names_work has to be called; NSEC_NEVER when nothing is looked for, 0
 * when something was settled since it was called last.
 */
nsec_t names_pause(const struct names *names);

/* Read answers, ask again, give up. */
void names_work(struct names *names);

/* Wait until something has been found or given up. */
void names_wait(struct names *names);

#endif
