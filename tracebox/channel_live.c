/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/channel_live.h"

#include "probe/base/alloc.h"
#include "probe/io/host.h"
#include "probe/io/raw_net.h"

#include <stdlib.h>

struct live {
	char *device; /* NULL: by the routing table */
	struct raw_net *net;
	struct sniff *sniff;    /* who else wants packets; NULL: nobody */
	struct machine machine; /* that is run */
};

static enum names_state live_lookup(void *self, const char *name, uint8_t version,
	struct addr *addr, struct err *err)
{
	return names_resolve(raw_net_names(((struct live *)self)->net), name, version, addr, err);
}

static enum names_state live_name(void *self, const struct addr *addr, char *name, size_t size)
{
	return names_of(raw_net_names(((struct live *)self)->net), addr, name, size);
}

static void live_wait(void *self)
{
	names_wait(raw_net_names(((struct live *)self)->net));
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

/*
 * As long as somebody sniffs, all that arrives is let in: a change of the filter would lose what
 * comes meanwhile.
 */
static bool expect(struct live *live, const struct packet *probe, struct err *err)
{
	if (probe == NULL)
		return true;
	return live->sniff == NULL ? raw_net_expect(live->net, &probe, 1, err)
				   : raw_net_guard_answers(live->net, probe, err);
}

static bool live_run(void *self, const struct packet *probe, struct machine machine,
	bool (*done)(void *done_self), void *done_self, struct err *err)
{
	static const struct machine_ops ops = { live_input, live_output, live_deadline };
	struct live *live = self;

	live->machine = machine;
	return expect(live, probe, err) &&
		raw_net_run(live->net, (struct machine){ &ops, live }, done, done_self, err);
}

static bool live_guard(void *self, const struct flow *flow, unsigned int *number, struct err *err)
{
	return raw_net_guard(((struct live *)self)->net, flow, number, err);
}

static bool live_unguard(void *self, unsigned int number, struct err *err)
{
	return raw_net_unguard(((struct live *)self)->net, number, err);
}

static bool live_sniff(void *self, struct sniff *sniff, struct err *err)
{
	struct live *live = self;
	bool begins = live->sniff == NULL && sniff != NULL;

	live->sniff = sniff;
	return !begins || raw_net_expect_all(live->net, err);
}

static const char *live_filter(void *self)
{
	return raw_net_filter(((struct live *)self)->net);
}

void channel_live_wake(struct channel *channel, int fd)
{
	raw_net_wake(((struct live *)channel->self)->net, fd);
}

static void live_record(void *self, struct capture *capture)
{
	raw_net_record(((struct live *)self)->net, capture);
}

static void live_free(void *self)
{
	struct live *live = self;

	raw_net_close(live->net);
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
	struct raw_net *net = raw_net_open(device, guarded, err);
	struct live *live;

	if (net == NULL)
		return false;
	live = xcalloc(1, sizeof(*live));
	live->device = device != NULL ? xstrdup(device) : NULL;
	live->net = net;
	*channel = (struct channel){ &ops, live };
	return true;
}
