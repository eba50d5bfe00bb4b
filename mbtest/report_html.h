/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_html.h - a run as one page that needs nothing else: the matrix of classes and cases, and
 * for each scenario what was expected, what came of it, and a ladder of both taps with what the
 * path changed marked. The ladders are drawn by report_html_ladder.c.
 */
#ifndef MBTEST_REPORT_HTML_H
#define MBTEST_REPORT_HTML_H

#include "mbtest/report.h"
#include "probe/wire/capture.h"

#include <stdio.h>

/* taps: the folder of tap files by row (suite/tap_file.h); they are removed as they are read. */
void report_html(FILE *out, const struct report_run *report, const char *taps);

void report_html_ladder(FILE *out, const struct capture *const tap[ENDS]);

#endif
