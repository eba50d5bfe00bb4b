/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_sim.c - the one place where the prober meets mbtest: it is the machine at the client's
 * end of a simulated path. One network lasts as long as the channel, so that a script's second
 * trace finds the server as the first left it.
 */
#include "tracebox/command_sim.h"

#include "lua/path_file.h"
#include "mbtest/net/net.h"
#include "mbtest/suite/build.h"
#include "probe/base/alloc.h"
#include "probe/endpoint/serve.h"
#include "tracebox/reverse.h"

#include <stdlib.h>

enum { CONNECTIONS_MOST = 256, IDLE_S = 3600 };

struct sim {
	struct path_file *path;
	struct net *net;
	struct endpoint *server;
	struct serve *serve; /* its application: it answers with the bytes it got, or traces */
	struct reverse *reverse;
	struct serve_guest guest;
	struct machine prober; /* whose turn it is; ops NULL: nobody's */
	struct capture *capture;
	struct sniff *sniff;
};

/* ---- the client's end: whoever is tracing, recorded ---- */

static void client_input(void *self, const struct packet *packet, nsec_t now)
{
	struct sim *sim = self;

	if (sim->capture != NULL)
		capture_add(sim->capture, packet, now, 0, false);
	if (sim->sniff != NULL)
		sniff_input(sim->sniff, packet);
	if (sim->prober.ops != NULL)
		sim->prober.ops->input(sim->prober.self, packet, now);
}

static bool client_output(void *self, struct packet *packet, nsec_t now)
{
	struct sim *sim = self;

	if (sim->prober.ops == NULL || !sim->prober.ops->output(sim->prober.self, packet, now))
		return false;
	if (sim->capture != NULL)
		capture_add(sim->capture, packet, now, 0, true);
	return true;
}

static nsec_t client_deadline(const void *self)
{
	const struct sim *sim = self;

	return sim->prober.ops == NULL ? NSEC_NEVER : sim->prober.ops->deadline(sim->prober.self);
}

/* A server that is not there. */
static void silent_input(void *self, const struct packet *packet, nsec_t now)
{
	(void)self;
	(void)packet;
	(void)now;
}

static bool silent_output(void *self, struct packet *packet, nsec_t now)
{
	(void)self;
	(void)packet;
	(void)now;
	return false;
}

static nsec_t silent_deadline(const void *self)
{
	(void)self;
	return NSEC_NEVER;
}

/* ---- building ---- */

static bool build_server(struct sim *sim, enum path_server kind, uint16_t port, struct err *err)
{
	static const struct machine_ops silent = { silent_input, silent_output, silent_deadline };
	struct serve_config serve = { .connections_most = CONNECTIONS_MOST,
		.idle = IDLE_S * NSEC_PER_SEC };
	struct endpoint_config config;
	struct sockname local = { .port = port };
	struct rng rng;

	if (kind == PATH_SERVER_SILENT) {
		net_set_machine(sim->net, SERVER, (struct machine){ &silent, sim }, NULL, NULL,
			NULL);
		return true;
	}
	endpoint_config_default(&config);
	config.speaks = kind == PATH_SERVER_TCP ? SPEAKS_TCP : SPEAKS_V0 | SPEAKS_V1;
	rng_init(&rng, 1);
	sim->server = endpoint_new(&config, &rng);
	local.addr = net_server_addr(4);
	if (kind != PATH_SERVER_CLOSED && !endpoint_listen(sim->server, &local, err))
		return false;
	sim->reverse = reverse_new();
	sim->guest = reverse_guest(sim->reverse);
	serve.endpoint = sim->server;
	serve.guest = &sim->guest;
	sim->serve = serve_new(&serve);
	net_set_machine(sim->net, SERVER, serve_machine(sim->serve), NULL, NULL, NULL);
	return true;
}

/* ---- as a channel ---- */

/* The server by its address, or by any name: there is only one. */
static enum names_state sim_lookup(void *self, const char *name, uint8_t version, struct addr *addr,
	struct err *err)
{
	struct addr given;

