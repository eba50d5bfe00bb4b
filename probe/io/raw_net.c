/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/raw_net.h"

#include "probe/base/alloc.h"
#include "probe/io/drive.h"
#include "probe/io/host.h"
#include "probe/io/rst_guard.h"
#include "probe/wire/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILTER_TEXT = 2048,
	ADDRESSES_MOST = 200,
	PORTS_TEXT = 128 + ADDRESSES_MOST * (ADDR_TEXT + 16),
};

struct raw_net {
	struct drive drive;
	struct rst_guard *guard; /* NULL: no TCP */
	char filter[FILTER_TEXT];
};

void raw_net_close(struct raw_net *net)
{
	if (net == NULL)
		return;
	/* The guard closes it last. */
	sniffer_close(net->drive.sniffer);
	rst_guard_close(net->guard);
	inject_close(net->drive.inject);
	names_free(net->drive.names);
	packet_free(net->drive.packet);
	free(net);
}

/* " and (dst host A or dst host B ...)": what only passes through this host is not for us. */
static bool add_own_addresses(char *text, struct err *err)
{
	struct addr *list = xcalloc(ADDRESSES_MOST, sizeof(*list));
	int count = host_addresses(list, ADDRESSES_MOST, err), i;
	size_t used = strlen(text);

	for (i = 0; i < count; i++) {
		char name[ADDR_TEXT];

		used += (size_t)snprintf(text + used, PORTS_TEXT - used, "%s dst host %s",
			i == 0 ? " and (" : " or", addr_text(&list[i], name));
	}
	free(list);
	if (count == 0)
		return err_set(err, "this host has no address");
	snprintf(text + used, PORTS_TEXT - used, ")");
	return count > 0;
}

/* IPv6 filters look at the next header alone: errors behind extension headers pass unseen. */
static const char *errors_filter(uint8_t version)
{
	return version == 4
		? "icmp[0] == 3 or icmp[0] == 4 or icmp[0] == 5 or icmp[0] == 11 or icmp[0] == 12"
		: "icmp6 and ip6[40] < 128";
}

/* That a packet was too big. */
static const char *too_big_filter(uint8_t version)
{
	return version == 4 ? "icmp[0] == 3 and icmp[1] == 4" : "icmp6 and ip6[40] == 2";
}

static bool hear_ports(struct raw_net *net, const struct raw_net_plan *plan, struct err *err)
{
	char *text = xmalloc(PORTS_TEXT), remote[ADDR_TEXT];
	bool ok;
	int used;

	used = snprintf(text, PORTS_TEXT, "((tcp dst portrange %u-%u", plan->first_port,
		plan->first_port + plan->port_count - 1);
	if (plan->remote != NULL)
		used += snprintf(text + used, (size_t)(PORTS_TEXT - used), " and src host %s",
			addr_text(plan->remote, remote));
	used += snprintf(text + used, (size_t)(PORTS_TEXT - used), ")");
	/* From whatever router. */
	for (uint8_t version = 4; version <= 6; version += 2)
		used += snprintf(text + used, (size_t)(PORTS_TEXT - used), " or (%s)",
			plan->errors ? errors_filter(version) : too_big_filter(version));
	snprintf(text + used, (size_t)(PORTS_TEXT - used), ")");
	ok = add_own_addresses(text, err) && sniffer_filter(net->drive.sniffer, text, err);
	free(text);
	return ok;
}

/* From whomever; with it they are reserved. */
static bool guard_ports(struct raw_net *net, const struct raw_net_plan *plan, struct err *err)
{
	static const uint8_t any[16];
	unsigned int i, number;

	for (i = 0; i < plan->port_count; i++) {
		struct flow flow = { .protocol = PROTOCOL_TCP };

		flow.to.port = (uint16_t)(plan->first_port + i);
		if (plan->remote != NULL)
			flow.to.addr = addr_from_bytes(plan->remote->version, any);
		if (!rst_guard_add(net->guard, &flow, &number, err))
			return false;
		if (plan->serves && !rst_guard_holds(net->guard, number))
			return err_set(err, "port %u is in use", (unsigned int)flow.to.port);
	}
	return true;
}

