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
	struct sniff *sniff;     /* who else wants packets; NULL: nobody */
	struct machine machine;  /* that is run */
	char filter[FILTER_TEXT];
};

/*
 * Errors about packets of ours, from whomever, and what is sent to the probes' port (or, where they
 * have none, by their destination). IPv6 filters look at the next header alone, so that errors
 * behind extension headers pass unseen.
 */
static void probe_filter(const struct packet *probe, char text[FILTER_TEXT])
{
	const char *errors = probe->version == 4
		? "icmp[0] == 3 or icmp[0] == 4 or icmp[0] == 5 or icmp[0] == 11 or icmp[0] == 12"
		: "icmp6 and ip6[40] < 128";
	struct sockname source, destination;
	char peer[ADDR_TEXT];

	packet_socknames(probe, &source, &destination);
	if (probe->form == PACKET_TCP || probe->form == PACKET_UDP)
		snprintf(text, FILTER_TEXT, "(%s) or (%s and dst port %u)", errors,
			probe->form == PACKET_TCP ? "tcp" : "udp", source.port);
	else
		snprintf(text, FILTER_TEXT, "(%s) or src host %s", errors,
			addr_text(&destination.addr, peer));
}

/*
 * Answers to a probe. As long as somebody sniffs, all that arrives: a change of the filter would
 * lose what comes meanwhile.
 */
static bool set_filter(struct live *live, const struct packet *probe, struct err *err)
{
	if (live->sniff != NULL || probe == NULL)
		return true;
	probe_filter(probe, live->filter);
	return sniffer_filter(live->drive.sniffer, live->filter, err);
}

static enum names_state live_lookup(void *self, const char *name, uint8_t version,
	struct addr *addr, struct err *err)
{
	return names_resolve(((struct live *)self)->drive.names, name, version, addr, err);
}

static enum names_state live_name(void *self, const struct addr *addr, char *name, size_t size)
{
	return names_of(((struct live *)self)->drive.names, addr, name, size);
}

static void live_wait(void *self)
{
	names_wait(((struct live *)self)->drive.names);
}

static bool live_source(void *self, const struct addr *destination, struct addr *source,
	struct err *err)
{
	return host_source(destination, ((struct live *)self)->device, source, err);
}

/* ---- the machine that is run, and who listens beside it ---- */

static void live_input(void *self, const struct packet *packet, nsec_t now)
{
	struct live *live = self;

	if (live->sniff != NULL)
		sniff_input(live->sniff, packet);
	live->machine.ops->input(live->machine.self, packet, now);
}

static bool live_output(void *self, struct packet *packet, nsec_t now)
{
	struct live *live = self;

	return live->machine.ops->output(live->machine.self, packet, now);
}

static nsec_t live_deadline(const void *self)
{
	const struct live *live = self;

	return live->machine.ops->deadline(live->machine.self);
}

static bool guard_probe(struct live *live, const struct packet *probe, struct err *err)
{
	struct flow back = { .protocol = PROTOCOL_TCP };

	if (live->guard == NULL || probe == NULL || probe->form != PACKET_TCP)
		return true;
	packet_socknames(probe, &back.to, &back.from);
	return rst_guard_covers(live->guard, &back) || rst_guard_add(live->guard, &back, NULL, err);
}

static bool live_run(void *self, const struct packet *probe, struct machine machine,
	bool (*done)(void *done_self), void *done_self, struct err *err)
{
	static const struct machine_ops ops = { live_input, live_output, live_deadline };
	struct live *live = self;

	live->machine = machine;
	return guard_probe(live, probe, err) && set_filter(live, probe, err) &&
		drive_run(&live->drive, (struct machine){ &ops, live }, done, done_self, err);
}

static bool live_guard(void *self, const struct flow *flow, unsigned int *number, struct err *err)
{
	struct live *live = self;

	if (live->guard == NULL)
		return err_set(err, "nothing is kept from the kernel in a trace with UDP");
	return rst_guard_add(live->guard, flow, number, err);
}

static bool live_unguard(void *self, unsigned int number, struct err *err)
{
	struct live *live = self;

	return live->guard == NULL || rst_guard_remove(live->guard, number, err);
}

static bool live_sniff(void *self, struct sniff *sniff, struct err *err)
{
	struct live *live = self;
	bool begins = live->sniff == NULL && sniff != NULL;

	live->sniff = sniff;
	if (begins)
		live->filter[0] = '\0';
	return !begins || sniffer_filter(live->drive.sniffer, "", err);
}

static const char *live_filter(void *self)
{
	return ((struct live *)self)->filter;
}

void channel_live_wake(struct channel *channel, int fd)
{
	((struct live *)channel->self)->drive.wake = fd;
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
	names_free(live->drive.names);
	packet_free(live->drive.packet);
	free(live->device);
	free(live);
}

bool channel_live_open(struct channel *channel, const char *device, bool guarded, struct err *err)
{
	static const struct channel_ops ops = { .lookup = live_lookup,
		.name = live_name,
		.wait = live_wait,
		.source = live_source,
		.run = live_run,
		.guard = live_guard,
		.unguard = live_unguard,
		.sniff = live_sniff,
		.filter = live_filter,
		.record = live_record,
		.free = live_free };
	struct live *live = xcalloc(1, sizeof(*live));

	live->device = device != NULL ? xstrdup(device) : NULL;
	live->drive.packet = packet_new(PACKET_LARGE);
	live->drive.names = names_new();
	live->drive.wake = -1;
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
