/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rst_guard.h - keeps the kernel from answering for connections that are not its own: packets of
 * guarded flows are dropped on input, where captures have already seen them. The rules live in an
 * nf_tables table owned by a netlink socket of a child: whatever ends us ends the child, and the
 * kernel removes the table with its socket. The child keeps CAP_NET_ADMIN, which rules need, when
 * we give it up.
 */
#ifndef PROBE_IO_RST_GUARD_H
#define PROBE_IO_RST_GUARD_H

#include "probe/base/err.h"
#include "probe/wire/flow.h"

#include <stdbool.h>

struct rst_guard;

/*
 * NULL with a sentence when tables may not be made. The child also holds the descriptor keep (-1:
 * none) until it ends: the last close of a packet socket takes the kernel longer than some traces,
 * and is then not waited for.
 */
struct rst_guard *rst_guard_open(int keep, struct err *err);
void rst_guard_close(struct rst_guard *guard);

/*
 * Guard a flow towards this host; one that goes to a port of ours reserves the port against use by
 * others. In force on return. *number, which may be NULL, is what rst_guard_remove is told.
 */
bool rst_guard_add(struct rst_guard *guard, const struct flow *flow, unsigned int *number,
	struct err *err);

/* Whether the port of a guarded flow could be reserved: nobody had it. */
bool rst_guard_holds(const struct rst_guard *guard, unsigned int number);

/* Whether all of a flow is guarded already. */
bool rst_guard_covers(const struct rst_guard *guard, const struct flow *flow);

/* The kernel sees the flow again, on return. */
bool rst_guard_remove(struct rst_guard *guard, unsigned int number, struct err *err);

#endif
