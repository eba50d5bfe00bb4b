/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_survey.h - one trace over a channel, and what it came to as plain data: what the suites
 * of mbtest hold against the truth of a path.
 */
#ifndef TRACEBOX_COMMAND_SURVEY_H
#define TRACEBOX_COMMAND_SURVEY_H

#include "mbtest/suite/scenario.h"
#include "tracebox/channel.h"

/* fixed_seq: all probes have the sequence number of this one. False when the network failed. */
bool survey_path(const struct channel *channel, const struct packet *probe, bool fixed_seq,
	struct trace_survey *survey, struct err *err);

#endif
