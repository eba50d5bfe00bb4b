/* SPDX-License-Identifier: BSD-2-Clause */
/* live_host.c - see live_host.h. */
#include "mbtest/net/live_host.h"

#include "probe/io/netlink.h"
#include "probe/io/netns.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <unistd.h>

enum {
	LOOPBACK_INDEX = 1,
	QUEUE_PACKETS = 10000, /* the network's links queue, not the devices */
	FIRST_TABLE = 100,     /* routing table of the client's first path */
	SERVER_JOINS = 1,      /* the server's further addresses */
	ENDPOINTS_MOST = 8,    /* MPTCP_PM_ADDR_MAX of the kernel */
};

/*
 * Nothing a kernel learned or inherited may decide: no memory of paths that lost options, no
 * metrics of earlier connections, no packets of its own beside TCP.
 */
static bool host_settings(const struct live_host_plan *plan, struct err *err)
{
	const struct netns_setting settings[] = {
		{ "mptcp/enabled", "1", true },
		{ "mptcp/checksum_enabled", plan->checksum ? "1" : "0", true },
		{ "mptcp/allow_join_initial_addr_port", "1", true },
		{ "mptcp/blackhole_timeout", "0", true },
		{ "mptcp/pm_type", plan->is_managed ? "1" : "0", true },
		{ "ipv4/tcp_no_metrics_save", "1", false },
		{ "ipv4/conf/all/rp_filter", "0", false },
		{ "ipv4/conf/default/rp_filter", "0", false },
	};
	const struct netns_setting with_ipv6[] = {
		{ "ipv6/conf/all/disable_ipv6", "0", false },
		{ "ipv6/conf/default/disable_ipv6", "0", false },
		{ "ipv6/conf/default/accept_dad", "0", false },
		{ "ipv6/conf/default/accept_ra", "0", false },
		{ "ipv6/conf/default/router_solicitations", "0", false },
	};

	if (!netns_set(settings, sizeof(settings) / sizeof(settings[0]), err))
		return false;
	if (plan->family == 4)
		return true;
	return netns_set(with_ipv6, sizeof(with_ipv6) / sizeof(with_ipv6[0]), err);
}

static struct addr host_addr(const struct live_host_plan *plan, uint16_t path, uint8_t family)
{
	return plan->end == CLIENT ? net_client_addr(path, family) : net_server_addr(family);
}

static bool host_devices(struct live_host *host, const struct live_host_plan *plan, struct err *err)
{
	uint16_t count = plan->end == CLIENT ? plan->paths : 1;
	char name[16];

	while (host->tun_count < count) {
		snprintf(name, sizeof(name), plan->end == CLIENT ? "path%u" : "server",
			host->tun_count + 1U);
		host->tun[host->tun_count] = netns_tun(name, &host->index[host->tun_count], err);
		if (host->tun[host->tun_count] < 0)
			return false;
		host->tun_count++;
	}
	return true;
}

/*
 * An address and its routes. Whatever comes from the client's n-th address leaves by its n-th
 * device; what has no address yet takes the first.
 */
static void device_routes(struct netlink *netlink, const struct live_host_plan *plan, uint16_t path,
	int index, uint8_t family)
{
	struct addr addr = host_addr(plan, path, family), second = net_server_addr_at(1, family);
	uint32_t table = FIRST_TABLE + path;

	netlink_address_add(netlink, index, &addr, family == 4 ? 24 : 64);
	if (plan->end == SERVER)
		netlink_address_add(netlink, index, &second, family == 4 ? 24 : 64);
	if (path == 0)
		netlink_default_route_add(netlink, index, family, &addr, RT_TABLE_MAIN);
	if (plan->end == CLIENT && plan->paths > 1) {
		netlink_default_route_add(netlink, index, family, &addr, table);
		netlink_rule_add(netlink, &addr, table);
	}
}

static bool host_routes(const struct live_host *host, const struct live_host_plan *plan,
	struct err *err)
{
	const int *index = host->index;
	struct netlink netlink;
	bool ok;

	if (!netlink_open(&netlink, NETLINK_ROUTE, err))
		return false;
	netlink_link_up(&netlink, LOOPBACK_INDEX);
	for (uint16_t i = 0; i < host->tun_count; i++) {
		netlink_link_set(&netlink, index[i], QUEUE_PACKETS, plan->long_mapping ? 0 : 1);
		netlink_link_up(&netlink, index[i]);
		if (!plan->no_address && plan->family != 6)
			device_routes(&netlink, plan, i, index[i], 4);
		if (!plan->no_address && plan->family != 4)
			device_routes(&netlink, plan, i, index[i], 6);
	}
	ok = netlink_commit(&netlink, err);
	netlink_close(&netlink);
	return ok;
}

/* An address that an end joins from, the number-th further one; its ID tells number and family. */
static struct netlink_endpoint join_endpoint(const struct live_host_plan *plan, const int *index,
	uint16_t number, uint8_t family)
{
	return (struct netlink_endpoint){
		.addr = plan->end == CLIENT ? net_client_addr(number, family)
					    : net_server_addr_at(number, family),
		.index = index[plan->end == CLIENT ? number : 0],
		.flags = MPTCP_ENDPOINT_SUBFLOW,
		.id = (uint8_t)(number + 1 + (plan->family == 0 && family == 6 ? NET_PATHS : 0)),
	};
}

/*
 * Each joins from further addresses by itself, as far as the kernel takes them, and lets the other,
 * if it can at all.
 */
static bool host_path_manager(const struct live_host_plan *plan, const int *index, struct err *err)
{
	uint16_t most = plan->end == CLIENT ? plan->paths - 1 : SERVER_JOINS;
	struct netlink_endpoint endpoints[ENDPOINTS_MOST];
	uint32_t count = 0;

	if (access("/proc/sys/net/mptcp", F_OK) != 0)
		return true;
	for (uint16_t number = 1; number <= plan->joins && number <= most; number++)
		for (uint8_t family = 4; family <= 6; family += 2)
			if ((plan->family == 0 || plan->family == family) && count < ENDPOINTS_MOST)
				endpoints[count++] = join_endpoint(plan, index, number, family);
	return netlink_mptcp_set(NET_PATHS - 1, NET_PATHS - 1, endpoints, count, err);
}

bool live_host_make(struct live_host *host, const struct live_host_plan *plan, struct err *err)
{
	host->netns = -1;
	host->tun_count = 0;
	host->is_managed = false;
	if (!netns_new(err))
		return false;
	host->netns = netns_hold(err);
	if (host->netns >= 0 && host_settings(plan, err) && host_devices(host, plan, err) &&
		host_routes(host, plan, err) && host_path_manager(plan, host->index, err)) {
		host->is_managed = plan->is_managed && netlink_manager_open(&host->manager, err);
		if (host->is_managed == plan->is_managed)
			return true;
	}
	live_host_drop(host);
	return false;
}

void live_host_drop(struct live_host *host)
{
	for (uint16_t i = 0; i < host->tun_count; i++)
		close(host->tun[i]);
	host->tun_count = 0;
	if (host->is_managed)
		netlink_manager_close(&host->manager);
	host->is_managed = false;
	if (host->netns >= 0)
		close(host->netns);
	host->netns = -1;
}
