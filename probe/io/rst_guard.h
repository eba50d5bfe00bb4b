/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rst_guard.h - keeps the kernel from answering for connections that are not its own: segments for
 * guarded ports are dropped on input, where captures have already seen them. The rules live in a
 * table owned by an nft child on a pipe: whatever ends us ends the child, and the kernel removes
 * the table with it.
 */
#ifndef PROBE_IO_RST_GUARD_H
#define PROBE_IO_RST_GUARD_H

#include "probe/base/err.h"
#include "probe/wire/addr.h"

#include <stdbool.h>

struct rst_guard;

/* NULL with a sentence when there is no nft, or it may not make tables. */
struct rst_guard *rst_guard_open(struct err *err);
void rst_guard_close(struct rst_guard *guard);

/*
 * Guard a local TCP address and port against segments of a peer, and reserve it against use by
 * others. An address that is unspecified (0.0.0.0, ::) is any. In force on return; again for the
 * same does nothing.
 */
bool rst_guard_add(struct rst_guard *guard, const struct sockname *local, const struct addr *peer,
	struct err *err);

#endif
