/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_box.h - what came of mbtest box, for people and for programs.
 */
#ifndef MBTEST_REPORT_BOX_H
#define MBTEST_REPORT_BOX_H

#include "mbtest/suite/inline.h"

#include <stdio.h>

struct box_report {
	const char *path; /* the file */
	nsec_t elapsed;
	const struct inline_run *run; /* its pipeline is still there */
};

/* A line about the last second: counts now and then. */
void report_box_line(FILE *out, const struct inline_counts *now, const struct inline_counts *then,
	nsec_t elapsed);

void report_box(FILE *out, const struct box_report *report);
void report_box_json(FILE *out, const struct box_report *report); /* mbkit.box/1 */

#endif
