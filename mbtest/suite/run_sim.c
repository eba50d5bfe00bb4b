/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run_sim.c - one scenario between two of our endpoints on the virtual clock: a function of the
 * scenario and the seed.
 */
#include "mbtest/suite/build.h"

#include <stdlib.h>

/* How long the network runs on after both applications are done, so that the close is seen. */
#define CLOSE_TIME (10 * NSEC_PER_SEC)

struct pair {
	struct app *app[ENDS];
};

static bool pair_done(void *self)
{
	const struct pair *pair = self;

	return app_done(pair->app[CLIENT]) && app_done(pair->app[SERVER]);
}

static bool pair_new(struct pair *pair, struct net *net, const struct run_config *run,
	const struct scenario_ends *ends, struct err *err)
{
	unsigned int end;

	for (end = 0; end < ENDS; end++) {
		struct rng rng = scenario_rng(run, (enum end)end);
		struct app *app = app_new(&ends->plan[end], &ends->config[end], &rng, err);

		if (app == NULL)
			return false;
		pair->app[end] = app;
		net_set_machine(net, (enum end)end, app_machine(app), app_settle, app_deadline,
			app);
	}
	return true;
}

/* Run to the end and judge; false when a box failed. */
static bool pair_run(struct pair *pair, struct net *net, const struct scenario *scenario,
	const struct run_config *run, const struct scenario_ends *ends, struct result *result,
	struct err *err)
{
	enum net_stop stop = net_run(net, scenario_deadline(scenario, run), pair_done, pair);
	bool timed_out = stop != NET_STOPPED && !pair_done(pair);
	nsec_t elapsed = net_now(net);
	struct app_view view[ENDS];

	if (!timed_out && stop != NET_FAILED)
		stop = net_run(net, elapsed + CLOSE_TIME, NULL, NULL);
	if (stop == NET_FAILED)
		return err_set(err, "%s", net_error(net));
	app_view(pair->app[CLIENT], &view[CLIENT]);
	app_view(pair->app[SERVER], &view[SERVER]);
	run_judge(scenario, run, ends, net, view, elapsed, timed_out, result);
	return true;
}

void run_memory_fini(struct run_memory *memory)
{
	unsigned int end;

	net_free(memory->net);
	for (end = 0; end < ENDS; end++)
		free(memory->streams[end].bytes);
}

bool run_sim(const struct scenario *scenario, const struct run_config *run, struct result *result,
	struct run_taps *taps, struct err *err)
{
	struct run_memory own = { .net = NULL };
	struct run_memory *memory = run->memory != NULL ? run->memory : &own;
	struct pair pair = { { NULL, NULL } };
	struct scenario_ends ends;
	struct net_config config;
	unsigned int end;
	bool ok;

	scenario_net_config(scenario, run, &config);
	scenario_apps(scenario, run, &ends);
	for (end = 0; end < ENDS; end++)
		stream_keep(&memory->streams[end], &ends.plan[end].sends);
	if (memory->net == NULL)
		memory->net = net_new(&config);
	else
		net_reset(memory->net, &config);
	ok = scenario_build(memory->net, scenario, err) &&
		pair_new(&pair, memory->net, run, &ends, err) &&
		pair_run(&pair, memory->net, scenario, run, &ends, result, err);
	if (ok)
		run_keep_taps(memory->net, taps);
	run_memory_fini(&own);
	app_free(pair.app[CLIENT]);
	app_free(pair.app[SERVER]);
	return ok;
}
