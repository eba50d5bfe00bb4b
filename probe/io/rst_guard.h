/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rst_guard.h - keeps the kernel from answering for connections that are not its own: segments for
 * guarded ports are dropped on input, where captures have already seen them. The rules live in an
 * nf_tables table owned by a netlink socket of a child: whatever ends us ends the child, and the
 * kernel removes the table with its socket. The child keeps CAP_NET_ADMIN, which rules need, when
 * we give it up.
 */
#ifndef PROBE_IO_RST_GUARD_H
#define PROBE_IO_RST_GUARD_H

#include "probe/base/err.h"
#include "probe/wire/addr.h"

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
 * Guard a local TCP address and port against segments of a peer, and reserve it against use by
 * others. An address that is unspecified (0.0.0.0, ::) is any. In force on return; again for the
 * same does nothing.
 */
bool rst_guard_add(struct rst_guard *guard, const struct sockname *local, const struct addr *peer,
	struct err *err);

#endif
