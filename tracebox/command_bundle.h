/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_bundle.h - tracebox --bundle: all there is to know about one trace, in one file.
 */
#ifndef TRACEBOX_COMMAND_BUNDLE_H
#define TRACEBOX_COMMAND_BUNDLE_H

#include "tracebox/report.h"

struct bundle_plan {
	const char *path;
	char **argv; /* the command line, ended by NULL */
	const struct capture *capture;
	const struct report_about *about;
	const struct result *result;
};

bool command_bundle(const struct bundle_plan *plan, struct err *err);

#endif
