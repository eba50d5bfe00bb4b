/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_matrix.h - tracebox --matrix: what becomes of every TCP option on the way to each of some
 * ports, as a table.
 */
#ifndef TRACEBOX_COMMAND_MATRIX_H
#define TRACEBOX_COMMAND_MATRIX_H

#include "lua/bind_trace.h"
#include "tracebox/options.h"
#include "tracebox/report.h"

struct matrix_plan {
	const struct options *options;
	const struct channel *channel;
	struct trace_lua *lua;
	struct report_about about; /* what is the same for all traces */
};

/* Exit status; 2 with a sentence. */
int command_matrix(const struct matrix_plan *plan, struct err *err);

#endif