	(void)self;
	*addr = net_server_addr(version);
	if (!addr_parse(&given, name) || addr_equal(&given, addr))
		return NAMES_FOUND;
	*addr = given;
	if (given.version == version)
		return NAMES_FOUND;
	err_set(err, "%s is no IPv%u address", name, version);
	return NAMES_NONE;
}

static enum names_state sim_name(void *self, const struct addr *addr, char *name, size_t size)
{
	(void)self;
	(void)addr;
	(void)name;
	(void)size;
	return NAMES_NONE;
}

/* Nothing is ever waited for. */
static void sim_wait(void *self)
{
	(void)self;
}

static bool sim_source(void *self, const struct addr *destination, struct addr *source,
	struct err *err)
{
	(void)self;
	(void)err;
	*source = net_client_addr(0, destination->version);
	return true;
}

static bool sim_run(void *self, const struct packet *probe, struct machine machine,
	bool (*done)(void *done_self), void *done_self, struct err *err)
{
	struct sim *sim = self;
	enum net_stop stop;

	(void)probe;
	sim->prober = machine;
	stop = net_run(sim->net, NSEC_NEVER - 1, done, done_self);
	sim->prober = (struct machine){ NULL, NULL };
	if (stop == NET_FAILED)
		return err_set(err, "%s", net_error(sim->net));
	if (stop == NET_EVENTS)
		return err_set(err, "the simulated path never comes to rest");
	return true;
}

/* The client has no kernel that would answer. */
static bool sim_guard(void *self, const struct flow *flow, unsigned int *number, struct err *err)
{
	(void)self;
	(void)flow;
	(void)err;
	*number = 0;
	return true;
}

static bool sim_unguard(void *self, unsigned int number, struct err *err)
{
	(void)self;
	(void)number;
	(void)err;
	return true;
}

static bool sim_sniff(void *self, struct sniff *sniff, struct err *err)
{
	(void)err;
	((struct sim *)self)->sniff = sniff;
	return true;
}

static void sim_record(void *self, struct capture *capture)
{
	((struct sim *)self)->capture = capture;
}

static void sim_free(void *self)
{
	struct sim *sim = self;

	net_free(sim->net);
	serve_free(sim->serve);
	reverse_free(sim->reverse);
	endpoint_free(sim->server);
	path_file_free(sim->path);
	free(sim);
}

bool channel_sim_new(struct channel *channel, const struct sim_plan *plan, struct err *err)
{
	static const struct channel_ops ops = { .lookup = sim_lookup,
		.name = sim_name,
		.wait = sim_wait,
		.source = sim_source,
		.run = sim_run,
		.guard = sim_guard,
		.unguard = sim_unguard,
		.sniff = sim_sniff,
		.record = sim_record,
		.free = sim_free };
	static const struct machine_ops client = { client_input, client_output, client_deadline };
	struct sim *sim = xcalloc(1, sizeof(*sim));

	sim->net = net_new(&plan->net);
	*channel = (struct channel){ &ops, sim };
	if (!path_build(sim->net, plan->path, 0, err) ||
		!build_server(sim, plan->server, plan->port, err)) {
		sim_free(sim);
		return false;
	}
	net_set_machine(sim->net, CLIENT, (struct machine){ &client, sim }, NULL, NULL, NULL);
	return true;
}

bool channel_sim_open(struct channel *channel, const char *path, uint16_t port, struct err *err)
{
	struct path_file *file = path_file_load(path, 1, err);
	struct sim_plan plan = { .net = { .clock = CLOCK_VIRTUAL, .seed = 1 }, .port = port };

	if (file == NULL)
		return false;
	plan.path = path_file_plan(file);
	plan.server = path_file_server(file);
	if (!channel_sim_new(channel, &plan, err)) {
		path_file_free(file);
		return false;
	}
	((struct sim *)channel->self)->path = file;
	return true;
}

const struct net *channel_sim_net(const struct channel *channel)
{
	return ((const struct sim *)channel->self)->net;
}
