/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build.h - from a scenario to what a run is made of: the network between the ends, the plans of
 * both applications, and afterwards the judge's verdict. The simulated and the live runner share
 * these; only the clock and what stands at the edges differ.
 */
#ifndef MBTEST_SUITE_BUILD_H
#define MBTEST_SUITE_BUILD_H

#include "mbtest/net/net.h"
#include "mbtest/suite/app.h"
#include "mbtest/suite/run.h"
#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"
#include "probe/endpoint/endpoint.h"

#include <stdbool.h>
#include <stdint.h>

/* What the run does at each end. config is of use only where our endpoint stands. */
struct scenario_ends {
	struct app_plan plan[ENDS];
	struct endpoint_config config[ENDS];
	nsec_t beyond; /* round-trip time between the server's tap and the server */
};

/* Whether a stack of this run is not our endpoint, so that the run is on the real clock. */
bool run_is_live(const struct run_config *run);

/* Whether its server is on a real network. */
bool run_is_remote(const struct run_config *run);

/* The moment the run is given up: defaults by the clock. */
nsec_t scenario_deadline(const struct scenario *scenario, const struct run_config *run);

/*
 * Configuration of the network for this run: clock, seed, taps on, hash and log as asked
 * (the hash on the virtual clock only).
 */
void scenario_net_config(const struct scenario *scenario, const struct run_config *run,
	struct net_config *config);

/*
 * A path with its links (the default one, next to the client, where it names none), hops, boxes and
 * branches, added to a new network. Hops are numbered over all paths, from hop on, 0 first: one
 * that was given no address answers from hop_addr.
 */
bool path_build(struct net *net, const struct path_plan *plan, unsigned int hop, struct err *err);

/* 198.18.201.1 and fd00:201::1 for number 0, 198.18.202.1 for the next, and so on. */
struct addr hop_addr(unsigned int number, uint8_t family);

/*
 * Hops of a path, with those of its branches; the address of each, as built: the one it was given
 * or hop_addr.
 */
unsigned int path_hops(const struct path_plan *plan);
struct hop_plan path_hop(const struct path_plan *plan, unsigned int index, unsigned int hop);

/* All paths of a scenario. */
bool scenario_build(struct net *net, const struct scenario *scenario, struct err *err);

/*
 * Plans of both applications by the address plan of net.h, and configurations of our endpoint:
 * versions and checksum as the scenario says, joining from path 2 on where it has two subflows.
 */
void scenario_apps(const struct scenario *scenario, const struct run_config *run,
	struct scenario_ends *ends);

/* What a time becomes in this run: a slow machine of a live one is no slow stack. */
nsec_t run_slowed(const struct run_config *run, nsec_t time);

/* The generator of one end's endpoint. */
struct rng scenario_rng(const struct run_config *run, enum end end);

/*
 * Judge a finished run and fill result: outcome to why, hits, bytes, hash, elapsed. now is the end
 * of the run, timed_out whether the deadline came (or nothing was left to happen) before both
 * applications were done.
 */
void run_judge(const struct scenario *scenario, const struct run_config *run,
	const struct scenario_ends *ends, const struct net *net,
	const struct app_view view[static ENDS], nsec_t elapsed, bool timed_out,
	struct result *result);

/* Copy the network's captures for --keep; taps may be NULL. */
void run_keep_taps(const struct net *net, struct run_taps *taps);

/* Our endpoint at both ends on the virtual clock (run_sim.c). */
bool run_sim(const struct scenario *scenario, const struct run_config *run, struct result *result,
	struct run_taps *taps, struct err *err);

#endif
