/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_survey.h - a stack's column of the survey beside the four published ones.
 */
#ifndef MBTEST_REPORT_SURVEY_H
#define MBTEST_REPORT_SURVEY_H

#include "mbtest/judge/survey.h"

#include <stdio.h>

struct survey_report {
	const char *stack[ENDS]; /* as named; "sim" where none was */
	bool is_asked[ENDS];     /* which of them the column is about */
	unsigned int versions;   /* of Multipath TCP it was asked in, a set of 1 << version */
	const struct survey_cell *cells;
	unsigned int count;
};

void report_survey(FILE *out, const struct survey_report *report);          /* for people */
void report_survey_markdown(FILE *out, const struct survey_report *report); /* a table */
void report_survey_json(FILE *out, const struct survey_report *report);     /* mbkit.survey/1 */

#endif
