/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink_mptcp.c - path management of MPTCP by generic netlink: the kernel's own manager, as "ip
 * mptcp limits set" and "ip mptcp endpoint add" do it, and one in userspace.
 */
#include "probe/io/netlink.h"

#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEADERS = (size_t)NLMSG_HDRLEN + (size_t)GENL_HDRLEN,
	ATTRIBUTE_HEADER = sizeof(struct nlattr),
};

/* The first attribute of a type among those in bytes; NULL. length: of what is in it. */
static const uint8_t *attribute_find(const uint8_t *bytes, size_t size, uint16_t type,
	size_t *length)
{
	struct nlattr attribute;

	while (size >= sizeof(attribute)) {
		size_t padded;

		memcpy(&attribute, bytes, sizeof(attribute));
		if (attribute.nla_len < ATTRIBUTE_HEADER || attribute.nla_len > size)
			return NULL;
		*length = attribute.nla_len - (size_t)ATTRIBUTE_HEADER;
		if ((attribute.nla_type & NLA_TYPE_MASK) == type)
			return bytes + ATTRIBUTE_HEADER;
		padded = (attribute.nla_len + 3U) & ~3U;
		if (padded >= size)
			return NULL;
		bytes += padded;
		size -= padded;
	}
	return NULL;
}

/* The number of the multicast group of events, out of a list of groups; 0: there is none. */
static uint32_t group_find(const uint8_t *groups, size_t size)
{
	const uint8_t *group, *name, *number;
	size_t length, name_length, number_length;
	uint16_t index;
	uint32_t id = 0;

	for (index = 1; id == 0; index++) {
		group = attribute_find(groups, size, index, &length);
		if (group == NULL)
			break;
		name = attribute_find(group, length, CTRL_ATTR_MCAST_GRP_NAME, &name_length);
		number = attribute_find(group, length, CTRL_ATTR_MCAST_GRP_ID, &number_length);
		if (name != NULL && number != NULL && number_length == sizeof(id) &&
			name_length == sizeof(MPTCP_PM_EV_GRP_NAME) &&
			memcmp(name, MPTCP_PM_EV_GRP_NAME, name_length) == 0)
			memcpy(&id, number, sizeof(id));
	}
	return id;
}

/* Numbers of the family, of its commands and of its events are given out at boot. */
static bool mptcp_family(struct netlink *netlink, uint16_t *family, uint32_t *events,
	struct err *err)
{
	struct genlmsghdr command = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	_Alignas(8) uint8_t answer[4096];
	const uint8_t *found;
	struct nlmsghdr message;
	size_t length;
	ssize_t got;

	netlink_begin(netlink, "name its MPTCP path manager", GENL_ID_CTRL, 0, &command,
		sizeof(command));
	netlink_put(netlink, CTRL_ATTR_FAMILY_NAME, MPTCP_PM_NAME, sizeof(MPTCP_PM_NAME));
	netlink_end(netlink);
	if (send(netlink->fd, netlink->bytes, netlink->used, 0) < 0)
		return err_set_errno(err, "cannot ask the kernel over netlink");
	got = recv(netlink->fd, answer, sizeof(answer), 0);
	memcpy(&message, answer, sizeof(message));
	if (got < (ssize_t)HEADERS || message.nlmsg_type != GENL_ID_CTRL)
		return err_set(err, "this kernel has no MPTCP path manager");
	found = attribute_find(answer + HEADERS, (size_t)got - HEADERS, CTRL_ATTR_FAMILY_ID,
		&length);
	if (found == NULL || length < sizeof(*family))
		return err_set(err, "this kernel has no MPTCP path manager");
	memcpy(family, found, sizeof(*family));
	found = attribute_find(answer + HEADERS, (size_t)got - HEADERS, CTRL_ATTR_MCAST_GROUPS,
		&length);
	*events = found == NULL ? 0 : group_find(found, length);
	/* the answer is followed by its acknowledgement */
	if (recv(netlink->fd, answer, sizeof(answer), 0) < 0)
		return err_set_errno(err, "the kernel does not answer over netlink");
	netlink->sequence += netlink->count;
	netlink->count = 0;
	netlink->used = 0;
	return true;
}

/* Open a socket to MPTCP's path management; close it with netlink_close. */
static bool mptcp_open(struct netlink *netlink, uint16_t *family, uint32_t *events, struct err *err)
{
	*family = 0;
	*events = 0;
	if (!netlink_open(netlink, NETLINK_GENERIC, err))
		return false;
	if (mptcp_family(netlink, family, events, err))
		return true;
	netlink_close(netlink);
	return false;
}

