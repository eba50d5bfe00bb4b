/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/channel_live.h"

#include "probe/base/alloc.h"
#include "probe/io/drive.h"
#include "probe/io/host.h"
#include "probe/io/rst_guard.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILTER_TEXT = 512 };

struct live {
	char *device; /* NULL: by the routing table */
	struct drive drive;
	struct rst_guard *guard; /* NULL: no TCP */
};

/*
 * Errors about packets of ours, from whomever, and what is sent to the probes' port (or, where they
 * have none, by their destination). IPv6 filters look at the next header alone, so that errors
 * behind extension headers pass unseen.
 */
static bool set_filter(struct live *live, const struct packet *probe, struct err *err)
{
	const char *errors = probe->version == 4
		? "icmp[0] == 3 or icmp[0] == 4 or icmp[0] == 5 or icmp[0] == 11 or icmp[0] == 12"
		: "icmp6 and ip6[40] < 128";
	struct sockname source, destination;
	char text[FILTER_TEXT], peer[ADDR_TEXT];

	packet_socknames(probe, &source, &destination);
	if (probe->form == PACKET_TCP || probe->form == PACKET_UDP)
		snprintf(text, sizeof(text), "(%s) or (%s and dst port %u)", errors,
			probe->form == PACKET_TCP ? "tcp" : "udp", source.port);
	else
		snprintf(text, sizeof(text), "(%s) or src host %s", errors,
			addr_text(&destination.addr, peer));
	return sniffer_filter(live->drive.sniffer, text, err);
}

static bool live_resolve(void *self, const char *name, uint8_t version, struct addr *addr,
	struct err *err)
{
	(void)self;
	return host_resolve(name, version, addr, err);
}

static bool live_name(void *self, const struct addr *addr, char *name, size_t size)
{
	(void)self;
	return host_name(addr, name, size);
}

static bool live_source(void *self, const struct addr *destination, struct addr *source,
	struct err *err)
{
	return host_source(destination, ((struct live *)self)->device, source, err);
}

static bool live_run(void *self, const struct packet *probe, struct machine machine,
	bool (*done)(void *done_self), void *done_self, struct err *err)
{
	struct live *live = self;
	struct sockname local, peer;

	packet_socknames(probe, &local, &peer);
	if (probe->form == PACKET_TCP && live->guard != NULL &&
		!rst_guard_add(live->guard, &local, &peer.addr, err))
		return false;
	return set_filter(live, probe, err) &&
		drive_run(&live->drive, machine, done, done_self, err);
}

static void live_record(void *self, struct capture *capture)
{
	((struct live *)self)->drive.record = capture;
}

static void live_free(void *self)
{
	struct live *live = self;

	/* The guard closes it last. */
	sniffer_close(live->drive.sniffer);
	rst_guard_close(live->guard);
	inject_close(live->drive.inject);
	packet_free(live->drive.packet);
	free(live->device);
	free(live);
}

bool channel_live_open(struct channel *channel, const char *device, bool guarded, struct err *err)
{
	static const struct channel_ops ops = { .resolve = live_resolve,
		.name = live_name,
		.source = live_source,
		.run = live_run,
		.record = live_record,
		.free = live_free };
	struct live *live = xcalloc(1, sizeof(*live));

	live->device = device != NULL ? xstrdup(device) : NULL;
	live->drive.packet = packet_new(PACKET_LARGE);
	drive_start(&live->drive);
	*channel = (struct channel){ &ops, live };
	live->drive.inject = inject_open(device, err);
	if (live->drive.inject != NULL)
		live->drive.sniffer = sniffer_open(device, err);
	if (live->drive.sniffer != NULL && guarded)
		live->guard = rst_guard_open(sniffer_fd(live->drive.sniffer), err);
	if (live->drive.sniffer != NULL && (!guarded || live->guard != NULL) &&
		host_drop_privileges(err))
		return true;
	live_free(live);
	return false;
}
