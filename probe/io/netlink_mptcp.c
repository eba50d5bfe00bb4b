/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink_mptcp.c - the in-kernel path manager of MPTCP, by generic netlink: what "ip mptcp limits
 * set" and "ip mptcp endpoint add" do.
 */
#include "probe/io/netlink.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

enum {
	HEADERS = (size_t)NLMSG_HDRLEN + (size_t)GENL_HDRLEN,
	ATTRIBUTE_HEADER = sizeof(struct nlattr),
};

/* Numbers of the family and of its commands are given out at boot. */
static bool mptcp_family(struct netlink *netlink, uint16_t *family, struct err *err)
{
	struct genlmsghdr command = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	_Alignas(8) uint8_t answer[4096];
	struct nlmsghdr message;
	struct nlattr attribute;
	ssize_t got;
	size_t at = HEADERS;

	netlink_begin(netlink, "name its MPTCP path manager", GENL_ID_CTRL, 0, &command,
		sizeof(command));
	netlink_put(netlink, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME, sizeof(MPTCP_PM_NAME));
	netlink_end(netlink);
	if (send(netlink->fd, netlink->bytes, netlink->used, 0) < 0)
		return err_set_errno(err, "cannot ask the kernel over netlink");
	got = recv(netlink->fd, answer, sizeof(answer), 0);
	memcpy(&message, answer, sizeof(message));
	if (got < (ssize_t)at || message.nlmsg_type != GENL_ID_CTRL)
		return err_set(err, "this kernel has no MPTCP path manager");
	while (at + sizeof(attribute) <= (size_t)got) {
		memcpy(&attribute, answer + at, sizeof(attribute));
		if (attribute.nla_type == CTRL_ATTR_FAMILY_ID) {
			memcpy(family, answer + at + ATTRIBUTE_HEADER, sizeof(*family));
			break;
		}
		if (attribute.nla_len < ATTRIBUTE_HEADER)
			return err_set(err, "this kernel has no MPTCP path manager");
		at += (attribute.nla_len + 3U) & ~3U;
	}
	/* the answer is followed by its acknowledgement */
	if (recv(netlink->fd, answer, sizeof(answer), 0) < 0)
		return err_set_errno(err, "the kernel does not answer over netlink");
	netlink->sequence += netlink->count;
	netlink->count = 0;
	netlink->used = 0;
	return true;
}

static void endpoint_put(struct netlink *netlink, const struct netlink_endpoint *endpoint)
{
	const struct addr *addr = &endpoint->addr;
	uint16_t address_family = addr->version == 4 ? AF_INET : AF_INET6;
	size_t nest = netlink_nest(netlink, MPTCP_PM_ATTR_ADDR);

	netlink_put(netlink, MPTCP_PM_ADDR_ATTR_FAMILY, &address_family, sizeof(address_family));
	netlink_put(netlink,
		addr->version == 4 ? MPTCP_PM_ADDR_ATTR_ADDR4 : MPTCP_PM_ADDR_ATTR_ADDR6,
		addr->bytes, addr_len(addr));
	netlink_put_u32(netlink, MPTCP_PM_ADDR_ATTR_FLAGS, endpoint->flags);
	if (endpoint->id != 0)
		netlink_put(netlink, MPTCP_PM_ADDR_ATTR_ID, &endpoint->id, sizeof(endpoint->id));
	if (endpoint->port != 0)
		netlink_put(netlink, MPTCP_PM_ADDR_ATTR_PORT, &endpoint->port,
			sizeof(endpoint->port));
	netlink_put_u32(netlink, MPTCP_PM_ADDR_ATTR_IF_IDX, (uint32_t)endpoint->index);
	netlink_nest_end(netlink, nest);
}

static void endpoint_request(struct netlink *netlink, uint16_t family,
	enum netlink_mptcp_change change, const struct netlink_endpoint *endpoint)
{
	static const struct {
		uint8_t command;
		const char *what;
	} requests[] = {
		[MPTCP_ENDPOINT_ADD] = { MPTCP_PM_CMD_ADD_ADDR, "add an MPTCP endpoint" },
		[MPTCP_ENDPOINT_REMOVE] = { MPTCP_PM_CMD_DEL_ADDR, "remove an MPTCP endpoint" },
		[MPTCP_ENDPOINT_FLAGS] = { MPTCP_PM_CMD_SET_FLAGS,
			"change the priority of an MPTCP endpoint" },
	};
	struct genlmsghdr command = { .cmd = requests[change].command, .version = MPTCP_PM_VER };

	netlink_begin(netlink, requests[change].what, family, 0, &command, sizeof(command));
	endpoint_put(netlink, endpoint);
	netlink_end(netlink);
}

bool netlink_mptcp_change(enum netlink_mptcp_change change, const struct netlink_endpoint *endpoint,
	struct err *err)
{
	struct netlink netlink;
	uint16_t family = 0;
	bool ok;

	if (!netlink_open(&netlink, NETLINK_GENERIC, err))
		return false;
	ok = mptcp_family(&netlink, &family, err);
	if (ok) {
		endpoint_request(&netlink, family, change, endpoint);
		ok = netlink_commit(&netlink, err);
	}
	netlink_close(&netlink);
	return ok;
}

bool netlink_mptcp_set(uint32_t subflows, uint32_t add_addr_accepted,
	const struct netlink_endpoint *endpoints, size_t count, struct err *err)
{
	struct genlmsghdr command = { .cmd = MPTCP_PM_CMD_SET_LIMITS, .version = MPTCP_PM_VER };
	struct netlink netlink;
	uint16_t family = 0;
	bool ok;

	if (!netlink_open(&netlink, NETLINK_GENERIC, err))
		return false;
	ok = mptcp_family(&netlink, &family, err);
	if (ok) {
		netlink_begin(&netlink, "set the MPTCP limits", family, 0, &command,
			sizeof(command));
		netlink_put_u32(&netlink, MPTCP_PM_ATTR_SUBFLOWS, subflows);
		netlink_put_u32(&netlink, MPTCP_PM_ATTR_RCV_ADD_ADDRS, add_addr_accepted);
		netlink_end(&netlink);
		for (size_t i = 0; i < count; i++)
			endpoint_request(&netlink, family, MPTCP_ENDPOINT_ADD, &endpoints[i]);
		ok = netlink_commit(&netlink, err);
	}
	netlink_close(&netlink);
	return ok;
}
