/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - what came of a run, for people and for programs. Every report takes the same rows and
 * writes to a stream; none decides anything.
 */
#ifndef MBTEST_REPORT_H
#define MBTEST_REPORT_H

#include "mbtest/suite/run.h"
#include "mbtest/suite/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct report_row {
	const struct scenario *scenario;
	struct result result;
};

struct report_run {
	const struct run_config *run;
	struct report_row *rows;
	size_t count, capacity;
	unsigned int repeat;
	bool colour; /* the table: for a terminal */
	bool interrupted;
	bool one_end; /* only what blamed did wrong fails */
	enum end blamed;
};

/* Rows that are as the rules have it. */
size_t report_passed(const struct report_run *report);

/* A row that did not pass, and not for another end's fault than the one that is asked about. */
bool report_fails(const struct report_run *report, const struct report_row *row);
size_t report_failed(const struct report_run *report); /* how many */

/*
 * Whose fault the rows are that did not pass: a sentence for each end, and one for what is
 * nobody's. Nothing where all passed, or where both ends are our endpoint.
 */
void report_ends(FILE *out, const struct report_run *report);

/* The number of a scenario's case: version times four, checksum times two, IPv6 one. */
enum { REPORT_CASES = 8 };
unsigned int report_case_number(const struct scenario *scenario);

/* "v1 checksum", "v0 plain ip6": what tells the copies of a scenario apart. */
const char *report_case(const struct scenario *scenario, char text[static 32]);

/* A line a scenario, the failures with their reason, the table of classes and versions. */
void report_table(FILE *out, const struct report_run *report);

/*
 * A line a rule: how often it was put to the test and kept, where it was first broken. simulated is
 * the same suites between two of our own endpoints, shown beside it; the run itself if it is that.
 */
void report_rules(FILE *out, const struct report_run *run, const struct report_run *simulated);

/* mbkit.result/1, JSON Lines. */
void report_json(FILE *out, const struct report_run *report);

/* Test Anything Protocol, version 13. */
void report_tap(FILE *out, const struct report_run *report);

/* JUnit XML. */
void report_junit(FILE *out, const struct report_run *report);

/* Text as XML and HTML want it. */
void report_escaped(FILE *out, const char *text);

/* ---- the catalogue ---- */

enum catalogue_part {
	CATALOGUE_BOXES = 1,
	CATALOGUE_SUITES = 2,
	CATALOGUE_SCENARIOS = 4,
	CATALOGUE_FAULTS = 8,
	CATALOGUE_RULES = 16,
	CATALOGUE_ALL = 31,
};

struct catalogue_box {
	char name[64];
	const struct box_type *type;
	bool is_lua;
};

struct catalogue_suite {
	char name[64];
	const struct scenario *const *scenarios; /* one for each name */
	size_t count;
};

struct catalogue_fault {
	const char *name, *text;
};

/* Scenarios that exercise a rule: of those in the run, whatever they name. */
struct catalogue {
	unsigned int parts;
	const struct catalogue_box *boxes;
	size_t box_count;
	const struct catalogue_suite *suites;
	size_t suite_count;
	const struct catalogue_fault *faults;
	size_t fault_count;
	const struct report_run *run; /* for the rules; NULL unless wanted */
};

void report_catalogue(FILE *out, const struct catalogue *catalogue);      /* for people */
void report_catalogue_json(FILE *out, const struct catalogue *catalogue); /* mbkit.catalogue/1 */

/* ---- faults of our endpoint against suites ---- */

struct selftest_fault {
	const char *name;
	bool *passed; /* by row, with this fault in both ends */
};

/* A row is a scenario in a case. */
struct selftest {
	const struct scenario *const *scenarios;
	size_t rows;
	const bool *clean; /* passed without fault: what does not catches nothing */
	const struct selftest_fault *faults;
	size_t count;
};

/* Whether some scenario fails with a fault that passes without it. */
bool selftest_caught(const struct selftest *selftest, size_t fault);
void report_selftest(FILE *out, const struct selftest *selftest);
void report_selftest_json(FILE *out, const struct selftest *selftest); /* mbkit.selftest/1 */

#endif
