/* SPDX-License-Identifier: BSD-2-Clause */
/* run_live.c - see run_live.h. */
#include "mbtest/suite/run_live.h"

#include "mbtest/net/live_close.h"
#include "mbtest/net/live_host.h"
#include "mbtest/suite/app_kernel.h"
#include "mbtest/suite/build.h"
#include "probe/io/netns.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* After both applications are done, for the closing of subflows. */
#define SETTLE_NS (500 * NSEC_PER_MS)

/* After one application has failed, for what the other one makes of it. */
#define GRACE_NS (1000 * NSEC_PER_MS)

/* How often to look whether the applications' processes still live. */
#define LOOK_NS (100 * NSEC_PER_MS)

/* A run has one struct; home is the namespace we come from. */
struct live {
	const struct scenario *scenario;
	const struct run_config *run;
	struct scenario_ends ends;
	int home;
	struct helpers helpers;
	struct live_host host[ENDS];
	bool has_host[ENDS];
	struct app_kernel *kernel[ENDS];
	struct app *sim[ENDS];
	struct net *net;
	nsec_t epoch; /* the network's moment 0 on CLOCK_MONOTONIC */
	struct live_close close[ENDS];
	nsec_t done_at;   /* both done; NSEC_NEVER: not yet */
	nsec_t failed_at; /* the first failed */
	nsec_t look_at;
	bool is_lost;           /* an application's process has died */
	nsec_t opened_at[ENDS]; /* of a kernel's connection; NSEC_NEVER: not yet */
	unsigned int stepped[ENDS];
	struct err step_error; /* a step that the kernel refused */
	bool step_failed;
};

static nsec_t monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

/* Whether live runs are possible here; else the sentence why not. */
static bool live_possible(struct err *err)
{
	int fd;

	if (!netns_supported(err))
		return false;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	/* switched off for this namespace (ENOPROTOOPT) is no matter: it is on in new ones */
	if (fd < 0 && errno != ENOPROTOOPT)
		return err_set_errno(err, "this kernel speaks no Multipath TCP");
	if (fd >= 0)
		close(fd);
	return true;
}

/* ---- both kinds of application ---- */

static bool end_done(const struct live *live, enum end end)
{
	return live->kernel[end] ? app_kernel_done(live->kernel[end]) : app_done(live->sim[end]);
}

static void end_view(const struct live *live, enum end end, struct app_view *view)
{
	if (live->kernel[end])
		app_kernel_view(live->kernel[end], live->epoch, view);
	else
		app_view(live->sim[end], view);
}

static bool end_failed(const struct live *live, enum end end)
{
	struct app_view view;

	end_view(live, end, &view);
	return view.failed;
}

static void live_look(struct live *live)
{
	for (size_t end = 0; end < ENDS; end++)
		if (live->kernel[end] && app_kernel_lost(live->kernel[end]))
			live->is_lost = true;
}

/* The steps of a kernel, in its namespace; its path manager is told, the rest is its own. */
static void live_step(struct live *live, enum end end, nsec_t now)
{
	const struct step_plan *plan = &live->ends.plan[end].steps;
	struct err ignored;
	struct app_view view;

	if (live->kernel[end] == NULL || live->stepped[end] == plan->count)
		return;
	end_view(live, end, &view);
	if (view.opened)
		live->opened_at[end] = nsec_min(live->opened_at[end], now);
	while (live->stepped[end] < plan->count && live->opened_at[end] != NSEC_NEVER &&
		now >= live->opened_at[end] + plan->steps[live->stepped[end]].at) {
		const struct step *step = &plan->steps[live->stepped[end]++];
		const struct live_host *host = &live->host[end];
		uint16_t device =
			end == CLIENT && step->number > 0 ? (uint16_t)(step->number - 1) : 0;

		if (!netns_enter(host->netns, &live->step_error) ||
			!step_kernel(step, live->scenario->family, host->index[device],
				&live->step_error))
			live->step_failed = true;
		netns_enter(live->home, &ignored);
	}
}

