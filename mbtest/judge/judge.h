/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.h - from the two taps and the application's bytes alone: what happened, and was it right?
 *
 * The judge never looks inside the stack under test. It rebuilds each host's view of the
 * connection from the packets at that host's tap (probe/analyze), names the outcome, and runs one
 * predicate per rule of the table in rules.h over both views. It knows no box and no endpoint.
 */
#ifndef MBTEST_JUDGE_JUDGE_H
#define MBTEST_JUDGE_JUDGE_H

#include "mbtest/dir.h"
#include "mbtest/judge/rules.h"
#include "mbtest/stream.h"
#include "probe/base/nsec.h"
#include "probe/wire/capture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first that matches is the outcome; what each means to users stands in doc/mbtest.1. */
enum outcome {
	OUTCOME_CORRUPT,        /* other bytes than sent or edited, or too few and a clean end */
	OUTCOME_STALLED,        /* the deadline came, and no error */
	OUTCOME_RESET,          /* an error after the connection had opened */
	OUTCOME_REFUSED,        /* it never opened */
	OUTCOME_INFINITE,       /* an MP_FAIL or infinite mapping was seen, the rest went as TCP */
	OUTCOME_TCP,            /* MP_CAPABLE was not valid in all three packets */
	OUTCOME_FALLBACK,       /* it was, and later it was TCP */
	OUTCOME_SUBFLOW_CLOSED, /* one meant to exist was refused, reset or never answered */
	OUTCOME_MPTCP,
	OUTCOME_COUNT,
};

const char *outcome_text(enum outcome outcome);
bool outcome_find(const char *name, enum outcome *outcome);

/* What the application at one end saw. received is borrowed. */
struct app_view {
	bool opened;       /* connect or accept succeeded */
	bool failed;       /* an error after opening, or the refusal before */
	bool ended;        /* read the end of the peer's stream */
	bool finished;     /* everything done and closed without error */
	const char *error; /* NULL, or what the error was ("connection reset") */
	const uint8_t *received;
	uint64_t received_length;
	nsec_t last_progress; /* time of the last byte read or written */
	nsec_t aborted_at;    /* it had the connection ended at once; 0: it did not */
	nsec_t closed_at;     /* it last had a subflow closed; 0: never */
};

struct judge_input {
	const struct capture *tap[ENDS]; /* records carry path and outgoing, times share a clock */
	struct app_view app[ENDS];
	struct stream_plan stream[ENDS]; /* by sender */
	const struct stream_edit *edits;
	size_t edit_count;
	bool speaks_mptcp[ENDS];       /* what the stacks were configured for */
	uint8_t version;               /* offered by the client */
	bool checksum;                 /* either end wants checksums */
	unsigned int subflows;         /* meant to exist, the first included */
	bool is_ours[ENDS];            /* our endpoint: O rows bind it */
	nsec_t beyond[ENDS];           /* round-trip time between the tap and its host */
	struct rule_set excused[ENDS]; /* rules that it is known not to follow: not judged */
	nsec_t now;                    /* end of the run */
	bool timed_out;                /* the deadline came */
};

enum { WHY_TEXT = 400 };

struct rule_finding {
	enum rule_state state;    /* of both ends together: broken over held over not exercised */
	enum rule_state of[ENDS]; /* of each end alone */
	enum end end;    /* whose behaviour (for broken and held; of two broken the client's) */
	uint32_t packet; /* broken: record number, 1 first, in that end's tap */
	char why[120];   /* broken: what was done instead */
};

/* An end that owes the next step of a connection that came to nothing, no rule being broken. */
struct blame {
	bool is_at_fault;
	uint32_t packet; /* record number, 1 first, in that end's tap */
	char why[80];
};

struct judgement {
	enum outcome outcome;
	bool intact;
	enum damage damage;
	bool second_carried; /* every subflow beyond the first that opened carried data */
	unsigned int subflows_opened;
	struct rule_finding rules[RULE_COUNT];
	struct blame blame[ENDS];
	char why[WHY_TEXT]; /* one sentence: the evidence for the outcome */
};

void judge(const struct judge_input *input, struct judgement *judgement);

#endif
