/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/raw_host.h"

#include "probe/base/alloc.h"
#include "probe/io/host.h"
#include "probe/io/interrupt.h"
#include "probe/io/rst_guard.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILTER_BYTES = 16384,
	LOCAL_MOST = 200, /* addresses of this host that are listened on */
};

static bool read_addr(const struct sockaddr *from, struct addr *addr)
{
	if (from == NULL || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
		return false;
	if (from->sa_family == AF_INET)
		*addr = addr_from_bytes(4,
			(const uint8_t *)&((const struct sockaddr_in *)(const void *)from)
				->sin_addr);
	else
		*addr = addr_from_bytes(6,
			(const uint8_t *)&((const struct sockaddr_in6 *)(const void *)from)
				->sin6_addr);
	return true;
}

/* " and (dst host A or dst host B ...)": what passes through this host is not for us. */
static bool add_own_addresses(char *text, size_t size, struct err *err)
{
	struct ifaddrs *list, *at;
	size_t used = strlen(text);
	unsigned int count = 0;

	if (getifaddrs(&list) != 0)
		return err_set_errno(err, "cannot list this host's addresses");
	for (at = list; at != NULL && count < LOCAL_MOST && used < size; at = at->ifa_next) {
		char name[ADDR_TEXT];
		struct addr addr;

		if (!read_addr(at->ifa_addr, &addr))
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s dst host %s",
			count++ == 0 ? " and (" : " or", addr_text(&addr, name));
	}
	freeifaddrs(list);
	if (count == 0 || used + 2 > size)
		return err_set(err, "this host has no address to listen on");
	snprintf(text + used, size - used, ")");
	return true;
}

static bool set_filter(struct raw_host *host, const struct raw_host_config *config, struct err *err)
{
	char *text = xmalloc(FILTER_BYTES), remote[ADDR_TEXT];
	size_t used;
	bool ok;

	used = (size_t)snprintf(text, FILTER_BYTES, "tcp dst portrange %u-%u", config->first_port,
		config->first_port + config->port_count - 1);
	if (config->remote != NULL)
		snprintf(text + used, FILTER_BYTES - used, " and src host %s",
			addr_text(config->remote, remote));
	ok = add_own_addresses(text, FILTER_BYTES, err) &&
		sniffer_filter(host->drive.sniffer, text, err);
	free(text);
	return ok;
}

/* The ports, from whomever, of both versions; they are reserved with it. */
static bool guard_ports(struct raw_host *host, const struct raw_host_config *config,
	struct err *err)
{
	static const uint8_t any[16];
	unsigned int i;

	for (i = 0; i < config->port_count; i++) {
		struct flow flow = { .protocol = PROTOCOL_TCP };

		flow.to.port = (uint16_t)(config->first_port + i);
		if (config->remote != NULL)
			flow.to.addr = addr_from_bytes(config->remote->version, any);
		if (!rst_guard_add(host->guard, &flow, NULL, err))
			return false;
	}
	return true;
}

static bool open_routes(struct raw_host *host, const struct raw_host_config *config,
	struct err *err)
{
	unsigned int i;

	for (i = 0; i < config->route_count; i++)
		if (!inject_route(host->drive.inject, &config->routes[i].source,
			    config->routes[i].device, err))
			return false;
	return true;
}

static bool open_all(struct raw_host *host, const struct raw_host_config *config, struct err *err)
{
	host->drive.inject = inject_open(NULL, err);
	if (host->drive.inject == NULL || !open_routes(host, config, err))
		return false;
	host->drive.sniffer = sniffer_open(NULL, err);
	if (host->drive.sniffer == NULL)
		return false;
	host->guard = rst_guard_open(-1, err);
	if (host->guard == NULL || !guard_ports(host, config, err) ||
		!set_filter(host, config, err))
		return false;
	host->wake = interrupt_open(err);
	host->drive.wake = host->wake;
	return host->wake >= 0 && host_drop_privileges(err);
}

bool raw_host_open(struct raw_host *host, const struct raw_host_config *config, struct err *err)
{
	memset(host, 0, sizeof(*host));
	host->wake = host->drive.wake = -1;
	host->drive.packet = packet_new(PACKET_LARGE);
	host->drive.lossy = config->lossy;
	drive_start(&host->drive);
	if (open_all(host, config, err))
		return true;
	raw_host_close(host);
	return false;
}

void raw_host_close(struct raw_host *host)
{
	sniffer_close(host->drive.sniffer);
	rst_guard_close(host->guard);
	inject_close(host->drive.inject);
	packet_free(host->drive.packet);
	interrupt_close(host->wake);
	memset(host, 0, sizeof(*host));
}

bool raw_host_run(struct raw_host *host, struct machine machine, bool (*done)(void *self),
	void *self, struct err *err)
{
	return drive_run(&host->drive, machine, done, self, err);
}

bool raw_host_interrupted(const struct raw_host *host)
{
	return interrupt_came(host->wake);
}