/* The further subflows of a managed client, once its connection can have any (F8a). */
static void live_join(struct live *live)
{
	const struct app_plan *plan = &live->ends.plan[CLIENT];
	struct live_host *host = &live->host[CLIENT];
	uint32_t token;

	if (live->kernel[CLIENT] != NULL && host->is_managed &&
		netlink_manager_established(&host->manager, &token) &&
		!netlink_manager_join(&host->manager, token, &plan->local.addr, &plan->remote,
			live->scenario->subflows - 1, &live->step_error))
		live->step_failed = true;
}

/* Whether the subflows have been closed, after both applications are done. */
static bool live_closed(struct live *live, nsec_t now)
{
	bool over = true;

	for (size_t end = 0; end < ENDS; end++) {
		live_close_watch(&live->close[end], net_tap(live->net, (enum end)end));
		over = over && live_close_over(&live->close[end], now);
	}
	return over || now >= live->done_at + SETTLE_NS;
}

/* For net_run: asked after every event, and often between. */
static bool live_done(void *self)
{
	struct live *live = self;
	nsec_t now = net_now(live->net);
	bool done[ENDS] = { end_done(live, CLIENT), end_done(live, SERVER) };

	if (now >= live->look_at) {
		live->look_at = now + LOOK_NS;
		live_look(live);
	}
	live_step(live, CLIENT, now);
	live_step(live, SERVER, now);
	live_join(live);
	if (live->is_lost || live->step_failed)
		return true;
	if (done[CLIENT] && done[SERVER]) {
		live->done_at = nsec_min(live->done_at, now);
		return live_closed(live, now);
	}
	if (live->failed_at != NSEC_NEVER)
		return now >= live->failed_at + GRACE_NS;
	if ((done[CLIENT] && end_failed(live, CLIENT)) ||
		(done[SERVER] && end_failed(live, SERVER)))
		live->failed_at = now;
	return false;
}

/* ---- making and unmaking ---- */

/*
 * The kernel's own path manager opens one subflow from an address, and no more than eight. What a
 * scenario asks of our ndiffports beyond that its manager in userspace does.
 */
static bool needs_manager(const struct scenario *scenario)
{
	return scenario->path_manager != NULL && strcmp(scenario->path_manager, "ndiffports") == 0;
}

static bool host_make(struct live *live, enum end end, struct err *err)
{
	const struct live_host_plan plan = {
		.end = end,
		.family = live->scenario->family,
		.paths = (uint16_t)live->scenario->path_count,
		.checksum = live->scenario->checksum,
		.joins = (uint16_t)(end == CLIENT ? live->scenario->joins
						  : live->scenario->server_joins),
		.long_mapping = live->scenario->long_mapping,
		.is_managed = needs_manager(live->scenario),
	};

	live->has_host[end] = live_host_make(&live->host[end], &plan, err);
	return live->has_host[end];
}

static bool kernel_app_start(struct live *live, enum end end, struct err *err)
{
	nsec_t until = monotonic_now() + scenario_deadline(live->scenario, live->run);

	live->kernel[end] = app_kernel_new(&live->ends.plan[end], true, until, &live->helpers, err);
	return live->kernel[end] != NULL;
}

static bool sim_app_start(struct live *live, enum end end, struct err *err)
{
	struct rng rng = scenario_rng(live->run, end);
	struct app *app = app_new(&live->ends.plan[end], &live->ends.config[end], &rng, err);

	live->sim[end] = app;
	if (app)
		net_set_machine(live->net, end, app_machine(app), app_settle, app_deadline, app);
	return app != NULL;
}

