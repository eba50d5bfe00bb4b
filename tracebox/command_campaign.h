/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_campaign.h - tracebox --targets: the probe sent to many targets, each reported when it is
 * done, errors about one target as lines among the others.
 */
#ifndef TRACEBOX_COMMAND_CAMPAIGN_H
#define TRACEBOX_COMMAND_CAMPAIGN_H

#include "tracebox/options.h"
#include "tracebox/report.h"

struct campaign_plan {
	const struct options *options;
	const struct channel *channel;
	struct report_about about;  /* what is the same for all targets */
	const struct packet *probe; /* its destination is replaced by each target's */
	struct trace_config trace;
};

/* Exit status; 2 with a sentence when no target could be tried. */
int command_campaign(const struct campaign_plan *plan, struct err *err);

#endif
