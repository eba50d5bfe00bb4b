/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/channel_offline.h"

#include "probe/base/alloc.h"
#include "probe/io/names.h"
#include "probe/io/pcap_pipe.h"

#include <stdlib.h>
#include <string.h>

static const char prefix[] = "pcap:";

struct offline {
	struct pcap_pipe *pipe;
	struct packet *packet;
	struct names *names;
	nsec_t now;
};

bool channel_is_offline(const char *device)
{
	return device != NULL && strncmp(device, prefix, sizeof(prefix) - 1) == 0;
}

static enum names_state offline_lookup(void *self, const char *name, uint8_t version,
	struct addr *addr, struct err *err)
{
	return names_resolve(((struct offline *)self)->names, name, version, addr, err);
}

static enum names_state offline_name(void *self, const struct addr *addr, char *name, size_t size)
{
	return names_of(((struct offline *)self)->names, addr, name, size);
}

static void offline_wait(void *self)
{
	names_wait(((struct offline *)self)->names);
}

/* The original's. */
static bool offline_source(void *self, const struct addr *destination, struct addr *source,
	struct err *err)
{
	(void)self;
	(void)err;
	return addr_parse(source, destination->version == 4 ? "1.1.1.1" : "dead::beef");
}

/* A packet that is no answer leaves the hop silent: the clock jumps to where it is given up. */
static bool offline_run(void *self, const struct packet *probe, struct machine machine,
	bool (*done)(void *done_self), void *done_self, struct err *err)
{
	struct offline *offline = self;

	(void)probe;
	while (!done(done_self)) {
		nsec_t deadline;

		if (machine.ops->output(machine.self, offline->packet, offline->now)) {
			if (!pcap_pipe_send(offline->pipe, offline->packet, err) ||
				!pcap_pipe_receive(offline->pipe, offline->packet, err))
				return false;
			machine.ops->input(machine.self, offline->packet, offline->now);
			continue;
		}
		deadline = machine.ops->deadline(machine.self);
		if (deadline == NSEC_NEVER)
			return true;
		offline->now = deadline;
	}
	return true;
}

/* There is no kernel to answer, */
static bool offline_guard(void *self, const struct flow *flow, unsigned int *number,
	struct err *err)
{
	(void)self;
	(void)flow;
	(void)err;
	*number = 0;
	return true;
}

static bool offline_unguard(void *self, unsigned int number, struct err *err)
{
	(void)self;
	(void)number;
	(void)err;
	return true;
}

/* and nothing arrives but answers. */
static bool offline_sniff(void *self, struct sniff *sniff, struct err *err)
{
	(void)self;
	(void)sniff;
	return err_set(err, "offline there is nothing to sniff");
}

static void offline_record(void *self, struct capture *capture)
{
	(void)self;
	(void)capture;
}

static void offline_free(void *self)
{
	struct offline *offline = self;

	pcap_pipe_close(offline->pipe);
	names_free(offline->names);
	packet_free(offline->packet);
	free(offline);
}

bool channel_offline_open(struct channel *channel, const char *device, struct err *err)
{
	static const struct channel_ops ops = { .lookup = offline_lookup,
		.name = offline_name,
		.wait = offline_wait,
		.source = offline_source,
		.run = offline_run,
		.guard = offline_guard,
		.unguard = offline_unguard,
		.sniff = offline_sniff,
		.record = offline_record,
		.free = offline_free };
	char *out = xstrdup(device + sizeof(prefix) - 1), *in = strchr(out, ':');
	struct pcap_pipe *pipe;
	struct offline *offline;

	if (in == NULL || in == out || in[1] == '\0') {
		free(out);
		return err_set(err, "offline mode is -i pcap:OUT:IN, not %s", device);
	}
	*in++ = '\0';
	pipe = pcap_pipe_open(out, in, err);
	free(out);
	if (pipe == NULL)
		return false;
	offline = xcalloc(1, sizeof(*offline));
	offline->pipe = pipe;
	offline->packet = packet_new(PACKET_LARGE);
	offline->names = names_new();
	*channel = (struct channel){ &ops, offline };
	return true;
}
