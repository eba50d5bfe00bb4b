/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey.h - a stack's column of the implementations survey
 * (draft-eardley-mptcp-implementations-survey-02), from what probing scenarios showed on the wire.
 * A row is a question of the survey with the scenarios that ask it and a look at the packets of
 * the host asked. What no packet shows is a row, too, with the reason why.
 */
#ifndef MBTEST_JUDGE_SURVEY_H
#define MBTEST_JUDGE_SURVEY_H

#include "mbtest/judge/judge.h"

enum {
	SURVEY_STACKS = 4,     /* that answered the survey */
	SURVEY_SCENARIOS = 80, /* that a cell can name */
};

/* One probing scenario, run once: "no-dss-client" asks the client. */
struct survey_run {
	const char *scenario; /* borrowed, its end's name included */
	enum end asked;
	uint8_t version, family;
	bool checksum;
	unsigned int subflows; /* as many as were tried */
	enum outcome outcome;
	bool intact;
	const char *broken; /* a rule that the host asked broke, or NULL; borrowed */
	const struct capture *tap;
};

struct survey_cell {
	const char *row; /* "3.dss.checksum" */
	unsigned int question;
	bool is_measured;
	char value[32];
	char note[240];
	const char *scenarios[SURVEY_SCENARIOS]; /* that measured it, in their order */
	unsigned int scenario_count;
};

struct survey;

struct survey *survey_new(void);
void survey_free(struct survey *survey);

/* Take in one run; its tap is not needed any more afterwards, its names are. */
void survey_add(struct survey *survey, const struct survey_run *run);

/* The cells, in the order of the questions. */
unsigned int survey_rows(void);
void survey_cell(const struct survey *survey, unsigned int row, struct survey_cell *cell);

/* What one of the four answered there, as the draft prints it ("": left blank), and their names. */
extern const char *const survey_stacks[SURVEY_STACKS];
const char *survey_published(const char *row, unsigned int stack);

#endif
