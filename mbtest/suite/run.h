/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h - running one scenario between two stacks, and what came of it. Stacks are our endpoint,
 * the host's kernel or a server elsewhere; but for two of ours the run is on the real clock, with a
 * kernel in namespaces of its own.
 */
#ifndef MBTEST_SUITE_RUN_H
#define MBTEST_SUITE_RUN_H

#include "mbtest/judge/judge.h"
#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"
#include "probe/wire/addr.h"

#include <stdbool.h>
#include <stdint.h>

enum stack_kind {
	STACK_SIM,
	STACK_KERNEL,
	STACK_REMOTE, /* a server on a real network */
};

struct stack {
	enum stack_kind kind;
	char name[80];                 /* as typed: "sim", "sim:anon", "kernel", "remote:h:80" */
	const struct profile *profile; /* of our endpoint; NULL: its own ways */
	uint64_t faults;               /* of our endpoint */
	struct sockname remote;        /* STACK_REMOTE */
};

struct profile;
struct run_config;
struct result;
struct run_taps;

/* As run_scenario. */
typedef bool run_function(const struct scenario *scenario, const struct run_config *config,
	struct result *result, struct run_taps *taps, struct err *err);

/* What one simulated run leaves to the next in its process: room, but nothing that it can tell. */
struct run_memory {
	struct net *net; /* NULL at first */
	struct stream_memory streams[ENDS];
};

void run_memory_fini(struct run_memory *memory);

struct run_config {
	struct stack stack[ENDS];
	uint64_t seed;
	uint64_t bytes;             /* 0: 64 KiB virtual, 1 MiB real */
	const char *cc, *scheduler; /* of our endpoints, by name; NULL: the scenario's */
	nsec_t deadline;            /* 0: 120 s virtual, 20 s real */
	uint64_t slower;            /* real: pauses and steps take so many times as long; 0: 1 */
	bool hash;
	struct run_memory *memory;                 /* of the runs before; may be NULL */
	void (*log)(void *self, const char *line); /* NULL: no text log */
	void *log_self;
	run_function *trace; /* runs scenarios that are traces: mbtest knows no prober */
};

enum { RESULT_RULES = 8 };

struct rule_report {
	uint8_t rule;    /* index in the rule table */
	uint8_t end;     /* whose */
	uint32_t packet; /* number in that end's tap, 1 first */
	char why[120];
};

/* Plain data, so that a worker can send it through a pipe. */
struct result {
	uint32_t index; /* of the scenario in its run */
	enum outcome outcome;
	bool intact, expect_intact, pass, exercised;
	bool lost; /* no run came to its end: it crashed or hung, why says */
	enum net_oddity oddity;
	enum damage damage;
	unsigned int subflows_opened;
	bool second_carried;
	struct rule_report broken[RESULT_RULES], differs[RESULT_RULES];
	unsigned int broken_count, differs_count;
	bool blamed[ENDS];           /* it is not as the rules have it because of these */
	uint64_t rules_exercised[2]; /* bit set over rule indices */
	uint64_t box_hits;
	bool box_idle; /* a box of the scenario never acted: idle names it */
	char idle[64];
	uint64_t bytes;
	nsec_t elapsed;
	uint64_t hash; /* 0 on the real clock */
	uint64_t seed;
	char why[WHY_TEXT];
	struct trace_survey survey; /* of a trace */
};

/* The run's captures, kept for --keep; capture_fini them. */
struct run_taps {
	struct capture tap[ENDS];
};

/*
 * Run one scenario. False when it could not be run at all (a sentence), never for what stacks do.
 * taps may be NULL.
 */
run_function run_scenario;

/* Fill pass, exercised, broken, differs and why from a judgement and the expectation. */
void result_settle(struct result *result, const struct scenario *scenario,
	const struct run_config *config, const struct judgement *judgement);

#endif
