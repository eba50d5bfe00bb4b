/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink.h - asking the kernel for links, addresses, routes and MPTCP path management in the
 * network namespace this process is in. Requests are collected and sent in one batch, so that
 * furnishing a namespace costs one system call and no program is started.
 */
#ifndef PROBE_IO_NETLINK_H
#define PROBE_IO_NETLINK_H

#include "probe/base/err.h"
#include "probe/wire/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NETLINK_BYTES = 8192, /* of one batch */
	NETLINK_REQUESTS = 96,
};

struct netlink {
	int fd;
	bool has_ipv6;     /* the kernel has it */
	uint32_t sequence; /* of the batch's first request */
	uint32_t count;    /* requests in the batch */
	size_t start;      /* of the request being written */
	size_t used;
	const char *what[NETLINK_REQUESTS]; /* for the sentence when one is refused */
	_Alignas(8) uint8_t bytes[NETLINK_BYTES];
};

/* Bound to the namespace the process is in now, wherever it goes later. */
bool netlink_open(struct netlink *netlink, int protocol, struct err *err);
void netlink_close(struct netlink *netlink);

/*
 * One request: begin, attributes, end. what completes "the kernel refused to ..."; it must outlive
 * the commit.
 */
void netlink_begin(struct netlink *netlink, const char *what, uint16_t type, uint16_t flags,
	const void *header, size_t length);
void netlink_put(struct netlink *netlink, uint16_t type, const void *data, size_t length);
void netlink_put_u32(struct netlink *netlink, uint16_t type, uint32_t value);
size_t netlink_nest(struct netlink *netlink, uint16_t type);
void netlink_nest_end(struct netlink *netlink, size_t nest);
void netlink_end(struct netlink *netlink);

/* What the kernel does not answer: the begin and end of a transaction. */
void netlink_frame(struct netlink *netlink, uint16_t type, const void *header, size_t length);

/* Send the batch and wait for every answer; the first refusal is the error. */
bool netlink_commit(struct netlink *netlink, struct err *err);

/* ---- links, addresses, routes (open with NETLINK_ROUTE) ---- */

/*
 * queue_packets and gso_max_segs 0: left as they are. The link gets no IPv6 address of its own, so
 * that nothing is sent from one.
 */
void netlink_link_set(struct netlink *netlink, int index, uint32_t queue_packets,
	uint32_t gso_max_segs);
void netlink_link_up(struct netlink *netlink, int index);
void netlink_address_add(struct netlink *netlink, int index, const struct addr *addr,
	uint8_t prefix);

/* Everything of the family by this device, in a routing table; source may be NULL. */
void netlink_default_route_add(struct netlink *netlink, int index, uint8_t version,
	const struct addr *source, uint32_t table);

/* What comes from this address is routed by a table. */
void netlink_rule_add(struct netlink *netlink, const struct addr *from, uint32_t table);

/* ---- MPTCP's in-kernel path manager (opens and closes its own socket) ---- */

/* What an endpoint is for: joining from, telling of; and its priority. */
enum {
	MPTCP_ENDPOINT_SIGNAL = 1,  /* MPTCP_PM_ADDR_FLAG_SIGNAL */
	MPTCP_ENDPOINT_SUBFLOW = 2, /* MPTCP_PM_ADDR_FLAG_SUBFLOW */
	MPTCP_ENDPOINT_BACKUP = 4,  /* MPTCP_PM_ADDR_FLAG_BACKUP */
};

/* A further address, by the device index. */
struct netlink_endpoint {
	struct addr addr;
	int index;
	uint32_t flags; /* MPTCP_ENDPOINT_* */
	uint8_t id;     /* 0: the kernel chooses one */
	uint16_t port;  /* told with the address; 0: none */
};

/* Limits of the namespace, and its endpoints. */
bool netlink_mptcp_set(uint32_t subflows, uint32_t add_addr_accepted,
	const struct netlink_endpoint *endpoints, size_t count, struct err *err);

enum netlink_mptcp_change {
	MPTCP_ENDPOINT_ADD,
	MPTCP_ENDPOINT_REMOVE, /* by its ID */
	MPTCP_ENDPOINT_FLAGS,  /* by its address: the priority becomes that of flags */
};

/* One endpoint of the namespace, in the midst of connections. */
bool netlink_mptcp_change(enum netlink_mptcp_change change, const struct netlink_endpoint *endpoint,
	struct err *err);

/* ---- MPTCP's paths managed in userspace, where net.mptcp.pm_type is 1 ---- */

struct netlink_manager {
	struct netlink netlink;
	uint16_t family;
	int events;
};

/*
 * For the namespace the process is in now. While it is open joins are admitted, as many as come;
 * nobody opens any but netlink_manager_join.
 */
bool netlink_manager_open(struct netlink_manager *manager, struct err *err);
void netlink_manager_close(struct netlink_manager *manager);

/* Whether a connection has been established that was not told of yet: its token. Does not wait. */
bool netlink_manager_established(struct netlink_manager *manager, uint32_t *token);

/* So many subflows of a connection from an address to one, each from a port of its own. */
bool netlink_manager_join(struct netlink_manager *manager, uint32_t token, const struct addr *local,
	const struct sockname *remote, unsigned int count, struct err *err);

#endif