static void endpoint_put(struct netlink *netlink, uint16_t type,
	const struct netlink_endpoint *endpoint)
{
	const struct addr *addr = &endpoint->addr;
	uint16_t address_family = addr->version == 4 ? AF_INET : AF_INET6;
	size_t nest = netlink_nest(netlink, type);

	netlink_put(netlink, MPTCP_PM_ADDR_ATTR_FAMILY, &address_family, sizeof(address_family));
	netlink_put(netlink,
		addr->version == 4 ? MPTCP_PM_ADDR_ATTR_ADDR4 : MPTCP_PM_ADDR_ATTR_ADDR6,
		addr->bytes, addr_len(addr));
	if (endpoint->flags != 0)
		netlink_put_u32(netlink, MPTCP_PM_ADDR_ATTR_FLAGS, endpoint->flags);
	if (endpoint->id != 0)
		netlink_put(netlink, MPTCP_PM_ADDR_ATTR_ID, &endpoint->id, sizeof(endpoint->id));
	if (endpoint->port != 0)
		netlink_put(netlink, MPTCP_PM_ADDR_ATTR_PORT, &endpoint->port,
			sizeof(endpoint->port));
	if (endpoint->index != 0)
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
	endpoint_put(netlink, MPTCP_PM_ATTR_ADDR, endpoint);
	netlink_end(netlink);
}

bool netlink_mptcp_change(enum netlink_mptcp_change change, const struct netlink_endpoint *endpoint,
	struct err *err)
{
	struct netlink netlink;
	uint16_t family;
	uint32_t events;
	bool ok;

	if (!mptcp_open(&netlink, &family, &events, err))
		return false;
	endpoint_request(&netlink, family, change, endpoint);
	ok = netlink_commit(&netlink, err);
	netlink_close(&netlink);
	return ok;
}

bool netlink_mptcp_set(uint32_t subflows, uint32_t add_addr_accepted,
	const struct netlink_endpoint *endpoints, size_t count, struct err *err)
{
	struct genlmsghdr command = { .cmd = MPTCP_PM_CMD_SET_LIMITS, .version = MPTCP_PM_VER };
	struct netlink netlink;
	uint16_t family;
	uint32_t events;
	bool ok;

	if (!mptcp_open(&netlink, &family, &events, err))
		return false;
	netlink_begin(&netlink, "set the MPTCP limits", family, 0, &command, sizeof(command));
	netlink_put_u32(&netlink, MPTCP_PM_ATTR_SUBFLOWS, subflows);
	netlink_put_u32(&netlink, MPTCP_PM_ATTR_RCV_ADD_ADDRS, add_addr_accepted);
	netlink_end(&netlink);
	for (size_t i = 0; i < count; i++)
		endpoint_request(&netlink, family, MPTCP_ENDPOINT_ADD, &endpoints[i]);
	ok = netlink_commit(&netlink, err);
	netlink_close(&netlink);
	return ok;
}

/* ---- managing paths in userspace ---- */

/* A socket that hears the events of a group; it needs an address, or it hears nothing. */
static int events_open(uint32_t group)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);

	if (fd >= 0 &&
		(bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
			setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
				0)) {
		close(fd);
		return -1;
	}
	return fd;
}

bool netlink_manager_open(struct netlink_manager *manager, struct err *err)
{
	uint32_t events;

	if (!mptcp_open(&manager->netlink, &manager->family, &events, err))
		return false;
	manager->events = events_open(events);
	if (manager->events >= 0)
		return true;
	err_set_errno(err, "the kernel does not tell of its MPTCP connections");
	netlink_manager_close(manager);
	return false;
}

void netlink_manager_close(struct netlink_manager *manager)
{
	netlink_close(&manager->netlink);
	if (manager->events >= 0)
		close(manager->events);
	manager->events = -1;
}

bool netlink_manager_established(struct netlink_manager *manager, uint32_t *token)
{
	_Alignas(8) uint8_t event[4096];
	const uint8_t *found;
	struct genlmsghdr header;
	size_t length;
	ssize_t got;

	while ((got = recv(manager->events, event, sizeof(event), 0)) >= (ssize_t)HEADERS) {
		memcpy(&header, event + NLMSG_HDRLEN, sizeof(header));
		found = attribute_find(event + HEADERS, (size_t)got - HEADERS, MPTCP_ATTR_TOKEN,
			&length);
		if (header.cmd != MPTCP_EVENT_ESTABLISHED || found == NULL ||
			length < sizeof(*token))
			continue;
		memcpy(token, found, sizeof(*token));
		return true;
	}
	return false;
}

bool netlink_manager_join(struct netlink_manager *manager, uint32_t token, const struct addr *local,
	const struct sockname *remote, unsigned int count, struct err *err)
{
	struct genlmsghdr command = { .cmd = MPTCP_PM_CMD_SUBFLOW_CREATE, .version = MPTCP_PM_VER };
	const struct netlink_endpoint from = { .addr = *local, .id = 1 };
	const struct netlink_endpoint to = { .addr = remote->addr, .port = remote->port };

	for (; count > 0; count--) {
		netlink_begin(&manager->netlink, "open a subflow", manager->family, 0, &command,
			sizeof(command));
		netlink_put_u32(&manager->netlink, MPTCP_PM_ATTR_TOKEN, token);
		endpoint_put(&manager->netlink, MPTCP_PM_ATTR_ADDR, &from);
		endpoint_put(&manager->netlink, MPTCP_PM_ATTR_ADDR_REMOTE, &to);
		netlink_end(&manager->netlink);
	}
	return netlink_commit(&manager->netlink, err);
}
