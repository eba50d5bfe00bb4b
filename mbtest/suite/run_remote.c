/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run_remote.c - see run_remote.h.
 */
#include "mbtest/suite/run_remote.h"

#include "mbtest/net/outside.h"
#include "mbtest/suite/build.h"
#include "mbtest/translate.h"
#include "probe/base/alloc.h"
#include "probe/io/host.h"
#include "probe/io/raw_net.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	PORT_FIRST = 20000, /* below what the kernel gives away by itself */
	PORT_BLOCKS = 180,  /* of so many ports, one for each process */
	PORTS = 64,
};

/* After the connection is closed, for what the server still says. */
#define SETTLE_NS (500 * NSEC_PER_MS)

/* A run; inside is what the network knows, outside what the wire does. */
struct remote {
	const struct scenario *scenario;
	const struct run_config *run;
	struct scenario_ends ends;
	struct net *net;
	struct app *app;
	struct outside *outside;
	struct machine machine; /* of outside */
	struct sockname inside_server, server;
	struct addr addr;             /* ours */
	uint16_t first_port;          /* of ours, ... */
	struct sockname inner[PORTS]; /* ... by number: who in the network has it */
	unsigned int inner_count;
	nsec_t begun, asked_at; /* the first moment; the first packet out */
	bool is_begun;
	nsec_t done_at; /* NSEC_NEVER: not yet */
};

/* ---- two sets of names ---- */

/* The port outside that belongs to a name inside; 0: there are no more. */
static uint16_t port_of(struct remote *remote, const struct sockname *inner)
{
	unsigned int i;

	for (i = 0; i < remote->inner_count; i++)
		if (sockname_equal(&remote->inner[i], inner))
			return (uint16_t)(remote->first_port + i);
	if (i == PORTS)
		return 0;
	remote->inner[remote->inner_count++] = *inner;
	return (uint16_t)(remote->first_port + i);
}

static bool go_out(struct remote *remote, struct packet *packet)
{
	struct sockname source, destination, ours = { .addr = remote->addr };

	if (packet->form != PACKET_TCP || packet->is_fragment)
		return false;
	packet_socknames(packet, &source, &destination);
	ours.port = port_of(remote, &source);
	if (ours.port == 0)
		return false;
	translate_packet(packet, SIDE_SRC, &ours);
	if (addr_equal(&destination.addr, &remote->inside_server.addr)) {
		if (destination.port == remote->inside_server.port)
			destination.port = remote->server.port;
		destination.addr = remote->server.addr;
		translate_packet(packet, SIDE_DST, &destination);
	}
	packet_finish(packet);
	return true;
}

static bool come_in(struct remote *remote, struct packet *packet)
{
	struct sockname source, destination;
	unsigned int number;

	if (packet->form != PACKET_TCP || packet->is_fragment)
		return false;
	packet_socknames(packet, &source, &destination);
	number = (unsigned int)destination.port - remote->first_port;
	if (number >= remote->inner_count)
		return false;
	if (addr_equal(&source.addr, &remote->server.addr)) {
		if (source.port == remote->server.port)
			source.port = remote->inside_server.port;
		source.addr = remote->inside_server.addr;
		translate_packet(packet, SIDE_SRC, &source);
	}
	translate_packet(packet, SIDE_DST, &remote->inner[number]);
	packet_finish(packet);
	return true;
}

/* ---- the machine on the wire: its time begins with the run ---- */

static nsec_t since(struct remote *remote, nsec_t now)
{
	if (!remote->is_begun)
		remote->begun = now;
	remote->is_begun = true;
	return now > remote->begun ? now - remote->begun : 0;
}

static void remote_input(void *self, const struct packet *packet, nsec_t now)
{
	struct remote *remote = self;
	struct packet *copy = packet_clone(packet);
	nsec_t at = since(remote, now);

	if (remote->ends.beyond == 0 && remote->asked_at != NSEC_NEVER && at > remote->asked_at)
		remote->ends.beyond = at - remote->asked_at;
	if (come_in(remote, copy))
		remote->machine.ops->input(remote->machine.self, copy, at);
	packet_free(copy);
}

static bool remote_output(void *self, struct packet *packet, nsec_t now)
{
	struct remote *remote = self;
	nsec_t at = since(remote, now);

	while (remote->machine.ops->output(remote->machine.self, packet, at)) {
		if (!go_out(remote, packet))
			continue;
		remote->asked_at = nsec_min(remote->asked_at, at);
		return true;
	}
	return false;
}

static nsec_t remote_deadline(const void *self)
{
	const struct remote *remote = self;
	nsec_t at = remote->machine.ops->deadline(remote->machine.self);
	nsec_t end = scenario_deadline(remote->scenario, remote->run);

	if (app_done(remote->app))
		end = nsec_min(end, nsec_min(remote->done_at, net_now(remote->net)) + SETTLE_NS);
	at = nsec_min(at, end);
	return at == NSEC_NEVER ? at : at + remote->begun;
}

