/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - which runner a scenario gets: a trace that of its own; else simulated when both stacks
 * are ours, over a real network, or live.
 */
#include "mbtest/suite/run.h"

#include "mbtest/suite/build.h"
#include "mbtest/suite/run_remote.h"
#if __has_include("mbtest/suite/run_live.h")
#include "mbtest/suite/run_live.h"
#endif

bool run_scenario(const struct scenario *scenario, const struct run_config *config,
	struct result *result, struct run_taps *taps, struct err *err)
{
	if (scenario->trace != NULL)
		return config->trace(scenario, config, result, taps, err);
	if (run_is_remote(config))
		return run_remote(scenario, config, result, taps, err);
	if (!run_is_live(config))
		return run_sim(scenario, config, result, taps, err);
#if __has_include("mbtest/suite/run_live.h")
	return run_live(scenario, config, result, taps, err);
#else
	return err_set(err, "a run with a kernel is not built in");
#endif
}
