/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - the forms a trace is reported in. Text comes hop by hop while the trace goes on; the
 * others at the end.
 */
#ifndef TRACEBOX_REPORT_H
#define TRACEBOX_REPORT_H

#include "probe/base/err.h"
#include "tracebox/result.h"
#include "tracebox/channel.h"

#include <stdio.h>

/* What is said about a trace beside its result. */
struct report_about {
	const char *name; /* of the target, as typed */
	struct addr addr;
	uint16_t port;     /* 0: none */
	const char *probe; /* "IP/TCP/MSS/MPCAPABLE" */
	uint8_t last_ttl;  /* as asked for */
	nsec_t elapsed_ns;
	const struct channel *names; /* asked for the names of hops; NULL: addresses only */
	bool verbose, colour;
};

/* Text: a line before the first hop, one for each, and the verdict. */
void report_text_begin(FILE *out, const struct report_about *about);
void report_text_hop(FILE *out, const struct report_about *about, const struct hop_view *view);
void report_text_end(FILE *out, const struct report_about *about, const struct result *result);

/* mbkit.trace/1, one line. */
void report_json(FILE *out, const struct report_about *about, const struct result *result);

/* The line of a target that could not be tried, and reading a line's target back. */
void report_json_error(FILE *out, const char *name, const char *error);
bool report_json_target(const char *line, char *name, size_t size);

/* What the original printed with -j, one line. */
void report_compat(FILE *out, const struct report_about *about, const struct result *result);

/* The path as a picture; false when the file cannot be written, which then is not there. */
bool report_svg(const char *path, const struct report_about *about, const struct result *result,
	struct err *err);

#endif