static bool is_done(void *self)
{
	struct remote *remote = self;
	nsec_t now = net_now(remote->net);

	if (app_done(remote->app))
		remote->done_at = nsec_min(remote->done_at, now);
	return now >= scenario_deadline(remote->scenario, remote->run) ||
		(remote->done_at != NSEC_NEVER && now >= remote->done_at + SETTLE_NS) ||
		net_error(remote->net)[0] != '\0';
}

/* ---- the run ---- */

static bool remote_open(struct remote *remote, struct err *err)
{
	struct rng rng = scenario_rng(remote->run, CLIENT);
	struct app_plan *plan = &remote->ends.plan[CLIENT];
	struct net_config config;

	remote->inside_server = remote->ends.plan[SERVER].local;
	remote->server = remote->run->stack[SERVER].remote;
	remote->first_port = (uint16_t)(PORT_FIRST + (unsigned int)getpid() % PORT_BLOCKS * PORTS);
	remote->done_at = remote->asked_at = NSEC_NEVER;
	/* An echo is welcome, and not looked at. */
	plan->receives = plan->sends.length;
	scenario_net_config(remote->scenario, remote->run, &config);
	remote->net = net_new(&config);
	if (!host_source(&remote->server.addr, NULL, &remote->addr, err) ||
		!scenario_build(remote->net, remote->scenario, err))
		return false;
	remote->app = app_new(plan, &remote->ends.config[CLIENT], &rng, err);
	if (remote->app == NULL)
		return false;
	net_set_machine(remote->net, CLIENT, app_machine(remote->app), app_settle, app_deadline,
		remote->app);
	remote->outside = outside_new(remote->net);
	remote->machine = outside_machine(remote->outside);
	return true;
}

static bool remote_run(struct remote *remote, struct err *err)
{
	static const struct machine_ops ops = { remote_input, remote_output, remote_deadline };
	const struct raw_net_plan plan = {
		.guarded = true,
		.lossy = true,
		.first_port = remote->first_port,
		.port_count = PORTS,
	};
	struct raw_net *raw = raw_net_open_plan(&plan, err);
	bool ok;

	if (raw == NULL)
		return false;
	ok = raw_net_run(raw, (struct machine){ &ops, remote }, is_done, remote, err);
	raw_net_close(raw);
	if (ok && net_error(remote->net)[0] != '\0')
		return err_set(err, "%s", net_error(remote->net));
	return ok;
}

/* What the server's application did is told by what the client's end came to. */
static void remote_judge(struct remote *remote, struct result *result, struct run_taps *taps)
{
	const struct stream_plan *sends = &remote->ends.plan[CLIENT].sends;
	nsec_t now = net_now(remote->net);
	struct app_view view[ENDS];
	uint8_t *bytes = xmalloc(sends->length + 1);

	app_view(remote->app, &view[CLIENT]);
	view[CLIENT].received_length = 0;
	view[SERVER] = view[CLIENT];
	view[SERVER].failed = false;
	view[SERVER].error = NULL;
	view[SERVER].ended = view[CLIENT].finished;
	stream_fill(sends, 0, bytes, sends->length);
	view[SERVER].received = bytes;
	view[SERVER].received_length = view[CLIENT].finished ? sends->length : 0;
	run_judge(remote->scenario, remote->run, &remote->ends, remote->net, view,
		nsec_min(remote->done_at, now), remote->done_at == NSEC_NEVER, result);
	run_keep_taps(remote->net, taps);
	free(bytes);
}

bool run_remote(const struct scenario *scenario, const struct run_config *run,
	struct result *result, struct run_taps *taps, struct err *err)
{
	struct scenario asked = *scenario;
	struct remote remote = { .scenario = &asked, .run = run };
	bool ok;

	asked.sender = SENDER_CLIENT;
	scenario_apps(&asked, run, &remote.ends);
	ok = remote_open(&remote, err) && remote_run(&remote, err);
	if (ok)
		remote_judge(&remote, result, taps);
	net_free(remote.net);
	outside_free(remote.outside);
	app_free(remote.app);
	return ok;
}

bool remote_can(const struct scenario *scenario)
{
	unsigned int i;

	for (i = 0; i < scenario->steps.count; i++) {
		const struct step *step = &scenario->steps.steps[i];

		/* Nobody there knows the addresses that we would tell of. */
		if (step->by == SERVER || step->verb == STEP_ANNOUNCE)
			return false;
	}
	return scenario->server_joins == 0 && scenario->trace == NULL;
}