/* The server first, so that it listens; a kernel's client last, for it connects at once. */
static bool live_start(struct live *live, struct err *err)
{
	struct net_config config;
	bool is_kernel[ENDS];

	for (size_t end = 0; end < ENDS; end++)
		is_kernel[end] = live->run->stack[end].kind == STACK_KERNEL;
	if (is_kernel[SERVER] &&
		!(host_make(live, SERVER, err) && kernel_app_start(live, SERVER, err)))
		return false;
	if (is_kernel[CLIENT] && !host_make(live, CLIENT, err))
		return false;
	scenario_net_config(live->scenario, live->run, &config);
	live->epoch = monotonic_now();
	live->net = net_new(&config);
	if (!scenario_build(live->net, live->scenario, err))
		return false;
	for (size_t end = 0; end < ENDS; end++) {
		if (is_kernel[end])
			net_set_tun(live->net, (enum end)end, live->host[end].tun,
				live->host[end].tun_count);
		else if (!sim_app_start(live, (enum end)end, err))
			return false;
	}
	return !is_kernel[CLIENT] || kernel_app_start(live, CLIENT, err);
}

/* A look at why a stack did what it did; failing to write it fails no run. */
static void counters_save(const struct live *live)
{
	const char *folder = getenv("MBKIT_LIVE_COUNTERS");
	const struct scenario *scenario = live->scenario;
	struct err ignored;
	char path[512];

	for (size_t end = 0; folder && end < ENDS; end++) {
		if (!live->has_host[end] || !netns_enter(live->host[end].netns, &ignored))
			continue;
		snprintf(path, sizeof(path), "%s/%s.ip%u%s.seed%" PRIu64 ".%s", folder,
			scenario->name, scenario->family, scenario->checksum ? ".checksum" : "",
			live->run->seed, end_text(end));
		netns_counters_save(path, &ignored);
	}
}

static void live_stop(struct live *live)
{
	struct err ignored;

	netns_enter(live->home, &ignored);
	close(live->home);
	for (size_t end = 0; end < ENDS; end++) {
		if (live->has_host[end])
			live_host_drop(&live->host[end]);
		app_kernel_free(live->kernel[end]);
		app_free(live->sim[end]);
	}
	net_free(live->net);
}

/* Let it happen; false when the network or a process failed, not a stack. */
static bool live_run(struct live *live, bool *timed_out, struct err *err)
{
	nsec_t deadline = scenario_deadline(live->scenario, live->run);
	enum net_stop stop = net_run(live->net, deadline, live_done, live);

	*timed_out = stop == NET_DEADLINE && live->done_at == NSEC_NEVER;
	counters_save(live);
	if (stop == NET_FAILED)
		return err_set(err, "%s", net_error(live->net));
	if (live->step_failed)
		return err_set(err, "%s", live->step_error.text);
	if (live->is_lost)
		return err_set(err, "the process of an application was killed during a run");
	return true;
}

static void live_judge(const struct live *live, bool timed_out, struct result *result,
	struct run_taps *taps)
{
	nsec_t elapsed = nsec_min(live->done_at, net_now(live->net));
	struct app_view view[ENDS];

	end_view(live, CLIENT, &view[CLIENT]);
	end_view(live, SERVER, &view[SERVER]);
	run_judge(live->scenario, live->run, &live->ends, live->net, view, elapsed, timed_out,
		result);
	run_keep_taps(live->net, taps);
}

bool run_live(const struct scenario *scenario, const struct run_config *run, struct result *result,
	struct run_taps *taps, struct err *err)
{
	struct live live = {
		.scenario = scenario,
		.run = run,
		.done_at = NSEC_NEVER,
		.failed_at = NSEC_NEVER,
		.opened_at = { NSEC_NEVER, NSEC_NEVER },
	};
	bool timed_out = false;
	bool ok = false;

	if (!live_possible(err))
		return false;
	live.home = netns_hold(err);
	if (live.home < 0)
		return false;
	scenario_apps(scenario, run, &live.ends);
	if (helpers_begin(&live.helpers, err)) {
		ok = live_start(&live, err) && netns_enter(live.home, err) &&
			live_run(&live, &timed_out, err);
		helpers_end(&live.helpers);
	}
	if (ok)
		live_judge(&live, timed_out, result, taps);
	live_stop(&live);
	return ok;
}
