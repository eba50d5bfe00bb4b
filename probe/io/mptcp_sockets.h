/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mptcp_sockets.h - programs that know nothing of Multipath TCP get its sockets where they ask for
 * TCP's. The kernel asks us about each call of socket() of theirs, and we hand them one; so it
 * works for programs of any language, linked statically or not, and for what they start.
 */
#ifndef PROBE_IO_MPTCP_SOCKETS_H
#define PROBE_IO_MPTCP_SOCKETS_H

#include "probe/base/err.h"

#include <stdbool.h>

/* From now on this process and what it starts are given sockets by whoever has the other end. */
bool mptcp_sockets_want(int channel, struct err *err);

/*
 * Give sockets to those who said on the other end of channel, a pair of Unix sockets, that they
 * want them. Returns when the last of them has ended. The sockets are of our network namespace.
 */
void mptcp_sockets_give(int channel);

#endif
