/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live_host.h - one end of a live run: the kernel's own stack in a fresh network namespace, by the
 * address plan of net.h, with TUN devices to the network between. The client has one device a
 * path, each with its own address and routed by it; the server has one, with a second address to
 * tell of.
 */
#ifndef MBTEST_NET_LIVE_HOST_H
#define MBTEST_NET_LIVE_HOST_H

#include "mbtest/dir.h"
#include "mbtest/net/net.h"
#include "probe/base/err.h"
#include "probe/io/netlink.h"

#include <stdbool.h>
#include <stdint.h>

struct live_host_plan {
	enum end end;
	uint8_t family;    /* 4, 6, or 0: both */
	uint16_t paths;    /* of the client: addresses and devices */
	uint16_t joins;    /* further addresses it joins from by itself */
	bool checksum;     /* net.mptcp.checksum_enabled */
	bool long_mapping; /* segmentation offload stays on, so that mappings are long */
	bool no_address;   /* it is not there: what comes is dropped in silence */
	bool is_managed;   /* subflows are opened by netlink_manager_join alone, and any admitted */
};

struct live_host {
	int netns; /* held namespace */
	int tun[NET_PATHS];
	int index[NET_PATHS]; /* of the devices */
	uint16_t tun_count;
	bool is_managed;
	struct netlink_manager manager;
};

/*
 * Make and furnish one; the calling process is in its namespace afterwards, so that sockets and
 * children made now belong to it. On failure nothing is left but the caller's place.
 */
bool live_host_make(struct live_host *host, const struct live_host_plan *plan, struct err *err);

/* Close everything; the namespace ends with the last process in it. */
void live_host_drop(struct live_host *host);

#endif