static bool open_all(struct raw_net *net, const struct raw_net_plan *plan, struct err *err)
{
	unsigned int i;

	net->drive.inject = inject_open(plan->device, err);
	if (net->drive.inject == NULL)
		return false;
	for (i = 0; i < plan->route_count; i++)
		if (!inject_route(net->drive.inject, &plan->routes[i].source,
			    plan->routes[i].device, err))
			return false;
	net->drive.sniffer = sniffer_open(plan->device, err);
	if (net->drive.sniffer == NULL)
		return false;
	if (plan->guarded)
		net->guard = rst_guard_open(sniffer_fd(net->drive.sniffer), err);
	if (plan->guarded && net->guard == NULL)
		return false;
	if (plan->port_count > 0 && (!guard_ports(net, plan, err) || !hear_ports(net, plan, err)))
		return false;
	return host_drop_privileges(err);
}

struct raw_net *raw_net_open_plan(const struct raw_net_plan *plan, struct err *err)
{
	struct raw_net *net = xcalloc(1, sizeof(*net));

	net->drive.packet = packet_new(PACKET_LARGE);
	net->drive.names = names_new();
	net->drive.wake = -1;
	net->drive.lossy = plan->lossy;
	drive_start(&net->drive);
	if (open_all(net, plan, err))
		return net;
	raw_net_close(net);
	return NULL;
}

struct raw_net *raw_net_open(const char *device, bool guarded, struct err *err)
{
	struct raw_net_plan plan = { .device = device, .guarded = guarded };

	return raw_net_open_plan(&plan, err);
}

static void add_term(struct raw_net *net, const char *text)
{
	size_t used = strlen(net->filter);

	snprintf(net->filter + used, FILTER_TEXT - used, "%s(%s)", used > 0 ? " or " : "", text);
}

static void answers_filter(struct raw_net *net, const struct packet *like)
{
	struct sockname source, destination;
	char text[64 + ADDR_TEXT], peer[ADDR_TEXT];

	packet_socknames(like, &source, &destination);
	if (like->form == PACKET_TCP || like->form == PACKET_UDP)
		snprintf(text, sizeof(text), "%s and dst port %u",
			like->form == PACKET_TCP ? "tcp" : "udp", source.port);
	else
		snprintf(text, sizeof(text), "src host %s", addr_text(&destination.addr, peer));
	add_term(net, text);
}

bool raw_net_guard_answers(struct raw_net *net, const struct packet *like, struct err *err)
{
	struct flow back = { .protocol = PROTOCOL_TCP };

	if (net->guard == NULL || like->form != PACKET_TCP)
		return true;
	packet_socknames(like, &back.to, &back.from);
	return rst_guard_covers(net->guard, &back) || rst_guard_add(net->guard, &back, NULL, err);
}

bool raw_net_expect(struct raw_net *net, const struct packet *const *likes, size_t count,
	struct err *err)
{
	net->filter[0] = '\0';
	for (uint8_t version = 4; version <= 6; version += 2)
		for (size_t i = 0; i < count; i++)
			if (likes[i]->version == version) {
				add_term(net, errors_filter(version));
				break;
			}
	for (size_t i = 0; i < count; i++) {
		if (!raw_net_guard_answers(net, likes[i], err))
			return false;
		answers_filter(net, likes[i]);
	}
	return sniffer_filter(net->drive.sniffer, net->filter, err);
}

bool raw_net_expect_all(struct raw_net *net, struct err *err)
{
	net->filter[0] = '\0';
	return sniffer_filter(net->drive.sniffer, net->filter, err);
}

const char *raw_net_filter(const struct raw_net *net)
{
	return net->filter;
}

bool raw_net_guard(struct raw_net *net, const struct flow *flow, unsigned int *number,
	struct err *err)
{
	if (net->guard == NULL)
		return err_set(err, "nothing is kept from the kernel in a trace with UDP");
	return rst_guard_add(net->guard, flow, number, err);
}

bool raw_net_unguard(struct raw_net *net, unsigned int number, struct err *err)
{
	return net->guard == NULL || rst_guard_remove(net->guard, number, err);
}

bool raw_net_run(struct raw_net *net, struct machine machine, bool (*done)(void *self), void *self,
	struct err *err)
{
	return drive_run(&net->drive, machine, done, self, err);
}

void raw_net_record(struct raw_net *net, struct capture *capture)
{
	net->drive.record = capture;
}

void raw_net_wake(struct raw_net *net, int fd)
{
	net->drive.wake = fd;
}

struct names *raw_net_names(const struct raw_net *net)
{
	return net->drive.names;
}
