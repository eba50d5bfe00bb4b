/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_suites.h - what run, list and selftest share: suites loaded and selected, run with the
 * rows of a report filled.
 */
#ifndef MBTEST_COMMAND_SUITES_H
#define MBTEST_COMMAND_SUITES_H

#include "lua/suite.h"
#include "mbtest/report.h"
#include "mbtest/suite/runner.h"
#include "probe/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SUITES_AT_MOST = 32,
	JOBS_MOST = 64,
	TAPS_FOLDER = 256,
};

struct suites {
	struct suite *list[SUITES_AT_MOST];
	unsigned int count;
	const struct scenario **scenarios; /* selected, in order */
	size_t scenario_count, capacity;
};

/* Load the suites named (none: classic) and select scenarios by a glob on their name, or NULL. */
bool suites_load(struct suites *suites, char *const *names, int count,
	const struct suite_cases *cases, const char *only, struct err *err);

/* The same with every suite of ours, traces of paths aside: they try the prober, no stack. */
bool suites_load_all(struct suites *suites, const struct suite_cases *cases, const char *only,
	struct err *err);
void suites_fini(struct suites *suites);

/* Leave out what keep does not want; how many scenarios that was. */
size_t suites_keep(struct suites *suites, bool (*keep)(const struct scenario *scenario, void *self),
	void *self);

/* Every case of MPTCP version and checksum, IPv4. */
void suite_cases_default(struct suite_cases *cases);

/* Add a fault to these, by a name of `mbtest list faults`. */
bool fault_parse(uint64_t *faults, const char *name, struct err *err);
/* Make our endpoint wrong at both ends. */
bool run_set_fault(struct run_config *run, const char *name, struct err *err);

/* Run the selected scenarios and append a row for each result. */
enum runner_end suites_run(const struct suites *suites, struct runner_config *config,
	struct report_run *report, struct err *err);
void report_run_fini(struct report_run *report);

/*
 * A new folder for the taps of a run (runner_config.record), and its end with all that is in it;
 * interrupts that come between times wait for that.
 */
bool taps_folder_make(char folder[static TAPS_FOLDER], struct err *err);
void taps_folder_remove(const char *folder, size_t jobs);

#endif
